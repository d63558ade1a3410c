"""Everything that is painted: one stack of square textures, each with a meaning.

Colours are sRGB, the first row is the top. Alpha means coverage of leaves and *wall* (not glass) of facades.
"""

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

SIZE = 256

Image = np.ndarray  # (SIZE, SIZE, 4) uint8


def tile_noise(rng: np.random.Generator, cells: int, octaves: int = 4) -> np.ndarray:
    """Smooth noise (SIZE, SIZE) that repeats without a seam, about 0 +- 1; ``cells`` is a power of two."""
    total = np.zeros((SIZE, SIZE), np.float32)
    for octave in range(octaves):
        count = cells * 2 ** octave
        if count > SIZE:
            break
        scale = SIZE // count
        grid = np.pad(rng.normal(size=(count, count)).astype(np.float32), 2, mode='wrap')
        fine = cv2.resize(grid, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        total += fine[2 * scale:2 * scale + SIZE, 2 * scale:2 * scale + SIZE] * 0.6 ** octave
    return (total - total.mean()) / total.std()


def coloured(colour, value: np.ndarray, alpha: np.ndarray | int = 255) -> Image:
    """A texture of ``colour`` (3,) 0..255 times ``value`` (SIZE, SIZE) or (SIZE, SIZE, 3) about 1."""
    value = value[..., None] if value.ndim == 2 else value
    image = np.empty((SIZE, SIZE, 4), np.uint8)
    image[..., :3] = np.clip(np.asarray(colour, float) * value, 0, 255)
    image[..., 3] = alpha
    return image


def courses(rng: np.random.Generator, rows: int, columns: int, joint: int, spread: float, *, bond: float = 0.5,
            wobble: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Laid blocks: brightness of each block (SIZE, SIZE) and a mask that is 1 on the joints."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    x, y = x + wobble * tile_noise(rng, 8, 2), y + wobble * tile_noise(rng, 8, 2)
    height, width = SIZE / rows, SIZE / columns
    row = np.floor(y / height).astype(int) % rows
    shifted = x + row * bond * width
    column = np.floor(shifted / width).astype(int) % columns
    value = rng.normal(1, spread, (rows, columns))[row, column]
    joints = (y % height < joint) | (shifted % width < joint)
    return value, joints.astype(np.float32)


def asphalt(rng) -> Image:
    grain = rng.normal(0, 0.12, (SIZE, SIZE))
    return coloured((96, 96, 98), 1 + 0.08 * tile_noise(rng, 4) + grain)


def paving(rng) -> Image:
    value, joints = courses(rng, 4, 4, 3, 0.07, bond=rng.choice([0.0, 0.5]))
    return coloured((150, 146, 138), value * (1 - 0.3 * joints) + 0.05 * tile_noise(rng, 16))


def grass(rng) -> Image:
    blades = gaussian_filter(rng.normal(0, 1, (SIZE, SIZE)), (1.4, 0), mode='wrap')
    return coloured((84, 118, 48), 1 + 0.14 * tile_noise(rng, 8) + 0.25 * blades)


def snow(rng) -> Image:
    return coloured((236, 240, 246), 1 + 0.025 * tile_noise(rng, 8))


def bark(rng) -> Image:
    ridges = cv2.resize(tile_noise(rng, 32, 3)[:64], (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    return coloured((98, 84, 70), 1 + 0.25 * ridges)


def concrete(rng) -> Image:
    return coloured((158, 156, 150), 1 + 0.06 * tile_noise(rng, 4) + rng.normal(0, 0.03, (SIZE, SIZE)))


def planks(rng) -> Image:
    value, joints = courses(rng, 1, 10, 3, 0.12)
    veins = cv2.resize(tile_noise(rng, 64, 2)[:32], (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    return coloured((150, 122, 92), value * (1 - 0.5 * joints) + 0.08 * veins)


def hedge(rng) -> Image:
    leaves = np.abs(tile_noise(rng, 64, 2))
    return coloured((62, 96, 44), 0.65 + 0.45 * leaves + 0.1 * tile_noise(rng, 8))


def roof_tiles(rng) -> Image:
    value, joints = courses(rng, 12, 12, 2, 0.1, bond=0.5)
    ramp = 1.12 - 0.3 * (np.arange(SIZE) % (SIZE / 12)) / (SIZE / 12)
    return coloured((190, 190, 190), value * ramp[:, None] * (1 - 0.35 * joints) + 0.05 * tile_noise(rng, 8))


def cloth(rng) -> Image:
    return coloured((215, 215, 215), 1 + 0.05 * tile_noise(rng, 16))


def stripes(rng) -> Image:
    band = (np.arange(SIZE) // (SIZE // 8)) % 2
    return coloured((255, 255, 255), np.broadcast_to(1 - 0.45 * band, (SIZE, SIZE)))


def brick_detail(rng) -> Image:
    value, joints = courses(rng, 16, 6, 2, 0.13)
    return coloured((128, 128, 128), value * (1 - joints) + 1.35 * joints + 0.05 * tile_noise(rng, 8))


def stone_detail(rng) -> Image:
    value, joints = courses(rng, 7, 5, 4, 0.16, bond=0.37, wobble=5.0)
    return coloured((128, 128, 128), value * (1 - 0.4 * joints) + 0.08 * tile_noise(rng, 16))


def plaster_detail(rng) -> Image:
    return coloured((128, 128, 128), 1 + 0.035 * tile_noise(rng, 4) + 0.03 * tile_noise(rng, 64, 1))


def panel_detail(rng) -> Image:
    _, joints = courses(rng, 2, 2, 3, 0.0, bond=0.0)
    return coloured((128, 128, 128), 1 - 0.35 * joints + 0.05 * tile_noise(rng, 4))


def board_detail(rng) -> Image:
    value, joints = courses(rng, 10, 1, 4, 0.07)
    return coloured((128, 128, 128), value * (1 - 0.4 * joints) + 0.03 * tile_noise(rng, 16))


def mottle(rng) -> Image:
    """Four independent noises about 0.5, for puddles, wear, clouds and snow that lies in patches."""
    image = np.empty((SIZE, SIZE, 4), np.uint8)
    for channel, cells in enumerate((4, 8, 4, 16)):
        image[..., channel] = np.clip(128 + 48 * tile_noise(rng, cells, 5), 0, 255)
    return image


def leaf_card(rng, size: float, slim: float, count: int) -> Image:
    """A round clump of leaves; brightness differs from leaf to leaf, the colour comes from the season."""
    big = 2 * SIZE
    canvas = np.zeros((big, big, 4), np.uint8)
    canvas[..., :3] = 110
    for _ in range(count):
        radius, angle, turn = SIZE * 0.92 * rng.random() ** 0.6, rng.uniform(0, 7), rng.uniform(0, 7)
        centre = np.array([SIZE + radius * np.cos(angle), SIZE + radius * np.sin(angle)])
        along = size * rng.uniform(0.7, 1.3) * np.array([np.cos(turn), np.sin(turn)])
        across = slim * np.array([-along[1], along[0]])
        grey = int(rng.uniform(110, 235))
        leaf = np.array([centre - along, centre + across, centre + along, centre - across])
        cv2.fillConvexPoly(canvas, leaf.astype(np.int32), (grey, grey, grey, 255))
    return cv2.resize(canvas, (SIZE, SIZE), interpolation=cv2.INTER_AREA)


MATERIALS = {
    'asphalt': asphalt, 'paving': paving, 'grass': grass, 'snow': snow, 'bark': bark, 'concrete': concrete,
    'planks': planks, 'hedge': hedge, 'roof_tiles': roof_tiles, 'cloth': cloth, 'stripes': stripes,
    'brick_detail': brick_detail, 'stone_detail': stone_detail, 'plaster_detail': plaster_detail,
    'panel_detail': panel_detail, 'board_detail': board_detail, 'mottle': mottle,
    'broad_leaves': lambda rng: leaf_card(rng, 30, 0.45, 330), 'fine_leaves': lambda rng: leaf_card(rng, 18, 0.5, 620),
    'long_leaves': lambda rng: leaf_card(rng, 32, 0.22, 480), 'needles': lambda rng: leaf_card(rng, 44, 0.06, 900),
}


class Textures:
    """The stack of layers; a name gives the layer of a material."""

    def __init__(self, rng: np.random.Generator):
        self.layers: list[Image] = []
        self.index = {name: self.add(paint(rng)) for name, paint in MATERIALS.items()}

    def __getitem__(self, name: str) -> int:
        return self.index[name]

    def add(self, image: Image) -> int:
        """Append a layer and return its number."""
        self.layers.append(image)
        return len(self.layers) - 1

    def stack(self) -> np.ndarray:
        """All layers (n, SIZE, SIZE, 4) uint8, first row at the bottom as OpenGL wants it."""
        return np.ascontiguousarray(np.stack(self.layers)[:, ::-1])
