"""The numbers behind an answer, as they are stored in a checkpoint's metadata: each with its unit and how it was found.

What a person sets for a robot is :class:`dejavu_ros.localization.config.LocalizerConfig`. What is here belongs to the
features: it says how similarities, motions and poses scatter. A checkpoint without an entry takes the defaults.
"""

import dataclasses
from collections.abc import Mapping

from dejavu_ros.config import build, option


@dataclasses.dataclass(frozen=True)
class OnMapModel:
    """The chain of two states, on the map and off it, that gathers the evidence of frames at the tracked place."""

    prior: float = option(0.5, 'probability of being on the map before the first frame', low=0.01, high=0.99)
    persistence: float = option(0.99, 'probability that a robot stays on the map, or off it, until a frame that shows '
                                      'all another view; fitted on drives that leave the map', low=0.5, high=1.0)
    dependence: float = option(0.7, 'share of its log-odds with which a frame after the first one counts, as frames of '
                                    'one drive share their errors; fitted on drives', low=0.0, high=1.0)
    step: float = option(1.0, 'way of the tracked place from those of the recent frames from which a frame that speaks '
                              'for the map counts in full: two looks at one place err alike', unit='m', low=1e-3,
                         high=100.0)
    turn: float = option(30.0, 'turn from them that does the same', unit='deg', low=0.1, high=180.0)
    recent: int = option(20, 'frames that are recent; on drives that leave the map and drives elsewhere, 10 to 40 do '
                             'alike', low=1, high=1000)
    against: float = option(0.8, 'share of its log-odds with which a frame against the map counts: it may be hidden or '
                                 'blurred; fitted on drives', low=0.0, high=1.0)
    floor: float = option(-1.5, 'least log-odds of one frame: many say nothing by night and in rain; chosen on real '
                                'and rendered drives', low=-100.0, high=0.0)
    ceiling: float = option(2.5, 'greatest log-odds of one frame', low=0.0, high=100.0)
    by_chance: float = option(1.0, 'log of how much better than an even belief frames predict the next one off the '
                                   'map, where views resemble each other too; chosen on real and rendered drives',
                              low=0.0, high=100.0)
    most_predicted: float = option(4.0, 'the same, at most, on the map', low=0.0, high=100.0)
    ahead: float = option(1.0, 'log-odds by which a frame that proves the map alone may be ahead of the frames before '
                               'it', low=0.0, high=100.0)


@dataclasses.dataclass(frozen=True)
class MotionModel:
    """How a belief moves between frames, and which frames count. Set by hand on rendered drives (docs/pose.md)."""

    min_step: float = option(1.0, 'spread between two frames, however short the time: keyframes are that far apart',
                             unit='m', low=0.01, high=100.0)
    min_turn: float = option(10.0, 'turn that keyframes can tell', unit='deg', low=0.1, high=180.0)
    turn_error: float = option(30.0, 'between the headings of two keyframes and what odometry says of them', unit='deg',
                               low=1.0, high=180.0)
    turn_way: float = option(5.0, 'way that is as unlikely as a quarter turn, where nothing is known of the motion',
                             unit='m', low=0.0, high=1000.0)
    surprise: float = option(12.0, 'log of how unlikely one frame can make a place: it may be hidden or blurred',
                             low=0.0, high=100.0)
    undated: float = option(1.0, 'time that is taken to lie between two frames of one camera with the same stamp',
                            unit='s', low=0.0, high=100.0)
    late: float = option(0.5, 'a frame that comes so much out of order is late; with an earlier stamp the clock has '
                              'jumped', unit='s', low=0.0, high=100.0)
    same_view: float = option(0.1, 'novelty up to which a camera without odometry has not moved', low=0.0, high=1.0)
    other_view: float = option(0.85, 'novelty from which a view is another one, though odometry says that the robot '
                                     'stands', low=0.0, high=1.0)
    contradiction: float = option(3.0, 'log of how much likelier than the robot\'s place another one must be to speak '
                                       'against it', low=0.0, high=100.0)
    contradicted: float = option(0.5, 'novelty, at least, of a frame that does', low=0.0, high=1.0)
    sure: float = option(0.5, 'belief in one place from which the robot\'s pace is taken there', low=0.0, high=1.0)
    pace_error: float = option(0.5, 'error of the way that a robot without odometry goes at its pace, as a share of it',
                               low=0.0, high=10.0)
    pace_window: float = option(3.0, 'time over which the pace is taken', unit='s', low=0.1, high=100.0)
    pace_known: float = option(1.0, 'time of it, at least, in which the place must be known', unit='s', low=0.0,
                               high=100.0)
    pace_holds: float = option(1.0, 'time for which a pace holds', unit='s', low=0.0, high=100.0)
    steady: float = option(0.8, 'share of the belief that such a robot keeps its pace', low=0.0, high=1.0)
    unknown_way: float = option(0.7, 'share of its weight of a frame without odometry, whose errors pass for motion',
                                low=0.0, high=1.0)


@dataclasses.dataclass(frozen=True)
class PoseModel:
    """How a pose within a place scatters. Fitted on drives through validation towns 101 and 102 (docs/pose.md)."""

    place_error: float = option(0.45, 'standard deviation of a place\'s pose along x and y, beside what the belief and '
                                      'the keyframes say', unit='m', low=0.0, high=100.0)
    turn_error: float = option(2.0, 'standard deviation of a measured heading', unit='deg', low=0.01, high=180.0)
    unseen_turn: float = option(4.0, 'standard deviation between the headings of a robot and of those who mapped, '
                                     'where it is not measured', unit='deg', low=0.01, high=180.0)
    columns: int = option(4, 'columns of the grid that a match may be displaced', low=1, high=1000)
    rows: int = option(2, 'rows of the grid that a match may be displaced', low=1, high=1000)
    min_matches: int = option(12, 'matches from which a heading is measured', low=1, high=100000)


def model_of(card: Mapping, name: str, model: type):
    """The ``model`` stored as ``name`` in a checkpoint's card, else its defaults. Raises ConfigError if it is wrong."""
    return build(model, card.get('localization', {}).get(name, {}))
