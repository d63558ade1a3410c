"""The triplet ranking loss of NetVLAD (Arandjelovic et al. 2016, equation 7) over the descriptors of a batch."""

import torch


def ranking_loss(descriptors: torch.Tensor, margin: float = 0.1,
                 negatives: int = 10) -> tuple[torch.Tensor, torch.Tensor]:
    """Of unit descriptors (places, 2 * s, D), s views of each place in one session, then s in another.

    Every view q asks: sum over its ``negatives`` nearest views n of other places of
    max(min over the views p of its own place in the other session of d(q, p) + m - d(q, n), 0), d the squared
    distance; the mean over all that ask. Returns it, and the share of those whose nearest p is nearer than any n.
    """
    places, views, _ = descriptors.shape
    flat = descriptors.flatten(0, 1)
    distances = 2 - 2 * flat @ flat.T
    place = torch.arange(places, device=flat.device).repeat_interleave(views)
    session = (torch.arange(views, device=flat.device) >= views // 2).repeat(places)
    own = place[:, None] == place
    positive = distances.masked_fill(~own | (session[:, None] == session), torch.inf).amin(1)
    others = distances.masked_fill(own, torch.inf)
    nearest = others.topk(min(negatives, len(flat) - views), largest=False).values
    loss = (positive[:, None] + margin - nearest).clamp(min=0).sum(1).mean()
    return loss, (positive < nearest[:, 0]).float().mean().detach()
