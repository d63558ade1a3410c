"""Candidates put in another order after warping."""

import numpy as np
import pytest
import torch

from dejavu_ros.errors import CheckpointError, ConfigError
from dejavu_ros.geowarp.files import load_geowarp, save_geowarp
from dejavu_ros.geowarp.losses import unmirrored
from dejavu_ros.geowarp.network import GeoWarpNet
from dejavu_ros.geowarp.reranker import Reranker, dealt_anew
from dejavu_ros.geowarp.settings import GeoWarpSettings
from dejavu_ros.geowarp.warping import frame_corners, warp
from dejavu_ros.ops.contextual import ContextualSettings

ROWS, COLUMNS = 6, 8


def grids(count: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, 5, ROWS * COLUMNS))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


@pytest.fixture(params=['beyond', 'cosine', 'cx'])
def file(tmp_path, request):
    """A fresh network, to which all views show the same."""
    settings = GeoWarpSettings(rows=ROWS, columns=COLUMNS, width=4, similarity=request.param)
    torch.manual_seed(0)
    save_geowarp(tmp_path / 'geowarp.pt', GeoWarpNet(settings, None), {'name': 'fresh'})
    return load_geowarp(tmp_path / 'geowarp.pt')


def test_scores_are_dealt_out_among_the_shortlist_alone():
    scores = np.array([0.1, 0.9, 0.5, 0.7, 0.3])
    np.testing.assert_array_equal(dealt_anew(scores, np.array([1, 3, 2]), np.array([0.2, 0.4, 0.8])),
                                  [0.1, 0.5, 0.9, 0.7, 0.3])
    np.testing.assert_array_equal(dealt_anew(scores, np.array([3, 1]), np.array([0.5, 0.5])), scores)


def test_the_candidate_that_shows_the_same_comes_first(file):
    candidates = grids(6)
    scores = np.array([0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    found = Reranker(file).rerank(scores, 4, candidates[3], lambda rows: candidates[rows], candidates.mean(0))
    assert found.argmax() == 3 and sorted(found) == sorted(scores)
    np.testing.assert_array_equal(found[4:], scores[4:])


def test_hidden_cells_count_for_nothing(file):
    candidates = grids(3)
    hidden = candidates[1].copy()
    hidden[:, :COLUMNS] = 0
    similarity = Reranker(file).judge_in(candidates)(hidden, candidates)
    assert similarity.argmax() == 1 and np.isfinite(similarity).all()
    assert similarity[1] > 0.95 or file.settings.similarity != 'cosine'


def test_a_grid_of_another_size_is_refused(file, tmp_path):
    with pytest.raises(ConfigError, match='grid maps of 6x8 cells, the checkpoint has grids of 12x16: train one'):
        Reranker(file).check_grid((12, 16))
    (tmp_path / 'other.pt').write_bytes(b'not one')
    with pytest.raises(CheckpointError, match='is no geowarp: give a file of dejavu train-geowarp'):
        load_geowarp(tmp_path / 'other.pt')


def test_a_mirror_takes_corners_to_each_other():
    corners = frame_corners(torch.zeros(1)) + 0.1 * torch.rand(3, 2, 4, 2, generator=torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(unmirrored(unmirrored(corners)), corners)
    maps = torch.rand(3, 2, 9, 12, generator=torch.Generator().manual_seed(1))
    straight, mirrored = (warp(maps.flip(3) if flip else maps, which[:, 0], (9, 12))
                          for flip, which in ((False, corners), (True, unmirrored(corners))))
    torch.testing.assert_close(straight, mirrored.flip(3), atol=1e-4, rtol=0)


def test_cx_is_the_form_that_it_is_given(file):
    candidates = grids(3)
    by = [Reranker(file, ContextualSettings(form)).judge_in(candidates)(candidates[0], candidates) for form in
          ('authors', 'paper')]
    assert np.allclose(*by) == (file.settings.similarity == 'cosine')


@pytest.mark.parametrize('file', ['beyond'], indirect=True)
def test_what_all_views_of_a_map_show_decides_nothing(file):
    """A sky that every view shows hides what tells them apart; beyond it, the right one is far ahead."""
    sky = np.zeros((5, 1), np.float32)
    sky[0] = 4.0
    views = (grids(8) + sky).astype(np.float32)
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    query = grids(8)[2] + 0.5 * grids(1, 9)[0] + sky
    query /= np.linalg.norm(query, axis=0)
    reranker = Reranker(file)
    gaps = []
    for usual in (views.mean(0), np.zeros_like(views[0])):
        similarity = reranker.similarity(query, views, usual)
        gaps.append(similarity[2] - np.delete(similarity, 2).max())
    assert gaps[0] > 3 * gaps[1]
