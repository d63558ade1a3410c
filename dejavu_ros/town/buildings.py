"""Houses: painted walls, a roof, and what juts out."""

import numpy as np

from dejavu_ros.town.facades import FLOOR, columns_of, paint_facade, paint_sign
from dejavu_ros.town.layout import House
from dejavu_ros.town.mesh import UNIT_SQUARE, Frame, Kind, Mesh, Paint
from dejavu_ros.town.textures import Textures


def build_house(mesh: Mesh, textures: Textures, house: House) -> None:
    """Add a house; its textures are painted here, one for the front and one for the other sides."""
    rng = np.random.default_rng(house.seed)
    build_walls(mesh, textures, house, rng)
    build_roof(mesh, textures, house, rng)
    build_extras(mesh, textures, house, rng)


def build_walls(mesh: Mesh, textures: Textures, house: House, rng) -> None:
    front = textures.add(paint_facade(rng, house.style, house.width, house.height, front=True))
    side = textures.add(paint_facade(rng, house.style, house.depth, house.height, front=False))
    half, deep, high = house.width / 2, house.depth, house.height
    walls = [((-half, 0), (half, 0), front, house.width), ((half, 0), (half, deep), side, deep),
             ((half, deep), (-half, deep), side, house.width), ((-half, deep), (-half, 0), side, deep)]
    for number, (start, end, layer, length) in enumerate(walls):
        paint = Paint(Kind.FACADE, layer, random=float(house.seed % 997 + 7 * number),
                      shape=(columns_of(house.style, length), house.style.floors),
                      detail=textures[house.style.detail])
        mesh.quad(house.frame.points([[*start, 0], [*end, 0], [*end, high], [*start, high]]), paint)


def build_roof(mesh: Mesh, textures: Textures, house: House, rng) -> None:
    tiles = Paint(Kind.MATTE, textures['roof_tiles'], house.roof_colour)
    wall = Paint(Kind.MATTE, textures['cloth'], tuple((np.array(house.style.wall) / 240) ** 2))
    x, y0, y1, eaves = house.width / 2 + 0.35, -0.35, house.depth + 0.35, house.height - 0.1
    middle, ridge = house.depth / 2, house.height + house.roof_height
    if house.roof == 'flat':
        top = Paint(Kind.MATTE, textures['concrete'])
        mesh.box(house.frame, (-x + 0.2, y0 + 0.2, house.height), (x - 0.2, y1 - 0.2, house.height + 0.5), top)
        return
    if house.roof == 'cross_gable':  # the ridge runs towards the street
        slopes = [[(x, y0, eaves), (x, y1, eaves), (0, y1, ridge), (0, y0, ridge)],
                  [(-x, y1, eaves), (-x, y0, eaves), (0, y0, ridge), (0, y1, ridge)]]
        gables = [[(-x + 0.35, 0, house.height), (x - 0.35, 0, house.height), (0, 0, ridge), (0, 0, ridge)],
                  [(x - 0.35, 2 * middle, house.height), (-x + 0.35, 2 * middle, house.height),
                   (0, 2 * middle, ridge), (0, 2 * middle, ridge)]]
    else:
        inset = middle * 0.8 if house.roof == 'hip' else 0.0
        slopes = [[(-x, y0, eaves), (x, y0, eaves), (x - inset, middle, ridge), (inset - x, middle, ridge)],
                  [(x, y1, eaves), (-x, y1, eaves), (inset - x, middle, ridge), (x - inset, middle, ridge)]]
        ends = [[(x, y0, eaves), (x, y1, eaves), (x - inset, middle, ridge), (x - inset, middle, ridge)],
                [(-x, y1, eaves), (-x, y0, eaves), (inset - x, middle, ridge), (inset - x, middle, ridge)]]
        gables = [] if house.roof == 'hip' else [
            [(np.sign(cx) * (x - 0.35), cy, cz) for cx, cy, cz in end] for end in ends]
        slopes += ends if house.roof == 'hip' else []
    for slope in slopes:
        length = np.linalg.norm(np.subtract(slope[1], slope[0]))
        mesh.quad(house.frame.points(slope), tiles, UNIT_SQUARE * (length / 3, 2.0))
    for gable in gables:
        mesh.quad(house.frame.points(gable), wall, UNIT_SQUARE * 3)
    for _ in range(rng.integers(0, 3)):
        at = house.frame.at(rng.uniform(-0.35, 0.35) * house.width, middle + rng.uniform(-0.15, 0.15) * house.depth)
        mesh.box(at, (-0.4, -0.3, house.height), (0.4, 0.3, ridge + rng.uniform(0.4, 1.2)),
                 Paint(Kind.MATTE, textures['brick_detail'], (1.4, 0.8, 0.6)), metres_per_tile=1.5)


def build_extras(mesh: Mesh, textures: Textures, house: House, rng) -> None:
    """Balconies, awnings, bay windows and signs on the front."""
    style, front = house.style, house.frame
    accent = tuple((np.array(style.accent) / 255) ** 2)
    railing = str(rng.choice(['planks', 'concrete', 'cloth']))
    if style.floors > 1:
        for _ in range(rng.integers(0, 4)):
            x, half = rng.uniform(-0.4, 0.4) * house.width, rng.uniform(0.8, 1.5)
            floor = int(rng.integers(1, style.floors))
            mesh.box(front.at(x, 0), (-half, -1.1, floor * FLOOR - 0.1), (half, 0.0, floor * FLOOR + 0.85),
                     Paint(Kind.MATTE, textures[railing], tuple(np.array(accent) * 0.5 + 0.35)))
        if rng.random() < 0.2:
            bay, half = rng.uniform(-0.3, 0.3) * house.width, rng.uniform(1.0, 1.6)
            top = FLOOR * style.floors - 0.2
            for (x0, y0), (x1, y1) in (((-half, 0), (-half * 0.7, -0.8)), ((-half * 0.7, -0.8), (half * 0.7, -0.8)),
                                       ((half * 0.7, -0.8), (half, 0))):
                layer = textures.add(paint_facade(rng, style, 3.0, top - 2.6, front=False)) if x1 > 0 > x0 else None
                paint = (Paint(Kind.FACADE, layer, random=float(house.seed % 991), shape=(1, style.floors - 1))
                         if layer is not None else Paint(Kind.MATTE, textures['plaster_detail'], (1.3, 1.3, 1.25)))
                mesh.quad(front.at(bay, 0).points([[x0, y0, 2.6], [x1, y1, 2.6], [x1, y1, top], [x0, y0, top]]), paint)
    if rng.random() < 0.35:
        x, half = rng.uniform(-0.25, 0.25) * house.width, rng.uniform(1.2, min(3.0, house.width / 3))
        paint = Paint(Kind.MATTE, textures['stripes'], accent)
        awning = [[-half, -1.3, 2.3], [half, -1.3, 2.3], [half, -0.05, 2.9], [-half, -0.05, 2.9]]
        mesh.quad(front.at(x, 0).points(awning), paint, UNIT_SQUARE * (half / 2, 1))
    if rng.random() < 0.4:
        blade_sign(mesh, textures, front.at(rng.uniform(-0.42, 0.42) * house.width, 0), rng)


def blade_sign(mesh: Mesh, textures: Textures, frame: Frame, rng) -> None:
    """A sign that juts out from the wall and is read from both sides."""
    size, low = rng.uniform(0.7, 1.2), rng.uniform(2.6, 3.4)
    paint = Paint(Kind.SIGN, textures.add(paint_sign(rng)), random=rng.random())
    for x, (near, far) in ((-0.04, (-0.15, -0.15 - size)), (0.04, (-0.15 - size, -0.15))):
        mesh.quad(frame.points([[x, near, low], [x, far, low], [x, far, low + size], [x, near, low + size]]), paint)
