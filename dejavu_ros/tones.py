"""16 bits a pixel to 8: which values are shown as black and as white.

Cameras put 10, 12 or 14 bits into 16, and thermal cameras temperatures that fill a small part of the range. No message
says so, hence the values that are seen decide: those of a whole recording, or of the last frames of a live camera, so
that no frame is brighter than the next because of what it shows.
"""

from collections import deque

import numpy as np

BITS = 8, 10, 12, 14, 16
FRAMES = 64  # whose values count
SETTLED = 10  # frames after which the number of bits only grows
SHARE = 0.5  # percent of the pixels of a frame that may be darker, and brighter: dead ones, the sun
LITTLE = 1 / 8  # of the values that the bits allow; who uses less of them is stretched, as a thermal camera is
MARGIN = 1 / 4  # of the values in use, below and above them
SAMPLES = 1 << 14  # pixels of a frame that are looked at


class ToneRange:
    """The values of a stream of pictures that are shown as black and white; follows the stream until it is ``fixed``.

    With the bits in use (8, 10, 12, 14 or 16) black is 0 and white their largest value; where the pictures use less
    than an eighth of these values, they are stretched over what is in use and a quarter more on either side.
    """

    def __init__(self):
        self.fixed = False
        self.black, self.white = 0.0, 65535.0
        self._seen: deque[tuple[int, int]] = deque(maxlen=FRAMES)
        self._bits = BITS[0]

    @property
    def used(self) -> bool:
        """Whether a picture of 16 bits was seen."""
        return bool(self._seen)

    def to_8bit(self, pixels: np.ndarray) -> np.ndarray:
        """(H, W) or (H, W, C) uint16 to uint8 of the same shape."""
        if not self.fixed:
            self._see(pixels)
        scaled = np.clip((pixels.astype(np.float32) - self.black) * (255 / (self.white - self.black)), 0, 255)
        return (scaled + 0.5).astype(np.uint8)

    def _see(self, pixels: np.ndarray) -> None:
        step = int((pixels.shape[0] * pixels.shape[1] / SAMPLES) ** 0.5) | 1  # odd, for all colours of a mosaic
        self._seen.append(np.percentile(pixels[::step, ::step], (SHARE, 100 - SHARE), method='nearest'))
        low, high = np.median(np.array(self._seen), axis=0)
        bits = max(self._bits, next(bits for bits in BITS if high < 1 << bits))
        if len(self._seen) >= SETTLED:
            self._bits = bits
        self.black, self.white = 0.0, float((1 << bits) - 1)
        if high - low < LITTLE * self.white:
            margin = max(MARGIN * (high - low), 1.0)
            self.black, self.white = float(low - margin), float(high + margin)
