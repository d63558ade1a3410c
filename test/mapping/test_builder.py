"""Which frames end up in a map, with which poses, and what is said about the others."""

import dataclasses
import types

import numpy as np
import pytest

from dejavu_ros.data.frames import Frame
from dejavu_ros.data.poses import PoseTrack
from dejavu_ros.errors import DataError, ImageError
from dejavu_ros.geometry import Pose
from dejavu_ros.images import decode_image
from dejavu_ros.mapping.builder import LOOKING_AHEAD, MapBuilder
from dejavu_ros.mapping.config import MappingConfig
from dejavu_ros.mapping.recordings import Recording

SECOND = 10**9
GOOD = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
BLACK = np.zeros_like(GOOD)


class BrightnessExtractor:
    """Stands in for the network: descriptors hold the mean of the image."""

    grid = 2, 2

    def __init__(self):
        self.calls = []

    def extract(self, images):
        self.calls.append(len(images))
        return np.stack([np.full((2, 4), image.mean(), np.float16) for image in images])


class Session:
    """Notes what a SessionWriter would write."""

    def __init__(self):
        self.keyframes, self.cameras = [], []

    def camera(self, *description):
        self.cameras.append(description)

    def add(self, descriptors, camera, stamp_ns, map_T_base, covariance, thumbnail_jpeg):
        self.keyframes.append(types.SimpleNamespace(
            descriptors=descriptors, camera=camera, stamp_ns=stamp_ns, map_T_base=map_T_base, covariance=covariance,
            thumbnail=thumbnail_jpeg))


def cut():
    raise ImageError('cut short')


def recording(images, poses=None, **changes):
    """A frame every second; by default the robot drives 0.5 m/s along x for ten seconds."""
    track = PoseTrack('/odom')
    for stamp, x in poses if poses is not None else [(s * SECOND, 0.5 * s) for s in range(11)]:
        track.add(stamp, (x, 0, 0), (0, 0, 0, 1))
    track.finish()
    frames = [Frame(f'#{i}', i * SECOND, 'camera', image if callable(image) else lambda image=image: image)
              for i, image in enumerate(images)]
    return Recording(**{**dict(name='drive', source='/image of drive', frames=frames, count=len(frames), poses=track),
                        **changes})


def build(drive, **changes):
    session, extractor = Session(), BrightnessExtractor()
    config = MappingConfig(**{'max_pose_gap': 1.0, **changes})
    report = MapBuilder(extractor, config).add(session, drive, drive.frames)
    return session, report, extractor


def test_keyframes_by_distance_with_their_poses():
    session, report, _ = build(recording([GOOD] * 9))
    assert [keyframe.stamp_ns // SECOND for keyframe in session.keyframes] == [0, 2, 4, 6, 8]
    assert [keyframe.map_T_base.position[0] for keyframe in session.keyframes] == [0, 1, 2, 3, 4]
    assert (report.frames, report.keyframes, report.near) == (9, 5, 4)
    assert report.metres == pytest.approx(4.0)


def test_every_frame_on_demand():
    assert build(recording([GOOD] * 9), keyframe_distance=0.0)[1].keyframes == 9


def test_descriptors_stay_with_their_frames_across_batches():
    images = [np.clip(GOOD.astype(int) + 5 * i, 0, 255).astype(np.uint8) for i in range(11)]
    session, _, extractor = build(recording(images), keyframe_distance=0.0)
    assert extractor.calls == [8, 3]
    assert [keyframe.descriptors[0, 0] for keyframe in session.keyframes] == [np.float16(i.mean()) for i in images]


def test_bad_images_are_counted_and_their_place_is_taken_by_the_next():
    session, report, _ = build(recording([GOOD, GOOD, BLACK, cut, GOOD, GOOD]))
    assert [keyframe.stamp_ns // SECOND for keyframe in session.keyframes] == [0, 4]
    assert report.bad_images == 2 and report.first_bad_image.startswith('#2: the frame is black')


def test_frames_without_a_pose_are_counted():
    drive = recording([GOOD] * 9, poses=[(s * SECOND, 0.5 * s) for s in (2, 3, 4, 7, 8)])
    _, report, _ = build(drive, keyframe_distance=0.0)
    assert (report.without_pose, report.keyframes) == (4, 5)  # 0 and 1 before the first pose, 5 and 6 in the hole


def test_a_covariance_is_kept_and_an_unknown_one_is_that_of_the_settings():
    drive = recording([GOOD])
    session, _, _ = build(drive, position_sigma=0.5, angle_sigma=2.0)
    assert np.allclose(np.diag(session.keyframes[0].covariance), [0.25] * 3 + [np.radians(2)**2] * 3)
    drive.poses.add(0, (0, 0, 0), (0, 0, 0, 1), 9 * np.eye(6))
    drive.poses.finish()
    assert (build(drive)[0].keyframes[0].covariance == 9 * np.eye(6)).all()


def test_the_camera_is_described_once():
    mount = Pose.planar(1, 2, 3)
    known = {'width': 128, 'height': 96, 'K': [100.0, 0, 63.5, 0, 100.0, 47.5, 0, 0, 1.0], 'D': [], 'model': ''}
    session, _, _ = build(recording([GOOD] * 9, base_T_camera=mount, intrinsics=known))
    own = {**known, 'width': 64, 'height': 48, 'K': [50.0, 0, 31.5, 0, 50.0, 23.5, 0, 0, 1.0]}  # of its pictures
    assert session.cameras == [('camera', 64, 48, own, mount, None)]
    with pytest.raises(DataError, match='/image of drive: the camera is calibrated for pictures of 128x90'):
        build(recording([GOOD] * 9, intrinsics={**known, 'height': 90}))
    session, _, _ = build(recording([GOOD]), camera='front')
    assert session.cameras == [('front', 64, 48, None, LOOKING_AHEAD, None)]


def test_what_is_strange_is_told():
    track = PoseTrack('poses.txt')
    for second in range(11):
        track.add(second * SECOND, (0.5 * second, 0, 0), (0.5, 0.5, 0.5, 0.5))  # z along x
    track.finish()
    _, report, _ = build(dataclasses.replace(recording([GOOD] * 9), poses=track, warnings=('odd camera_info',)))
    assert report.warnings[0] == 'odd camera_info' and '--poses-of camera' in report.warnings[1]
    assert build(recording([GOOD] * 9))[1].warnings == []


def test_a_camera_nobody_described_looks_ahead_and_upright():
    axes = LOOKING_AHEAD.rotation.as_matrix()
    assert np.allclose(axes[:, 2], [1, 0, 0]) and np.allclose(axes[:, 1], [0, 0, -1])


def test_thumbnails_keep_the_aspect_and_are_never_enlarged():
    session, _, _ = build(recording([GOOD]), thumbnail_width=32)
    assert decode_image(session.keyframes[0].thumbnail).shape == (24, 32, 3)
    session, _, _ = build(recording([GOOD]), thumbnail_width=320)
    assert decode_image(session.keyframes[0].thumbnail).shape == (48, 64, 3)


@pytest.mark.parametrize('drive, words', [
    (recording([GOOD] * 3, poses=[(99 * SECOND, 0), (100 * SECOND, 1)]),
     'do not overlap in time: images from 0.000 to 2.000 s, poses .* from 99.000 to 100.000 s'),
    (recording([GOOD] * 3, poses=[(-SECOND, 0), (5 * SECOND, 1)]), 'are 6 s apart .* --max-pose-gap is 1 s'),
    (recording([BLACK, cut, BLACK]), 'none of the 3 images .* can be used; the first: #0: the frame is black'),
    (recording([]), 'no images')])
def test_a_recording_without_any_keyframe(drive, words):
    with pytest.raises(DataError, match=words) as caught:
        build(drive)
    assert '\n' not in str(caught.value)
