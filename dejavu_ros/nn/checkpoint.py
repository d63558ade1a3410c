"""Checkpoint files: a dict whose ``model`` holds the state dict, as published, plus what we know of it.

Our own files add ``dejavu``: plain numbers and strings with the network's architecture, the feature settings, the form
of the contextual similarity and the model card's facts. A published file has none, and the published defaults apply.
"""

import dataclasses
import hashlib
import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from dejavu_ros.config import build
from dejavu_ros.errors import CheckpointError, ConfigError
from dejavu_ros.files import new_file
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.encoder_net import EncoderNet, make_network
from dejavu_ros.nn.families import Architecture, EncoderArchitecture
from dejavu_ros.nn.features import FeatureSettings
from dejavu_ros.ops.contextual import ContextualSettings

PREFIX = 'branch.'
DEFAULT = 'dejavu.pt'
PUBLISHED = 'dejavu-0.2.pt'  # beside it, of the published network: the default before
SHIPPED = 'shipped'  # where an empty name means none


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A network with the settings it was trained for; ``identity`` is 12 hex digits of the hash of both."""

    network: DejavuNet | EncoderNet
    settings: FeatureSettings
    contextual: ContextualSettings
    card: dict[str, Any]
    identity: str

    @property
    def calibrated(self) -> bool:
        """Whether ``dejavu calibrate`` fitted the probabilities to this network."""
        return 'calibration' in self.card

    @property
    def warning(self) -> str:
        """What somebody who localizes with this checkpoint should know, in a sentence or two; empty: nothing."""
        said = []
        if self.untrained:
            said.append('it is an untrained network (step 0 of its training)')
        if not self.calibrated:
            said.append('it is not calibrated, so probabilities mean little, and what is accepted with them: run '
                        'dejavu calibrate on places that it was not trained on; maps made with it stay valid')
        return f'checkpoint {self.identity}: {"; ".join(said)}' if said else ''

    @property
    def untrained(self) -> bool:
        """Whether a training wrote it before its first step, from random weights."""
        train = self.card.get('recipe', {}).get('train', {})
        return self.card.get('step') == 0 and not train.get('start_from') and isinstance(self.network, DejavuNet)


def default_checkpoint_path() -> Path:
    """``$DEJAVU_CHECKPOINT``, else the shipped one, in the source tree or in the installed package's share folder."""
    if 'DEJAVU_CHECKPOINT' in os.environ:
        return Path(os.environ['DEJAVU_CHECKPOINT'])
    return shipped_folder() / DEFAULT


def shipped_folder() -> Path:
    """Where the shipped checkpoints lie: in the source tree or in the installed package's share folder."""
    folders = [Path(__file__).resolve().parents[2] / 'ckpts']
    folders += [prefix / 'share' / 'dejavu_ros' / 'ckpts' for prefix in Path(__file__).parents]
    return next((folder for folder in folders if (folder / DEFAULT).is_file()), folders[0])


def installed_checkpoints() -> list[Path]:
    """The shipped files of weights, the default and the ones before it first; some are of other networks."""
    return sorted(shipped_folder().glob('*.pt'), key=lambda path: (not path.name.startswith(Path(DEFAULT).stem), path))


def load_checkpoint(path: str | Path = '') -> Checkpoint:
    """Load a file without running anything in it; '' and ``shipped`` are the shipped one, ``random`` random weights.

    Raises CheckpointError for a missing, damaged or unsafe file, or one of another network.
    """
    if str(path) == 'random':
        return random_checkpoint()
    path = default_checkpoint_path() if str(path) in ('', SHIPPED) else Path(path)
    check_archive(path)
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
    except OSError as error:
        raise CheckpointError(f'no checkpoint {path}: {error.strerror}') from None
    except pickle.UnpicklingError:
        raise CheckpointError(f'checkpoint {path} is refused: it is no plain file of weights, and loading it could run '
                              'code; save it again as a state dict') from None
    except (RuntimeError, EOFError, KeyError, ValueError) as error:
        why = str(error).splitlines() or ['it ends too early']
        raise CheckpointError(f'checkpoint {path} is damaged: {why[0]}') from None
    if not isinstance(content, dict) or not isinstance(content.get('model'), dict):
        raise CheckpointError(f'checkpoint {path} has no "model" with a state dict in it')
    state = {name.removeprefix(PREFIX): value for name, value in content['model'].items()}
    return from_state(state, content.get('dejavu') or {}, str(path))


def load_published(path: str | Path = '') -> Checkpoint:
    """A checkpoint of the published network, whose inner maps other networks use; an empty path is PUBLISHED.

    Raises CheckpointError as :func:`load_checkpoint` does, and for one that stands on another encoder.
    """
    path = str(path) or shipped_folder() / PUBLISHED
    checkpoint = load_checkpoint(path)
    if not isinstance(checkpoint.network, DejavuNet):
        raise CheckpointError(f'checkpoint {path} stands on encoders that learnt elsewhere, and this needs the '
                              f'published network: give a checkpoint of that, such as {shipped_folder() / PUBLISHED}')
    return checkpoint


def check_archive(path: Path) -> None:
    """Raise CheckpointError for an archive that would be larger in memory: torch stores, it never compresses."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return  # missing, or of the older format without an archive: torch has more to say
    if size > path.stat().st_size:
        raise CheckpointError(f'checkpoint {path} is refused: {path.stat().st_size:,} bytes that unpack to {size:,}; '
                              'save it again as a state dict')


def check_tensors(state: Any, name: str | Path) -> None:
    """Raise CheckpointError for what is no state dict, or has a tensor of more numbers than are stored of it."""
    if not isinstance(state, dict):
        raise CheckpointError(f'checkpoint {name} has no state dict in it, but {type(state).__name__}')
    tensors = [value for value in state.values() if isinstance(value, torch.Tensor)]
    if any(value.numel() * value.element_size() > value.untyped_storage().nbytes() for value in tensors):
        raise CheckpointError(f'checkpoint {name} is refused: it has tensors larger than what is stored of them')


def from_state(state: dict[str, torch.Tensor], record: dict[str, Any], name: str) -> Checkpoint:
    """Build the network that a state dict describes. Raises CheckpointError where it does not fit."""
    head = state.get('final.weight')
    if not isinstance(head, torch.Tensor) or head.ndim != 4:
        raise CheckpointError(f'checkpoint {name} is of another network: it has no final.weight')
    check_tensors(state, name)
    try:
        settings = build(FeatureSettings, record.get('features', {}))
        contextual = build(ContextualSettings, record.get('contextual', {}))
        architecture = record.get('architecture', {})
        architecture = build(EncoderArchitecture if 'encoder' in architecture else Architecture, architecture)
    except ConfigError as error:
        raise CheckpointError(f'checkpoint {name} was made by another version: {error}') from None
    try:
        network = make_network(head.shape[0], settings.normalise, architecture)
    except ConfigError as error:  # an encoder of a package that is not installed
        raise CheckpointError(f'checkpoint {name} cannot be used here: {error}') from None
    try:
        network.load_state_dict({key: value.float() if value.is_floating_point() else value
                                 for key, value in state.items()})
    except RuntimeError as error:
        why = ' '.join(str(error).split())[:300]
        raise CheckpointError(f'checkpoint {name} is of another network: {why}') from None
    identity = hash_of(network, settings, contextual)
    return Checkpoint(network.eval(), settings, contextual, dict(record.get('card', {})), identity)


def random_checkpoint(seed: int = 0, settings: FeatureSettings | None = None) -> Checkpoint:
    """Untrained weights: what every claim that something was learned is held against.

    Seen and compared as the shipped checkpoint of the published network does it, where there is one.
    """
    shipped = shipped_folder() / PUBLISHED
    contextual = ContextualSettings()
    if settings is None and shipped.is_file():
        checkpoint = load_checkpoint(shipped)
        settings, contextual = checkpoint.settings, checkpoint.contextual
    settings = settings or FeatureSettings()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = DejavuNet(normalise=settings.normalise).eval()
    return Checkpoint(network, settings, contextual, {'name': f'random weights, seed {seed}'},
                      hash_of(network, settings, contextual))


def hash_of(network: DejavuNet | EncoderNet, settings: FeatureSettings, contextual: ContextualSettings) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.contiguous().numpy().tobytes())
    digest.update(repr((dataclasses.astuple(settings), dataclasses.astuple(contextual))).encode())
    if network.architecture != Architecture():  # maps made with the published network keep its identity
        digest.update(repr(dataclasses.astuple(network.architecture)).encode())
    return digest.hexdigest()[:12]


def save_checkpoint(path: str | Path, network: DejavuNet | EncoderNet, settings: FeatureSettings,
                    contextual: ContextualSettings, card: dict[str, Any] | None = None) -> None:
    """Write a checkpoint in float16, whole or not at all. ``card`` holds plain numbers, strings, lists and dicts.

    Of an encoder that learnt elsewhere, norms and biases stay in float32: its variances do not all fit into float16.
    """
    fine = isinstance(network, EncoderNet)
    state = {name: value.half() if value.is_floating_point() and not (fine and value.ndim == 1) else value
             for name, value in network.state_dict().items()}
    record = {'architecture': dataclasses.asdict(network.architecture), 'features': dataclasses.asdict(settings),
              'contextual': dataclasses.asdict(contextual), 'card': card or {}}
    buffer = io.BytesIO()
    torch.save({'model': {name: value.cpu() for name, value in state.items()}, 'dejavu': record}, buffer)
    with new_file(path) as file:
        file.write(buffer.getvalue())
