"""Painted house fronts, posters and signs: what makes one place unlike the next."""

import dataclasses

import cv2
import numpy as np

from dejavu_ros.town.textures import SIZE, Image

FLOOR = 3.0  # metres from floor to floor
WALL_COLOURS = ((168, 92, 70), (196, 150, 104), (222, 206, 170), (214, 214, 208), (160, 164, 168), (188, 120, 96),
                (140, 158, 172), (166, 176, 142), (226, 190, 120), (206, 150, 142), (120, 92, 76), (98, 110, 124),
                (232, 226, 214), (178, 82, 60), (92, 126, 128), (222, 170, 92))
TRIM_COLOURS = ((240, 240, 236), (70, 60, 54), (60, 84, 70), (58, 70, 104), (124, 52, 44), (206, 200, 184))
BRIGHT_COLOURS = ((200, 36, 40), (30, 84, 170), (24, 120, 70), (240, 186, 30), (245, 245, 240), (34, 34, 40),
                  (138, 48, 120), (232, 116, 28), (90, 190, 200), (236, 150, 170))
DETAILS = ('brick_detail', 'stone_detail', 'plaster_detail', 'plaster_detail', 'panel_detail', 'board_detail')
SYLLABLES = ('BA', 'KO', 'LI', 'MER', 'TO', 'NA', 'SOL', 'RU', 'VEN', 'DI', 'PAN', 'GER', 'FI', 'LUX', 'ORT', 'ZEN')


@dataclasses.dataclass(frozen=True)
class FacadeStyle:
    """What all sides of a house share. Sizes in metres, colours sRGB 0..255."""

    wall: tuple
    trim: tuple
    accent: tuple
    detail: str
    floors: int
    spacing: float
    window: tuple[float, float]
    arched: bool
    shutters: bool
    bars: int
    bands: bool
    ground_floor: tuple | None

    @classmethod
    def draw(cls, rng: np.random.Generator) -> 'FacadeStyle':
        def pick(colours, spread=10):
            return tuple(np.clip(np.array(colours[rng.integers(len(colours))]) + rng.normal(0, spread, 3), 20, 245))

        spacing = rng.uniform(2.0, 3.8)
        return cls(wall=pick(WALL_COLOURS, 14), trim=pick(TRIM_COLOURS), accent=pick(BRIGHT_COLOURS),
                   detail=str(rng.choice(DETAILS)), floors=int(rng.choice([1, 2, 2, 3, 3, 4, 5])), spacing=spacing,
                   window=(rng.uniform(0.8, min(2.2, spacing - 0.7)), rng.uniform(1.2, 2.0)),
                   arched=bool(rng.random() < 0.25), shutters=bool(rng.random() < 0.3), bars=int(rng.integers(0, 4)),
                   bands=bool(rng.random() < 0.45),
                   ground_floor=pick(WALL_COLOURS) if rng.random() < 0.35 else None)


class Canvas:
    """A wall of ``width`` x ``height`` metres to paint on, origin at the bottom left, drawn at twice the size."""

    def __init__(self, width: float, height: float, colour):
        self.scale = np.array([2 * SIZE / width, 2 * SIZE / height])
        self.pixels = np.full((2 * SIZE, 2 * SIZE, 4), (*colour, 255), np.uint8)

    def _pixel(self, x: float, y: float) -> tuple[int, int]:
        return round(x * self.scale[0]), round(2 * SIZE - y * self.scale[1])

    def rectangle(self, x0, y0, x1, y1, colour, alpha: int = 255) -> None:
        cv2.rectangle(self.pixels, self._pixel(x0, y0), self._pixel(x1, y1), (*map(float, colour), alpha), -1)

    def ellipse(self, x, y, radius_x, radius_y, colour, alpha: int = 255) -> None:
        axes = (round(radius_x * self.scale[0]), round(radius_y * self.scale[1]))
        cv2.ellipse(self.pixels, self._pixel(x, y), axes, 0, 0, 360, (*map(float, colour), alpha), -1)

    def line(self, x0, y0, x1, y1, colour, pixels: int = 3, alpha: int = 255) -> None:
        cv2.line(self.pixels, self._pixel(x0, y0), self._pixel(x1, y1), (*map(float, colour), alpha), pixels)

    def paste(self, image: np.ndarray, x0, y0, x1, y1) -> None:
        """Put a picture (h, w, 4) on the wall, cut at its edges."""
        (left, bottom), (right, top) = self._pixel(x0, y0), self._pixel(x1, y1)
        part = self.pixels[max(top, 0):bottom, max(left, 0):right]
        if part.size:
            part[:] = cv2.resize(image, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_AREA)

    def image(self) -> Image:
        return cv2.resize(self.pixels, (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def columns_of(style: FacadeStyle, width: float) -> int:
    """Window columns on a wall of that width; the shader lights windows by this grid."""
    return max(1, round(width / style.spacing))


def paint_window(canvas: Canvas, rng, style: FacadeStyle, x: float, y: float, width: float, height: float) -> None:
    """A window with its lower middle at (x, y)."""
    trim, dark = np.array(style.trim), np.array((52, 60, 68)) * rng.uniform(0.7, 1.2)
    left, right, top = x - width / 2, x + width / 2, y + height
    canvas.rectangle(left - 0.12, y - 0.1, right + 0.12, top + 0.12, trim)
    if style.arched:
        canvas.ellipse(x, top, width / 2 + 0.12, width / 2 + 0.1, trim)
        canvas.ellipse(x, top, width / 2, width / 2, dark, 0)
    canvas.rectangle(left, y, right, top, dark, 0)
    if rng.random() < 0.45:  # curtains: they show by day and glow at night
        share, colour = rng.uniform(0.15, 0.4) * width, rng.uniform(120, 220, 3)
        canvas.rectangle(left, y, left + share, top, colour, 60)
        canvas.rectangle(right - share, y, right, top, colour, 60)
    elif rng.random() < 0.3:
        canvas.rectangle(left, top - rng.uniform(0.3, 0.8) * height, right, top, rng.uniform(110, 200, 3), 60)
    for bar in range(style.bars):
        at = left + width * (bar + 1) / (style.bars + 1)
        canvas.line(at, y, at, top, trim)
    if style.bars:
        canvas.line(left, y + 0.65 * height, right, y + 0.65 * height, trim)
    canvas.rectangle(left - 0.2, y - 0.2, right + 0.2, y - 0.08, np.clip(trim * 0.85, 0, 255))
    if style.shutters:
        for side in (left - 0.12 - 0.4 * width, right + 0.12):
            canvas.rectangle(side, y, side + 0.4 * width, top, np.array(style.accent) * 0.7)
            for slat in np.arange(y + 0.1, top, 0.16):
                canvas.line(side, slat, side + 0.4 * width, slat, np.array(style.accent) * 0.5, 1)


def paint_door(canvas: Canvas, rng, style: FacadeStyle, x: float) -> None:
    width, height = rng.uniform(1.0, 1.5), rng.uniform(2.1, 2.6)
    colour = np.array(BRIGHT_COLOURS[rng.integers(len(BRIGHT_COLOURS))]) * rng.uniform(0.4, 0.9)
    canvas.rectangle(x - width / 2 - 0.2, 0, x + width / 2 + 0.2, height + 0.25, style.trim)
    canvas.rectangle(x - width / 2, 0, x + width / 2, height, colour)
    if rng.random() < 0.5:
        canvas.rectangle(x - 0.3 * width, 0.55 * height, x + 0.3 * width, 0.9 * height, (60, 66, 72), 0)
    else:
        for low, high in ((0.08, 0.45), (0.55, 0.92)):
            canvas.rectangle(x - 0.35 * width, low * height, x + 0.35 * width, high * height, colour * 0.75)


def paint_garage(canvas: Canvas, rng, style: FacadeStyle, x: float) -> None:
    colour = np.array(style.accent) * 0.4 + 110
    canvas.rectangle(x - 1.5, 0, x + 1.5, 2.5, style.trim)
    canvas.rectangle(x - 1.35, 0, x + 1.35, 2.35, colour)
    for rail in np.arange(0.3, 2.3, rng.choice([0.2, 0.4, 0.55])):
        canvas.line(x - 1.35, rail, x + 1.35, rail, colour * 0.7, 2)


def paint_shop(canvas: Canvas, rng, style: FacadeStyle, x0: float, x1: float) -> None:
    """A shop front with its goods in the window and its name above."""
    accent = np.array(style.accent)
    canvas.rectangle(x0, 0, x1, FLOOR, accent * 0.55)
    edge = x0 + 0.25
    while edge < x1 - 1.2:
        width = min(rng.uniform(1.2, 2.6), x1 - 0.25 - edge)
        canvas.rectangle(edge, 0.5, edge + width, 2.25, (70, 72, 74), 0)
        for _ in range(int(width * 5)):  # the goods
            gx, gy = edge + rng.uniform(0.1, width - 0.1), rng.uniform(0.6, 1.4)
            colour = np.array(BRIGHT_COLOURS[rng.integers(len(BRIGHT_COLOURS))]) * 0.8
            canvas.rectangle(gx - 0.12, gy - 0.1, gx + 0.12, gy + rng.uniform(0.1, 0.5), colour, 40)
        edge += width + 0.2
    sign = paint_sign(rng, text_only=True)
    canvas.paste(sign[SIZE // 4:3 * SIZE // 4], x0 + 0.1, 2.35, min(x1 - 0.1, x0 + 0.1 + rng.uniform(3, 6)), 3.0)


def paint_facade(rng: np.random.Generator, style: FacadeStyle, width: float, height: float, *, front: bool) -> Image:
    """A whole wall of a house; alpha is 0 where there is glass. Fronts have doors, shops and posters."""
    canvas = Canvas(width, height, style.wall)
    trim = np.array(style.trim)
    if style.ground_floor:
        canvas.rectangle(0, 0, width, FLOOR - 0.1, style.ground_floor)
    canvas.rectangle(0, 0, width, 0.35, np.array(style.wall) * 0.6)
    if style.bands:
        for floor in range(1, style.floors):
            canvas.rectangle(0, floor * FLOOR - 0.18, width, floor * FLOOR, trim * 0.9)
    canvas.rectangle(0, height - 0.35, width, height, trim * 0.8)
    columns = columns_of(style, width)
    step = width / columns
    shop = front and style.floors > 1 and width > 9 and rng.random() < 0.4
    door = int(rng.integers(columns))
    garage = int(rng.integers(columns)) if step > 3.2 and rng.random() < 0.5 else -1
    blind = 0.06 if front else 0.55
    odd = int(rng.integers(style.floors)) if rng.random() < 0.5 else -1  # one floor with windows of its own
    for floor in range(style.floors):
        tall, wide = style.window[1], style.window[0]
        if floor == odd:
            tall, wide = tall * 0.65, min(wide * 1.25, step - 0.5)
        for column in range(columns):
            x, sill = (column + 0.5) * step, floor * FLOOR + 0.95
            tall_here = min(tall, FLOOR - 1.15 - (wide / 2 if style.arched else 0))
            if front and floor == 0 and (shop or column in (door, garage)):
                continue
            if rng.random() > blind:
                paint_window(canvas, rng, style, x, sill, wide, max(tall_here, 0.7))
    if shop:
        left = rng.uniform(0, 0.3) * width
        paint_shop(canvas, rng, style, left, rng.uniform(0.75, 1.0) * width)
        door = 0 if left > 2.0 else -1
    if front and door >= 0:
        paint_door(canvas, rng, style, max((door + 0.5) * step if not shop else 1.0, 0.9))
    if front and garage >= 0 and not shop and garage != door:
        paint_garage(canvas, rng, style, (garage + 0.5) * step)
    if not front and rng.random() < 0.25:  # a mural or an old advertisement on the bare side
        x, y, size = rng.uniform(0.1, 0.4) * width, rng.uniform(0.2, 0.5) * height, rng.uniform(0.35, 0.6)
        canvas.paste(paint_poster(rng), x, y, min(x + size * width, width), min(y + size * height, height))
    image = canvas.image()
    streaks = cv2.GaussianBlur(rng.normal(1, 0.5, (1, SIZE)).astype(np.float32), (9, 1), 0)
    fade = np.linspace(0, 1, SIZE)[:, None] * (streaks - 1) * 0.25
    image[..., :3] = np.clip(image[..., :3] * (1 + fade)[..., None], 0, 255)
    return image


def _text(image: np.ndarray, text: str, centre: tuple[int, int], width: int, colour, thickness: int) -> None:
    font = cv2.FONT_HERSHEY_DUPLEX
    scale = width / cv2.getTextSize(text, font, 1.0, thickness)[0][0]
    (wide, high), _ = cv2.getTextSize(text, font, scale, thickness)
    corner = (centre[0] - wide // 2, centre[1] + high // 2)
    cv2.putText(image, text, corner, font, scale, colour, thickness, cv2.LINE_AA)


def two_colours(rng) -> tuple[tuple, tuple]:
    first, second = rng.choice(len(BRIGHT_COLOURS), 2, replace=False)
    return BRIGHT_COLOURS[first], BRIGHT_COLOURS[second]


def opaque(image: np.ndarray) -> Image:
    """RGB with a full alpha channel; OpenCV leaves alpha ragged where it smooths edges."""
    return np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])


def paint_sign(rng: np.random.Generator, *, text_only: bool = False) -> Image:
    """A board with a made-up name (and a number)."""
    back, fore = two_colours(rng)
    image = np.full((SIZE, SIZE, 3), back, np.uint8)
    name = ''.join(rng.choice(SYLLABLES, rng.integers(2, 4)))
    if text_only:
        _text(image, name, (SIZE // 2, SIZE // 2), 220, fore, 4)
        return opaque(image)
    cv2.rectangle(image, (8, 8), (SIZE - 8, SIZE - 8), fore, 8)
    _text(image, name, (SIZE // 2, 84), 200, fore, 4)
    _text(image, str(rng.integers(10, 99)), (SIZE // 2, 176), 110, fore, 8)
    return opaque(image)


def paint_poster(rng: np.random.Generator) -> Image:
    """An abstract picture: bold shapes in a few colours, perhaps a word."""
    back, fore = two_colours(rng)
    image = np.full((SIZE, SIZE, 3), back, np.uint8)
    for _ in range(rng.integers(3, 8)):
        colour = tuple(np.array(BRIGHT_COLOURS[rng.integers(len(BRIGHT_COLOURS))]) * rng.uniform(0.6, 1.0))
        x, y, size = (int(v) for v in rng.integers((20, 20, 25), (SIZE - 20, SIZE - 20, 90)))
        shape = rng.integers(4)
        if shape == 0:
            cv2.circle(image, (x, y), size, colour, -1, cv2.LINE_AA)
        elif shape == 1:
            cv2.rectangle(image, (x - size, y - size // 2), (x + size, y + size // 3), colour, -1)
        elif shape == 2:
            cv2.fillPoly(image, [rng.integers(0, SIZE, (3, 2)).astype(np.int32)], colour, cv2.LINE_AA)
        else:
            cv2.ellipse(image, (x, y), (size, size), 0, 0, 250, colour, 14, cv2.LINE_AA)
    if rng.random() < 0.6:
        _text(image, ''.join(rng.choice(SYLLABLES, 2)), (SIZE // 2, int(rng.integers(50, 210))), 200, fore, 6)
    return opaque(image)


def paint_road_sign(rng: np.random.Generator) -> Image:
    """A traffic sign: disc, triangle or board; the corners are grey metal."""
    image = np.full((SIZE, SIZE, 3), 150, np.uint8)
    kind, centre = rng.integers(4), (SIZE // 2, SIZE // 2)
    red, white, blue = (196, 30, 34), (244, 244, 244), (26, 76, 160)
    if kind == 0:
        cv2.circle(image, centre, 124, red, -1, cv2.LINE_AA)
        cv2.circle(image, centre, 92, white, -1, cv2.LINE_AA)
        _text(image, str(rng.choice([20, 30, 40, 50])), centre, 120, (20, 20, 20), 10)
    elif kind == 1:
        cv2.fillPoly(image, [np.array([[128, 8], [250, 236], [6, 236]])], red, cv2.LINE_AA)
        cv2.fillPoly(image, [np.array([[128, 58], [208, 210], [48, 210]])], white, cv2.LINE_AA)
    elif kind == 2:
        image[:] = blue
        _text(image, str(rng.choice(['P', 'H', 'A4', 'B27'])), centre, 120, white, 14)
    else:
        return paint_sign(rng)
    return opaque(image)
