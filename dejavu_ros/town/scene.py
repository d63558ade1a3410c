"""The town of a seed: plan, textures and everything that stays where it is."""

import numpy as np

from dejavu_ros.town.buildings import build_house
from dejavu_ros.town.layout import make_plan
from dejavu_ros.town.mesh import Mesh, Surface
from dejavu_ros.town.street import build_ground, build_hills, build_thing, lamp_head
from dejavu_ros.town.textures import Textures
from dejavu_ros.town.vegetation import Nursery


class Town:
    """Town number ``seed``: the same on every machine and in every drive; with several ``quarters`` they are alike.

    ``road`` the loop, ``textures`` the painted layers, ``quads`` by surface (n, 4, VERTEX_FLOATS) float32, ``lamps``
    (n, 3) the street lights in the map.
    """

    def __init__(self, seed: int, quarters: int = 1):
        self.seed = seed
        plan = make_plan(seed, quarters)
        rng = np.random.default_rng((seed, 2))
        self.road = plan.road
        self.textures = Textures(rng)
        mesh = Mesh()
        build_ground(mesh, self.textures, plan.road, plan.zebras)
        build_hills(mesh, self.textures, rng, quarters)
        for house in plan.houses:
            build_house(mesh, self.textures, house)
        nursery = Nursery(self.textures, rng)
        for tree in plan.trees:
            nursery.plant(mesh, tree)
        for thing in plan.things:
            build_thing(mesh, self.textures, thing)
        self.quads: dict[Surface, np.ndarray] = mesh.arrays()
        self.lamps = np.array([lamp_head(thing) for thing in plan.things if thing.what == 'lamp'])
        self.radius = float(np.abs(plan.road.centre(np.arange(0.0, plan.road.length))).max()) + 30.0
