"""``dejavu map show|verify|export``: look at a keyframe map."""

import argparse
import datetime
import sys

HELP = 'show, verify or export a keyframe map'


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest='action', required=True, metavar='ACTION')
    for name, text in (('show', 'say in plain words what is in a map'),
                       ('verify', 'check every byte of a map; exit status 1 if anything is wrong'),
                       ('export', 'write poses (TUM), a table (CSV) and thumbnails into a new folder')):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument('map', metavar='M', help='the map: M stands for the folder M.dvmap')
        if name == 'export':
            action.add_argument('-o', '--output', metavar='DIR', required=True, help='folder to make')


def run(arguments: argparse.Namespace) -> int:
    return {'show': show, 'verify': verify, 'export': export}[arguments.action](arguments)


def show(arguments: argparse.Namespace) -> int:
    """Print what a person wants to know before using or extending a map."""
    from tabulate import tabulate

    from dejavu_ros.keyframes import KeyframeMap

    with KeyframeMap.open(arguments.map) as content:
        print('\n'.join(summary(content)))
        rows = [[session.name, session.condition,
                 ', '.join(camera.name for camera in content.cameras if camera.session == session.name),
                 session.keyframes, moment(session.first_stamp_ns),
                 f'{(session.last_stamp_ns - session.first_stamp_ns) / 1e9:,.1f} s']
                for session in content.sessions]
        print('\n' + tabulate(rows, ['session', 'condition', 'cameras', 'keyframes', 'from', 'duration'],
                              disable_numparse=True, colalign=('left', 'left', 'left', 'right', 'left', 'right')))
    return 0


def summary(content) -> list[str]:
    """Sentences about the whole map."""
    channels, vectors = content.descriptor_shape
    keyframes = len(content)
    rows = (content.path / 'map.sqlite').stat().st_size
    low, high = content.positions.min(axis=0), content.positions.max(axis=0)
    spans = ', '.join(f'{axis} from {a:,.1f} to {b:,.1f} m' for axis, a, b in zip('xyz', low, high))
    total = rows + sum(shard.bytes for shard in content.shard_table)
    return [f'{content.path}: {count(keyframes, "keyframe")} in {count(len(content.sessions), "session")}, '
            f'revision {content.revision}, made with checkpoint {content.checkpoint_id}.',
            f'A keyframe is {vectors:,} vectors of {channels} numbers (grid {content.settings["grid"][0]} x '
            f'{content.settings["grid"][1]} of an image of {content.settings["input_size"][0]} x '
            f'{content.settings["input_size"][1]}): {2 * channels * vectors:,} bytes of descriptors and '
            f'{rows // keyframes:,} bytes of pose and thumbnail; {total / 1e6:,.1f} MB in all.',
            f'Positions: {spans}.']


def count(number: int, noun: str) -> str:
    return f'{number:,} {noun}' + ('' if number == 1 else 's')


def moment(stamp_ns: int) -> str:
    """A stamp as a date (UTC), or as seconds where it counts from the start of a simulation."""
    if not 1e18 <= stamp_ns < 2.5e20:
        return f'{stamp_ns / 1e9:.3f} s'
    return datetime.datetime.fromtimestamp(stamp_ns // 1_000_000_000, datetime.timezone.utc).strftime('%F %T UTC')


def verify(arguments: argparse.Namespace) -> int:
    """Print one line for each finding, and how many there are."""
    from tqdm import tqdm

    from dejavu_ros.keyframes.schema import map_folder
    from dejavu_ros.keyframes.verify import verify

    defects = leftovers = 0
    for finding in verify(arguments.map, lambda shards: tqdm(shards, unit='shard', disable=None, leave=False)):
        tqdm.write(f'{"left over" if finding.harmless else "defect"}: {finding.text}', file=sys.stdout)
        leftovers += finding.harmless
        defects += not finding.harmless
    print(f'{map_folder(arguments.map)}: {count(defects, "defect")}, {count(leftovers, "left-over file")}; '
          + ('do not use this map' if defects else 'the map is good'))
    return 1 if defects else 0


def export(arguments: argparse.Namespace) -> int:
    """Write the map's content for other tools."""
    from tqdm import tqdm

    from dejavu_ros.keyframes import KeyframeMap
    from dejavu_ros.keyframes.export import export

    with KeyframeMap.open(arguments.map) as content:
        export(content, arguments.output, lambda keyframes: tqdm(keyframes, unit='keyframe', disable=None, leave=False))
        print(f'{arguments.output}: keyframes.csv, a TUM file for each of {count(len(content.sessions), "session")} '
              f'and {count(len(content), "thumbnail")}')
    return 0
