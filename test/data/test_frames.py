"""Frames come with their stamps, are decoded late, and know their camera."""

import cv2
import numpy as np
import pytest

from dejavu_ros.data.bags import open_bag
from dejavu_ros.data.frames import bag_frames, find_image_topic, folder_frames, intrinsics
from dejavu_ros.data.rosbag_writer import BagWriter
from dejavu_ros.errors import DataError, ImageError

RGB = np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8)
K = np.array([[20.0, 0, 8], [0, 20, 6], [0, 0, 1]])


@pytest.fixture
def bag(tmp_path):
    with BagWriter(tmp_path / 'drive') as writer:
        writer.image('/front/image_raw', 1, 'front', RGB)
        writer.compressed_image('/front/image_raw/compressed', 2, 'front', b'\xff\xd8 cut')
        writer.camera_info('/front/camera_info', 3, 'front', 16, 12, K)
        writer.image('/rear/image_raw', 4, 'rear', RGB)
        writer.camera_info('/rear/camera_info', 5, 'rear', 16, 12, np.zeros((3, 3)))
    with open_bag(tmp_path / 'drive') as opened:
        yield opened


def test_frames_of_a_topic(bag):
    frame, = bag_frames(bag, '/front/image_raw')
    assert (frame.name, frame.stamp_ns, frame.frame_id) == ('/front/image_raw #0', 1, 'front')
    assert (frame.image() == RGB).all()


def test_a_bad_image_is_met_only_when_asked_for(bag):
    frame, = bag_frames(bag, '/front/image_raw/compressed')
    with pytest.raises(ImageError):
        frame.image()


def test_several_image_topics_need_a_choice(bag):
    with pytest.raises(DataError, match='3 topics with images: choose one by --image-topic'):
        find_image_topic(bag, '')


@pytest.mark.parametrize('topic', ['/front/image_raw', '/front/image_raw/compressed'])
def test_the_calibration_beside_an_image_topic(bag, topic):
    found = intrinsics(bag, topic)
    assert found['K'] == K.reshape(9).tolist() and (found['width'], found['height']) == (16, 12)


@pytest.mark.parametrize('name, known', [('image_raw', (100.0, 5)), ('image_rect', (90.0, 0)),
                                         ('image_rect_color/compressed', (90.0, 0))])
def test_rectified_images_are_described_by_p(tmp_path, name, known):
    with BagWriter(tmp_path / 'bag') as writer:
        info = writer.message('sensor_msgs/msg/CameraInfo', **camera_info(writer))
        writer.write('/cam/camera_info', 1, info)
        writer.image(f'/cam/{name}', 1, 'cam', RGB)
    with open_bag(tmp_path / 'bag') as bag:
        found = intrinsics(bag, f'/cam/{name}')
    assert (found['K'][0], len(found['D'])) == known


def camera_info(writer):
    """Of a camera with distortion, whose rectified images have another focal length."""
    region = writer.message('sensor_msgs/msg/RegionOfInterest', x_offset=0, y_offset=0, height=0, width=0,
                            do_rectify=False)
    raw, rectified = (np.array([[f, 0, 8], [0, f, 6], [0, 0, 1.0]]) for f in (100.0, 90.0))
    return {'header': writer.header(1, 'cam'), 'height': 12, 'width': 16, 'distortion_model': 'plumb_bob',
            'd': np.array([-0.3, 0.1, 0, 0, 0]), 'k': raw.ravel(), 'r': np.eye(3).ravel(),
            'p': np.column_stack([rectified, np.zeros(3)]).ravel(), 'binning_x': 0, 'binning_y': 0, 'roi': region}


def test_the_calibration_is_that_of_the_pictures(tmp_path):
    with BagWriter(tmp_path / 'bag') as writer:
        for name, height in (('front', 24), ('rear', 20)):
            writer.image(f'/{name}/image_raw', 2, name, RGB)
            writer.camera_info(f'/{name}/camera_info', 1, name, 32, height, K)
    with open_bag(tmp_path / 'bag') as bag:
        found = intrinsics(bag, '/front/image_raw')
        assert (found['width'], found['height'], found['K'][0], found['K'][2]) == (16, 12, 10.0, 3.75)
        with pytest.raises(DataError, match='camera_info of /rear/image_raw .*32x20, and pictures of 16x12'):
            intrinsics(bag, '/rear/image_raw')


@pytest.mark.parametrize('topic', ['/rear/image_raw', '/elsewhere/image_raw'])
def test_no_calibration_is_invented(bag, topic):
    assert intrinsics(bag, topic) is None


def write_wide(writer, number, values):
    """A mono16 Image."""
    height, width = values.shape
    data = np.ascontiguousarray(values, np.uint16).view(np.uint8).reshape(-1)
    writer.write('/wide', number, writer.message('sensor_msgs/msg/Image', header=writer.header(number, 'cam'),
                                                 height=height, width=width, encoding='mono16', is_bigendian=0,
                                                 step=2 * width, data=data))


TEMPERATURES = 29500 + np.arange(192, dtype=np.uint16).reshape(12, 16)  # K / 100: of 16 bits, few are used


def test_sixteen_bits_are_shown_alike_through_a_recording(tmp_path, caplog):
    warmer = [TEMPERATURES + 10 * index for index in range(10)]
    with BagWriter(tmp_path / 'bag') as writer:
        for number, values in enumerate(warmer):
            write_wide(writer, number, np.zeros((12, 16)) if number == 5 else values)  # its shutter closes once
    with open_bag(tmp_path / 'bag') as bag:
        images = [frame.image()[..., 0].astype(int) for frame in bag_frames(bag, '/wide')]
    with open_bag(tmp_path / 'bag') as bag:
        again = list(bag_frames(bag, '/wide'))
        assert (again[7].image()[..., 0] == images[7]).all(), 'in whatever order they are asked for'
    assert images[0].std() > 20, 'something is seen'
    same = [images[index][values == 29600][0] for index, values in enumerate(warmer) if index != 5]
    assert len(set(same)) == 1, f'a value is one tone in all frames: {same}'
    assert '/wide of' in caplog.text and '16 bits a pixel' in caplog.text


def test_sixteen_bits_of_files_are_shown_alike(tmp_path):
    paths = [tmp_path / f'{index}.png' for index in range(40)]
    for index, path in enumerate(paths):
        cv2.imwrite(str(path), TEMPERATURES + np.uint16(index))
    images = [frame.image()[..., 0] for frame in folder_frames(paths, range(40))]
    assert len({int(image[TEMPERATURES + index == 29650][0]) for index, image in enumerate(images)}) == 1


def test_a_topic_with_a_video_stream_says_what_to_do(tmp_path):
    from rosbags.rosbag2 import Writer
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    name = 'foxglove_msgs/msg/CompressedVideo'
    store.register(get_types_from_msg('builtin_interfaces/Time timestamp\nstring frame_id\nuint8[] data\nstring format',
                                      name))
    video = store.types[name](store.types['builtin_interfaces/msg/Time'](1, 0), 'cam', np.zeros(9, np.uint8), 'h264')
    with Writer(tmp_path / 'bag', version=8) as writer:
        writer.write(writer.add_connection('/video', name, typestore=store), 1, store.serialize_cdr(video, name))
    with open_bag(tmp_path / 'bag') as bag:
        for topic in ('', '/video', 'video'):
            with pytest.raises(DataError, match='/video .*holds a video stream, which is not read: decode it once'):
                find_image_topic(bag, topic)


def test_frames_of_files(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), RGB[:, :, ::-1])
    (tmp_path / 'b.png').write_bytes((tmp_path / 'a.png').read_bytes()[:50])
    first, second = folder_frames([tmp_path / 'a.png', tmp_path / 'b.png'], [7, 8])
    assert first.stamp_ns == 7 and (first.image() == RGB).all()
    with pytest.raises(ImageError, match='b.png'):
        second.image()
