"""Which contextual similarity is meant: belongs to a checkpoint, and a map records it."""

import dataclasses

from dejavu_ros.config import option

EPSILON = 1e-5  # keeps D finite where a vector has an exact twin


@dataclasses.dataclass(frozen=True)
class ContextualSettings:
    """Form of the contextual similarity (see the README beside this file)."""

    form: str = option('authors', 'mean over columns of the best row, or over rows of the best column',
                       choices=('authors', 'paper'))
    squared: bool = option(True, 'squared L2 distance (as the authors\' code) instead of L2 (as the paper)')
    symmetric: bool = option(True, 'average both directions')
    bandwidth: float = option(0.5, 'h: smaller is more selective', low=1e-3, high=100.0)
