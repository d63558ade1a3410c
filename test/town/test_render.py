"""Pictures and depth: exact, repeatable, and of the weather that was asked for."""

from ctypes.util import find_library

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from dejavu_ros.errors import RenderError
from dejavu_ros.images import check_informative
from dejavu_ros.town import CONDITIONS, Renderer, Town, Traversal, camera_mount
from dejavu_ros.town.geometry import Batch
from dejavu_ros.town.render import FAR, NEAR, make_context, metric_depth

pytestmark = pytest.mark.skipif(find_library('EGL') is None, reason='no EGL here: apt install libegl1 libgl1 '
                                                                   'libgl1-mesa-dri')
WIDTH, HEIGHT = 160, 120


@pytest.fixture(scope='module')
def renderer():
    with Renderer(Town(1), WIDTH, HEIGHT, 80.0) as renderer:
        yield renderer


@pytest.fixture(scope='module')
def pictures(renderer):
    """One place in every condition: {condition: (rgb, depth)}."""
    taken = {}
    for condition in CONDITIONS:
        traversal = Traversal(renderer.town, condition, 1)
        taken[condition] = renderer.render(traversal, traversal.pose(150.0), camera_mount(), 3)
    return taken


def test_shapes_and_types(pictures):
    for rgb, depth in pictures.values():
        assert rgb.shape == (HEIGHT, WIDTH, 3) and rgb.dtype == np.uint8
        assert depth.shape == (HEIGHT, WIDTH) and depth.dtype == np.float32
        assert (depth > 0).all()
        check_informative(rgb)


def test_sky_is_above_and_infinitely_far(pictures):
    depth = pictures['overcast-winter'][1]
    assert np.isinf(depth[:10]).any()
    assert np.isfinite(depth[-10:]).all()


def test_road_is_where_geometry_says(renderer):
    """The lowest row in the middle sees the flat road at a depth that follows from height and pitch alone."""
    traversal = Traversal(renderer.town, 'sun', 1)
    mount = camera_mount(pitch_deg=0.0)
    K = renderer.intrinsics
    expected = mount.position[2] * K[1, 1] / (HEIGHT - 1 - K[1, 2])
    depths = [renderer.render(traversal, traversal.pose(s), mount)[1][-1, WIDTH // 2] for s in (100.0, 200.0, 300.0)]
    np.testing.assert_allclose(np.median(depths), expected, rtol=0.002)


@pytest.mark.parametrize('mount', ['ahead', 'left', 'right'])
def test_depth_of_one_view_predicts_the_next(renderer, mount):
    """Pixels carried by depth and pose into a second view meet the same depth there."""
    traversal = Traversal(renderer.town, 'overcast-summer', 1)
    camera = camera_mount(mount)
    first, second = traversal.pose(210.0), traversal.pose(210.4, 0.1, 0.02)
    rgb1, depth1 = renderer.render(traversal, first, camera)
    rgb2, depth2 = renderer.render(traversal, second, camera)
    v, u = np.nonzero(depth1 < 60)
    rays = np.linalg.inv(renderer.intrinsics) @ np.stack([u, v, np.ones_like(u)])
    points = ((second @ camera).inverse @ (first @ camera)).matrix[:3] @ np.vstack(
        [rays * depth1[v, u], np.ones(len(u))])
    u2, v2 = (renderer.intrinsics @ points)[:2] / points[2]
    inside = (points[2] > 0.2) & (u2 >= 0) & (v2 >= 0) & (u2 <= WIDTH - 1) & (v2 <= HEIGHT - 1)
    assert inside.mean() > 0.5
    u, v, u2, v2, expected = u[inside], v[inside], u2[inside], v2[inside], points[2][inside]
    met = 1 / map_coordinates(1 / depth2, [v2, u2], order=1)  # 1 / depth of a plane is linear in the image
    off = np.abs(met - expected) / expected
    assert np.median(off) < 0.0003
    assert (off < 0.03).mean() > 0.85  # the rest are edges
    colour = np.abs(rgb1[v, u].astype(int) - rgb2[np.round(v2).astype(int), np.round(u2).astype(int)])
    assert np.median(colour) < 12


def test_same_seeds_same_picture(renderer, pictures):
    traversal = Traversal(Town(1), 'rain', 1)  # another object for the same town
    rgb, depth = renderer.render(traversal, traversal.pose(150.0), camera_mount(), 3)
    np.testing.assert_array_equal(rgb, pictures['rain'][0])
    np.testing.assert_array_equal(depth, pictures['rain'][1])


def test_weather_moves_from_frame_to_frame(renderer, pictures):
    traversal = Traversal(renderer.town, 'night-rain', 1)
    rgb, depth = renderer.render(traversal, traversal.pose(150.0), camera_mount(), 4)
    assert not np.array_equal(rgb, pictures['night-rain'][0])
    np.testing.assert_array_equal(depth, pictures['night-rain'][1])


def test_other_drive_other_look(renderer):
    pose = Traversal(renderer.town, 'sun', 1).pose(150.0)
    shots = [renderer.render(Traversal(renderer.town, 'sun', seed), pose, camera_mount())[0].astype(int)
             for seed in (1, 2)]
    assert np.abs(shots[0] - shots[1]).mean() > 5


def test_conditions_look_like_themselves(pictures):
    grey = {condition: rgb.mean(axis=2) for condition, (rgb, _) in pictures.items()}
    for dark in ('night', 'night-rain'):
        for bright in ('overcast-summer', 'snow', 'sun', 'dawn'):
            assert grey[dark].mean() < 0.6 * grey[bright].mean()
    ground = slice(-30, None)
    assert grey['snow'][ground].mean() > 1.2 * grey['overcast-summer'][ground].mean()
    sky = pictures['sun'][0][np.isinf(pictures['sun'][1])].mean(axis=0)
    assert sky[2] > sky[0]
    sky = pictures['dawn'][0][np.isinf(pictures['dawn'][1])].mean(axis=0)
    assert sky[0] > sky[2]


def test_places_differ_more_than_neighbours(renderer):
    traversal = Traversal(renderer.town, 'overcast-summer', 1)
    near, far = [], []
    for s in np.arange(0.0, 600.0, 100.0):
        first, second, third = (renderer.render(traversal, traversal.pose(s + more), camera_mount())[0].astype(float)
                                for more in (0.0, 0.3, 50.0))
        near.append(np.abs(first - second).mean())
        far.append(np.abs(first - third).mean())
    assert min(far) > max(near)


def test_culling_leaves_out_nothing_that_is_seen(renderer, monkeypatch):
    traversal = Traversal(renderer.town, 'sun', 1)
    views = [(traversal.pose(s), camera_mount(mount)) for s, mount in ((40.0, 'ahead'), (333.0, 'left'))]
    culled = [renderer.render(traversal, *view)[1] for view in views]
    monkeypatch.setattr(Batch, '_in_frustum', lambda self, view: np.ones(len(self._starts), bool))
    for view, depth in zip(views, culled):
        np.testing.assert_array_equal(renderer.render(traversal, *view)[1], depth)


def test_depth_of_a_pixel_is_a_plane_or_the_nearest():
    def buffer(metres):
        return ((FAR + NEAR - 2 * NEAR * FAR / np.asarray(metres)) / (FAR - NEAR) + 1) / 2

    plane = 1 / np.array([[0.26, 0.24], [0.26, 0.24]])  # inverse depth is linear in the image
    edge = np.array([[5.0, 50.0], [5.0, 50.0]])
    horizon = np.array([[30.0, 30.0], [1e9, 1e9]])
    depth = metric_depth(np.hstack([buffer(plane), buffer(edge), buffer(horizon), np.ones((2, 2))]))
    np.testing.assert_allclose(depth, [[4.0, 5.0, 30.0, np.inf]], rtol=1e-6)


def test_traversal_of_another_town_is_refused(renderer):
    other = Traversal(Town(2), 'sun', 1)
    with pytest.raises(RenderError, match='town 2 cannot be rendered in town 1'):
        renderer.render(other, other.pose(0.0), camera_mount())


def test_second_renderer_is_refused(renderer):
    with pytest.raises(RenderError, match='has a renderer already'):
        Renderer(renderer.town, 64, 48)


def test_missing_egl_names_the_packages(monkeypatch):
    import moderngl

    def absent(**_):
        raise Exception('libEGL.so.1 not loaded')

    monkeypatch.setattr(moderngl, 'create_context', absent)
    with pytest.raises(RenderError, match='apt install libegl1') as caught:
        make_context()
    assert '\n' not in str(caught.value)
