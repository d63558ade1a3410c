"""The nine conditions of RobotCar Seasons, each a range of looks from which a traversal draws its own."""

import dataclasses

import numpy as np

Colour = tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Look:
    """How the world looks during one traversal; every field is a uniform of the shaders.

    Angles in degrees (azimuth counter-clockwise from east), colours linear RGB, shares 0 to 1.
    """

    sun_azimuth: float = 0.0
    sun_elevation: float = 45.0
    sun: Colour = (0.0, 0.0, 0.0)  # light that casts shadows
    ambient: Colour = (0.5, 0.5, 0.5)  # light from the sky
    bounce: Colour = (0.2, 0.2, 0.2)  # light from the ground
    zenith: Colour = (0.2, 0.4, 0.8)
    horizon: Colour = (0.7, 0.8, 0.9)
    cloud: Colour = (0.9, 0.9, 0.9)
    cloud_cover: float = 0.3
    haze: Colour = (0.7, 0.75, 0.8)
    haze_density: float = 0.002  # per metre
    wet: float = 0.0  # of the ground
    snow: float = 0.0  # cover of what faces up
    tracks: float = 0.0  # how far cars have cleared the road
    leaves: float = 1.0  # still on the trees
    autumn: float = 0.0  # of them coloured
    dry: float = 0.0  # grass gone pale
    night: float = 0.0  # lamps, windows and signs are lit
    lit_windows: float = 0.0
    lamp: Colour = (1.0, 0.75, 0.45)
    headlights: float = 0.0
    falling_rain: float = 0.0
    falling_snow: float = 0.0
    drops: float = 0.0  # on the lens
    blur: float = 0.0  # mip levels
    bloom: float = 0.2
    noise: float = 0.01
    exposure: float = 1.0
    gamma: float = 2.2  # of the camera
    saturation: float = 1.0
    balance: Colour = (1.0, 1.0, 1.0)
    vignette: float = 0.3

    @property
    def sun_direction(self) -> np.ndarray:
        """Unit vector (3,) towards the sun in the map."""
        azimuth, elevation = np.radians([self.sun_azimuth, self.sun_elevation])
        return np.array([np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)])


def _grey(low: float, high: float, tint: Colour = (1.0, 1.0, 1.0)):
    """A range of brightness of one colour."""
    return tuple(low * part for part in tint), tuple(high * part for part in tint)


BLUISH, WARM, SODIUM, WHITE = (0.94, 1.0, 1.08), (1.0, 0.84, 0.62), (1.0, 0.62, 0.26), (0.85, 0.95, 1.0)
EVERY_DAY = {'exposure': (0.7, 1.3), 'gamma': (1.8, 2.5), 'noise': (0.004, 0.015), 'saturation': (0.8, 1.15),
             'vignette': (0.1, 0.5), 'balance': ((0.95, 0.98, 0.93), (1.05, 1.02, 1.07)),
             'sun_azimuth': (-180.0, 180.0)}
BY_NIGHT = {**EVERY_DAY, 'exposure': (0.45, 1.3), 'gamma': (1.5, 2.2), 'noise': (0.01, 0.04), 'saturation': (0.75, 1.0),
            'balance': ((1.0, 0.97, 0.82), (1.15, 1.03, 1.0)), 'night': (1.0, 1.0), 'lit_windows': (0.2, 0.5),
            'headlights': (0.6, 1.2), 'bloom': (0.5, 1.0), 'lamp': (SODIUM, WHITE),
            'zenith': _grey(0.002, 0.008, BLUISH), 'leaves': (0.0, 1.0), 'autumn': (0.0, 0.9), 'dry': (0.0, 0.5)}

# a field not named keeps its default; a pair of colours is mixed as a whole, then shifted a little
RANGES: dict[str, dict[str, tuple]] = {
    'dawn': {**EVERY_DAY, 'sun_azimuth': (-35.0, 35.0), 'sun_elevation': (5.0, 14.0),
             'sun': ((1.6, 0.7, 0.3), (2.4, 1.35, 0.75)), 'ambient': ((0.28, 0.27, 0.38), (0.42, 0.38, 0.46)),
             'bounce': _grey(0.1, 0.18, WARM), 'zenith': ((0.16, 0.24, 0.48), (0.3, 0.36, 0.56)),
             'horizon': ((1.0, 0.5, 0.3), (1.05, 0.72, 0.5)), 'cloud': ((0.9, 0.5, 0.42), (1.0, 0.7, 0.58)),
             'cloud_cover': (0.15, 0.5), 'haze': ((0.8, 0.52, 0.4), (0.85, 0.66, 0.55)),
             'haze_density': (0.004, 0.012), 'leaves': (0.4, 1.0), 'autumn': (0.0, 1.0), 'dry': (0.0, 0.6),
             'night': (0.05, 0.3), 'lit_windows': (0.05, 0.2), 'wet': (0.0, 0.15)},
    'dusk': {**EVERY_DAY, 'sun_azimuth': (145.0, 215.0), 'sun_elevation': (3.0, 8.0),
             'sun': ((0.7, 0.2, 0.12), (1.3, 0.55, 0.3)), 'ambient': ((0.17, 0.16, 0.3), (0.27, 0.23, 0.42)),
             'bounce': _grey(0.06, 0.12), 'zenith': ((0.06, 0.08, 0.26), (0.16, 0.16, 0.4)),
             'horizon': ((0.8, 0.3, 0.24), (0.9, 0.45, 0.42)), 'cloud': ((0.45, 0.24, 0.32), (0.65, 0.38, 0.42)),
             'cloud_cover': (0.25, 0.65), 'haze': ((0.34, 0.22, 0.3), (0.48, 0.34, 0.4)),
             'haze_density': (0.002, 0.007), 'leaves': (0.5, 1.0), 'autumn': (0.0, 0.6), 'dry': (0.0, 0.5),
             'night': (0.6, 0.95), 'lit_windows': (0.2, 0.45), 'headlights': (0.0, 0.5), 'lamp': (SODIUM, WHITE),
             'noise': (0.01, 0.025), 'bloom': (0.25, 0.5), 'exposure': (0.9, 1.35)},
    'night': {**BY_NIGHT, 'ambient': _grey(0.008, 0.03, BLUISH), 'bounce': _grey(0.005, 0.015),
              'horizon': _grey(0.008, 0.03), 'cloud': _grey(0.006, 0.02), 'cloud_cover': (0.2, 0.8),
              'haze': _grey(0.006, 0.02), 'haze_density': (0.002, 0.006), 'wet': (0.0, 0.2)},
    'night-rain': {**BY_NIGHT, 'ambient': _grey(0.012, 0.035, BLUISH), 'bounce': _grey(0.006, 0.015),
                   'horizon': _grey(0.02, 0.05, WARM), 'cloud': _grey(0.015, 0.04), 'cloud_cover': (0.85, 1.0),
                   'haze': _grey(0.018, 0.045), 'haze_density': (0.007, 0.015), 'wet': (0.8, 1.0),
                   'falling_rain': (0.5, 1.0), 'drops': (0.1, 0.3), 'blur': (0.2, 0.8), 'bloom': (0.8, 1.4)},
    'overcast-summer': {**EVERY_DAY, 'sun_elevation': (45.0, 65.0), 'sun': _grey(0.1, 0.35),
                        'ambient': _grey(0.58, 0.76, BLUISH), 'bounce': _grey(0.16, 0.24),
                        'zenith': _grey(0.55, 0.68, BLUISH), 'horizon': _grey(0.78, 0.92), 'cloud': _grey(0.8, 0.95),
                        'cloud_cover': (0.85, 1.0), 'haze': _grey(0.75, 0.85, BLUISH), 'haze_density': (0.001, 0.003),
                        'autumn': (0.0, 0.05), 'dry': (0.0, 0.25)},
    'overcast-winter': {**EVERY_DAY, 'sun_elevation': (15.0, 28.0), 'sun': _grey(0.04, 0.16),
                        'ambient': _grey(0.4, 0.56, BLUISH), 'bounce': _grey(0.1, 0.18),
                        'zenith': _grey(0.48, 0.6, BLUISH), 'horizon': _grey(0.62, 0.76), 'cloud': _grey(0.6, 0.76),
                        'cloud_cover': (0.9, 1.0), 'haze': _grey(0.6, 0.74), 'haze_density': (0.003, 0.008),
                        'leaves': (0.0, 0.08), 'autumn': (0.9, 1.0), 'dry': (0.7, 1.0), 'wet': (0.1, 0.5),
                        'saturation': (0.65, 0.9), 'snow': (0.0, 0.06)},
    'rain': {**EVERY_DAY, 'ambient': _grey(0.34, 0.48, BLUISH), 'bounce': _grey(0.1, 0.18),
             'zenith': _grey(0.3, 0.44, BLUISH), 'horizon': _grey(0.46, 0.62), 'cloud': _grey(0.4, 0.54),
             'cloud_cover': (0.9, 1.0), 'haze': _grey(0.46, 0.6), 'haze_density': (0.005, 0.012), 'wet': (0.8, 1.0),
             'falling_rain': (0.4, 0.9), 'drops': (0.06, 0.22), 'blur': (0.1, 0.6), 'leaves': (0.5, 1.0),
             'autumn': (0.0, 0.8), 'dry': (0.0, 0.4), 'night': (0.0, 0.3), 'lit_windows': (0.0, 0.25),
             'saturation': (0.7, 0.95), 'noise': (0.01, 0.025)},
    'snow': {**EVERY_DAY, 'sun_elevation': (12.0, 30.0), 'sun': _grey(0.04, 0.4), 'ambient': _grey(0.44, 0.62, BLUISH),
             'bounce': _grey(0.28, 0.4), 'zenith': _grey(0.6, 0.8, BLUISH), 'horizon': _grey(0.76, 0.88),
             'cloud': _grey(0.74, 0.88), 'cloud_cover': (0.85, 1.0), 'haze': _grey(0.78, 0.88, BLUISH),
             'haze_density': (0.004, 0.012), 'snow': (0.65, 1.0), 'tracks': (0.2, 0.9), 'falling_snow': (0.0, 0.4),
             'leaves': (0.0, 0.05), 'autumn': (1.0, 1.0), 'dry': (0.8, 1.0), 'saturation': (0.65, 0.95)},
    'sun': {**EVERY_DAY, 'sun_elevation': (25.0, 58.0), 'sun': ((1.9, 1.6, 1.2), (2.6, 2.45, 2.15)),
            'ambient': ((0.34, 0.42, 0.6), (0.48, 0.56, 0.74)), 'bounce': _grey(0.18, 0.28, WARM),
            'zenith': ((0.09, 0.24, 0.66), (0.18, 0.36, 0.78)), 'horizon': ((0.55, 0.7, 0.88), (0.7, 0.8, 0.92)),
            'cloud': _grey(1.0, 1.2), 'cloud_cover': (0.0, 0.5), 'haze': _grey(0.66, 0.8, BLUISH),
            'haze_density': (0.0006, 0.002), 'autumn': (0.0, 0.15), 'dry': (0.0, 0.4), 'exposure': (0.45, 0.75)},
}
CONDITIONS = tuple(RANGES)


def draw_look(condition: str, rng: np.random.Generator) -> Look:
    """A look of that condition."""
    drawn = {}
    for name, (low, high) in RANGES[condition].items():
        if isinstance(low, tuple):
            mixed = np.array(low) + rng.random() * np.subtract(high, low)
            drawn[name] = tuple(float(value) for value in mixed * rng.normal(1, 0.02, 3))
        else:
            drawn[name] = float(rng.uniform(low, high))
    return Look(**drawn)
