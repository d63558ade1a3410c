"""The plan of a town: a loop road and what stands along it, as plain data."""

import dataclasses
import functools

import numpy as np

from dejavu_ros.town.facades import FLOOR, FacadeStyle
from dejavu_ros.town.mesh import Frame

ROAD_HALF = 4.0  # metres from the centre line to the kerb
PAVEMENT_END = 6.6
KERB = 0.12
LANE = -1.4  # the driven lane: metres left of the centre line
PARKING = 3.1
WAVES = (2, 0.2), (3, 0.12), (4, 0.07), (5, 0.05)  # of the loop's radius: how many around it, and their share of it


class Road:
    """A closed road: arc length ``s`` in metres runs counter-clockwise, ``left`` is metres left of the centre.

    With several ``quarters`` it looks the same after each of them, turned about the origin.
    """

    def __init__(self, rng: np.random.Generator, quarters: int = 1):
        angle = np.linspace(0, 2 * np.pi, 4001)
        waves = WAVES if quarters == 1 else ((quarters, 0.12),)
        radius = 1 + sum(amplitude * np.cos(k * angle + rng.uniform(0, 7)) for k, amplitude in waves)
        line = radius[:, None] * np.c_[np.cos(angle), np.sin(angle)]
        if quarters == 1:
            line *= 1.2, 0.85
        line[-1] = line[0]
        line *= rng.uniform(620, 690) / np.linalg.norm(np.diff(line, axis=0), axis=1).sum()
        self._line = line
        self._s = np.r_[0, np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))]
        self.length = float(self._s[-1])

    def centre(self, s) -> np.ndarray:
        """Points (..., 2) of the centre line."""
        s = np.mod(s, self.length)
        return np.stack([np.interp(s, self._s, self._line[:, i]) for i in (0, 1)], axis=-1)

    def frame(self, s: float, left: float = 0.0) -> Frame:
        """The place beside the road at ``s``, heading along it."""
        ahead = self.centre(s + 0.5) - self.centre(s - 0.5)
        yaw = float(np.arctan2(ahead[1], ahead[0]))
        return Frame(self.centre(s) + left * np.array([-np.sin(yaw), np.cos(yaw)]), yaw)

    def distance(self, xy) -> float:
        """Metres from a point (2,) to the centre line."""
        return float(np.linalg.norm(self._line[::8] - xy, axis=1).min())


@dataclasses.dataclass(frozen=True)
class House:
    """``frame`` is the middle of the front wall at the ground: x along the wall, y into the house."""

    frame: Frame
    width: float
    depth: float
    style: FacadeStyle
    roof: str
    roof_height: float
    roof_colour: tuple[float, float, float]
    seed: int

    @property
    def height(self) -> float:
        return FLOOR * self.style.floors + 0.4

    @functools.cached_property
    def corners(self) -> np.ndarray:
        """Footprint (4, 2)."""
        half = self.width / 2
        return self.frame.points([[-half, 0, 0], [half, 0, 0], [half, self.depth, 0], [-half, self.depth, 0]])[:, :2]


@dataclasses.dataclass(frozen=True)
class Tree:
    frame: Frame
    species: str
    scale: float
    tint: tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Thing:
    """Street furniture and yards: ``what`` names the builder in street.py; x of ``frame`` is along the road."""

    what: str
    frame: Frame
    side: int
    length: float
    seed: int


@dataclasses.dataclass(frozen=True)
class Plan:
    """A town on paper; ``zebras`` are the places of crossings along the road."""

    road: Road
    houses: list[House] = dataclasses.field(default_factory=list)
    trees: list[Tree] = dataclasses.field(default_factory=list)
    things: list[Thing] = dataclasses.field(default_factory=list)
    zebras: list[float] = dataclasses.field(default_factory=list)


ROOFS = ('gable', 'gable', 'gable', 'cross_gable', 'hip', 'flat', 'flat')
ROOF_COLOURS = ((0.75, 0.36, 0.26), (0.5, 0.26, 0.2), (0.42, 0.42, 0.45), (0.3, 0.32, 0.36), (0.6, 0.5, 0.4))
BROADLEAVES = ('broad', 'fine', 'long')
FURNITURE = ('road_sign', 'road_sign', 'bin', 'bench', 'bollards', 'cabinet', 'column')


def overlap(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two convex footprints (n, 2) overlap: no edge of either separates them."""
    if (a.max(axis=0) <= b.min(axis=0)).any() or (b.max(axis=0) <= a.min(axis=0)).any():
        return False
    for shape in (a, b):
        edges = np.roll(shape, -1, axis=0) - shape
        for normal in np.c_[-edges[:, 1], edges[:, 0]]:
            if (a @ normal).max() <= (b @ normal).min() or (b @ normal).max() <= (a @ normal).min():
                return False
    return True


def draw_house(rng: np.random.Generator, road: Road, s: float, side: int, width: float) -> House:
    setback = rng.choice([PAVEMENT_END + 0.3, PAVEMENT_END + 0.8, 9.5, 12.0])
    frame = road.frame(s, side * setback)
    frame = frame.at(0, 0, 0.0 if side > 0 else np.pi)
    style = FacadeStyle.draw(rng)
    roof = 'flat' if style.floors >= 5 else str(rng.choice(ROOFS))
    colour = np.array(ROOF_COLOURS[rng.integers(len(ROOF_COLOURS))]) * rng.uniform(0.8, 1.2)
    return House(frame, width, rng.uniform(8, 12), style, roof, rng.uniform(1.8, 3.8), tuple(colour),
                 int(rng.integers(1 << 30)))


def draw_thing(rng: np.random.Generator, what: str, frame: Frame, side: int, length: float = 0.0) -> Thing:
    return Thing(what, frame, side, length, int(rng.integers(1 << 30)))


def draw_tree(rng: np.random.Generator, frame: Frame, needle_share: float = 0.3) -> Tree:
    species = 'needle' if rng.random() < needle_share else str(rng.choice(BROADLEAVES))
    tint = (rng.uniform(0.8, 1.1), rng.uniform(0.85, 1.1), rng.uniform(0.7, 1.0))
    return Tree(Frame(frame.xy, rng.uniform(0, 7)), species, rng.uniform(0.75, 1.25), tint)


def make_plan(seed: int, quarters: int = 1) -> Plan:
    """Draw the town of a seed, or a town of several equal ``quarters`` around the loop."""
    rng = np.random.default_rng((seed, 1))
    plan = Plan(Road(rng, quarters))
    for side in (-1, 1):
        plan_lots(plan, rng, side)
        plan_kerb(plan, rng, side)
    plan_backdrop(plan, rng)
    plan.zebras.extend(rng.uniform(0, plan.road.length, 6))
    if quarters > 1:
        plan = repeated(plan, quarters)
    plan.trees[:] = [tree for tree in plan.trees if has_room(plan, tree)]
    return plan


def repeated(plan: Plan, quarters: int) -> Plan:
    """The first quarter of a plan, all around. Its first house gives way to the last of the quarter before."""
    angle, way = 2 * np.pi / quarters, plan.road.length / quarters

    def first(items: list) -> list:
        return [item for item in items if np.arctan2(*item.frame.xy[::-1]) % (2 * np.pi) < angle]

    def around(items: list, turns=range(quarters)) -> list:
        return [dataclasses.replace(item, frame=Frame(np.zeros(2), turn * angle).at(*item.frame.xy, item.frame.yaw))
                for turn in turns for item in items]

    houses = first(plan.houses)
    before = around(houses, turns=[-1])
    houses = [house for house in houses if not any(overlap(house.corners, other.corners) for other in before)]
    return Plan(plan.road, around(houses), around(first(plan.trees)), around(first(plan.things)),
                [s + turn * way for turn in range(quarters) for s in plan.zebras if s < way])


def plan_lots(plan: Plan, rng: np.random.Generator, side: int) -> None:
    """Houses, groves and poster walls, one after the other along one side of the road."""
    road, s = plan.road, 0.0
    while s < road.length - 8:
        width, lot = rng.uniform(8, 18), rng.random()
        middle = s + width / 2
        if lot < 0.72:
            house = draw_house(rng, road, middle, side, width)
            if is_free(plan, house.corners):
                plan.houses.append(house)
                if road.distance(house.frame.xy) > 9:
                    plan.things.append(draw_thing(rng, 'fence', road.frame(middle, side * 7.0), side, 0.8 * width))
        elif lot < 0.9:
            plan.trees.extend(draw_tree(rng, road.frame(s + rng.uniform(0, width), side * rng.uniform(8.5, 24)))
                              for _ in range(int(width / 3)))
            if rng.random() < 0.6:
                plan.things.append(draw_thing(rng, 'hedge', road.frame(middle, side * 7.1), side, width))
        else:
            plan.things.append(draw_thing(rng, 'poster_wall', road.frame(middle, side * 7.2), side, width))
        s += width + rng.choice([0.1, 0.5, 2.0, 4.0])


def plan_kerb(plan: Plan, rng: np.random.Generator, side: int) -> None:
    """Lamps at even distances, and trees and furniture at random ones, along one kerb."""
    road = plan.road
    for s in np.arange(5 + 13 * (side > 0), road.length - 5, 26.0):
        plan.things.append(draw_thing(rng, 'lamp', road.frame(s, side * 4.5), side))
    for s in np.arange(3, road.length - 3, 9.0):
        kind = rng.random()
        if kind < 0.26:
            plan.trees.append(draw_tree(rng, road.frame(s, side * 5.4), needle_share=0.0))
        elif kind < 0.72:
            frame = road.frame(s + rng.uniform(0, 5), side * rng.uniform(4.5, 4.8))
            plan.things.append(draw_thing(rng, str(rng.choice(FURNITURE)), frame, side))


def plan_backdrop(plan: Plan, rng: np.random.Generator) -> None:
    """Woods and towers behind the houses."""
    def somewhere(near: float, far: float) -> Frame:
        return plan.road.frame(rng.uniform(0, plan.road.length), rng.choice([-1, 1]) * rng.uniform(near, far))

    plan.trees.extend(draw_tree(rng, somewhere(26, 50), needle_share=0.8) for _ in range(50))
    for _ in range(7):
        frame = Frame(somewhere(30, 55).xy, rng.uniform(0, 3))
        if plan.road.distance(frame.xy) > 24:
            plan.things.append(draw_thing(rng, 'tower', frame, 1))


def is_free(plan: Plan, corners: np.ndarray) -> bool:
    """Whether a footprint is clear of the pavement and of all houses."""
    return (min(plan.road.distance(corner) for corner in corners) > PAVEMENT_END - 0.1
            and not any(overlap(house.corners, corners) for house in plan.houses))


def has_room(plan: Plan, tree: Tree) -> bool:
    """Whether a tree stands clear of road and houses."""
    around = tree.frame.xy + 0.8 * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    return (plan.road.distance(tree.frame.xy) > 4.9
            and not any(overlap(house.corners, around) for house in plan.houses))
