"""Learning which vectors resemble each other, from networks whose vectors may be of another length.

After relational distillation (Park et al. 2019, Tung and Mori 2019), as soft assignments between two pictures: those
are what contextual similarity is made of.
"""

import torch


def relations(first: torch.Tensor, second: torch.Tensor, taught_first: torch.Tensor, taught_second: torch.Tensor,
              temperature: float = 0.1) -> torch.Tensor:
    """Mean divergence of soft assignments from those taught, a scalar, 0 where they are the same.

    Unit vectors of pictures, ``first`` (A, n, N) and ``second`` (B, n, M), and those a teacher gives for them,
    (A, m, N) and (B, m, M). Each vector of a picture is assigned to those of each picture of the other kind by the
    softmax of cosine / ``temperature``; Kullback-Leibler divergence, both ways.
    """
    given, wanted = (torch.einsum('ani,bnj->abij', a, b) / temperature
                     for a, b in ((first, second), (taught_first, taught_second)))
    assignments = ((given.log_softmax(axis), wanted.log_softmax(axis)) for axis in (2, 3))
    return sum((expected.exp() * (expected - found)).sum(axis).mean()
               for axis, (found, expected) in zip((2, 3), assignments)) / 2
