"""The drives of the demo: which town, which weather, where."""

import dataclasses

from dejavu_ros.config import option


@dataclasses.dataclass(frozen=True)
class DemoConfig:
    """Size of the demo."""

    town_seed: int = option(201, 'the town that is mapped', low=0)
    other_town_seed: int = option(202, 'the town of the unmapped street', low=0)
    length: float = option(200.0, 'stretch of road that is mapped', unit='m', low=20.0, high=600.0)
    map_step: float = option(1.0, 'between the frames of the mapping drive', unit='m', low=0.1, high=10.0)
    query_step: float = option(3.0, 'between the frames of the other drives', unit='m', low=0.1, high=50.0)
    speed: float = option(6.0, 'of the car', unit='m/s', low=0.5, high=30.0)
    checkpoint: str = option('', 'checkpoint file; empty: the shipped one')


@dataclasses.dataclass(frozen=True)
class Drive:
    """One rosbag2 to render and, but for the first, to play to the node; ``start``, ``length``, ``step`` in metres."""

    name: str
    town_seed: int
    condition: str
    traversal_seed: int
    start: float
    length: float
    step: float

    @property
    def title(self) -> str:
        return self.condition.replace('-', ' ')


def plan(config: DemoConfig) -> tuple[Drive, list[Drive], Drive]:
    """The mapping drive, the drives of other seasons on the same road, and the one in a street that no map holds."""
    margin = 5.0  # queries stay on the mapped stretch
    mapping = Drive('summer', config.town_seed, 'overcast-summer', 1, 20.0, config.length, config.map_step)
    start, length = mapping.start + margin, mapping.length - 2 * margin
    queries = [Drive(condition, config.town_seed, condition, 2 + index, start, length, config.query_step)
               for index, condition in enumerate(('snow', 'night'))]
    unmapped = Drive('unmapped', config.other_town_seed, 'overcast-summer', 5, start, length, config.query_step)
    return mapping, queries, unmapped
