"""Files of networks that are made over a backbone: settings, weights in float16 and a card; nothing in them is run."""

import dataclasses
import hashlib
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dejavu_ros.config import build
from dejavu_ros.errors import CheckpointError, ConfigError
from dejavu_ros.files import new_file
from dejavu_ros.nn.checkpoint import check_archive, check_tensors, default_checkpoint_path
from dejavu_ros.retrieval.backbones import empty_backbone
from dejavu_ros.retrieval.network import DescriberNet
from dejavu_ros.retrieval.settings import DescriberSettings


@dataclasses.dataclass(frozen=True)
class Kind:
    """One sort of such files: its name, the class of its settings, the command that makes them, and the shipped one."""

    name: str
    settings: type
    command: str
    shipped: str


DESCRIBER = Kind('describer', DescriberSettings, 'dejavu train-netvlad', 'netvlad.pt')


@dataclasses.dataclass(frozen=True)
class NetworkFile:
    """A network in eval mode, and its card; ``identity`` is 12 hex digits of the hash of weights and settings."""

    network: nn.Module
    card: dict[str, Any]
    identity: str

    @property
    def settings(self) -> Any:
        return self.network.settings


def save_describer(path: str | Path, network: DescriberNet, card: dict[str, Any]) -> None:
    """Write a describer, whole or not at all. ``card`` holds plain numbers, strings, lists and dicts."""
    save_network(path, DESCRIBER, network, card)


def load_describer(name: str | Path = '', frozen: bool = True) -> NetworkFile:
    """A describer as :func:`load_network` loads it."""
    return load_network(name, DESCRIBER,
                        lambda settings: DescriberNet(settings, empty_backbone(settings.backbone), frozen))


def save_network(path: str | Path, kind: Kind, network: nn.Module, card: dict[str, Any]) -> None:
    """Write a network with its ``settings``, whole or not at all."""
    state = {name: (value.half() if value.is_floating_point() else value).cpu()
             for name, value in network.state_dict().items()}
    buffer = io.BytesIO()
    torch.save({'model': state, kind.name: {'settings': dataclasses.asdict(network.settings), 'card': card}}, buffer)
    with new_file(path) as file:
        file.write(buffer.getvalue())


def trusted(path: str | Path, backbone: str) -> str:
    """The name of a file over a ``backbone`` whose code the caller runs already."""
    return f'{path}@{backbone}' if ':' in backbone else str(path)


def load_network(name: str | Path, kind: Kind, make: Callable[[Any], nn.Module]) -> NetworkFile:
    """Load ``FILE``; an empty name is the shipped one. ``make`` gives the network of its settings.

    A file made over a stranger's code names it, and importing it runs that code: it is loaded only as
    ``FILE@MODULE:CALLABLE``, by who trusts it. Raises CheckpointError for a missing, damaged or unsafe file.
    """
    before, at, after = str(name).rpartition('@')
    file, trusted = (before, after) if at and ':' in after else (str(name), '')
    path = Path(file) if file else default_checkpoint_path().with_name(kind.shipped)
    check_archive(path)
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
        record, state = content[kind.name], content['model']
        settings = build(kind.settings, record['settings'])
    except OSError as error:
        raise CheckpointError(f'no {kind.name} {path}: {error.strerror}; make one with {kind.command}') from None
    except ConfigError as error:
        raise CheckpointError(f'{kind.name} {path} was made by another version: {error}') from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError, TypeError):
        raise CheckpointError(f'{path} is no {kind.name}: give a file of {kind.command}') from None
    if ':' in settings.backbone and settings.backbone != trusted:
        raise CheckpointError(f'{kind.name} {path} runs code of {settings.backbone}: give {path}@{settings.backbone} '
                              'to say that it is trusted')
    check_tensors(state, path)
    network = make(settings)
    try:
        network.load_state_dict({name: value.float() if value.is_floating_point() else value
                                 for name, value in state.items()})
    except RuntimeError as error:
        why = ' '.join(str(error).split())[:300]
        raise CheckpointError(f'{kind.name} {path} does not fit its settings: {why}') from None
    return NetworkFile(network.eval(), dict(record.get('card', {})), hash_of(network))


def hash_of(network: nn.Module) -> str:
    digest = hashlib.sha256(repr(dataclasses.astuple(network.settings)).encode())
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]
