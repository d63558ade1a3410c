"""``dejavu benchmark-systems``."""

HELP = 'every system of the family on the same images: recall, AUC, time of a frame, bytes a keyframe'


def configure(parser) -> None:
    parser.add_argument('manifest', nargs='+', metavar='MANIFEST',
                        help='columns image (relative to the file), place, session; or a folder in a layout of '
                             'docs/training_data.md')
    parser.add_argument('-o', '--output', required=True, metavar='DIR', help='gets systems.json')
    parser.add_argument('--system', action='append', default=[], metavar='NAME',
                        help='measure this one alone, or several (default: all; docs/systems.md names them)')


def run(arguments) -> int:
    from dejavu_ros.data.layouts import read_places
    from dejavu_ros.evaluation.systems import compare_systems

    sets = [read_places(manifest) for manifest in arguments.manifest]
    print(compare_systems(sets, arguments.system, arguments.output))
    print(f'written: {arguments.output}/systems.json')
    return 0
