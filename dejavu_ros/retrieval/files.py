"""A describer's file: settings, weights in float16 and a card; nothing in it is run."""

import dataclasses
import hashlib
import io
import pickle
from pathlib import Path
from typing import Any

import torch

from dejavu_ros.config import build
from dejavu_ros.errors import CheckpointError, ConfigError
from dejavu_ros.files import new_file
from dejavu_ros.nn.checkpoint import default_checkpoint_path
from dejavu_ros.retrieval.backbones import empty_backbone
from dejavu_ros.retrieval.network import DescriberNet
from dejavu_ros.retrieval.settings import DescriberSettings

SHIPPED = 'netvlad.pt'


@dataclasses.dataclass(frozen=True)
class DescriberFile:
    """A network in eval mode, and its card; ``identity`` is 12 hex digits of the hash of weights and settings."""

    network: DescriberNet
    card: dict[str, Any]
    identity: str

    @property
    def settings(self) -> DescriberSettings:
        return self.network.settings


def save_describer(path: str | Path, network: DescriberNet, card: dict[str, Any]) -> None:
    """Write a describer, whole or not at all. ``card`` holds plain numbers, strings, lists and dicts."""
    state = {name: (value.half() if value.is_floating_point() else value).cpu()
             for name, value in network.state_dict().items()}
    buffer = io.BytesIO()
    torch.save({'model': state, 'describer': {'settings': dataclasses.asdict(network.settings), 'card': card}}, buffer)
    with new_file(path) as file:
        file.write(buffer.getvalue())


def load_describer(name: str | Path = '', frozen: bool = True) -> DescriberFile:
    """Load ``FILE``; an empty name is the shipped one.

    A file made over a stranger's code names it, and importing it runs that code: it is loaded only as
    ``FILE@MODULE:CALLABLE``, by who trusts it. Raises CheckpointError for a missing, damaged or unsafe file.
    """
    before, at, after = str(name).rpartition('@')
    file, trusted = (before, after) if at and ':' in after else (str(name), '')
    path = Path(file) if file else default_checkpoint_path().with_name(SHIPPED)
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
        record, state = content['describer'], content['model']
        settings = build(DescriberSettings, record['settings'])
    except OSError as error:
        raise CheckpointError(f'no describer {path}: {error.strerror}; make one with dejavu train-netvlad') from None
    except ConfigError as error:
        raise CheckpointError(f'describer {path} was made by another version: {error}') from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError, TypeError):
        raise CheckpointError(f'{path} is no describer: give a file of dejavu train-netvlad') from None
    if ':' in settings.backbone and settings.backbone != trusted:
        raise CheckpointError(f'describer {path} runs code of {settings.backbone}: give {path}@{settings.backbone} to '
                              'say that it is trusted')
    network = DescriberNet(settings, empty_backbone(settings.backbone), frozen)
    try:
        network.load_state_dict({name: value.float() if value.is_floating_point() else value
                                 for name, value in state.items()})
    except RuntimeError as error:
        why = ' '.join(str(error).split())[:300]
        raise CheckpointError(f'describer {path} does not fit its settings: {why}') from None
    return DescriberFile(network.eval(), dict(record.get('card', {})), hash_of(network))


def hash_of(network: DescriberNet) -> str:
    digest = hashlib.sha256(repr(dataclasses.astuple(network.settings)).encode())
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]
