"""The numbers behind points in 3-D and poses from them, as they are stored in a checkpoint's metadata.

What a person sets is in :mod:`dejavu_ros.sixdof.settings`; how entries are read, in
:mod:`dejavu_ros.localization.model`. Loads nothing heavy.
"""

import dataclasses

from dejavu_ros.config import option


@dataclasses.dataclass(frozen=True)
class PointModel:
    """Which points of a keyframe are to be trusted, and how they are described: used when a map is built and a frame
    is matched with it. Chosen on validation town 101 (docs/six_dof.md).
    """

    longer_side: int = option(640, 'longer side of the image in which keypoints are sought; a larger one is reduced',
                              unit='px', low=32, high=100000)
    contrast: float = option(0.01, 'contrast of an extremum, as a share of the range of grey, below which SIFT passes '
                                   'over it: at night and in snow the usual 0.04 leaves too few', low=0.0, high=1.0)
    learned_share: float = option(0.3, 'share of the learned part in the squared distance between two joined '
                                       'descriptors', low=0.0, high=1.0)
    ratio: float = option(0.8, 'share of the distance to the second nearest descriptor of another keyframe below which '
                               'that to the nearest must be', low=0.0, high=1.0)
    depth_edge: float = option(0.1, 'share by which the depth around a point may differ: beyond, it may be that of '
                                    'something else', low=0.0, high=1.0)
    nearest: float = option(0.5, 'triangulated points nearer to the camera are left out', unit='m', low=1e-3,
                            high=100.0)
    reprojection_error: float = option(1.5, 'distance between where another keyframe sees a triangulated point and '
                                            'where its depth says, at most', unit='px', low=0.01, high=100.0)
    keypoint_error: float = option(0.5, 'standard deviation of a keypoint', unit='px', low=0.01, high=100.0)
    depth_error: float = option(0.1, 'standard deviation of a triangulated depth, as a share of it, from which its '
                                     'point is left out', low=0.0, high=1.0)
    around: int = option(2, 'keyframes before one, and after it, that its points are triangulated with',
                         unit='keyframes', low=1, high=100)
    misfit_matches: int = option(15, 'matches of two keyframes from which it is judged whether their poses fit',
                                 unit='matches', low=1, high=100000)


@dataclasses.dataclass(frozen=True)
class PnPModel:
    """How a pose is found from a frame's matches with points, and how sure it is.

    Chosen on validation town 101, ``variance_factor`` fitted there (docs/six_dof.md).
    """

    reach: float = option(6.0, 'distance between keyframes that may see the same points', unit='m', low=0.0,
                          high=1000.0)
    turn: float = option(45.0, 'angle between keyframes that may see the same points', unit='deg', low=0.0, high=180.0)
    keyframes: int = option(3, 'keyframes whose points are matched together, at most', unit='keyframes', low=1,
                            high=100)
    ratio: float = option(0.9, 'share of the distance to the second nearest descriptor in the window below which that '
                               'to the nearest must be, in the first search', low=0.0, high=1.0)
    second_window: float = option(4.0, 'window of the second search, around the pose of the first one; that of the '
                                       'last search is the tolerance itself', unit='tolerances', low=1.0, high=100.0)
    min_points: int = option(6, 'points that must agree with a pose in each step: two more than settle one',
                             unit='points', low=4, high=1000)
    rounds: int = option(5000, 'rounds of RANSAC, at most', unit='rounds', low=1, high=10000000)
    confidence: float = option(0.9999, 'probability of having drawn a right sample at which RANSAC ends', low=0.5,
                               high=1.0)
    nearest: float = option(0.1, 'points nearer to the camera are not seen', unit='m', low=1e-3, high=100.0)
    pixel_error: float = option(0.5, 'least standard deviation of where a point is seen: nobody finds a corner across '
                                     'seasons more exactly', unit='px', low=0.0, high=100.0)
    variance_factor: float = option(8.0, 'factor on the variance of the fit, as errors of points and matches are not '
                                         'independent: then nine of ten true poses lie in the region of 90 %', low=1.0,
                                    high=1000.0)
    max_turn: float = option(60.0, 'angle between a pose from points and that of its place beyond which it is not '
                                   'believed: no robot that sees the place lies so', unit='deg', low=0.0, high=180.0)
