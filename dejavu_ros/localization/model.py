"""The numbers behind an answer, as they are stored in a checkpoint's metadata: each with its unit and how it was found.

What a person sets for a robot is :class:`dejavu_ros.localization.config.LocalizerConfig`. What is here belongs to the
features: it says how similarities, motions and poses scatter. A checkpoint without an entry takes the defaults. The
fitted part, :class:`dejavu_ros.localization.observation.Calibration`, has an entry of its own; docs/model_numbers.md
lists all of them. Sizes of an implementation (samples, chunks, caches) are constants of their modules.
"""

import dataclasses
from collections.abc import Mapping

from dejavu_ros.config import build, option
from dejavu_ros.sixdof.model import PnPModel, PointModel


@dataclasses.dataclass(frozen=True)
class EvidenceModel:
    """How scores become evidence, given the fitted Calibration: what stands for a place, and what a small map is told.

    Set by hand on validation drives, rendered and real ones (docs/evaluation.md); the Calibration is fitted given them.
    """

    pseudo_count: int = option(16, 'scores, or pairs, of unrelated keyframes for which the checkpoint\'s reference '
                                   'counts in a statistic of the map\'s own', unit='scores', low=1, high=100000)
    lead_keyframes: int = option(3, 'best keyframes of a place whose mean score is its lead', unit='keyframes', low=1,
                                 high=100)
    support_neighbours: int = option(2, 'neighbours of a keyframe in its own map that must stand out there: the last '
                                        'of them says how far they confirm it', unit='keyframes', low=1, high=100)
    support_share: float = option(0.3, 'share of what its own neighbours lead by that the lead of a keyframe counts at '
                                       'most', low=0.0, high=10.0)
    unsupported_lead: float = option(0.5, 'lead that counts where no neighbour confirms the keyframe',
                                     unit='standard deviations', low=0.0, high=100.0)
    ambiguous_share: float = option(0.25, 'share of the best place\'s probability from which another place makes a '
                                          'frame ambiguous', low=0.0, high=1.0)
    agreement_deviation: float = option(0.05, 'standard deviation of the share of cells in which unrelated keyframes '
                                              'agree, before a map is known', low=1e-4, high=1.0)
    unknown_agreement_deviation: float = option(0.1, 'the same share\'s in a map that has no unrelated keyframes',
                                                low=1e-4, high=1.0)


@dataclasses.dataclass(frozen=True)
class AgreementModel:
    """How cells of two views are compared, beyond what all views of a map have in common.

    Set by hand on validation places and drives; what a map of a few keyframes asks for, on towns (docs/cameras.md).
    """

    columns_part: int = option(5, 'the view may have moved sideways by the columns of the grid divided by this',
                               unit='1 / share', low=1, high=1000)
    rows_part: int = option(12, 'the view may have moved up or down by the rows of the grid divided by this, or by one',
                            unit='1 / share', low=1, high=1000)
    doubt: float = option(2.0, 'keyframes for which "nothing is usual" counts: what a map of one place shows is not',
                          unit='keyframes', low=0.0, high=1000.0)
    pooled: float = option(16.0, 'keyframes for which the variance over all cells counts in that of each cell',
                           unit='keyframes', low=0.0, high=10000.0)
    floor: float = option(0.15, 'share of the mean variance that is added to all: directions that hardly vary are not '
                                'to be trusted', low=0.0, high=10.0)
    small_map: int = option(4, 'a map of so many keyframes cannot tell how far from them a frame was taken',
                            unit='keyframes', low=0, high=1000)
    small_map_share: float = option(0.9, 'share of the seen cells that must agree in such a map, less small_map_relief '
                                         'for each keyframe', low=0.0, high=1.0)
    small_map_relief: float = option(0.05, 'share of the cells by which each keyframe of a small map lowers that',
                                     low=0.0, high=1.0)


@dataclasses.dataclass(frozen=True)
class OnMapModel:
    """The chain of two states, on the map and off it, that gathers the evidence of frames at the tracked place.

    What is not called fitted is set by hand.
    """

    prior: float = option(0.5, 'probability of being on the map before the first frame', low=0.01, high=0.99)
    persistence: float = option(0.99, 'probability that a robot stays on the map, or off it, until a frame that shows '
                                      'all another view; fitted on drives that leave the map', low=0.5, high=1.0)
    dependence: float = option(0.7, 'share of its log-odds with which a frame after the first one counts, as frames of '
                                    'one drive share their errors; fitted on drives', low=0.0, high=1.0)
    step: float = option(1.0, 'way of the tracked place from those of the recent frames from which a frame that speaks '
                              'for the map counts in full: two looks at one place err alike', unit='m', low=1e-3,
                         high=100.0)
    turn: float = option(30.0, 'turn from them that does the same', unit='deg', low=0.1, high=180.0)
    recent: int = option(20, 'number of frames that are recent; on drives that leave the map and drives elsewhere, 10 '
                             'to 40 do alike', unit='frames', low=1, high=1000)
    against: float = option(0.8, 'share of its log-odds with which a frame against the map counts: it may be hidden or '
                                 'blurred; fitted on drives', low=0.0, high=1.0)
    floor: float = option(-1.5, 'least log-odds of one frame: many say nothing by night and in rain; chosen on real '
                                'and rendered drives', unit='log-odds', low=-100.0, high=0.0)
    ceiling: float = option(2.5, 'greatest log-odds of one frame', unit='log-odds', low=0.0, high=100.0)
    by_chance: float = option(1.0, 'log of how much better than an even belief frames predict the next one off the '
                                   'map, where views resemble each other too; chosen on real and rendered drives',
                              unit='nats', low=0.0, high=100.0)
    most_predicted: float = option(4.0, 'the same, at most, on the map', unit='nats', low=0.0, high=100.0)
    ahead: float = option(1.0, 'log-odds by which a frame that proves the map alone may be ahead of the frames before '
                               'it', unit='log-odds', low=0.0, high=100.0)
    told: float = option(0.95, 'probability of being on the map where somebody says where', low=0.0,
                         high=1.0)


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
                             unit='log-odds', low=0.0, high=100.0)
    undated: float = option(1.0, 'time that is taken to lie between two frames of one camera with the same stamp',
                            unit='s', low=0.0, high=100.0)
    late: float = option(0.5, 'a frame that comes so much out of order is late; with an earlier stamp the clock has '
                              'jumped', unit='s', low=0.0, high=100.0)
    same_view: float = option(0.1, 'novelty up to which a camera without odometry has not moved', low=0.0, high=1.0)
    other_view: float = option(0.85, 'novelty from which a view is another one, though odometry says that the robot '
                                     'stands', low=0.0, high=1.0)
    contradiction: float = option(3.0, 'log of how much likelier than the robot\'s place another one must be to speak '
                                       'against it', unit='log-odds', low=0.0, high=100.0)
    contradicted: float = option(0.5, 'novelty, at least, of a frame that does', low=0.0, high=1.0)
    sure: float = option(0.5, 'probability of a place from which the robot\'s pace is taken there', low=0.0, high=1.0)
    pace_error: float = option(0.5, 'error of the way that a robot without odometry goes at its pace, as a share of it',
                               low=0.0, high=10.0)
    pace_window: float = option(3.0, 'time over which the pace is taken', unit='s', low=0.1, high=100.0)
    pace_known: float = option(1.0, 'time of it, at least, in which the place must be known', unit='s', low=0.0,
                               high=100.0)
    pace_holds: float = option(1.0, 'time for which a pace holds', unit='s', low=0.0, high=100.0)
    steady: float = option(0.8, 'share of the belief that such a robot keeps its pace', low=0.0, high=1.0)
    unknown_way: float = option(0.7, 'share of its weight of a frame without odometry, whose errors pass for motion',
                                low=0.0, high=1.0)
    few_states: int = option(10, 'states below which the correlation of two frames over them says nothing',
                             unit='states', low=2, high=100000)
    wrong_prior: float = option(0.1, 'probability that a prior pose is wrong', low=0.0, high=1.0)


@dataclasses.dataclass(frozen=True)
class PoseModel:
    """How a pose within a place scatters. Fitted on drives through validation towns 101 and 102 (docs/pose.md)."""

    place_error: float = option(0.45, 'standard deviation of a place\'s pose along x and y, beside what the belief and '
                                      'the keyframes say', unit='m', low=0.0, high=100.0)
    turn_error: float = option(2.0, 'standard deviation of a measured heading', unit='deg', low=0.01, high=180.0)
    unseen_turn: float = option(4.0, 'standard deviation between the headings of a robot and of those who mapped, '
                                     'where it is not measured', unit='deg', low=0.01, high=180.0)
    columns: int = option(4, 'columns of the grid that a match may be displaced', unit='columns', low=1, high=1000)
    rows: int = option(2, 'rows of the grid that a match may be displaced', unit='rows', low=1, high=1000)
    min_matches: int = option(12, 'matches from which a heading is measured', unit='matches', low=1, high=100000)
    max_tilt: float = option(30.0, 'roll of a camera, and angle between its axis and the way ahead or back, up to '
                                   'which a heading is measured; set by hand', unit='deg', low=0.0, high=90.0)


# by the names of their entries in a card's ``localization``
MODELS = {'evidence': EvidenceModel, 'agreement': AgreementModel, 'on_map': OnMapModel, 'motion': MotionModel,
          'pose': PoseModel, 'points': PointModel, 'pnp': PnPModel}


def model_of(card: Mapping, name: str, model: type):
    """The ``model`` stored as ``name`` in a checkpoint's card, else its defaults. Raises ConfigError if it is wrong."""
    return build(model, card.get('localization', {}).get(name, {}))
