"""``dejavu benchmark-systems``."""

HELP = 'every system of the family on the same images: recall, AUC, pose error, time of a frame, bytes a keyframe'


def configure(parser) -> None:
    parser.add_argument('manifest', nargs='+', metavar='MANIFEST',
                        help='columns image (relative to the file), place, session; or a folder in a layout of '
                             'docs/training_data.md')
    parser.add_argument('-o', '--output', required=True, metavar='DIR',
                        help='gets systems.json; an interrupted benchmark with the same DIR goes on')
    parser.add_argument('--system', action='append', default=[], metavar='NAME',
                        help='measure this one alone, or several (default: all; docs/systems.md names them)')
    parser.add_argument('--caps', default='', metavar='FILE', help='weights of CAPS (default: the shipped ones)')
    parser.add_argument('--geowarp', default='', metavar='FILE',
                        help='weights of GeoWarp (default: the shipped ones)')
    parser.add_argument('--radius', type=float, default=0.0, metavar='M',
                        help='images this near count as a right answer for recall, beside those of the same place '
                             '(default: by place only)')
    parser.add_argument('--town', type=int, action='append', default=[], metavar='SEED',
                        help='also the error of poses in six degrees of freedom on drives through this town, rendered '
                             'in every condition')
    parser.add_argument('--document', default='', metavar='FILE',
                        help='put the table into this document too, between its lines <!-- systems.json --> and '
                             '<!-- end -->')


def run(arguments) -> int:
    from pathlib import Path

    from dejavu_ros.data.layouts import read_places
    from dejavu_ros.evaluation.measure import check_writable
    from dejavu_ros.evaluation.pose_benchmark import town_rows
    from dejavu_ros.evaluation.system_benchmark import measure_systems
    from dejavu_ros.evaluation.system_table import BEGIN, END, write_systems
    from dejavu_ros.evaluation.systems import chosen_systems
    from dejavu_ros.files import around, put_between

    systems = chosen_systems(arguments.system, arguments.caps, arguments.geowarp)
    folder = Path(arguments.output)
    sets = [read_places(manifest) for manifest in arguments.manifest]
    check_writable(folder)
    if arguments.document:  # said before the long work
        around(arguments.document, BEGIN, END)
    rows = measure_systems(sets, systems, folder, arguments.radius)
    for seed in arguments.town:
        rows += town_rows(seed, folder)
    table = write_systems(rows, folder)
    if arguments.document:
        put_between(arguments.document, BEGIN, END, f'\n{table}\n\n')
    print(table)
    print(f'written: {folder}/systems.json{f", {arguments.document}" if arguments.document else ""}')
    return 0
