"""What a person reads who mistypes: a line or two, the word that was meant, and no traceback."""

import re

import numpy as np
import pytest

from dejavu_ros.cli import COMMANDS, main, make_parser, overview
from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes import MapWriter


def said(capsys, *words) -> str:
    """What goes to standard error; the status is 1 or 2."""
    try:
        status = main(words)
    except SystemExit as end:
        status = end.code
    captured = capsys.readouterr()
    assert status in (1, 2) and captured.out == ''
    assert len(captured.err.splitlines()) <= 2 and 'Traceback' not in captured.err and 'usage:' not in captured.err
    return captured.err


@pytest.mark.parametrize('words, answer', [
    (['lokalize'], "no command 'lokalize'; did you mean localize?"),
    (['buildmap'], 'did you mean build-map?'),
    (['qwertz'], "no command 'qwertz' (dejavu --help lists them)"),
    (['localize', '--mpa', 'M', 'a.jpg'], 'dejavu localize: there is no option --mpa; did you mean --map?'),
    (['localize', '--map', 'M', 'a.jpg', '--min-probabilty=0.5'], 'did you mean --min-probability?'),
    (['localize', '--map', 'M', 'a.jpg', '--qqqqqq'], 'there is no option --qqqqqq (dejavu localize --help'),
    (['localize', '--map', 'M', 'a.jpg', 'b.jpg'], 'not understood: b.jpg'),
    (['localize', '--map', 'M'], 'one of the arguments'),
    (['localize', '--map', 'M', '--bag', 'b', 'a.jpg'], 'not allowed with argument --bag'),
    (['localize', '--map', 'M', 'a.jpg', '--shortlist', 'few'], "invalid int value: 'few'"),
    (['build-map', '--imges', 'x', '-o', 'M'], 'there is no option --imges; did you mean --images?'),
    (['build-map', '--images', 'x', '--poses', 'p'], 'the following arguments are required: -o/--output'),
    (['map'], 'ACTION'),
    (['map', 'shwo', 'M'], 'did you mean show?'),
    (['map', 'thin', 'M', '-o', 'N', '--distnce', '3'], 'dejavu map thin: there is no option --distnce; did you mean '),
    (['map', 'thin', 'M'], 'dejavu map thin: the following arguments are required: -o/--output'),
])
def test_a_mistake_is_a_line_with_what_was_meant(capsys, words, answer):
    assert answer in said(capsys, *words)


@pytest.mark.parametrize('command', COMMANDS)
def test_every_command_refuses_an_unknown_option_in_a_line(capsys, command):
    assert f'dejavu {command}: there is no option --no-such-option' in said(capsys, command, '--no-such-option')


def test_abbreviations_and_values_that_begin_with_dashes_are_no_mistakes():
    found = make_parser('localize').parse_args(['--map', 'M', 'a', '--chec', 'b', '--shortl=-1'])
    assert (found.images, found.checkpoint, found.shortlist) == ('a', 'b', -1)


@pytest.mark.parametrize('words', [
    ['a.jpg', '--map', 'M'], ['--map', 'M', 'a.jpg'], ['--map', 'M', '--images', 'a.jpg'],
    ['--map', 'M', '--use-filter', 'a.jpg', '--json', '-']])
def test_a_picture_may_stand_anywhere(words):
    assert make_parser('localize').parse_args(words).images == 'a.jpg'


def test_the_list_of_commands_has_two_columns():
    rows = overview().splitlines()[2:]
    assert len(rows) == len(COMMANDS)
    parts = [re.fullmatch(r'  ([a-z-]+)( +)(\S.*)', row) for row in rows]
    assert [part[1] for part in parts] == list(COMMANDS)
    assert len({part.start(3) for part in parts}) == 1 and min(len(part[2]) for part in parts) == 2


def write_map(path):
    settings = {'input_size': [32, 24], 'grid': [2, 3], 'channels': 4}
    with MapWriter.create(path, settings, 'abcdef012345') as writer, writer.session('one', '') as session:
        session.add(np.ones((4, 6), np.float16), 'front', 0, Pose.planar(0, 0, 0), np.eye(6), b'\xff\xd8')


def test_a_map_nearby_is_named(tmp_path, capsys, monkeypatch):
    write_map(tmp_path / 'Office.dvmap')
    monkeypatch.chdir(tmp_path)
    assert '-o offce.dvmap; did you mean Office.dvmap?' in said(capsys, 'map', 'show', 'offce')
    assert 'did you mean Office.dvmap?' in said(capsys, 'map', 'show', 'maps/office')
    assert '-o street.dvmap; there is Office' in said(capsys, 'map', 'show', 'street')
    monkeypatch.chdir(tmp_path.parent)
    assert f'did you mean {tmp_path.name}/Office.dvmap?' in said(capsys, 'map', 'show', f'{tmp_path.name}/ofice')


@pytest.mark.parametrize('module, needs', [('rclpy', 'needs ROS 2'), ('sensor_msgs', 'needs ROS 2'),
                                           ('dejavu_ros.msg', 'needs ROS 2'), ('tqdm', 'package tqdm')])
def test_what_is_not_installed_is_named_in_a_line(capsys, monkeypatch, module, needs):
    """As after pip install . on a machine without ROS."""
    from dejavu_ros.cli import demo

    def without(arguments):
        raise ModuleNotFoundError(f'No module named {module!r}', name=module)

    monkeypatch.setattr(demo, 'run', without)
    assert needs in said(capsys, 'demo')


def test_a_module_of_our_own_that_is_missing_is_a_mistake_of_ours(monkeypatch):
    from dejavu_ros.cli import demo

    def wrong(arguments):
        import dejavu_ros.nowhere  # noqa: F401

    monkeypatch.setattr(demo, 'run', wrong)
    with pytest.raises(ModuleNotFoundError):
        main(['demo'])
