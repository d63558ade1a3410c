"""Light and weather that were not there: each training view changed on its own, as no two cameras see alike."""

import cv2
import numpy as np

GAMMA, GAIN, CAST = 0.7, 0.5, 0.25  # half ranges of logarithms
BLUR, NOISE = 1.5, 0.06  # largest standard deviations: pixels, and shares of full scale
FOG, DARKNESS = 0.7, 0.85  # largest shares of the picture that a veil takes


def disturb(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint8 RGB in other light: gamma, gain and colour cast, fog or darkness or neither, blur, noise.

    ``strength`` in [0, 1] scales all of it. A function of ``rng`` alone.
    """
    light = image.astype(np.float32) / 255
    light **= np.exp(strength * rng.uniform(-GAMMA, GAMMA))
    light *= np.exp(strength * (rng.uniform(-GAIN, GAIN) + rng.uniform(-CAST, CAST, 3))).astype(np.float32)
    light = (fog, darkness, lambda picture, *_: picture)[rng.integers(3)](light, strength, rng)
    light = cv2.GaussianBlur(light, (0, 0), max(strength * rng.uniform(0, BLUR), 0.01))
    light += (strength * rng.uniform(0, NOISE) * rng.standard_normal(light.shape)).astype(np.float32)
    return (light * 255).round().clip(0, 255).astype(np.uint8)


def fog(light: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A bright veil over (H, W, 3), thickest at half height, where the distance is, and thinner down to the ground."""
    rows = np.linspace(0, 1, len(light), dtype=np.float32)
    distant = np.interp(rows, (0, 0.5, 1), (0.8, 1, 0.3))[:, None, None]
    veil = (strength * rng.uniform(0, FOG) * distant).astype(np.float32)
    return light * (1 - veil) + np.float32(rng.uniform(0.5, 0.9)) * veil


def darkness(light: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Night over (H, W, 3): all is dimmed, the sky most, what lamps and headlights reach least."""
    rows = np.linspace(1, 0.6, len(light), dtype=np.float32)[:, None, None]
    return light * (1 - strength * np.float32(rng.uniform(0, DARKNESS)) * rows)
