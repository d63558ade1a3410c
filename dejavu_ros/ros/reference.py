"""config/relocalize.yaml, docs/parameters.md, docs/model_numbers.md and docs/troubleshooting.md, written from the code.

``python -m dejavu_ros.ros.reference FOLDER`` writes them below the sources' folder; a test fails where they differ.
"""

import inspect
import json
import sys
import textwrap
from pathlib import Path

from dejavu_ros.config import Option, markdown, options
from dejavu_ros.files import new_file
from dejavu_ros.localization.model import MODELS
from dejavu_ros.localization.observation import Calibration
from dejavu_ros.ros.config import GROUPS, LIVE
from dejavu_ros.troubleshooting import page

REMAKE = 'python -m dejavu_ros.ros.reference .'
INDENT = '    '
CAMERAS = """Several cameras have parameters of their own: with `cameras: [front, rear]` there are `front.image_topic`
(default `front/image`), `front.transport` and so on, as in the first table down to `mask`; `transport`,
`reliability` and `max_rate` without a name are then the default of all cameras, the others have no effect."""


def parameters_yaml() -> str:
    """A parameter file for ``ros2 run ... --params-file`` and the launch file: every parameter at its default."""
    lines = ['# Every parameter of the node relocalize at its default. docs/parameters.md has them as a table.',
             f'# Written from the code by: {REMAKE}', '/**:', '  ros__parameters:']
    for group, config in GROUPS.items():
        indent = INDENT
        if group:
            lines.append(f'{INDENT}{group}:')
            indent += '  '
        for row in options(config):
            lines += textwrap.wrap(describe(row), 110, initial_indent=f'{indent}# ', subsequent_indent=f'{indent}# ')
            lines.append(f'{indent}{row.name}: {json.dumps(row.default or [""] if row.type is tuple else row.default)}')
    return '\n'.join(lines) + '\n'


def describe(row: Option) -> str:
    notes = [note for note in (row.unit and f'[{row.unit}]', row.range and f'({row.range})') if note]
    return ' '.join([row.doc, *notes])


def parameters_markdown() -> str:
    """The parameters as tables."""
    live = [name for group in GROUPS for name in own_names(group) if name in LIVE]
    parts = ['# Parameters of the node', '',
             f'Written from the code by `{REMAKE}`; `config/relocalize.yaml` holds the same defaults.', '',
             'A value of a wrong type or out of its range is refused with the reason and changes nothing. These take '
             f'effect at once: {", ".join(f"`{name}`" for name in live)}. '
             'The others are fixed from configure to clean-up.', '', CAMERAS, '']
    for group, config in GROUPS.items():
        parts += [f'## `{group}.*`' if group else '## Node', '', markdown(config), '']
    return '\n'.join(parts)


def model_numbers_markdown() -> str:
    """The numbers behind an answer as tables, with the names that they have in a checkpoint's card."""
    parts = ['# Numbers of the model', '', f'Written from the code by `{REMAKE}`.', '',
             'They belong to the features, not to a robot: a checkpoint\'s card may hold other values, which are then '
             'used. `calibration` is fitted by `dejavu calibrate`; the others are entries of the card\'s '
             '`localization`, and what an entry lacks has its default. What a person sets for a robot is in [the '
             'parameters](parameters.md).', '']
    for name, model in {'calibration': Calibration, **MODELS}.items():
        parts += [f'## `{name}`', '', inspect.getdoc(model), '', markdown(model), '']
    return '\n'.join(parts)


def own_names(group: str) -> list[str]:
    return [f'{group}.{row.name}' if group else row.name for row in options(GROUPS[group])]


def main() -> None:
    folder = Path(sys.argv[1])
    for path, text in (('config/relocalize.yaml', parameters_yaml()), ('docs/parameters.md', parameters_markdown()),
                       ('docs/model_numbers.md', model_numbers_markdown()),
                       ('docs/troubleshooting.md', page(REMAKE))):
        with new_file(folder / path, 'w') as file:
            file.write(text)


if __name__ == '__main__':
    main()
