"""Which points of two views are the same, held against pictures whose colours say where in the scene they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from dejavu_ros.data.manifests import ManifestRow, write_manifest
from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_jpeg
from dejavu_ros.training.config import SourceConfig
from dejavu_ros.training.correspondence import Sighting, by_depth, by_fixed_camera, centres, mirrored
from dejavu_ros.training.crops import WHOLE
from dejavu_ros.training.sources import open_source
from dejavu_ros.training.views import Views

GRID = (8, 6)
CAMERA = np.array([[50.0, 0, 39.5], [0, 50.0, 29.5], [0, 0, 1]])

windows = st.tuples(*[st.floats(0, 0.5)] * 2, *[st.floats(0.2, 0.5)] * 2).map(
    lambda box: np.array([box[0], box[1], box[0] + box[2], box[1] + box[3]]))


@given(first=windows, second=windows)
def test_windows_of_a_fixed_camera(first, second):
    matches = by_fixed_camera(first, second, GRID)
    assert np.nanmin(np.append(matches, 0)) >= 0 and np.nanmax(np.append(matches, 0)) <= 1
    in_picture = first[:2] + centres(GRID) * (first[2:] - first[:2])
    back = second[:2] + matches * (second[2:] - second[:2])
    known = np.isfinite(matches).all(-1)
    np.testing.assert_allclose(back[known], in_picture[known], atol=1e-6)
    inside = ((in_picture > second[:2] + 1e-6) & (in_picture < second[2:] - 1e-6)).all(-1)
    assert known[inside].all()
    np.testing.assert_array_equal(mirrored(mirrored(matches)).round(5), matches.round(5))


def wall(distance: float, aside: float = 0.0) -> Sighting:
    return Sighting(np.full((60, 80), distance, np.float32), Pose.make([aside, 0, 0]), WHOLE)


def test_a_step_aside_before_a_wall():
    matches = by_depth(wall(10.0), wall(10.0, aside=2.0), CAMERA, GRID)
    expected = centres(GRID) - [50 * 2 / 10 / 80, 0]
    known = np.isfinite(matches).all(-1)
    assert (known == (expected[..., 0] >= 0)).all() and not known.all()
    np.testing.assert_allclose(matches[known], expected[known], atol=1e-6)


def test_what_is_hidden_or_in_the_sky_has_no_match():
    assert np.isnan(by_depth(wall(10.0), wall(5.0), CAMERA, GRID)).all(), 'something stands before it'
    assert np.isnan(by_depth(wall(np.inf), wall(np.inf), CAMERA, GRID)).all()
    behind = Sighting(np.full((60, 80), 10, np.float32), Pose.make([0, 0, 20.0]), WHOLE)
    assert np.isnan(by_depth(wall(10.0), behind, CAMERA, GRID)).all()


@pytest.mark.parametrize('seed', range(4))
def test_matches_of_a_source_hold_in_its_pictures(tmp_path, seed):
    """Through jitter and mirroring: red and green are the place in the camera's image."""
    y, x = np.mgrid[:120, :160]
    image = np.stack([40 + x, 40 + y, np.full_like(x, 90)], -1).astype(np.uint8)
    rows = []
    for session in 'ab':
        (tmp_path / f'{session}.png').write_bytes(encode_jpeg(image, 100))
        rows.append(ManifestRow(tmp_path / f'{session}.png', 'camera', session))
    write_manifest(tmp_path / 'set.csv', rows)
    source = open_source(SourceConfig(str(tmp_path / 'set.csv'), fixed_camera=True))
    drawn = source.draw(np.random.default_rng(seed), 0, 6, Views((64, 48), grid=GRID))
    assert np.isfinite(drawn.matches).mean() > 0.5
    for (first, second), matches in zip(drawn.images.astype(float), drawn.matches):
        known = np.isfinite(matches).all(-1)
        here, there = (sample(view, at[known]) for view, at in ((first, centres(GRID)), (second, matches)))
        assert np.abs(here - there).max() < 4


def sample(view: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Colours (M, 3) of a view (H, W, 3) at shares (M, 2) of its sides."""
    column, row = (at * view.shape[1::-1] - 0.5).T
    return np.stack([map_coordinates(channel, [row, column], order=1, mode='nearest')
                     for channel in np.moveaxis(view, -1, 0)], -1)
