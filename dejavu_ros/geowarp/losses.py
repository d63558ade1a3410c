"""What the regression of a common area learns from; corners (B, 2, 4, 2) as the network gives them."""

import torch
import torch.nn.functional as F

from dejavu_ros.geowarp.network import GeoWarpNet

ROUGH = 0.1  # of half an image's side
MIRRORED = [1, 0, 3, 2]  # where the corners of FRAME come to lie when left and right change places


def self_supervised(found: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Of the coordinates, where both images were cut from one and the truth is known: half the mean squared error over
    ROUGH, and of those that are further off than that the distance itself.
    """
    return F.smooth_l1_loss(found, true, beta=ROUGH)


def featurewise(network: GeoWarpNet, first: torch.Tensor, second: torch.Tensor, corners: torch.Tensor) -> torch.Tensor:
    """1 - cosine, on average, of the cells of two views of a place that come to lie on each other."""
    return 1 - F.cosine_similarity(*network.warped(first, second, corners), dim=1).mean()


def consistency(network: GeoWarpNet, first: torch.Tensor, second: torch.Tensor, corners: torch.Tensor) -> torch.Tensor:
    """How far the answer changes with the order of the two views, and with what a mirror does to both."""
    swapped = network.regression(second, first).flip(1)
    return (F.mse_loss(swapped, corners) + F.mse_loss(unmirrored(network.regression(first.flip(3), second.flip(3))),
                                                      corners)) / 2


def unmirrored(corners: torch.Tensor) -> torch.Tensor:
    """Corners found in mirrored images, in the images as they were."""
    return corners[:, :, MIRRORED] * corners.new_tensor([-1.0, 1.0])
