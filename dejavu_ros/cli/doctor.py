"""``dejavu doctor``."""

HELP = 'examine this machine, a checkpoint, a map and a running robot; say what to do'
MARKS = 'ok', 'note', 'BAD'


def configure(parser) -> None:
    parser.add_argument('--checkpoint', default='', metavar='FILE',
                        help='empty: the one that made the map, else the default')
    parser.add_argument('--map', default='', metavar='M', help='also check every byte of this map')
    parser.add_argument('--robot', action='store_true', help='also listen to a running robot')
    parser.add_argument('--image-topic', default='', metavar='T', help='of the robot; may be left out where it has one')
    parser.add_argument('--odom-topic', default='', metavar='T', help='of the robot; empty: none')


def run(arguments) -> int:
    """Print findings as they are made; 1 where one is bad."""
    from dejavu_ros.doctor import files, machine, robot
    from dejavu_ros.doctor.finding import Level, bad

    worst = Level.GOOD
    parts = [machine.examine()]
    if machine.importable('torch'):
        parts.append(files.examine(arguments.checkpoint, arguments.map))
    if arguments.robot and machine.importable('dejavu_ros.ros.inspection'):
        parts.append(robot.examine(arguments.image_topic, arguments.odom_topic))
    elif arguments.robot:
        parts.append([bad('robot', 'nobody can listen to it here: ROS or the package is missing', 'see ROS above')])
    for part in parts:
        for finding in part:
            advice = f'\n                   -> {finding.advice}' if finding.advice else ''
            print(f'{MARKS[finding.level]:5}{finding.subject:13} {finding.text}{advice}', flush=True)
            worst = max(worst, finding.level)
    return int(worst == Level.BAD)
