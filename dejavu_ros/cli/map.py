"""``dejavu map``: look at a keyframe map, and make maps from maps."""

import argparse
import datetime
import sys

from dejavu_ros.config import add_arguments

HELP = 'show, verify, repair, migrate, export, merge, align, thin, limit or label keyframe maps'
NEW = 'the new map; the old one stays as it is'


def configure(parser: argparse.ArgumentParser) -> None:
    from dejavu_ros.mapping.config import AlignConfig, LimitConfig, ThinConfig

    actions = parser.add_subparsers(dest='action', required=True, metavar='ACTION')

    def add(name: str, text: str, output: str = ''):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument('map', metavar='M', help='the map: M stands for the folder M.dvmap')
        if output:
            action.add_argument('-o', '--output', metavar='DIR' if name == 'export' else 'M', required=True,
                                help=output)
        return action

    add('show', 'say in plain words what is in a map')
    add('verify', 'check every byte of a map; exit status 1 if anything is wrong')
    add('migrate', 'bring a map of an older version to the present format, its content as it is')
    add('export', 'write poses (TUM), a table (CSV) and thumbnails into a new folder', output='folder to make')
    others = add('merge', 'put maps of one frame together into a new one', output=NEW)
    others.add_argument('others', nargs='+', metavar='M', help='further maps, made with the same checkpoint')
    labelled = add('set-condition', 'say in which condition a session was driven, such as snow or night')
    labelled.add_argument('session', metavar='SESSION', help='as dejavu map show lists them')
    labelled.add_argument('condition', metavar='CONDITION', help='the new one; \'\' for none')
    removed = add('remove-session', 'make a new map without some sessions', output=NEW)
    removed.add_argument('sessions', nargs='+', metavar='NAME', help='as dejavu map show lists them')
    add_arguments(add('thin', 'make a new map with fewer keyframes', output=NEW), ThinConfig)
    add_arguments(add('limit', 'make a new map of at most so many megabytes, of the views that the other drives know '
                               'best', output=NEW), LimitConfig)
    repaired = add('repair', 'make a new map of what is whole in a damaged one', output=NEW)
    repaired.add_argument('--checkpoint', default='', help='describes keyframes again, by their pictures, whose '
                          'descriptors are lost; the one the map was made with; empty: found by what '
                          'the map says of it')
    repaired.add_argument('--drop', action='store_true', help='leave such keyframes out instead')
    aligned = add('align', 'bring the sessions of another map, whose frame is its own, into this one, and append them')
    aligned.add_argument('other', metavar='OTHER', help='their map, made with the same checkpoint; it stays as it is')
    aligned.add_argument('--checkpoint', default='', help='the one both were made with; empty: found by what the '
                                                                  'map says of it')
    aligned.add_argument('--dry-run', action='store_true', help='only say where they would go')
    add_arguments(aligned, AlignConfig)


def run(arguments: argparse.Namespace) -> int:
    actions = {'show': show, 'verify': verify, 'repair': repair, 'migrate': migrate, 'export': export, 'merge': merge,
               'set-condition': set_condition, 'remove-session': remove_session, 'thin': thin, 'limit': limit,
               'align': align}
    return actions[arguments.action](arguments)


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
    stored = 'pose, thumbnail and points in 3-D' if content.has_points else 'pose and thumbnail'
    total = rows + sum(shard.bytes for shard in content.shard_table)
    return [f'{content.path}: {count(keyframes, "keyframe")} in {count(len(content.sessions), "session")}, '
            f'revision {content.revision}, made with checkpoint {content.checkpoint_id}.',
            f'A keyframe is {vectors:,} vectors of {channels} numbers (grid {content.settings["grid"][0]} x '
            f'{content.settings["grid"][1]} of an image of {content.settings["input_size"][0]} x '
            f'{content.settings["input_size"][1]}): {2 * channels * vectors:,} bytes of descriptors and '
            f'{rows // keyframes:,} bytes of {stored}; {total / 1e6:,.1f} MB in all.',
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
    defects, leftovers = findings(arguments.map)
    print(f'{named(arguments.map)}: {count(defects, "defect")}, {count(leftovers, "left-over file")}; '
          + ('do not use this map' if defects else 'the map is good'))
    return 1 if defects else 0


def findings(path: str) -> tuple[int, int]:
    """Print what is wrong with a map; how many defects and left-over files there are."""
    from tqdm import tqdm

    from dejavu_ros.keyframes.verify import verify

    defects = leftovers = 0
    for finding in verify(path, lambda shards: tqdm(shards, unit='shard', disable=None, leave=False)):
        tqdm.write(f'{"left over" if finding.harmless else "defect"}: {finding.text}', file=sys.stdout)
        leftovers += finding.harmless
        defects += not finding.harmless
    return defects, leftovers


def repair(arguments: argparse.Namespace) -> int:
    """Say what is wrong, make a map of the rest, and say what it lacks; the damaged one is set aside as it is."""
    from dejavu_ros.keyframes.own_checkpoint import extractor_for
    from dejavu_ros.mapping.repair import repair

    defects, leftovers = findings(arguments.map)
    if not defects + leftovers:
        print(f'{named(arguments.map)}: nothing to repair, so no new map was made')
        return 0
    report = repair(arguments.map, arguments.output,
                    None if arguments.drop else lambda: extractor_for(arguments.map, arguments.checkpoint), bar)
    for note in report.notes:
        print(note)
    print(f'{named(arguments.output)}: {count(report.kept, "keyframe")} of {report.keyframes:,}, '
          f'{report.again:,} of them described again from their pictures, {report.keyframes - report.kept:,} lost; '
          f'{named(arguments.map)} stays as it is, left-over files with it')
    return 0


def migrate(arguments: argparse.Namespace) -> int:
    from dejavu_ros.keyframes import KeyframeMap, MapWriter

    with KeyframeMap.open(arguments.map) as content, \
            MapWriter.append(arguments.map, content.settings, content.checkpoint_id) as writer:
        before = writer.migrate()
    with KeyframeMap.open(arguments.map) as content:
        print(f'{content.path}: format {before} is now {content.format}' if before < content.format else
              f'{content.path}: format {before} is the present one')
    return 0


def set_condition(arguments: argparse.Namespace) -> int:
    from dejavu_ros.keyframes import KeyframeMap, MapWriter

    with KeyframeMap.open(arguments.map) as content, \
            MapWriter.append(arguments.map, content.settings, content.checkpoint_id) as writer:
        writer.set_condition(arguments.session, arguments.condition)
    print(f'{named(arguments.map)}: session {arguments.session} is of condition {arguments.condition or "none"}')
    return 0


def export(arguments: argparse.Namespace) -> int:
    """Write the map's content for other tools."""
    from dejavu_ros.keyframes import KeyframeMap
    from dejavu_ros.keyframes.export import export

    with KeyframeMap.open(arguments.map) as content:
        export(content, arguments.output, bar)
        print(f'{arguments.output}: keyframes.csv, a TUM file for each of {count(len(content.sessions), "session")} '
              f'and {count(len(content), "thumbnail")}')
    return 0


def merge(arguments: argparse.Namespace) -> int:
    import contextlib

    from dejavu_ros.keyframes import KeyframeMap
    from dejavu_ros.mapping import maintenance

    with contextlib.ExitStack() as stack:
        sources = [stack.enter_context(KeyframeMap.open(path)) for path in (arguments.map, *arguments.others)]
        return made(arguments.output, maintenance.merge(sources, arguments.output, bar))


def remove_session(arguments: argparse.Namespace) -> int:
    from dejavu_ros.keyframes import KeyframeMap
    from dejavu_ros.mapping import maintenance

    with KeyframeMap.open(arguments.map) as content:
        return made(arguments.output, maintenance.remove_sessions(content, arguments.sessions, arguments.output, bar))


def thin(arguments: argparse.Namespace) -> int:
    from dejavu_ros.config import from_arguments
    from dejavu_ros.keyframes import KeyframeMap
    from dejavu_ros.mapping import maintenance
    from dejavu_ros.mapping.config import ThinConfig

    with KeyframeMap.open(arguments.map) as content:
        return made(arguments.output, maintenance.thin(content, arguments.output,
                                                       from_arguments(ThinConfig, arguments), bar), len(content))


def limit(arguments: argparse.Namespace) -> int:
    """Make the map, and say how much of each session and condition it has kept."""
    from tabulate import tabulate

    from dejavu_ros.config import from_arguments
    from dejavu_ros.keyframes import KeyframeMap
    from dejavu_ros.mapping.config import LimitConfig
    from dejavu_ros.mapping.limit import limit

    with KeyframeMap.open(arguments.map) as content:
        kept = limit(content, arguments.output, from_arguments(LimitConfig, arguments), bar)
        print(tabulate([[session.name, session.condition, kept[session.name], session.keyframes - kept[session.name]]
                        for session in content.sessions], ['session', 'condition', 'kept', 'dropped']) + '\n')
        return made(arguments.output, sum(kept.values()), len(content))


def align(arguments: argparse.Namespace) -> int:
    """Place every session first, then append them: none is added where one cannot be placed."""
    import numpy as np

    from dejavu_ros.config import from_arguments
    from dejavu_ros.keyframes import KeyframeMap, MapWriter
    from dejavu_ros.keyframes.own_checkpoint import extractor_for
    from dejavu_ros.mapping.align import align as place
    from dejavu_ros.mapping.config import AlignConfig
    from dejavu_ros.mapping.maintenance import copy_session

    config = from_arguments(AlignConfig, arguments)
    extractor = extractor_for(arguments.map, arguments.checkpoint)
    with KeyframeMap.open(arguments.map, extractor.checkpoint.identity) as content, \
            KeyframeMap.open(arguments.other, extractor.checkpoint.identity) as other:
        placed = {session.name: place(content, other, session.name, extractor, config, bar)
                  for session in other.sessions}
        for name, found in placed.items():
            x, y, _ = found.map_T_track.position
            print(f'{name}: {len(found.recognised)} of {count(len(found.rows), "keyframe")} recognised and agreeing '
                  f'({found.accepted} recognised); moved by {x:.2f}, {y:.2f} m and turned by '
                  f'{np.degrees(found.map_T_track.yaw):.1f} degrees; left over in the median '
                  f'{np.median(found.rigid):.2f} m, with the track bent {np.median(found.bent):.2f} m (90 %: '
                  f'{np.quantile(found.bent, 0.9):.2f} m)')
        if arguments.dry_run:
            return 0
        with MapWriter.append(arguments.map, content.settings, content.checkpoint_id) as writer:
            for name, found in placed.items():
                copy_session(other, name, writer, found.rows, found.poses, found.spread, bar)
    return made(arguments.map, len(content) + sum(len(found.rows) for found in placed.values()))


def bar(items):
    """Progress with time left."""
    from tqdm import tqdm

    return tqdm(items, unit='keyframe', disable=None, leave=False)


def made(path: str, keyframes: int, before: int = 0) -> int:
    print(f'{named(path)}: {count(keyframes, "keyframe")}' + (f' of {before:,}' if before else ''))
    return 0


def named(path: str) -> str:
    """The folder that a map's name stands for."""
    from dejavu_ros.keyframes.schema import map_folder

    return str(map_folder(path))
