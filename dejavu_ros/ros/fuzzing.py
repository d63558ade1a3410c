"""Messages as broken as they can arrive: strategies of hypothesis around messages that are whole."""

import array
import struct
import zlib
from collections.abc import Sequence

import cv2
import numpy as np
from geometry_msgs.msg import PoseWithCovariance, PoseWithCovarianceStamped
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from dejavu_ros.geometry import Pose
from dejavu_ros.image_messages import ENCODINGS
from dejavu_ros.ros.conversions import header_to_message, image_to_message, pose_to_message

WIDTH, HEIGHT = 64, 48  # of the pictures
MODELS = '', 'plumb_bob', 'rational_polynomial', 'equidistant', 'fisheye', 'thin_prism', 'none'
UINT32, INT32 = 2**32 - 1, 2**31
MOMENTS = range(10**9, 14 * 10**8, 10**8)  # so near each other that odometry belongs to images

texts = st.text(st.characters(codec='utf-8', exclude_characters='\0'), max_size=12)
numbers = st.floats(width=64) | st.sampled_from([0.0, -0.0, 1e308, -1e308, 1e-308, float('nan'), float('inf')])
sizes = st.integers(0, 70) | st.sampled_from([WIDTH, HEIGHT, 3 * WIDTH, 65535, 65536, 2**31 - 1, 2**31, UINT32])
stamps = st.builds(lambda sec, nanosec: (sec, nanosec),
                   st.integers(0, 100) | st.integers(-INT32, INT32 - 1),
                   st.integers(0, 10**9 - 1) | st.integers(0, UINT32))


@st.composite
def headers(draw, frame: str) -> Header:
    header = header_to_message(draw(st.sampled_from(MOMENTS)), frame)
    if draw(st.integers(0, 3)) == 0:
        header.stamp.sec, header.stamp.nanosec = draw(stamps)
        header.frame_id = draw(texts)
    return header


@st.composite
def some_of(draw, message, changes: dict):
    """``message`` with some of its fields replaced by what their strategies yield."""
    for name in draw(st.sets(st.sampled_from(sorted(changes)), max_size=2)):
        setattr(message, name, draw(changes[name]))
    return message


@st.composite
def spoilt(draw, values: list[float]) -> list[float]:
    """``values``, up to two of which may be anything."""
    values = list(values)
    for value in draw(st.lists(numbers | st.floats(-200, 200), max_size=2)):
        if values:
            values[draw(st.integers(0, len(values) - 1))] = value
    return values


@st.composite
def images(draw, pictures: Sequence[np.ndarray]) -> Image:
    message = image_to_message(draw(st.sampled_from(pictures)), 0, '')
    message.header = draw(headers('camera'))
    length = draw(st.sampled_from([len(message.data)]) | st.integers(0, len(message.data) + 8))
    return draw(some_of(message, {
        'height': sizes, 'width': sizes, 'step': sizes, 'is_bigendian': st.integers(0, 255),
        'encoding': st.sampled_from([*ENCODINGS, 'nv12', '16UC1', '32FC1', '8UC5']) | texts,
        'data': st.just(array.array('B', message.data[:length].tobytes() + bytes(max(0, length - len(message.data)))))
    }))


def png_header(width: int, height: int) -> bytes:
    """A PNG that says it is of this size and holds no more than that."""
    chunk = b'IHDR' + struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    data = b'IDAT' + zlib.compress(bytes(1000))
    return b'\x89PNG\r\n\x1a\n' + b''.join(struct.pack('>I', len(part) - 4) + part + struct.pack('>I', zlib.crc32(part))
                                           for part in (chunk, data, b'IEND'))


@st.composite
def compressed(draw, pictures: Sequence[np.ndarray]) -> CompressedImage:
    suffix = draw(st.sampled_from(['.jpg', '.png', '.bmp', '.webp', '.tiff', '.ppm']))
    data = bytearray(cv2.imencode(suffix, draw(st.sampled_from(pictures)))[1].tobytes())
    for place, value in draw(st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), max_size=8)):
        data[place] = value
    data = draw(st.just(bytes(data)) | st.integers(0, len(data)).map(lambda end: bytes(data[:end]))
                | st.binary(max_size=200) | st.builds(png_header, sizes, sizes))
    message = CompressedImage(header=draw(headers('camera')), format=draw(
        st.sampled_from(['jpeg', 'png', 'rgb8; jpeg compressed bgr8', 'bayer_rggb8; png compressed ',
                         '16UC1; compressedDepth png']) | texts))
    message.data.frombytes(data)
    return message


@st.composite
def camera_infos(draw) -> CameraInfo:
    count = draw(st.sampled_from([0, 4, 5, 8, 12, 14]) | st.integers(0, 20))
    K = spoilt([50.0, 0.0, 31.5, 0.0, 50.0, 23.5, 0.0, 0.0, 1.0])
    message = CameraInfo(header=draw(headers('camera')), width=WIDTH, height=HEIGHT, distortion_model='plumb_bob',
                         k=np.array(draw(K)), d=draw(spoilt([0.1, -0.05, 0.0, 0.0, 0.0])))
    return draw(some_of(message, {
        'width': sizes, 'height': sizes, 'distortion_model': st.sampled_from(MODELS) | texts,
        'd': spoilt([0.01] * count), 'binning_x': sizes, 'binning_y': sizes}))


@st.composite
def odometry(draw) -> Odometry:
    message = Odometry(header=draw(headers('odom')), child_frame_id=draw(st.just('base_link') | texts))
    message.pose = draw(uncertain_poses())
    return message


@st.composite
def uncertain_poses(draw) -> PoseWithCovariance:
    message = PoseWithCovariance(pose=pose_to_message(Pose.planar(draw(st.floats(-100, 100)), 0.0, 0.3)),
                                 covariance=np.array(draw(spoilt(np.eye(6).ravel().tolist()))))
    if draw(st.booleans()):
        for part, names in ((message.pose.position, 'xyz'), (message.pose.orientation, 'xyzw')):
            draw(some_of(part, dict.fromkeys(names, numbers)))
    return message


@st.composite
def priors(draw) -> PoseWithCovarianceStamped:
    return PoseWithCovarianceStamped(header=draw(headers('map')), pose=draw(uncertain_poses()))


def draw_messages(count: int, number: int, pictures: Sequence[np.ndarray]) -> list[tuple[str, object]]:
    """``count`` messages of all kinds, the same ones for one ``number``; each with the name of its type.

    ``pictures`` (HEIGHT, WIDTH, 3) uint8 RGB are what images show before they are broken.
    """
    found: list[tuple[str, object]] = []

    @seed(number)
    @settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(images(pictures) | compressed(pictures) | camera_infos() | odometry() | priors())
    def collect(message):
        found.append((type(message).__name__, message))

    while len(found) < count:
        collect()
    return found[:count]
