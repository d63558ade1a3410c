"""Every system of the family by name: what it looks at first, and perhaps a second time."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

from dejavu_ros.errors import CheckpointError, ConfigError
from dejavu_ros.evaluation.settings import EvaluationSettings
from dejavu_ros.nn.checkpoint import default_checkpoint_path
from dejavu_ros.retrieval.files import SHIPPED

REFERENCE = 'dvf'  # whose time for a frame is 1
SIX_DOF = 'dvf, six degrees of freedom'  # of drives, not of sets of images
LEARNED_LOOKS = 'cx', 'cells'  # second looks at the features of the shipped checkpoint
ALPHAS = '0', '0.2', '0.4', '0.6', '0.8', '1'


@dataclasses.dataclass(frozen=True)
class System:
    """Images are ranked by ``first``; ``second``, if any, is the name of the look at the best of them
    (:mod:`dejavu_ros.evaluation.second_looks`).
    """

    first: EvaluationSettings
    second: str = ''

    @property
    def identity(self) -> str:
        """12 hex digits that change with anything that a figure depends on. Raises CheckpointError."""
        weights = [content_of(file) for file in self.weights()]
        return hashlib.sha256(repr((self.first, self.second, weights)).encode()).hexdigest()[:12]

    def weights(self) -> list[Path]:
        """The files of weights that it needs."""
        shipped = default_checkpoint_path()
        files = [Path(self.first.checkpoint)] if self.first.checkpoint not in ('', 'random') else []
        if self.first.features == 'netvlad' and not files:
            files.append(shipped.with_name(SHIPPED))
        if self.first.features == 'dvf' and not self.first.checkpoint or self.second in LEARNED_LOOKS:
            files.append(shipped)
        return files


def content_of(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise CheckpointError(f'no file of weights {file}: {error.strerror}') from None


def known_systems(caps: str = '') -> dict[str, System]:
    """By name; ``dvf`` is the shipped checkpoint, others lie beside it. With weights of ``caps`` that is one too."""
    folder = default_checkpoint_path().parent
    files = {REFERENCE: '', 'dvf rendered': folder / 'rendered.pt', 'dvf student': folder / 'student.pt',
             **{f'dvf alpha {alpha}': folder / f'alpha_{alpha}.pt' for alpha in ALPHAS}}
    systems = {name: System(EvaluationSettings(checkpoint=str(file))) for name, file in files.items()}
    systems['dvf, random weights'] = System(EvaluationSettings(checkpoint='random'))
    systems['dvf, plain matching'] = System(EvaluationSettings(similarity='matches'))
    systems['dvf, then agreeing cells'] = System(EvaluationSettings(), 'cells')
    systems['dvf, then inliers'] = System(EvaluationSettings(), 'inliers')
    netvlad = EvaluationSettings('netvlad', 'descriptor')
    systems['netvlad'] = System(netvlad)
    systems['netvlad, then dvf'] = System(netvlad, 'cx')
    systems['netvlad maps + cx'] = System(EvaluationSettings('netvlad', max_grid=16))
    for name in ('orb', 'sift', 'rootsift'):
        systems[name] = System(EvaluationSettings(name, 'matches'))
        systems[f'{name} + cx'] = System(EvaluationSettings(name))
    if caps:
        systems['caps'] = System(EvaluationSettings('caps', 'matches', checkpoint=caps))
        systems['caps + cx'] = System(EvaluationSettings('caps', checkpoint=caps))
    return systems


def chosen_systems(names: Sequence[str], caps: str = '') -> dict[str, System]:
    """Those that are named, all of them without names. Raises ConfigError for one that is not known."""
    systems = known_systems(caps)
    unknown = [name for name in names if name not in systems]
    if unknown:
        raise ConfigError(f'no system {unknown[0]!r}; there are: {"; ".join(systems)}'
                          f'{"" if caps else "; with --caps FILE also caps; caps + cx"}')
    return {name: systems[name] for name in names or systems}
