"""Which frames are views of which place."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from dejavu_ros.config import build
from dejavu_ros.data.frames import Frame
from dejavu_ros.data.poses import PoseTrack
from dejavu_ros.data.triplet_config import TripletConfig
from dejavu_ros.data.places import NOWHERE
from dejavu_ros.data.triplets import Traversal, View, find_places, number_visits, remove_unused, sessions_of_places
from dejavu_ros.errors import ConfigError, DataError, ImageError
from dejavu_ros.geometry import Pose

SECOND = 10**9


def view(session, x, y=0.0, yaw=0.0):
    return View(session, 0, Pose.planar(x, y, np.radians(yaw)), Path('a.jpg'), Path('b.jpg'), 1)


def labels_of(views, **settings):
    return find_places(views, build(TripletConfig, settings))[0].tolist()


def test_places_lie_along_the_way_with_gaps_between_them():
    views = [view('a', x) for x in range(20)]
    # centres at 0 and at the first view beyond 2 * 3 + 2 m: 9, 18
    assert labels_of(views) == [0] * 4 + [-1] * 2 + [1] * 7 + [-1] * 2 + [2] * 5


def test_another_session_takes_the_places_of_the_first_and_adds_its_own():
    views = [view('a', x) for x in range(4)] + [view('b', x, y=1) for x in (1, 50)]
    assert labels_of(views) == [0, 0, 0, 0, 0, 1]


def test_heading_parts_places_also_across_half_a_turn():
    assert labels_of([view('a', 0), view('b', 0, yaw=20), view('b', 0, yaw=45), view('b', 0, yaw=180)]) == [0, 0, -1, 1]
    assert labels_of([view('a', 0, yaw=175), view('b', 0, yaw=-170)]) == [0, 0]


def test_no_two_views_of_different_places_are_near_and_alike_in_heading():
    rng = np.random.default_rng(0)
    views = [view('a', *rng.uniform(0, 40, 2), rng.uniform(-180, 180)) for _ in range(300)]
    labels = np.array(labels_of(views, place_gap=1.5))
    assert (labels != NOWHERE).sum() > 100 and labels.max() > 10
    for i in np.flatnonzero(labels != NOWHERE):
        for j in np.flatnonzero((labels != NOWHERE) & (labels != labels[i])):
            a, b = views[i].map_T_base, views[j].map_T_base
            turn = abs((a.yaw - b.yaw + np.pi) % (2 * np.pi) - np.pi)
            assert np.linalg.norm(a.position - b.position) > 1.5 or turn > 0


def test_labels_do_not_change_from_run_to_run():
    rng = np.random.default_rng(1)
    views = [view('a', *rng.uniform(0, 30, 2)) for _ in range(50)]
    assert labels_of(views) == labels_of(views)


def visits_of(xs, gap, session='a', seconds=10):
    views = [View(session, i * seconds * SECOND, Pose.planar(x, 0, 0), Path('a.jpg'), Path('b.jpg'), 1)
             for i, x in enumerate(xs)]
    return number_visits(views, find_places(views, TripletConfig())[0], gap * SECOND).tolist()


def test_a_place_that_was_left_for_long_is_visited_anew():
    way_and_back = [0, 1, 20, 20, 20, 1, 0]  # seen at 10 s, and again at 50 s
    assert visits_of(way_and_back, gap=30) == [1, 1, 1, 1, 1, 2, 2]
    assert visits_of(way_and_back, gap=40) == [1] * 7
    assert visits_of([0, 20, 0, 20, 0], gap=15) == [1, 1, 2, 2, 3]


def test_standing_still_is_one_visit_and_a_view_in_no_place_is_none():
    assert visits_of([0, 0, 0, 0], gap=5) == [1] * 4
    assert visits_of([0, 4.5, 0], gap=15) == [1, 0, 2]


def test_every_session_counts_its_own_visits():
    views = [View(name, stamp * SECOND, Pose.planar(x, 0, 0), Path('a.jpg'), Path('b.jpg'), 1)
             for name, stamp, x in (('a', 0, 0), ('a', 50, 20), ('a', 99, 0), ('b', 0, 0), ('b', 99, 0))]
    assert number_visits(views, find_places(views, TripletConfig())[0], 30 * SECOND).tolist() == [1, 1, 2, 1, 1]


def test_sessions_without_overlap_are_told_how_far_they_are_apart():
    views = [view('a', 0), view('a', 5), view('b', 305, yaw=90)]
    with pytest.raises(DataError, match='300.0 m and 90 degrees apart'):
        sessions_of_places(views, find_places(views, TripletConfig())[0])


def test_settings_that_contradict_each_other():
    with pytest.raises(ConfigError, match='next_within'):
        TripletConfig(next_after=2.0, next_within=1.0)


def picture(seed):
    small = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), np.uint8)
    return cv2.resize(small, (64, 48), interpolation=cv2.INTER_CUBIC)


def drive(images, period=SECOND // 10, speed=1.0):
    """Frames and the poses of a robot driving ahead; an exception in place of an image is raised by it."""
    def decode(image):
        if isinstance(image, Exception):
            raise image
        return image
    track = PoseTrack('/odom of a test')
    frames = []
    for i, image in enumerate(images):
        stamp = SECOND + i * period
        track.add(stamp, (speed * i * period / SECOND, 0, 0), (0, 0, 0, 1))
        frames.append(Frame(f'/camera #{i}', stamp, 'camera', lambda image=image: decode(image)))
    track.finish()
    return frames, track


def collected(folder, frames, track, **settings):
    traversal = Traversal('s')
    traversal.collect(frames, track, folder, build(TripletConfig, settings))
    return traversal


def test_views_keep_their_spacing_and_their_next_frame(tmp_path):
    traversal = collected(tmp_path / 's', *drive([picture(i) for i in range(31)]))
    # the frames at 0, 1, 2 m; the one at 3 m is the last and has no next one
    assert [view.stamp_ns - SECOND for view in traversal.views] == [0, SECOND, 2 * SECOND]
    assert [view.next_stamp_ns - view.stamp_ns for view in traversal.views] == [SECOND // 10] * 3
    assert (traversal.frames, traversal.without_next, len(traversal.track)) == (31, 1, 31)
    assert np.allclose(traversal.views[1].map_T_base.position, [1, 0, 0])
    assert all(view.image.is_file() and view.next.is_file() for view in traversal.views)


def test_an_image_that_is_both_view_and_next_frame_is_stored_once(tmp_path):
    traversal = collected(tmp_path / 's', *drive([picture(i) for i in range(6)]), spacing=0.0)
    assert [view.next for view in traversal.views[:-1]] == [view.image for view in traversal.views[1:]]
    assert len(list((tmp_path / 's').iterdir())) == 6
    labels = np.array([0, 0, -1, -1, -1])
    assert remove_unused(tmp_path, traversal.views, labels) == 3
    assert sorted((tmp_path / 's').iterdir()) == [v.image for v in traversal.views[:3]]


def test_the_next_frame_comes_no_sooner_and_no_later_than_asked(tmp_path):
    frames, track = drive([picture(i) for i in range(40)])
    views = collected(tmp_path / 'a', frames, track, next_after=0.25).views
    assert {view.next_stamp_ns - view.stamp_ns for view in views} == {3 * SECOND // 10}
    with pytest.raises(DataError, match='5 of 5 frames kept but with no next frame'):
        collected(tmp_path / 'b', *drive([picture(i) for i in range(5)], period=2 * SECOND))


def test_unusable_images_are_counted_and_the_frame_after_takes_their_part(tmp_path):
    images = [picture(i) for i in range(31)]
    images[10] = np.zeros((48, 64, 3), np.uint8)
    images[1] = ImageError('cut short')
    traversal = collected(tmp_path / 's', *drive(images))
    assert [view.stamp_ns - SECOND for view in traversal.views] == [0, 11 * SECOND // 10, 21 * SECOND // 10]
    assert traversal.views[0].next_stamp_ns == SECOND + 2 * SECOND // 10
    assert traversal.bad_images == 2 and traversal.first_bad_image == '/camera #1: cut short'
    assert '2 of 31 frames with an unusable image' in traversal.losses(TripletConfig())


def test_frames_out_of_order_or_without_poses(tmp_path):
    frames, track = drive([picture(i) for i in range(12)])
    late = Frame('/camera #12', SECOND // 2, 'camera', frames[0].decode)
    traversal = collected(tmp_path / 's', [late, *frames, frames[3]], track)
    assert traversal.without_pose == 1 and [v.stamp_ns for v in traversal.views] == [SECOND, 2 * SECOND]
    with pytest.raises(DataError, match='2 of 2 frames without poses'):
        collected(tmp_path / 't', [late, Frame('x', 0, '', late.decode)][::-1], track)
