"""Every system of the family by name: what it looks at first, and perhaps a second time."""

import dataclasses
import hashlib
from collections.abc import Sequence

from dejavu_ros.errors import ConfigError
from dejavu_ros.evaluation.settings import EvaluationSettings
from dejavu_ros.geowarp.files import load_geowarp
from dejavu_ros.nn.caps import identity_of
from dejavu_ros.nn.checkpoint import default_checkpoint_path, load_checkpoint
from dejavu_ros.retrieval.files import load_describer

REFERENCE = 'dvf'  # whose time for a frame is 1
SIX_DOF = 'dvf, six degrees of freedom'  # of drives, not of sets of images
ALPHAS = '0', '0.2', '0.4', '0.6', '0.8', '1'


@dataclasses.dataclass(frozen=True)
class System:
    """Images are ranked by ``first``; ``second``, if any, is the name of the look at the best of them
    (:mod:`dejavu_ros.evaluation.second_looks`), with ``weights`` of its own, if it takes any.
    """

    first: EvaluationSettings
    second: str = ''
    weights: str = ''

    @property
    def identity(self) -> str:
        """12 hex digits that change with anything that a figure depends on. Raises CheckpointError."""
        weights = [weights_of(self.first), load_checkpoint('').identity if self.second else '',
                   load_geowarp(self.weights).identity if self.second == 'geowarp' else '']
        return hashlib.sha256(repr((self.first, self.second, weights)).encode()).hexdigest()[:12]


def weights_of(settings: EvaluationSettings) -> str:
    """Identity of the weights that features are made with; empty without any. Raises CheckpointError."""
    if settings.features == 'dvf':
        return load_checkpoint(settings.checkpoint).identity
    if settings.features == 'netvlad':
        return load_describer(settings.checkpoint).identity
    return identity_of(settings.checkpoint) if settings.features == 'caps' else ''


def known_systems(caps: str = '', geowarp: str = '') -> dict[str, System]:
    """By name; ``dvf`` is the shipped checkpoint, others lie beside it. ``caps`` and ``geowarp`` are files of weights,
    if not the shipped ones.
    """
    folder = default_checkpoint_path().parent
    files = {REFERENCE: '', 'dvf rendered': folder / 'rendered.pt', 'dvf student': folder / 'student.pt',
             **{f'dvf alpha {alpha}': folder / f'alpha_{alpha}.pt' for alpha in ALPHAS}}
    systems = {name: System(EvaluationSettings(checkpoint=str(file))) for name, file in files.items()}
    systems['dvf, random weights'] = System(EvaluationSettings(checkpoint='random'))
    systems['dvf, plain matching'] = System(EvaluationSettings(similarity='matches'))
    systems['dvf, then agreeing cells'] = System(EvaluationSettings(), 'cells')
    systems['dvf, then geowarp'] = System(EvaluationSettings(), 'geowarp', geowarp)
    systems['dvf, then inliers'] = System(EvaluationSettings(), 'inliers')
    netvlad = EvaluationSettings('netvlad', 'descriptor')
    systems['netvlad'] = System(netvlad)
    systems['netvlad, then dvf'] = System(netvlad, 'cx')
    systems['netvlad maps + cx'] = System(EvaluationSettings('netvlad', max_grid=16))
    for name in ('orb', 'sift', 'rootsift'):
        systems[name] = System(EvaluationSettings(name, 'matches'))
        systems[f'{name} + cx'] = System(EvaluationSettings(name))
    systems['caps'] = System(EvaluationSettings('caps', 'matches', checkpoint=caps))
    systems['caps + cx'] = System(EvaluationSettings('caps', checkpoint=caps))
    return systems


def chosen_systems(names: Sequence[str], caps: str = '', geowarp: str = '') -> dict[str, System]:
    """Those that are named, all of them without names. Raises ConfigError for one that is not known."""
    systems = known_systems(caps, geowarp)
    unknown = [name for name in names if name not in systems]
    if unknown:
        raise ConfigError(f'no system {unknown[0]!r}; there are: {"; ".join(systems)}')
    return {name: systems[name] for name in names or systems}
