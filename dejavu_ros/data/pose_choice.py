"""Which topic of a bag tells where the robot was, where nobody says so."""

import itertools
import re

from dejavu_ros.data.bags import Bag, Topic, frame_of
from dejavu_ros.errors import DataError

ODOMETRY = 'nav_msgs/msg/Odometry'
POSE = 'geometry_msgs/msg/PoseStamped'
POSE_WITH_COVARIANCE = 'geometry_msgs/msg/PoseWithCovarianceStamped'
TRANSFORM = 'geometry_msgs/msg/TransformStamped'
PATH = 'nav_msgs/msg/Path'
FIX = 'sensor_msgs/msg/NavSatFix'
TF_TYPES = ('tf2_msgs/msg/TFMessage', 'tf/msg/tfMessage')
POSES = (POSE, POSE_WITH_COVARIANCE, TRANSFORM)
TRACK_TYPES = (ODOMETRY, POSE, POSE_WITH_COVARIANCE, TRANSFORM, PATH, FIX)

FLAG = '--pose-topic'
WHAT = 'poses'
# words in the names of topics with poses of something else: where a robot should be, or is said to be, what it should
# drive along, and what it sees
OTHERS = re.compile(r'(?:^|[/_])(?:goals?|goalpose|initial_?pose\w*|clicked|target|set_?points?|way_?points?|desired|'
                    r'ref(?:erence)?|next|command(?:ed)?|cmd|goto|dock|docking|prior|carrot|lookahead|\w*plan|planned|planner\w*|plan_\w+|'
                    r'aruco\w*|april_?tags?|tags?|markers?|objects?|person|people|detect\w*)(?:$|[/_])')
TRUTH = re.compile(r'truth|(?:^|[/_])gt(?:$|[/_])|mocap|vicon|optitrack|vrpn|qualisys|motion_capture')
MAP_FRAMES = ('map', 'world', 'earth', 'utm')
LOOK = 200  # messages of TF in which a map frame is looked for
# best first: what is said of a topic that is taken, and whether one of a type, in a frame, is of this kind
PREFERENCES = (
    ('its name says ground truth', lambda name, kind, frame: TRUTH.search(name.lower())),
    ('it is odometry in the map', lambda name, kind, frame: kind == ODOMETRY and frame in MAP_FRAMES),
    ('it leads from the map to the robot', lambda name, kind, frame: kind in TF_TYPES and frame in MAP_FRAMES),
    ('it has poses in the map', lambda name, kind, frame: kind in POSES and frame in MAP_FRAMES),
    ('it is odometry', lambda name, kind, frame: kind == ODOMETRY),
    ('it has poses', lambda name, kind, frame: kind in POSES),
    ('it leads to the robot', lambda name, kind, frame: kind in TF_TYPES),
    ('it is a path', lambda name, kind, frame: kind == PATH),
    ('it has fixes', lambda name, kind, frame: kind == FIX))


def find_pose_topic(bag: Bag, name: str) -> tuple[Topic, str]:
    """The topic ``name``, or the one that tells best where the robot was; and in words, why it was taken.

    Without a name, the first of PREFERENCES that a topic fits decides. Goals, plans, and what else is no robot by its
    name are left out. The words are empty where there was no choice. Raises DataError where nothing has poses of the
    robot, or several topics are equally good.
    """
    if name:
        return bag.find(TRACK_TYPES + TF_TYPES, WHAT, name, FLAG), ''
    topics = [topic for topic in bag.topics.values() if topic.count and (
        topic.type in TRACK_TYPES or topic.type in TF_TYPES and not is_static(topic.name))]
    if not topics:
        return bag.find(TRACK_TYPES, WHAT, '', FLAG), ''  # which raises
    ranks = {topic: _rank(bag, topic) for topic in topics if not is_of_another(topic.name)}
    if not ranks:
        raise DataError(f'bag {bag.path} has no {WHAT} of the robot, only goals, plans or other things: '
                        f'{", ".join(map(str, topics))}; if one of them does tell where it was, name it by {FLAG}')
    best = min(ranks.values())
    first = [topic for topic, rank in ranks.items() if rank == best]
    if len(first) > 1:
        raise DataError(f'bag {bag.path} has {len(first)} topics with {WHAT}, and none is better than another: choose '
                        f'one by {FLAG} from {", ".join(map(str, first))}')
    others = ', '.join(str(topic) for topic in topics if topic is not first[0])
    words = f'poses: {first[0]}, because {PREFERENCES[best][0]}; {FLAG} chooses another: {others}'
    return first[0], words if others else ''


def is_of_another(topic: str) -> bool:
    """Whether the name of a topic says that its poses are not those of the robot: a goal, a plan, a thing it sees."""
    return bool(OTHERS.search(topic.lower())) and not TRUTH.search(topic.lower())


def is_static(topic: str) -> bool:
    return topic.rsplit('/', 1)[-1] == 'tf_static'


def tf_topics(bag: Bag, beside: str) -> list[Topic]:
    """The topics of the transform tree that a topic belongs to: tf and tf_static of its namespace, or the next above.

    Where there are none on the way up, and one tree in the bag, it is that one.
    """
    trees: dict[str, list[Topic]] = {}
    for topic in bag.topics.values():
        if topic.type in TF_TYPES and topic.count:
            trees.setdefault(_above(topic.name), []).append(topic)
    space = _above(beside)
    while space and space not in trees:
        space = _above(space)
    return trees.get(space, next(iter(trees.values())) if len(trees) == 1 else [])


def _above(name: str) -> str:
    """The namespace of a topic or of a namespace; empty for what is at the root."""
    return f'/{name.lstrip("/")}'.rsplit('/', 1)[0]


def _rank(bag: Bag, topic: Topic) -> int:
    """The number of the first of PREFERENCES that a topic fits."""
    messages = bag.messages([topic.name])
    if topic.type in TF_TYPES:
        frames = {frame_of(item) for _, _, message in itertools.islice(messages, LOOK) for item in message.transforms}
        frame = next((name for name in MAP_FRAMES if name in frames), '')
    else:
        frame = frame_of(next(messages)[2])
    return next(rank for rank, (_, fits) in enumerate(PREFERENCES) if fits(topic.name, topic.type, frame))
