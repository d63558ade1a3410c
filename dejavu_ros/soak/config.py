"""How much of a soak is run."""

import dataclasses

from dejavu_ros.config import option

MAPPED_FRAMES, UNMAPPED_FRAMES = 20_000, 5_000
SECONDS = 1800.0  # of the node over DDS
MESSAGES = 10_000
KILLS = 200
PHASES = 'kills', 'fuzz', 'drives', 'memory'


@dataclasses.dataclass(frozen=True)
class SoakConfig:
    """The whole is 20,000 frames on the map and 5,000 off it, 30 minutes, 10,000 messages and 200 kills."""

    scale: float = option(1.0, 'share of the whole', low=0.0001, high=100.0)
    checkpoint: str = option('', 'checkpoint file; empty: the shipped one')

    def share(self, whole: float) -> int:
        """So many of ``whole``, one at least."""
        return max(1, round(self.scale * whole))
