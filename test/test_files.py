"""New files appear whole or not at all."""

import subprocess
import sys

import pytest

from dejavu_ros.errors import DataError, MapError
from dejavu_ros.files import leftovers, new_file, new_folder, new_path, put_between


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_a_new_file_is_there_only_after_the_block(tmp_path):
    with new_file(tmp_path / 'made' / 'a.json', 'w') as file:
        file.write('größer')
        assert not (tmp_path / 'made' / 'a.json').exists()
    assert (tmp_path / 'made' / 'a.json').read_bytes() == 'größer'.encode()
    assert names(tmp_path / 'made') == ['a.json']


@pytest.mark.parametrize('problem', [ValueError, KeyboardInterrupt, FileNotFoundError])
def test_a_failed_block_leaves_the_old_file(tmp_path, problem):
    (tmp_path / 'a').write_bytes(b'old')
    with pytest.raises(problem):
        with new_file(tmp_path / 'a') as file:
            file.write(b'half')
            raise problem
    assert (tmp_path / 'a').read_bytes() == b'old'
    assert names(tmp_path) == ['a']


def test_a_path_for_writers_that_open_files_themselves(tmp_path):
    with new_path(tmp_path / 'a') as part:
        part.write_bytes(b'new')
    assert (tmp_path / 'a').read_bytes() == b'new'


def test_a_block_that_wrote_nothing_is_an_error(tmp_path):
    with pytest.raises(DataError, match='cannot write .*/a: No such file'):
        with new_path(tmp_path / 'a'):
            pass


def test_the_callers_error_names_the_place(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(MapError, match='cannot write .*file/a'):
        with new_file(tmp_path / 'file' / 'a', error=MapError):
            pass
    with pytest.raises(DataError, match='cannot write'):
        with new_file(tmp_path):
            pass


def test_a_full_disk_is_reported_as_such(tmp_path):
    with pytest.raises(DataError, match='No space left on device'):
        with new_file('/dev/full') as file:
            file.write(b'0' * 100_000)


def test_a_new_folder_comes_whole_or_not(tmp_path):
    with pytest.raises(ZeroDivisionError):
        with new_folder(tmp_path / 'out') as part:
            (part / 'a').write_text('')
            raise ZeroDivisionError
    assert names(tmp_path) == []
    (tmp_path / 'out').mkdir()
    with new_folder(tmp_path / 'out') as part:
        (part / 'a').write_text('')
    assert names(tmp_path / 'out') == ['a']
    with pytest.raises(DataError, match='exists already'):
        with new_folder(tmp_path / 'out'):
            pass
    assert names(tmp_path) == ['out']


def test_figures_go_between_two_lines_of_a_document(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text('# Before\n<!-- a -->\nold\n<!-- b -->\nAfter\n')
    for _ in range(2):
        put_between(page, '<!-- a -->', '<!-- b -->', 'new\n')
        assert page.read_text() == '# Before\n<!-- a -->\nnew\n<!-- b -->\nAfter\n'
    for name in ('page.md', 'absent.md'):
        page.write_text('<!-- b -->\n<!-- a -->\n')  # the wrong way round
        with pytest.raises(DataError, match='page.md has no lines|no document .*absent.md'):
            put_between(tmp_path / name, '<!-- a -->', '<!-- b -->', 'new\n')


def test_standard_output_is_written_straight():
    code = 'from dejavu_ros.files import new_file\nwith new_file("/dev/stdout", "w") as file: file.write("[1]")'
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout == '[1]'


def test_a_killed_writer_leaves_what_leftovers_finds(tmp_path):
    code = ('import os, sys\nfrom dejavu_ros.files import new_file\n'
            'with new_file(sys.argv[1]) as file:\n    file.write(b"half"); file.flush(); os.kill(os.getpid(), 9)')
    subprocess.run([sys.executable, '-c', code, str(tmp_path / 'a[1]')])
    assert not (tmp_path / 'a[1]').exists()
    assert names(tmp_path) == [path.name for path in leftovers(tmp_path / 'a[1]')] != []
