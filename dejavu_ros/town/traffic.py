"""What changes from drive to drive: parked and oncoming cars, people."""

import numpy as np

from dejavu_ros.town.layout import PARKING, Road
from dejavu_ros.town.mesh import Frame, Kind, Mesh, Paint
from dejavu_ros.town.textures import Textures

CAR_COLOURS = ((0.8, 0.8, 0.82), (0.04, 0.04, 0.05), (0.42, 0.44, 0.47), (0.5, 0.04, 0.04), (0.05, 0.1, 0.34),
               (0.08, 0.24, 0.14), (0.62, 0.52, 0.2), (0.2, 0.3, 0.36), (0.3, 0.2, 0.14))
# side views: (x, height of the top edge) from tail to nose, as shares of length and metres
BODIES = {'saloon': ((0.0, 0.9), (0.14, 0.95), (0.27, 1.42), (0.58, 1.44), (0.74, 0.95), (0.97, 0.82), (1.0, 0.6)),
          'hatch': ((0.0, 0.9), (0.06, 1.4), (0.55, 1.48), (0.72, 0.98), (0.97, 0.84), (1.0, 0.6)),
          'van': ((0.0, 2.0), (0.02, 2.15), (0.78, 2.15), (0.9, 1.2), (0.98, 1.05), (1.0, 0.6))}
LENGTHS = {'saloon': 4.6, 'hatch': 3.9, 'van': 5.2}
BELT, HALF_WIDTH, FLOOR_HEIGHT = 0.92, 0.87, 0.28  # metres


def build_car(mesh: Mesh, textures: Textures, frame: Frame, rng: np.random.Generator) -> None:
    """A car that heads along x of ``frame``: painted below the belt line, glass above it."""
    body = str(rng.choice(['saloon', 'saloon', 'hatch', 'hatch', 'van']))
    colour = np.array(CAR_COLOURS[rng.integers(len(CAR_COLOURS))]) * rng.uniform(0.8, 1.15)
    lacquer = Paint(Kind.GLOSSY, textures['cloth'], tuple(colour))
    glass = Paint(Kind.GLOSSY, textures['cloth'], (0.03, 0.035, 0.04))
    length = LENGTHS[body] * rng.uniform(0.95, 1.05)
    outline = [((share - 0.5) * length, top) for share, top in BODIES[body]]
    inside = HALF_WIDTH - 0.16
    for (x0, top0), (x1, top1) in zip(outline[:-1], outline[1:]):
        low0, low1 = min(top0, BELT), min(top1, BELT)
        half0, half1 = (HALF_WIDTH if top <= BELT + 0.1 else inside for top in (top0, top1))
        for side in (-1, 1):
            y = side * HALF_WIDTH
            lower = [[x0, y, FLOOR_HEIGHT], [x1, y, FLOOR_HEIGHT], [x1, y, low1], [x0, y, low0]]
            upper = [[x0, y, low0], [x1, y, low1], [x1, side * half1, top1], [x0, side * half0, top0]]
            windowless = body == 'van' and x1 < 0.3 * length
            for corners, paint in ((lower, lacquer), (upper, lacquer if windowless else glass)):
                mesh.quad(frame.points(corners[::-side]), paint)
        steep = abs(top1 - top0) > 0.25 * abs(x1 - x0) and max(top0, top1) > BELT + 0.2 and x1 < 0.49 * length
        paint = glass if steep and not (body == 'van' and x0 < 0) else lacquer
        mesh.quad(frame.points([[x0, -half0, top0], [x1, -half1, top1], [x1, half1, top1], [x0, half0, top0]]), paint)
    for x, side in ((-length / 2, 1), (length / 2, -1)):  # tail and nose
        top = outline[0][1] if side > 0 else outline[-1][1]
        across = HALF_WIDTH * side
        mesh.quad(frame.points([[x, across, FLOOR_HEIGHT], [x, -across, FLOOR_HEIGHT], [x, -across, top],
                                [x, across, top]]), lacquer)
    tyre = Paint(Kind.MATTE, textures['asphalt'], (0.12, 0.12, 0.12))
    light, brake = (Paint(Kind.GLOW, textures['cloth'], tint) for tint in ((1.0, 0.98, 0.9), (0.8, 0.03, 0.02)))
    for y in (-0.6, 0.6):
        for x in (-0.32, 0.31):
            build_wheel(mesh, frame.at(x * length, 1.28 * y), tyre)
        mesh.box(frame, (length / 2 - 0.02, y - 0.17, 0.56), (length / 2 + 0.03, y + 0.17, 0.72), light)
        mesh.box(frame, (-length / 2 - 0.03, y - 0.15, 0.62), (-length / 2 + 0.02, y + 0.15, 0.8), brake)


def build_wheel(mesh: Mesh, frame: Frame, paint: Paint) -> None:
    """An octagonal wheel, seen from both sides."""
    angles = np.linspace(0, 2 * np.pi, 9)[:-1] + np.pi / 8
    rim = np.c_[0.33 * np.cos(angles), 0.33 + 0.33 * np.sin(angles)]
    for y, order in ((0.13, -1), (-0.13, 1)):
        points = [[x, y, z] for x, z in rim][::order]
        mesh.quad(frame.points(points[:4]), paint)
        mesh.quad(frame.points([points[4], points[5], points[6], points[7]]), paint)
        mesh.quad(frame.points([points[3], points[4], points[7], points[0]]), paint)
    for i in range(8):
        (x0, z0), (x1, z1) = rim[i], rim[(i + 1) % 8]
        mesh.quad(frame.points([[x0, 0.13, z0], [x1, 0.13, z1], [x1, -0.13, z1], [x0, -0.13, z0]]), paint)


def build_person(mesh: Mesh, textures: Textures, frame: Frame, rng: np.random.Generator) -> None:
    """A person in mid-step."""
    trousers, coat = (Paint(Kind.MATTE, textures['cloth'], tuple(rng.uniform(0.03, 0.6, 3))) for _ in range(2))
    skin = Paint(Kind.MATTE, textures['cloth'], tuple(np.array((0.75, 0.52, 0.4)) * rng.uniform(0.4, 1.1)))
    tall, step = rng.uniform(0.92, 1.08), rng.uniform(0.0, 0.25)
    for foot, y in ((step, 0.09), (-step, -0.09)):
        start, end = frame.points([[foot, y, 0.1], [0, y, 0.88 * tall]])
        mesh.prism(start, end, 0.08, 0.11, trousers, sides=4)
    hips, neck, crown = frame.points([[0, 0, 0.8 * tall], [0.03, 0, 1.48 * tall], [0.05, 0, 1.76 * tall]])
    mesh.prism(hips, neck, 0.19, 0.22, coat, sides=6)
    mesh.prism(neck, crown, 0.11, 0.09, skin, sides=5)
    for y in (-0.26, 0.26):
        hand, shoulder = frame.points([[np.sign(y) * step, y, 0.85 * tall], [0.02, 0.9 * y, 1.42 * tall]])
        mesh.prism(hand, shoulder, 0.05, 0.08, coat, sides=4)
    if rng.random() < 0.2:  # an umbrella
        mesh.prism(crown + (0, 0, 0.05), crown + (0, 0, 0.35), 0.6, 0.03, coat, sides=8)


def draw_traffic(road: Road, textures: Textures, rng: np.random.Generator) -> Mesh:
    """Cars at some of the kerb, a few on the other lane, people on the pavements."""
    mesh = Mesh()
    busy = rng.uniform(0.08, 0.32)
    for side in (-1, 1):
        for s in np.arange(4, road.length - 4, 6.2):
            if rng.random() < busy:
                frame = road.frame(s + rng.normal(0, 0.4), side * PARKING)
                turned = (side > 0) != (rng.random() < 0.1)
                build_car(mesh, textures, frame.at(0, 0, np.pi if turned else rng.normal(0, 0.02)), rng)
    for s in rng.uniform(0, road.length, rng.integers(2, 7)):
        build_car(mesh, textures, road.frame(s, 1.3).at(0, 0, np.pi), rng)
    for s in rng.uniform(0, road.length, rng.integers(10, 50)):
        frame = road.frame(s, rng.choice([-1, 1]) * rng.uniform(4.6, 6.3))
        build_person(mesh, textures, frame.at(0, 0, rng.choice([0, np.pi]) + rng.normal(0, 0.3)), rng)
    return mesh
