"""What is said of a recording before a map is made of it."""

import re

import numpy as np
import pytest

from dejavu_ros.data.bags import open_bag
from dejavu_ros.data.rosbag_writer import BagWriter
from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_jpeg
from dejavu_ros.mapping.config import MappingConfig
from dejavu_ros.mapping.recordings import bag_recording

SECOND = 10**9
BEGIN = 1_700_000_000 * SECOND


def record(path, ahead, late=0, unset=False, tf=False, storage='mcap'):
    """Images whose stamps are ``ahead`` (ns) of those of the poses; all is recorded ``late``."""
    data = np.frombuffer(encode_jpeg(np.zeros((8, 8, 3), np.uint8)), np.uint8)
    with BagWriter(path, storage) as bag:
        for i in range(40):
            stamp = BEGIN + i * SECOND // 10
            if tf:
                bag.transforms(stamp, [('odom', 'base_link', Pose.planar(0.1 * i, 0, 0))])
            else:
                bag.odometry('/odom', stamp, 'odom', 'base_link', Pose.planar(0.1 * i, 0, 0))
            if i % 5 == 0:
                header = bag.header(0 if unset else stamp + ahead, 'camera')
                bag.write('/image', stamp + late, bag.message('sensor_msgs/msg/CompressedImage', header=header,
                                                             format='jpeg', data=data))
    return path


def warnings_of(path):
    with bag_recording(path, '', '', MappingConfig()) as recording:
        return recording.warnings


@pytest.mark.parametrize('seconds, words', [
    (2, r'the stamps of /image are 2\.0 s ahead of those of /odom'), (-1_699_990_000, 's behind those of /odom'),
    (3600, r'3600\.0 s ahead of')])
@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_images_and_poses_of_two_clocks_are_told(tmp_path, seconds, words, storage):
    warning, = warnings_of(record(tmp_path / 'drive', seconds * SECOND, storage=storage))
    assert re.search(words, warning)


@pytest.mark.parametrize('changes', [{}, {'ahead': -SECOND // 5}, {'late': SECOND // 5}, {'unset': True}, {'tf': True}])
def test_images_and_poses_of_one_clock_are_no_matter(tmp_path, changes):
    assert warnings_of(record(tmp_path / 'drive', **{'ahead': 0, **changes})) == ()


def test_transforms_have_stamps_too(tmp_path):
    with open_bag(record(tmp_path / 'drive', 2 * SECOND, tf=True)) as bag:
        assert bag.stamps_ahead('/image', '/tf', 4) == [2 * SECOND] * 4
