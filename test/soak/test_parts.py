"""An interrupted soak goes on where it stopped, and never mixes two runs."""

import pytest

from dejavu_ros.errors import DataError
from dejavu_ros.soak.config import SoakConfig
from dejavu_ros.soak.parts import SETTINGS, Folder, Part


def parts(calls, fails_at=None):
    def work(number):
        def do(advance):
            if number == fails_at:
                raise KeyboardInterrupt
            calls.append(number)
            advance(2)
            return {'number': number}
        return do

    return [Part(f'phase/{number}', 2, work(number)) for number in range(4)]


def test_what_is_finished_is_not_repeated(tmp_path):
    calls = []
    folder = Folder(tmp_path / 'soak', {'scale': 1.0})
    with pytest.raises(KeyboardInterrupt):
        folder.finish('phase', 'frame', parts(calls, fails_at=2))
    assert calls == [0, 1]
    again = Folder(tmp_path / 'soak', {'scale': 1.0})
    assert again.finish('phase', 'frame', parts(calls)) == [{'number': number} for number in range(4)]
    assert calls == [0, 1, 2, 3]


def test_progress_begins_with_what_is_there(tmp_path, capsys):
    folder = Folder(tmp_path, {})
    with pytest.raises(KeyboardInterrupt):
        folder.finish('phase', 'frame', parts([], fails_at=3))
    capsys.readouterr()
    folder.finish('phase', 'frame', parts([]))
    printed = capsys.readouterr().err
    assert '6/8' in printed and '8/8' in printed and '0/8' not in printed


def test_other_settings_need_another_folder(tmp_path):
    Folder(tmp_path, {'scale': 1.0})
    with pytest.raises(DataError, match='holds a run with .*1.0.*remove it'):
        Folder(tmp_path, {'scale': 0.05})


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / 'thesis.tex').write_text('')
    with pytest.raises(DataError, match='no soak made it'):
        Folder(tmp_path, {})
    assert not (tmp_path / SETTINGS).exists()


def test_a_damaged_part_is_named(tmp_path):
    folder = Folder(tmp_path, {})
    (tmp_path / 'phase').mkdir()
    (tmp_path / 'phase/1.json').write_text('{')
    with pytest.raises(DataError, match='phase/1.json cannot be read'):
        folder.finish('phase', 'frame', parts([]))


@pytest.mark.parametrize('scale, kills', [(1.0, 200), (0.05, 10), (0.0001, 1)])
def test_scale(scale, kills):
    assert SoakConfig(scale=scale).share(200) == kills
