"""The phases of a soak, one after another, and what they found."""

from collections.abc import Sequence
from pathlib import Path

from dejavu_ros import __version__
from dejavu_ros.errors import ConfigError
from dejavu_ros.files import around, put_between
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.soak.config import SoakConfig
from dejavu_ros.soak.drives import Studio
from dejavu_ros.soak.parts import Folder, write
from dejavu_ros.soak.summary import summarise, table

BEGIN, END = '<!-- soak -->', '<!-- end of soak -->'  # around the figures in a document


def soak(path: Path, config: SoakConfig, only: Sequence[str] = (), document: Path | None = None) -> dict | None:
    """Run what is left of a soak in the folder ``path``, or of its phases ``only``.

    Returns the summary, which ``summary.json`` there holds too, or None while other phases are not finished.
    ``document`` is a Markdown file whose part between two marks is replaced by the figures. Raises DejavuError.
    """
    try:
        from dejavu_ros.soak.fuzz import Fuzz
        from dejavu_ros.soak.kills import Kills
        from dejavu_ros.soak.memory import Memory
        from dejavu_ros.soak.traversals import Traversals
        import hypothesis  # noqa: F401  (of the programs that are started; better missed now than in an hour)
    except ImportError as error:
        raise ConfigError(f'the soak needs ROS, the town and hypothesis ({error}): run `make soak`') from None
    if document:  # said before the long work
        around(document, BEGIN, END)
    checkpoint = load_checkpoint(config.checkpoint).identity
    folder = Folder(path, {'scale': config.scale, 'checkpoint': checkpoint, 'version': __version__})
    with Studio() as studio:
        drives = Traversals(path, config, studio)
        phases = [Kills(path, config), Fuzz(path, config), drives, Memory(path, config, studio, drives)]
        for phase in phases:
            if not only or phase.title in only:
                folder.finish(phase.title, phase.unit, phase.parts())
        found = {phase.title: [folder.result(part) for part in phase.parts()] for phase in phases}
    left = [title for title, results in found.items() if None in results]
    if left:
        print(f'{", ".join(only)} done; the summary is written when the rest is: {", ".join(left)}')
        return None
    summary = summarise(found['drives'], found['memory'], found['fuzz'], found['kills'])
    write(path / 'summary.json', summary)
    figures = report(summary, table(found['drives']), found['memory'][0], config)
    print(figures)
    for reason in [reason for part in found['fuzz'] for reason in part['reasons']]:
        print(f'crash: {reason}')
    if document:
        put_between(document, BEGIN, END, f'{figures}\n')
    return summary


def report(summary: dict, conditions: str, memory: dict, config: SoakConfig) -> str:
    """Markdown: the table of conditions, and the rest of the summary."""
    rest = {name: value for name, value in summary.items() if name != 'recall_at_5m'}
    lines = [f'`SOAK_SCALE={config.scale:g}`:', '', conditions, '', '| | |', '|---|---|']
    for name, value in rest.items():
        text = '-' if value is None else f'{value:,.3f}' if isinstance(value, float) else f'{value:,}'
        lines.append(f'| `{name}` | {text} |')
    lines += ['', f'Memory: {memory["sent"]:,} frames sent in {memory["seconds"]:,} s, {memory["answered"]:,} answered '
              f'(the newest wins), {memory["resident_mb"][-1]:,.0f} MB resident at the end.']
    return '\n'.join(lines)
