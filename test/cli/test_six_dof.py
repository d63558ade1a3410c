"""Six degrees of freedom from end to end: bags of the town, a map with points, ``dejavu localize`` and the node."""

import json
from ctypes.util import find_library

import numpy as np
import pytest

from dejavu_ros.cli import main
from dejavu_ros.data.bags import open_bag
from dejavu_ros.data.frames import bag_frames
from dejavu_ros.geometry import Pose
from dejavu_ros.mapping.config import MappingConfig
from dejavu_ros.mapping.recordings import bag_recording
from dejavu_ros.nn.checkpoint import default_checkpoint_path
from dejavu_ros.town.export import COMPRESSED_TOPIC, DEPTH_TOPIC, RIGHT_COMPRESSED_TOPIC, TRUTH_TOPIC

IMAGES = ['--image-topic', COMPRESSED_TOPIC]
POINTS = {'depth': ['--depth-topic', DEPTH_TOPIC], 'stereo': ['--right-topic', RIGHT_COMPRESSED_TOPIC],
          'motion': ['--triangulate']}
NEAR, TURNED = 0.5, np.radians(5)
pytestmark = [pytest.mark.skipif(find_library('EGL') is None, reason='no EGL here: apt install libegl1'),
              pytest.mark.skipif(not default_checkpoint_path().is_file(), reason='no shipped checkpoint'),
              pytest.mark.timeout(600), pytest.mark.usefixtures('quick')]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A drive in summer to map, and another one in sunshine, with other cars, that starts and stops elsewhere."""
    folder = tmp_path_factory.mktemp('drives')
    town = ['--town-seed', '101', '--format', 'bag']
    assert main(['town', '-o', str(folder / 'summer'), *town, '--length', '90', '--step', '3', '--traversal-seed', '1',
                 '--depth', '--baseline', '0.5']) == 0
    assert main(['town', '-o', str(folder / 'sun'), *town, '--start', '25.3', '--length', '40', '--step', '4',
                 '--traversal-seed', '2', '--condition', 'sun']) == 0
    return folder


@pytest.fixture(scope='module')
def mapped(folder):
    """Builds a map with points from a source, once."""
    def build(points):
        path = folder / f'{points}.dvmap'
        if not path.exists():
            assert main(['build-map', '-o', str(path), '--bag', str(folder / 'summer'), *IMAGES, '--pose-topic',
                         TRUTH_TOPIC, *POINTS[points]]) == 0
        return path
    return build


@pytest.fixture(scope='module')
def truth(folder):
    """True pose of the base by the stamp of each frame in sunshine."""
    with bag_recording(folder / 'sun', COMPRESSED_TOPIC, TRUTH_TOPIC, MappingConfig()) as drive:
        return {frame.stamp_ns: drive.poses.at(frame.stamp_ns, 1)[0] for frame in drive.frames}


def judge(found):
    """Metres, radians and the squared error in units of its covariance, of (pose, true pose, covariance) each."""
    errors = []
    for pose, true, covariance in found:
        off = np.concatenate([pose.position - true.position, (pose.rotation * true.rotation.inv()).as_rotvec()])
        errors.append((*pose.distance(true), off @ np.linalg.solve(covariance, off)))
    return np.array(errors)


@pytest.fixture
def localized(folder, mapped, truth, tmp_path):
    """Runs ``dejavu localize`` on the drive in sunshine and judges the frames that were accepted."""
    def run(points, *flags):
        assert main(['localize', '--map', str(mapped(points)), '--bag', str(folder / 'sun'), *IMAGES, '--json',
                     str(tmp_path / 'answers'), *flags]) == 0
        lines = map(json.loads, (tmp_path / 'answers').read_text().splitlines())
        best = [(line['hypotheses'][0], truth[line['stamp_ns']]) for line in lines if line['accepted']]
        return judge([(Pose.make(place['position'], place['quaternion']), true, np.reshape(place['covariance'], (6, 6)))
                      for place, true in best])
    return run


@pytest.mark.parametrize('points', POINTS)
def test_frames_of_another_drive_are_found_to_half_a_metre(localized, truth, points):
    metres, radians, squared = localized(points, '--six-dof').T
    assert len(metres) >= 0.5 * len(truth), 'of so few frames and keyframes the first ones are not sure'
    assert ((metres < NEAR) & (radians < TURNED)).mean() >= 0.9
    assert np.median(metres) < 0.2 and np.median(squared) < 12  # chi-squared of six has 5.3


def test_without_points_the_place_is_the_answer(localized):
    metres, _, squared = localized('depth').T
    assert np.median(metres) > 0.2 and np.median(squared) < 12


def test_the_node_publishes_the_pose(folder, mapped, truth, tmp_path):
    player = pytest.importorskip('dejavu_ros.ros.player', reason='no ROS here')
    from geometry_msgs.msg import PoseWithCovarianceStamped

    from dejavu_ros.ros.conversions import stamp_from_message, uncertain_pose_from_message

    heard, answers = {}, []
    with player.running_node(tmp_path / 'node.log', map=mapped('depth'), image_topic='/images', max_rate=1000.0,
                             reliability='reliable', localizer__six_dof=True
                             ) as node, player.Player('/images') as play, open_bag(folder / 'sun') as bag:
        play.node.create_subscription(
            PoseWithCovarianceStamped, '/relocalize/pose',
            lambda message: heard.update({stamp_from_message(message.header.stamp): message}), 10)
        play.wait_for_node(60.0, node, tmp_path / 'node.log')
        for frame in bag_frames(bag, COMPRESSED_TOPIC):
            answers.append(play.ask(frame.image(), frame.stamp_ns, 20.0))
        play.collect(1.0)
    accepted = [answer for answer in answers if answer.accepted]
    assert len(accepted) >= 0.5 * len(truth)
    assert set(heard) == {stamp_from_message(answer.header.stamp) for answer in accepted}
    metres, radians, squared = judge([(pose, truth[stamp], covariance) for stamp, (pose, covariance) in (
        (stamp, uncertain_pose_from_message(message.pose)) for stamp, message in heard.items())]).T
    assert ((metres < NEAR) & (radians < TURNED)).mean() >= 0.9 and np.median(squared) < 12
