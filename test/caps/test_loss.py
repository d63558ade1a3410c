"""Epipolar lines, expected matches, and what is wrong with them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.spatial.transform import Rotation

from dejavu_ros.caps.epipolar import crosses, distance_to, epipolar_lines, fundamental_matrix
from dejavu_ros.caps.loss import caps_loss
from dejavu_ros.caps.matching import WINDOW, match_coarse, match_fine
from dejavu_ros.geometry import Pose
from dejavu_ros.nn.caps import sample
from dejavu_ros.town.camera import intrinsics

HEIGHT, WIDTH = 96, 128
SIDEWAYS = Pose(np.array([-0.5, 0.0, 0.0]), np.array([0.0, 0.0, 0.0, 1.0]))


def seen(points, camera):
    return torch.from_numpy((points / points[:, 2:]) @ camera.T)[:, :2].float()


@pytest.fixture
def two_views():
    """Pixels of 50 points in two cameras of their own, and the fundamental matrix."""
    rng = np.random.default_rng(0)
    points = rng.uniform((-3, -2, 4), (3, 2, 12), (50, 3))
    cameras = intrinsics(WIDTH, HEIGHT, 80.0), intrinsics(WIDTH, HEIGHT, 60.0)
    second_T_first = Pose(np.array([0.6, -0.2, 0.4]), Rotation.from_euler('xyz', [3, 8, -2], degrees=True).as_quat())
    moved = second_T_first.rotation.apply(points) + second_T_first.position
    matrix = fundamental_matrix(*map(torch.from_numpy, cameras), second_T_first)
    return seen(points, cameras[0]), seen(moved, cameras[1]), matrix


def test_a_point_lies_on_its_line(two_views):
    first, second, matrix = two_views
    lines = epipolar_lines(matrix[None], first[None])
    assert distance_to(lines, second[None]).max() < 1e-2
    aside = second + 7 * lines[0, :, :2]
    torch.testing.assert_close(distance_to(lines, aside[None]), torch.full((1, 50), 7.0), atol=1e-2, rtol=0)


def test_lines_beyond_the_image():
    lines = torch.tensor([[[0.0, 1.0, -50.0], [0.0, 1.0, 1.0], [0.0, 1.0, -96.0], [1.0, 0.0, -127.0]]])
    assert crosses(lines, (HEIGHT, WIDTH)).tolist() == [[True, False, False, True]]


@pytest.fixture
def maps():
    """Two pairs of maps of random unit vectors, coarse and fine."""
    torch.manual_seed(0)
    return tuple(F.normalize(torch.randn(2, 32, *size), dim=1) for size in ((6, 8), (24, 32)))


def test_a_vector_is_found_where_it_is(maps):
    points = (torch.tensor([[3, 2], [6, 4], [1, 5]]) + 0.5) / torch.tensor([8, 6])
    points = points.expand(2, -1, -1)
    found = match_coarse(sample(maps[0], points), maps[0])
    torch.testing.assert_close(found.points, points, atol=0.02, rtol=0)
    vague = match_coarse(0.1 * sample(maps[0], points), maps[0])
    assert (vague.deviation > 3 * found.deviation).all()


def test_the_fine_match_stays_in_its_window(maps):
    points = torch.rand(2, 40, 2, generator=torch.Generator().manual_seed(1))
    around = torch.rand(2, 40, 2, generator=torch.Generator().manual_seed(2))
    found = match_fine(sample(maps[1], points), maps[1], around).points
    half = WINDOW / 2 * torch.tensor([1.0, WIDTH / HEIGHT])
    middle = torch.minimum(torch.maximum(around, half), 1 - half)
    assert ((found - middle).abs() <= half).all()
    near = match_fine(sample(maps[1], points), maps[1], points).points
    assert ((near - points).abs().mean() < 0.02)


def pair_loss(first, second, points):
    camera = torch.from_numpy(intrinsics(WIDTH, HEIGHT, 80.0))
    matrices = fundamental_matrix(camera, camera, SIDEWAYS).expand(2, 3, 3)
    return caps_loss(first, second, points, matrices, (HEIGHT, WIDTH))


def test_right_matches_cost_less_than_wrong_ones(maps):
    """The camera moved sideways: what is in another column of the same row may be right, another row is wrong."""
    points = torch.rand(2, 60, 2, generator=torch.Generator().manual_seed(3)) * torch.tensor([100.0, 70.0]) + 14
    sideways, down = (tuple(part.roll(part.shape[axis] // 8 or 1, axis) for part in maps) for axis in (3, 2))
    right, wrong = pair_loss(maps, sideways, points), pair_loss(maps, down, points)
    assert right['coarse_epipolar'] < 0.7 * wrong['coarse_epipolar']
    assert right['fine_epipolar'] < 0.7 * wrong['fine_epipolar']


def test_gradients_reach_both_maps_and_lower_the_loss():
    torch.manual_seed(0)
    raw = [torch.randn(2, 8, *size, requires_grad=True) for size in ((6, 8), (24, 32)) for _ in range(2)]
    points = torch.rand(2, 60, 2) * torch.tensor([127.0, 95.0])
    optimiser = torch.optim.Adam(raw, lr=0.05)
    losses = []
    for _ in range(30):
        coarse, coarse_other, fine, fine_other = (F.normalize(part, dim=1) for part in raw)
        parts = pair_loss((coarse, fine), (coarse_other, fine_other), points)
        optimiser.zero_grad()
        parts['loss'].backward()
        assert all(part.grad.abs().sum() > 0 and part.grad.isfinite().all() for part in raw)
        optimiser.step()
        losses.append(float(parts['loss'].detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_points_whose_lines_miss_the_image_count_nowhere(maps):
    points = torch.full((2, 5, 2), 40.0)
    points[..., 1] = -200.0  # far above: so is the line of a camera that moved sideways
    assert float(pair_loss(maps, maps, points)['loss']) == 0.0
