"""What a person sets to localize."""

import dataclasses

from dejavu_ros.config import option

PRECISIONS = 'float32', 'bfloat16', 'float16'  # of the network; the first is what maps are made and measured with


@dataclasses.dataclass(frozen=True)
class LocalizerConfig:
    """From scores to an accepted pose."""

    min_probability: float = option(0.9, 'probability of the best place from which a frame is accepted',
                                    low=0.0, high=1.0)
    min_inliers: int = option(20, 'cells of the grid that must agree with the best keyframe', low=0, high=10000)
    place_radius: float = option(5.0, 'keyframes within this distance are one place', unit='m', low=0.0, high=1000.0)
    place_angle: float = option(30.0, 'keyframes within this angle are one place', unit='deg', low=0.0, high=180.0)
    hypotheses: int = option(5, 'places reported for a frame, best first', low=1, high=100)
    shortlist: int = option(-1, 'keyframes scored exactly after a coarse pass over the map (0: the whole map exactly; '
                                '-1: a twentieth of it, 1000 at least)',
                            low=-1, high=1000000)
    describer: str = option('', 'file of dejavu train-netvlad that makes the coarse pass, on a map that dejavu '
                                'describe --map has seen (empty: the map\'s own features, averaged)')
    geowarp: str = option('', 'file of dejavu train-geowarp that puts the best keyframes in another order: their '
                              'grids, and that of the frame, are warped to what both show, and compared again '
                              '(empty: off)')
    rerank: int = option(5, 'keyframes that geowarp compares again', low=2, high=1000)
    memory_limit_mb: int = option(256, 'memory for the coarse copy of the map, which gets coarser in a larger map; '
                                       'the rest stays on the disk',
                                  unit='MB', low=1, high=1000000)
    device_memory_mb: int = option(4096, 'memory of a GPU for the descriptors of the map, which it then scores; a '
                                         'larger map is brought to it in chunks for every frame',
                                   unit='MB', low=1, high=1000000)
    use_filter: bool = option(True, 'let earlier frames speak (off: every frame on its own)')
    frame_weight: float = option(0.9, 'how much what is new in a frame adds to what the frames before it said',
                                 low=0.01, high=1.0)
    six_dof: bool = option(False, 'refine the pose of an accepted frame from points in 3-D, which the map must hold '
                                  '(build-map with depth, with a right camera, or --triangulate)')
    max_speed: float = option(15.0, 'the robot moves no faster; bounds the motion between frames without odometry',
                              unit='m/s', low=0.0, high=1000.0)
    odometry_error: float = option(0.1, 'error of the odometry, as a share of the distance it reports', low=0.0,
                                   high=10.0)
    kidnap_rate: float = option(0.02, 'chance that the robot was carried elsewhere before a frame that shows all '
                                      'another view',
                                low=1e-6, high=1.0)
    max_gap: float = option(5.0, 'a longer pause between frames without odometry, or a step back in time, forgets '
                                 'where the robot was',
                            unit='s', low=0.0, high=1e6)
