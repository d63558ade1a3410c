"""The regression of a common area, on maps that are told apart easily."""

import numpy as np
import torch
import torch.nn.functional as F

from dejavu_ros.geowarp.losses import consistency, featurewise, self_supervised
from dejavu_ros.geowarp.network import GeoWarpNet
from dejavu_ros.geowarp.quadrilaterals import draw_pair
from dejavu_ros.geowarp.settings import GeoWarpSettings
from dejavu_ros.geowarp.warping import frame_corners, homography, moved, warp

ROWS, COLUMNS = 6, 8


def pairs(rng: np.random.Generator, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Grids of two quadrilaterals of smooth random maps, and what they share."""
    coarse = torch.from_numpy(rng.normal(size=(count, 8, 6, 8))).float()
    maps = F.interpolate(coarse, scale_factor=4, mode='bilinear')
    first, second, shared = (torch.from_numpy(np.array(part)).float()
                             for part in zip(*(draw_pair(rng, 0.6) for _ in range(count))))
    frame = frame_corners(shared).expand_as(shared)
    truth = torch.stack([moved(homography(own, frame), shared) for own in (first, second)], 1)
    return warp(maps, first, (ROWS, COLUMNS)), warp(maps, second, (ROWS, COLUMNS)), truth


def test_it_learns_from_single_images_what_two_views_share():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network = GeoWarpNet(GeoWarpSettings(rows=ROWS, columns=COLUMNS, width=32), None).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    asked = pairs(np.random.default_rng(1), 64)
    before = network.eval().common_area(*asked[:2])
    np.testing.assert_allclose(before.detach(), frame_corners(before).expand_as(before).detach())
    for _ in range(120):
        network.train()
        one, other, truth = pairs(rng, 24)
        loss = self_supervised(network.regression(one, other), truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    network.eval()
    with torch.inference_mode():
        found = network.common_area(*asked[:2])
        constant = asked[2].mean(0).expand_as(asked[2])
        assert self_supervised(found, asked[2]) < 0.4 * self_supervised(constant, asked[2])
        whole = frame_corners(found).expand_as(found)
        assert featurewise(network, *asked[:2], found) < 0.6 * featurewise(network, *asked[:2], whole)
        sure = consistency(network, *asked[:2], network.regression(*asked[:2]))
        assert sure < 0.5 * self_supervised(constant, asked[2]), 'swapped and mirrored views say much the same'
