"""Trees grown once for each species and placed many times."""

import numpy as np

from dejavu_ros.town.layout import Tree
from dejavu_ros.town.mesh import UNIT_SQUARE, Frame, Kind, Mesh, Paint, Surface, placed
from dejavu_ros.town.textures import Textures

VARIANTS = 3
LEAF_COLOURS = {'broad': (0.5, 0.68, 0.24), 'fine': (0.62, 0.72, 0.24), 'long': (0.42, 0.62, 0.32),
                'needle': (0.2, 0.36, 0.2)}


class Nursery:
    """Template trees of every species."""

    def __init__(self, textures: Textures, rng: np.random.Generator):
        self._templates = {(species, variant): (grow_conifer if species == 'needle' else grow_tree)(
            textures, rng, species) for species in LEAF_COLOURS for variant in range(VARIANTS)}

    def plant(self, mesh: Mesh, tree: Tree) -> None:
        """Add a copy of a template."""
        variant = int(tree.scale * 1000) % VARIANTS
        for surface, quads in self._templates[tree.species, variant].items():
            tint = tree.tint if surface == Surface.LEAF else (1.0, 1.0, 1.0)
            mesh.add(surface, placed(quads, tree.frame, tree.scale, tint))


def grow_tree(textures: Textures, rng: np.random.Generator, species: str) -> dict[Surface, np.ndarray]:
    """A broadleaf: a trunk that forks three times, with clumps of leaves at the tips."""
    mesh, tips = Mesh(), []
    wood = Paint(Kind.MATTE, textures['bark'], (0.8, 0.75, 0.7))

    def branch(start, direction, length, radius, level):
        end = start + direction * length
        mesh.prism(start, end, radius, radius * 0.65, wood, sides=5 if level == 0 else 3)
        if level == 3:
            tips.append(end)
            return
        for _ in range(4 if level == 0 else 3 if level == 1 else 2):
            turned = direction + rng.normal(0, 0.5 + 0.1 * level, 3) + (0, 0, 0.15)
            branch(start + direction * length * rng.uniform(0.75, 1.0), turned / np.linalg.norm(turned),
                   length * rng.uniform(0.55, 0.75), radius * 0.6, level + 1)

    branch(np.zeros(3), np.array([0.0, 0.0, 1.0]), 3.2, 0.19, 0)
    middle = np.mean(tips, axis=0)
    for tip in tips:
        for _ in range(4):
            centre = tip + rng.normal(0, 0.45, 3)
            facing = rng.normal(size=3)
            facing /= np.linalg.norm(facing)
            across = np.cross(facing, [0.2, 0.5, 0.8])
            across /= np.linalg.norm(across)
            up, size = np.cross(facing, across), rng.uniform(0.5, 0.95)
            outwards = (centre - middle) / (np.linalg.norm(centre - middle) + 1e-6)
            colour = np.array(LEAF_COLOURS[species]) * rng.uniform(0.8, 1.15)
            paint = Paint(Kind.LEAF, textures[f'{species}_leaves'], tuple(colour), rng.random())
            mesh.quad([centre + size * (x * across + y * up) for x, y in 2 * UNIT_SQUARE - 1], paint,
                      normal=0.8 * outwards + (0, 0, 0.4))
    return _filled(mesh)


def grow_conifer(textures: Textures, rng: np.random.Generator, species: str) -> dict[Surface, np.ndarray]:
    """A conifer: drooping fans around a straight trunk. Evergreen."""
    mesh, height = Mesh(), 9.0
    mesh.prism([0, 0, 0], [0, 0, height], 0.2, 0.04, Paint(Kind.MATTE, textures['bark'], (0.7, 0.6, 0.55)), sides=5)
    for z in np.arange(1.2, height, 0.55):
        reach = (height - z) / height * rng.uniform(2.0, 2.7) + 0.3
        for angle in rng.uniform(0, 7) + np.arange(6) * np.pi / 3:
            out, across = np.array([np.cos(angle), np.sin(angle), 0]), np.array([-np.sin(angle), np.cos(angle), 0])
            root, droop = np.array([0, 0, z]), np.array([0, 0, 0.35 * reach])
            colour = np.array(LEAF_COLOURS[species]) * rng.uniform(0.8, 1.2)
            paint = Paint(Kind.LEAF, textures['needles'], tuple(colour), rng.random(), shape=(1.0, 0.0))
            mesh.quad([root - 0.15 * reach * across, root + reach * (out - 0.45 * across) - droop,
                       root + reach * (out + 0.45 * across) - droop, root + 0.15 * reach * across], paint,
                      [(0.3, 0.5), (0.1, 0.1), (0.9, 0.1), (0.7, 0.5)], normal=0.5 * out + (0, 0, 0.8))
    return _filled(mesh)


def _filled(mesh: Mesh) -> dict[Surface, np.ndarray]:
    return {surface: quads for surface, quads in mesh.arrays().items() if len(quads)}


def plant_hedge(mesh: Mesh, textures: Textures, frame: Frame, length: float, height: float) -> None:
    """A clipped evergreen hedge along x."""
    paint = Paint(Kind.MATTE, textures['hedge'])
    mesh.box(frame, (-length / 2, -0.4, 0), (length / 2, 0.4, height), paint, taper=0.05, metres_per_tile=1.2)
