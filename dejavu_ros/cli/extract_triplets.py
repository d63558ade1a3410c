"""``dejavu extract-triplets``."""

from dejavu_ros.config import add_arguments, from_arguments
from dejavu_ros.errors import ConfigError, DataError

HELP = 'places seen in several bags, with their frames, for training and evaluation'
LATER_RUNS = ('of {runs} runs, frames that are not newer than those before are left out. To have them all, make a bag '
              'of each run and give each with --bag')


def configure(parser) -> None:
    from dejavu_ros.data.triplet_config import TripletConfig

    parser.add_argument('--bag', dest='bags', action='extend', nargs='+', required=True, metavar='BAG',
                        help='a traversal, two or more of them, with poses in one map frame: ROS 1 bag, rosbag2 '
                             'folder, .mcap or .db3 file')
    parser.add_argument('-o', '--output', required=True, metavar='DIR',
                        help='new folder; gets manifest.csv, images and overlap.png')
    topic = 'one for all bags or one for each'
    parser.add_argument('--image-topic', action='extend', nargs='+', default=[], metavar='T',
                        help=f'Image or CompressedImage, {topic}; may be left out where a bag has one')
    parser.add_argument('--pose-topic', action='extend', nargs='+', default=[], metavar='P',
                        help=f'Odometry, PoseStamped, PoseWithCovarianceStamped, NavSatFix or TF (/tf), {topic}; may '
                             'be left out where a bag has one')
    parser.add_argument('--session', action='extend', nargs='+', default=[], metavar='NAME',
                        help='names of the traversals, one for each bag (default: those of the bags)')
    parser.add_argument('--condition', action='extend', nargs='+', default=[], metavar='LABEL',
                        help='such as snow or night, one for each bag')
    add_arguments(parser, TripletConfig)


def run(arguments) -> int:
    import numpy as np

    from dejavu_ros.data.overlap import overlap_picture, overlap_table
    from dejavu_ros.data.triplet_config import TripletConfig
    from dejavu_ros.data.triplets import (Traversal, find_places, number_visits, remove_unused, sessions_of_places,
                                          write_index)
    from dejavu_ros.files import new_folder

    config = from_arguments(TripletConfig, arguments)
    bags = arguments.bags
    if len(bags) < 2:
        raise DataError('one bag shows every place in one session only: give two traversals or more, each by --bag')
    image_topics = _for_each(bags, arguments.image_topic, '--image-topic', shared=True)
    pose_topics = _for_each(bags, arguments.pose_topic, '--pose-topic', shared=True)
    conditions = _for_each(bags, arguments.condition, '--condition')
    names = _names(bags, _for_each(bags, arguments.session, '--session'))
    traversals = [Traversal(name, condition) for name, condition in zip(names, conditions)]
    with new_folder(arguments.output) as folder:
        _collect(traversals, bags, image_topics, pose_topics, folder / 'images', config)
        views = [view for traversal in traversals for view in traversal.views]
        labels, centres = find_places(views, config)
        seen = sessions_of_places(views, labels)
        images = remove_unused(folder, views, labels)
        visits = number_visits(views, labels, round(config.visit_gap * 1e9))
        write_index(folder / 'manifest.csv', views, labels, visits, dict(zip(names, conditions)))
        points = np.array([views[index].map_T_base.position[:2] for index in centres])
        overlap_picture(folder / 'overlap.png', traversals, points, seen, config.place_radius)
    print(overlap_table(traversals, views, labels, visits, seen))
    for traversal in traversals:
        if traversal.losses(config):
            print(f'  left out of {traversal.name}: {traversal.losses(config)}')
    print(f'written: {arguments.output}/manifest.csv, {images} images, overlap.png')
    return 0


def _collect(traversals: list, bags: list[str], image_topics: list[str], pose_topics: list[str], folder,
             config) -> None:
    """Open one bag after the other, find its topics and keep its views. Fixes share the origin of the first bag's."""
    import math

    from tqdm import tqdm

    from dejavu_ros.data.bags import open_bag
    from dejavu_ros.data.fixes import parse_origin
    from dejavu_ros.data.frames import find_image_topic
    from dejavu_ros.data.frames_in_runs import frames_in_runs
    from dejavu_ros.data.pose_choice import FIX, find_pose_topic
    from dejavu_ros.data.pose_topics import read_poses
    from dejavu_ros.data.poses import runs_in_words

    origin, kinds = parse_origin(config.gps_origin), {}
    for traversal, path, image_topic, pose_topic in zip(traversals, bags, image_topics, pose_topics):
        with open_bag(path) as bag:
            images = find_image_topic(bag, image_topic)
            topic, why = find_pose_topic(bag, pose_topic)
            kinds.setdefault(topic.type == FIX, f'{topic} of {bag.path}')
            if len(kinds) == 2 and not config.gps_origin:
                raise DataError(f'{kinds[True]} holds fixes and {kinds[False]} poses in a frame of their own: say by '
                                '--gps-origin "latitude longitude altitude" where that frame lies, axes east and north')
            poses, _ = read_poses(bag, topic, base_frame=config.base_frame, map_frame=config.map_frame,
                                  min_speed=config.min_speed, heading_sigma=math.nan, origin=origin)
            origin = poses.origin if topic.type == FIX else origin
            for note in filter(None, (why, runs_in_words(poses, LATER_RUNS))):
                print(f'{traversal.name}: {note}')
            frames = tqdm(frames_in_runs(bag, images.name, topic.name, poses.starts), desc=traversal.name,
                          total=images.count, unit='frame', disable=None)
            traversal.collect(frames, poses, folder / traversal.name, config)


def _for_each(bags: list[str], values: list[str], flag: str, shared: bool = False) -> list[str]:
    """One value a bag, empty where none was given; a ``shared`` one may be given once."""
    if shared and len(values) == 1 or not values:
        return (values or ['']) * len(bags)
    if len(values) != len(bags):
        raise ConfigError(f'{flag} is there {len(values)} times for {len(bags)} bags: give it '
                          f'{"once, or " if shared else ""}once for each')
    return values


def _names(bags: list[str], given: list[str]) -> list[str]:
    """Different names for the sessions, which are also those of their folders."""
    from pathlib import Path

    paths = [Path(bag).resolve() for bag in bags]
    paths = [path.parent if path.name == 'metadata.yaml' else path for path in paths]
    if len(set(paths)) < len(paths):
        raise DataError('a bag is given twice: every traversal is one session')
    names = [name or (path.name if path.is_dir() else path.stem) for name, path in zip(given, paths)]
    for name in names:
        if name.startswith('.') or '/' in name or name != name.strip() or names.count(name) > 1:
            why = 'is there twice' if names.count(name) > 1 else 'cannot be the name of a folder'
            raise ConfigError(f'session name {name!r} {why}: give another for each bag by --session')
    return names
