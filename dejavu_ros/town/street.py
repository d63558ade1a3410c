"""The ground, the skyline and the furniture of the street."""

import numpy as np

from dejavu_ros.town.facades import paint_facade, FacadeStyle, paint_poster, paint_road_sign
from dejavu_ros.town.layout import KERB, PAVEMENT_END, ROAD_HALF, Road, Thing
from dejavu_ros.town.mesh import UNIT_SQUARE, Frame, Kind, Mesh, Paint
from dejavu_ros.town.textures import Textures
from dejavu_ros.town.vegetation import plant_hedge

METAL = (0.3, 0.33, 0.32)
LAMP_HEIGHT = 5.6


def build_ground(mesh: Mesh, textures: Textures, road: Road, zebras: list[float]) -> None:
    """The road, kerbs, pavements and the grass around, none of them coplanar."""
    count = int(road.length / 2)
    stations = np.linspace(0, road.length, count + 1)
    edges = {left: np.array([road.frame(s, left).xy for s in stations])
             for left in (-PAVEMENT_END, -ROAD_HALF, ROAD_HALF, PAVEMENT_END)}
    stone = Paint(Kind.MATTE, textures['concrete'], (0.9, 0.9, 0.9))
    paving = Paint(Kind.PAVING, textures['paving'])

    def ribbon(i, right, right_z, left, left_z, paint):
        a, b = edges[right], edges[left]
        corners = [(*a[i], right_z), (*a[i + 1], right_z), (*b[i + 1], left_z), (*b[i], left_z)]
        u = [right, right, left, left] if right != left else [right_z, right_z, left_z, left_z]
        v = [stations[i], stations[i + 1], stations[i + 1], stations[i]]
        mesh.quad(corners, paint, np.c_[u, v])

    for i in range(count):
        zebra = any(abs(stations[i] - s) < 2 for s in zebras)
        ribbon(i, -ROAD_HALF, 0, ROAD_HALF, 0, Paint(Kind.ROAD, textures['asphalt'], shape=(float(zebra), 0)))
        for side in (-1, 1):
            kerb, wall = side * ROAD_HALF, side * PAVEMENT_END
            low, high = (0, KERB) if side > 0 else (KERB, 0)
            ribbon(i, kerb, low, kerb, high, stone)
            ribbon(i, min(kerb, wall), KERB, max(kerb, wall), KERB, paving)
            low, high = (KERB, -0.06) if side > 0 else (-0.06, KERB)
            ribbon(i, wall, low, wall, high, stone)
    lawn = Paint(Kind.GRASS, textures['grass'])
    ticks = np.linspace(-250, 250, 26)
    for x0, x1 in zip(ticks[:-1], ticks[1:]):
        for y0, y1 in zip(ticks[:-1], ticks[1:]):
            corners = np.array([[x0, y0, -0.06], [x1, y0, -0.06], [x1, y1, -0.06], [x0, y1, -0.06]])
            mesh.quad(corners, lawn, corners[:, 1::-1])


def build_hills(mesh: Mesh, textures: Textures, rng: np.random.Generator, quarters: int) -> None:
    """A ring of hills, so that the horizon has a shape, the same beyond each of the ``quarters``."""
    angles = np.linspace(0, 2 * np.pi, 97)
    along = angles % (2 * np.pi / quarters)
    rise = sum(size * np.sin(k * along + rng.uniform(0, 7)) for k, size in ((2, 8), (3, 6), (7, 4), (13, 2)))
    rise = 2.2 * np.maximum(rise - rise.min() * 0.6, 1.0)
    inner = 235 * np.c_[np.cos(angles), np.sin(angles)]
    paint = Paint(Kind.GRASS, textures['grass'], (0.6, 0.75, 0.6))
    for i in range(96):
        corners = np.array([(*inner[i + 1], -1.0), (*inner[i], -1.0), (*1.6 * inner[i], rise[i]),
                            (*1.6 * inner[i + 1], rise[i + 1])])
        mesh.quad(corners, paint, corners[:, :2])


def build_thing(mesh: Mesh, textures: Textures, thing: Thing) -> None:
    """Add one piece of street furniture."""
    BUILDERS[thing.what](mesh, textures, thing, np.random.default_rng(thing.seed))


def lamp_head(thing: Thing) -> np.ndarray:
    """Where the light of a lamp comes from, (3,) in the map."""
    return thing.frame.points([[0, -1.6 * thing.side, LAMP_HEIGHT]])[0]


def build_lamp(mesh, textures, thing, rng) -> None:
    metal, head = Paint(Kind.MATTE, textures['concrete'], METAL), lamp_head(thing)
    top = [*thing.frame.xy, LAMP_HEIGHT]
    mesh.prism([*thing.frame.xy, 0], top, 0.09, 0.06, metal, sides=5)
    mesh.prism(top, head + (0, 0, 0.15), 0.05, 0.04, metal, sides=3)
    mesh.box(Frame(head[:2], thing.frame.yaw), (-0.4, -0.16, LAMP_HEIGHT), (0.4, 0.16, LAMP_HEIGHT + 0.14), metal)
    glass = thing.frame.at(0, -1.6 * thing.side)
    mesh.quad(glass.points([[-0.35, 0.14, LAMP_HEIGHT - 0.01], [0.35, 0.14, LAMP_HEIGHT - 0.01],
                            [0.35, -0.14, LAMP_HEIGHT - 0.01], [-0.35, -0.14, LAMP_HEIGHT - 0.01]]),
              Paint(Kind.LAMP, textures['cloth']))


def build_fence(mesh, textures, thing, rng) -> None:
    """The front of a yard: a hedge, a wall or planks."""
    height = rng.uniform(0.7, 1.5)
    if rng.random() < 0.4:
        plant_hedge(mesh, textures, thing.frame, thing.length, height)
        return
    material = str(rng.choice(['brick_detail', 'stone_detail', 'planks']))
    colour = (rng.uniform(0.6, 1.5), rng.uniform(0.6, 1.3), rng.uniform(0.5, 1.2))
    mesh.box(thing.frame, (-thing.length / 2, -0.12, 0), (thing.length / 2, 0.12, height),
             Paint(Kind.MATTE, textures[material], colour), metres_per_tile=1.6)


def build_hedge(mesh, textures, thing, rng) -> None:
    plant_hedge(mesh, textures, thing.frame, thing.length, rng.uniform(0.6, 1.3))


def build_poster_wall(mesh, textures, thing, rng) -> None:
    """A wall with one to three posters on it, or one large board above it."""
    height = rng.uniform(1.8, 3.2)
    material = str(rng.choice(['brick_detail', 'stone_detail', 'panel_detail', 'planks']))
    half = thing.length / 2 - 0.3
    colour = tuple(rng.uniform(0.6, 1.5, 3))
    mesh.box(thing.frame, (-half, -0.15, 0), (half, 0.15, height), Paint(Kind.MATTE, textures[material], colour),
             metres_per_tile=1.8)
    front = thing.frame.at(0, -0.2 * thing.side, 0.0 if thing.side > 0 else np.pi)
    count = int(rng.integers(1, 4))
    for x in np.linspace(-half, half, count + 2)[1:-1]:
        wide, low = rng.uniform(0.5, min(1.8, half / count)), rng.uniform(0.5, 1.2)
        paint = Paint(Kind.SIGN, textures.add(paint_poster(rng)), random=rng.random())
        mesh.quad(front.points([[x - wide, 0, low], [x + wide, 0, low], [x + wide, 0, low + 1.4 * wide],
                                [x - wide, 0, low + 1.4 * wide]]), paint)


def build_road_sign(mesh, textures, thing, rng) -> None:
    """A sign on a post; it faces those who drive on its side."""
    metal = Paint(Kind.MATTE, textures['concrete'], METAL)
    mesh.prism([*thing.frame.xy, 0], [*thing.frame.xy, 3.0], 0.04, 0.04, metal, sides=4)
    yaw = (-np.pi / 2 if thing.side < 0 else np.pi / 2) + rng.normal(0, 0.15)
    board, half = thing.frame.at(0, 0, yaw), rng.uniform(0.32, 0.5)
    corners = board.points([[-half, -0.06, 2.1], [half, -0.06, 2.1], [half, -0.06, 2.1 + 2 * half],
                            [-half, -0.06, 2.1 + 2 * half]])
    mesh.quad(corners, Paint(Kind.SIGN, textures.add(paint_road_sign(rng)), random=1.0))
    back = board.points([[half, -0.05, 2.1], [-half, -0.05, 2.1], [-half, -0.05, 2.1 + 2 * half],
                         [half, -0.05, 2.1 + 2 * half]])
    mesh.quad(back, metal)


def build_bin(mesh, textures, thing, rng) -> None:
    mesh.box(thing.frame, (-0.28, -0.3, 0), (0.28, 0.3, 1.05),
             Paint(Kind.MATTE, textures['cloth'], tuple(rng.uniform(0.05, 0.6, 3))), taper=-0.12)


def build_bench(mesh, textures, thing, rng) -> None:
    wood = Paint(Kind.MATTE, textures['planks'], tuple(rng.uniform(0.5, 1.1, 3)))
    mesh.box(thing.frame.at(0, thing.side * 1.2), (-0.9, -0.25, 0), (0.9, 0.25, 0.47), wood)
    mesh.box(thing.frame.at(0, thing.side * 1.45), (-0.9, -0.04, 0.5), (0.9, 0.04, 0.95), wood)


def build_bollards(mesh, textures, thing, rng) -> None:
    paint = Paint(Kind.MATTE, textures['cloth'], tuple(rng.uniform(0.1, 0.9, 3)))
    for x in np.arange(rng.integers(3, 7)) * 1.4:
        mesh.box(thing.frame.at(x, 0), (-0.08, -0.08, 0), (0.08, 0.08, 0.95), paint)


def build_cabinet(mesh, textures, thing, rng) -> None:
    mesh.box(thing.frame.at(0, thing.side * 1.5), (-0.6, -0.25, 0), (0.6, 0.25, rng.uniform(1.0, 1.7)),
             Paint(Kind.MATTE, textures['panel_detail'], tuple(rng.uniform(0.5, 1.3, 3))))


def build_column(mesh, textures, thing, rng) -> None:
    """An advertising column."""
    centre = thing.frame.at(0, thing.side * 1.1).xy
    paint = Paint(Kind.SIGN, textures.add(paint_poster(rng)), random=rng.random())
    angles = np.linspace(0, 2 * np.pi, 11)
    ring = np.c_[np.cos(angles), np.sin(angles)] * 0.55 + centre
    for i in range(10):
        uv = (UNIT_SQUARE + (i, 0)) * (0.2, 1.0)
        mesh.quad([(*ring[i], 0.4), (*ring[i + 1], 0.4), (*ring[i + 1], 2.7), (*ring[i], 2.7)], paint, uv)
    stone = Paint(Kind.MATTE, textures['concrete'], (0.6, 0.65, 0.6))
    mesh.prism([*centre, 0], [*centre, 0.4], 0.65, 0.6, stone, sides=10)
    mesh.prism([*centre, 2.7], [*centre, 3.2], 0.7, 0.05, stone, sides=10)


def build_tower(mesh, textures, thing, rng) -> None:
    """A landmark behind the houses: a church tower or a block of flats."""
    wide, floors = rng.uniform(2.5, 6), int(rng.integers(5, 11))
    style = FacadeStyle.draw(rng)
    height = 3.0 * floors + 0.4
    layer = textures.add(paint_facade(rng, style, 2 * wide, height, front=False))
    paint = Paint(Kind.FACADE, layer, random=float(thing.seed % 983), shape=(round(wide), floors),
                  detail=textures[style.detail])
    corners = [(-wide, -wide), (wide, -wide), (wide, wide), (-wide, wide)]
    for start, end in zip(corners, corners[1:] + corners[:1]):
        mesh.quad(thing.frame.points([[*start, 0], [*end, 0], [*end, height], [*start, height]]), paint)
    if rng.random() < 0.6:
        mesh.box(thing.frame, (-wide, -wide, height), (wide, wide, height + rng.uniform(5, 12)),
                 Paint(Kind.MATTE, textures['roof_tiles'], (0.4, 0.5, 0.48)), taper=0.97)
    else:
        mesh.box(thing.frame, (-wide - 0.2, -wide - 0.2, height), (wide + 0.2, wide + 0.2, height + 0.6),
                 Paint(Kind.MATTE, textures['concrete']))


BUILDERS = {'lamp': build_lamp, 'fence': build_fence, 'hedge': build_hedge, 'poster_wall': build_poster_wall,
            'road_sign': build_road_sign, 'bin': build_bin, 'bench': build_bench, 'bollards': build_bollards,
            'cabinet': build_cabinet, 'column': build_column, 'tower': build_tower}
