"""Images of a bag whose clock was set back get the poses of their own run, or none."""

import numpy as np
import pytest

from dejavu_ros.data.bags import open_bag
from dejavu_ros.data.frames_in_runs import frames_in_runs
from dejavu_ros.data.pose_topics import read_poses
from dejavu_ros.data.rosbag_writer import BagWriter
from dejavu_ros.geometry import Pose

SECOND = 10**9
OPTIONS = dict(base_frame='', map_frame='', min_speed=1.0, heading_sigma=0.1)


def record(path, events):
    """Images and Odometry, in this order: ('image', seconds) and ('odom', seconds, y), x is the time."""
    with BagWriter(path) as bag:
        for recorded, (kind, seconds, *y) in enumerate(events):
            stamp = round(seconds * SECOND)
            if kind == 'image':
                bag.write('/image', (100 + recorded) * SECOND, bag.message(
                    'sensor_msgs/msg/CompressedImage', header=bag.header(stamp, 'camera'), format='jpeg',
                    data=np.zeros(3, np.uint8)))
            else:
                covariance = bag.message('geometry_msgs/msg/PoseWithCovariance', covariance=np.zeros(36),
                                         pose=bag.pose(Pose.planar(seconds, y[0], 0)))
                bag.write('/pose', (100 + recorded) * SECOND, bag.message(
                    'geometry_msgs/msg/PoseWithCovarianceStamped', header=bag.header(stamp, 'map'), pose=covariance))
    return path


def found(path):
    """(stamp in seconds, y of its pose or None) of each image, and whether runs were seen."""
    with open_bag(path) as bag:
        poses, _ = read_poses(bag, bag.topics['/pose'], **OPTIONS)
        rows = []
        for frame in frames_in_runs(bag, '/image', '/pose', poses.starts):
            pose = poses.at(frame.asked_ns, SECOND // 2)
            assert pose is None or abs(pose[0].position[0] - frame.stamp_ns / SECOND) < 1e-6
            rows.append((frame.stamp_ns / SECOND, pose and pose[0].position[1]))
        return rows, len(poses.starts)


def run(y, begin=1.0, count=60):
    """A pose each 0.1 s and an image each 0.5 s, 0.02 s after a pose, in the order of time."""
    events = []
    for i in range(count):
        events.append(('odom', begin + i / 10, y))
        if i % 5 == 2:
            events.append(('image', begin + i / 10 - 0.03))
    return events


def test_one_run(tmp_path):
    rows, runs = found(record(tmp_path / 'a', run(0.0)))
    assert runs == 0 and [y for _, y in rows] == [0.0] * 12


@pytest.mark.parametrize('begin', [1.0, 0.0, 3.0, 6.0])
def test_two_runs(tmp_path, begin):
    """Set back by 6, 7, 4 and 1 s."""
    rows, runs = found(record(tmp_path / 'a', run(0.0) + run(40.0, begin)))
    assert runs == 1 and [y for _, y in rows] == [0.0] * 12 + [40.0] * 12


def test_three_runs_and_pictures_of_the_last_two_only(tmp_path):
    first = [event for event in run(0.0) if event[0] == 'odom']
    rows, runs = found(record(tmp_path / 'a', first + run(40.0) + run(80.0)))
    assert runs == 2 and {y for _, y in rows[1:12]} == {40.0} and [y for _, y in rows[12:]] == [80.0] * 12


def test_pictures_between_two_times_have_no_pose(tmp_path):
    """A picture of the old time comes after the first poses of the new one, and one of the new time before them."""
    late = run(40.0)
    late.insert(3, ('image', 6.87))
    early = [('image', 1.3)] + run(80.0)
    rows, runs = found(record(tmp_path / 'a', run(0.0) + late + early))
    assert runs == 2
    assert [y for stamp, y in rows if stamp in (6.87, 1.3)] == [None, None]
    assert [y for stamp, y in rows if stamp not in (6.87, 1.3) and y is None] == []


def test_pictures_whose_clock_alone_was_set_back(tmp_path):
    """Their time tells nothing from there on, also when it has come as far as it was."""
    events = run(0.0, count=200)
    events = [(kind, seconds - 5 * (kind == 'image' and seconds > 10), *y) for kind, seconds, *y in events]
    rows, runs = found(record(tmp_path / 'a', events))
    assert runs == 0
    assert [y for _, y in rows[:18]] == [0.0] * 18 and [y for _, y in rows[18:]] == [None] * 22


def test_a_picture_that_comes_late_loses_nothing_else(tmp_path):
    events = run(0.0)
    events.insert(50, ('image', 2.5))
    rows, runs = found(record(tmp_path / 'a', events))
    assert runs == 0 and [y for stamp, y in rows if stamp != 2.5] == [0.0] * 12
