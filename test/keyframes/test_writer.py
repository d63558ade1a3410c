"""Whatever happens while a map is written, the last good one stays, and nothing half-made is left."""

import os
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from dejavu_ros.errors import DataError, MapError
from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes import KeyframeMap, MapWriter, writer
from dejavu_ros.keyframes.verify import verify

SETTINGS = {'input_size': [20, 12], 'grid': [3, 5], 'channels': 4}
SHAPE = (4, 15)
JPEG = b'\xff\xd8 picture'
ORIGIN = Pose.planar(0, 0, 0)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(writer, 'SHARD_BYTES', 3 * 2 * SHAPE[0] * SHAPE[1])  # 3 keyframes


def fill(session, keyframes=7, thumbnail=JPEG):
    for number in range(keyframes):
        session.add(np.full(SHAPE, number, np.float16), 'front', number, Pose.planar(number, 0, 0), np.eye(6),
                    thumbnail)


@pytest.fixture
def path(tmp_path):
    with MapWriter.create(tmp_path / 'M', SETTINGS, 'c') as made, made.session('one', 'summer') as session:
        fill(session)
    return tmp_path / 'M.dvmap'


def names(folder):
    return sorted(entry.name for entry in folder.rglob('*') if entry.name != '.M.dvmap.lock')


def test_a_session_is_seen_only_when_it_is_whole(tmp_path):
    with MapWriter.create(tmp_path / 'M', SETTINGS, 'c') as made:
        with made.session('one', 'summer') as session:
            fill(session)
            assert len(session) == 7
            with pytest.raises(MapError, match='no keyframe map'):
                KeyframeMap.open(tmp_path / 'M')
        assert len(KeyframeMap.open(tmp_path / 'M')) == 7
        with made.session('two', 'winter') as session:
            fill(session, 2)
            assert len(KeyframeMap.open(tmp_path / 'M')) == 7
    assert (len(KeyframeMap.open(tmp_path / 'M')), KeyframeMap.open(tmp_path / 'M').revision) == (9, 2)
    assert list(verify(tmp_path / 'M')) == []


def test_appending_writes_the_new_descriptors_alone(path):
    before = {entry: (entry.stat().st_ino, entry.stat().st_mtime_ns) for entry in (path / 'descriptors').iterdir()}
    with MapWriter.append(path, SETTINGS, 'c') as made, made.session('two', 'winter') as session:
        fill(session, 10)
    after = {entry: (entry.stat().st_ino, entry.stat().st_mtime_ns) for entry in (path / 'descriptors').iterdir()}
    assert before.items() <= after.items()
    headers = 128 * (len(after) - len(before))
    written = sum(entry.stat().st_size for entry in after if entry not in before)
    assert written <= 10 * 2 * SHAPE[0] * SHAPE[1] + headers


@pytest.mark.parametrize('problem', [KeyboardInterrupt, ValueError, FileNotFoundError, DataError])
def test_a_failing_block_leaves_nothing_of_a_new_map(tmp_path, problem):
    with pytest.raises(problem):
        with MapWriter.create(tmp_path / 'M', SETTINGS, 'c') as made, made.session('one', 'summer') as session:
            fill(session)
            raise problem
    assert names(tmp_path) == []


@pytest.mark.parametrize('problem', [KeyboardInterrupt, ValueError, FileNotFoundError, DataError])
def test_a_failing_block_leaves_the_old_map(path, problem):
    before = names(path)
    with pytest.raises(problem):
        with MapWriter.append(path, SETTINGS, 'c') as made, made.session('two', 'winter') as session:
            fill(session)
            raise problem
    assert names(path) == before
    assert list(verify(path)) == []
    with MapWriter.append(path, SETTINGS, 'c') as made, made.session('two', 'winter') as session:
        fill(session)
    assert len(KeyframeMap.open(path)) == 14


@pytest.mark.parametrize('after', [False, True])
@pytest.mark.parametrize('new', [False, True])
def test_ctrl_c_at_any_step_of_a_commit(path, monkeypatch, new, after):
    """Interrupt before or after each call that changes the disk in turn; the map has the session wholly or not."""
    kept = path.parent / 'kept'
    path.rename(kept)
    seen = set()
    for step in range(100):
        if not new:
            shutil.copytree(kept, path)
        calls = 0

        def interrupted(function):
            def call(*arguments):
                nonlocal calls
                calls += 1
                if calls == step + 1 and not after:
                    raise KeyboardInterrupt
                result = function(*arguments)
                if calls == step + 1 and after:
                    raise KeyboardInterrupt
                return result
            return call

        with monkeypatch.context() as patch:
            for name in ('fsync', 'replace', 'rename'):
                patch.setattr(os, name, interrupted(getattr(os, name)))
            try:
                make = MapWriter.create if new else MapWriter.append
                with make(path, SETTINGS, 'c') as made, made.session('two', 'winter') as session:
                    fill(session)
            except KeyboardInterrupt:
                pass
        finished = calls <= step
        if path.exists():
            assert list(verify(path)) == []
            seen.add(len(KeyframeMap.open(path)))
        else:
            assert new
            seen.add(0)
        left = [entry.name for entry in path.parent.iterdir() if entry.name.endswith('.part')]
        assert left == []
        shutil.rmtree(path, ignore_errors=True)
        if finished:
            break
    assert step > 8
    assert seen == ({0, 7} if new else {7, 14})


CRASHES = textwrap.dedent('''
    import os, random, signal, sys, time
    import numpy as np
    from dejavu_ros.geometry import Pose
    from dejavu_ros.keyframes import KeyframeMap, MapWriter, writer
    from dejavu_ros.keyframes.verify import verify

    writer.SHARD_BYTES = 5 * 120
    path, settings = sys.argv[1], {'input_size': [20, 12], 'grid': [3, 5], 'channels': 4}

    def write(sessions):
        make = MapWriter.append if os.path.exists(path) else MapWriter.create
        with make(path, settings, 'c') as made:
            first = len(KeyframeMap.open(path).sessions) if os.path.exists(path) else 0
            for number in range(first, first + sessions):
                with made.session(f'{number}', '') as session:
                    for i in range(12):
                        session.add(np.full((4, 15), number, np.float16), 'front', i, Pose.planar(number, i, 0),
                                    np.eye(6), b'\\xff\\xd8' + bytes(3000))
        os._exit(0)

    def check():
        """Sessions in the map, each of which has to be whole, and whether left-over files lie about."""
        if not os.path.exists(path):
            return 0, False
        findings = list(verify(path))
        assert all(finding.harmless for finding in findings), findings
        content = KeyframeMap.open(path)
        sessions = len(content.sessions)
        assert content.revision == sessions and len(content) == 12 * sessions
        for number in range(sessions):
            part = slice(12 * number, 12 * number + 12)
            assert (content.descriptors(part.start, part.stop) == number).all()
            assert (content.positions[part] == [[number, i, 0] for i in range(12)]).all()
        return sessions, bool(findings)

''')

STEPS = CRASHES + textwrap.dedent('''
    def dying(function):
        def call(*arguments):
            global calls
            calls += 1
            if calls == step:
                os._exit(9)
            return function(*arguments)
        return call

    os.fsync, os.replace, os.rename = map(dying, (os.fsync, os.replace, os.rename))
    for expected in (1, 2):
        for step in range(1, 100):
            calls = 0
            child = os.fork()
            if not child:
                write(1)
            finished = os.waitpid(child, 0)[1] == 0
            step = 0
            if check()[0] == expected:
                break
        print(expected, finished)
''')

KILLS = CRASHES + textwrap.dedent('''
    random.seed(1)
    kills = sessions = unfinished = 0
    while kills < 10 or (sessions < 4 or unfinished < 4) and kills < 100:
        child = os.fork()
        if not child:
            write(10_000)
        time.sleep(random.uniform(0.005, 0.15))
        assert os.waitpid(child, os.WNOHANG) == (0, 0), 'the writer has ended by itself'
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        kills += 1
        sessions, leftovers = check()
        unfinished += leftovers
    print(kills, sessions, unfinished)
''')


def run(code, path):
    answer = subprocess.run([sys.executable, '-c', code, str(path)], capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.split()


def test_a_crash_at_each_step_of_a_commit(tmp_path):
    """The process ends before each flush and rename in turn: the session is not there, or after the last one, whole.

    The last crash is the one after the commit, in the flush of the folder, so no run finishes.
    """
    assert run(STEPS, tmp_path / 'M.dvmap') == ['1', 'False', '2', 'False']


def test_a_writer_killed_at_any_time_leaves_the_last_good_map(tmp_path):
    kills, sessions, unfinished = map(int, run(KILLS, tmp_path / 'M.dvmap'))
    assert kills >= 10 and sessions > 3 and unfinished > 3  # killed at work, and it got somewhere in between


def test_the_next_writer_clears_up_after_a_killed_one(path):
    code = textwrap.dedent('''
        import os, sys
        import numpy as np
        from dejavu_ros.geometry import Pose
        from dejavu_ros.keyframes import MapWriter, writer
        writer.SHARD_BYTES = 360
        settings = {'input_size': [20, 12], 'grid': [3, 5], 'channels': 4}
        for make, path in ((MapWriter.append, sys.argv[1]), (MapWriter.create, sys.argv[2])):
            child = os.fork()
            if not child:
                with make(path, settings, 'c') as made, made.session('two', '') as session:
                    for i in range(4):
                        session.add(np.zeros((4, 15), np.float16), 'a', i, Pose.planar(0, 0, 0), np.eye(6),
                                    b'\\xff\\xd8')
                    os.kill(os.getpid(), 9)
            os.waitpid(child, 0)
    ''')
    other = path.parent / 'N.dvmap'
    subprocess.run([sys.executable, '-c', code, path, other], check=True)
    findings = list(verify(path))
    assert len(findings) == 2 and all(finding.harmless for finding in findings)
    assert any('000000007.safetensors is not part of the map' in finding.text for finding in findings)
    assert not other.exists() and [entry.name for entry in other.parent.glob('.N.dvmap.*.part')]
    with MapWriter.append(path, SETTINGS, 'c') as made, made.session('two', '') as session:
        fill(session)
    with MapWriter.create(other, SETTINGS, 'c') as made, made.session('two', '') as session:
        fill(session)
    assert list(verify(path)) == list(verify(other)) == []
    assert not [entry.name for entry in other.parent.glob('.*.part')]


@pytest.mark.parametrize('keyframes, thumbnail', [(9000, JPEG), (1500, b'\xff\xd8' + bytes(2000))])
def test_a_full_disk_leaves_the_last_good_map(tmp_path, keyframes, thumbnail):
    """Whether the shards or the rows fill it up."""
    if os.geteuid() != 0:
        pytest.skip('mounting a small disk needs root')
    disk = tmp_path / 'disk'
    disk.mkdir()
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], capture_output=True).returncode:
        pytest.skip('this machine does not let us mount a tmpfs')
    try:
        with pytest.raises(MapError, match='cannot write .*M.dvmap: .*(No space|full).*nothing is left'):
            with MapWriter.create(disk / 'M', SETTINGS, 'c') as made, made.session('one', '') as session:
                fill(session, keyframes, thumbnail)
        assert names(disk) == []
        with MapWriter.create(disk / 'M', SETTINGS, 'c') as made:
            with made.session('one', '') as session:
                fill(session)
            before = names(disk)
            with pytest.raises(MapError, match='cannot write .*M.dvmap: .*(No space|full).*the map is as it was'):
                with made.session('two', '') as session:
                    fill(session, keyframes, thumbnail)
            assert names(disk) == before and list(verify(disk / 'M')) == []
            with made.session('two', '') as session:
                fill(session, 2)
        assert len(KeyframeMap.open(disk / 'M')) == 9
    finally:
        subprocess.run(['umount', '-l', disk], check=True)


def test_a_second_writer_is_refused_at_once(path):
    with MapWriter.append(path, SETTINGS, 'c') as made:
        with pytest.raises(MapError, match='being written by another process'):
            MapWriter.append(path, SETTINGS, 'c')
        code = ('import sys\nfrom dejavu_ros.keyframes import MapWriter\n'
                'MapWriter.append(sys.argv[1], {"input_size": [20, 12], "grid": [3, 5], "channels": 4}, "c")')
        other = subprocess.run([sys.executable, '-c', code, path], capture_output=True, text=True)
        assert 'being written by another process' in other.stderr
        with made.session('two', '') as session:
            fill(session)
    MapWriter.append(path, SETTINGS, 'c').close()


def test_two_new_maps_of_one_name(tmp_path):
    with MapWriter.create(tmp_path / 'M', SETTINGS, 'c'):
        with pytest.raises(MapError, match='being written by another process'):
            MapWriter.create(tmp_path / 'M.dvmap', SETTINGS, 'c')


def test_a_map_that_appeared_in_the_meantime_is_not_overwritten(path):
    path.rename(path.parent / 'elsewhere')
    with pytest.raises(MapError, match='cannot write .*nothing is left'):
        with MapWriter.create(path, SETTINGS, 'c') as made, made.session('one', '') as session:
            fill(session)
            shutil.copytree(path.parent / 'elsewhere', path)
    assert len(KeyframeMap.open(path)) == 7


def test_an_existing_map_is_neither_overwritten_nor_mixed(path):
    with pytest.raises(MapError, match='exists already: append'):
        MapWriter.create(path, SETTINGS, 'c')
    with pytest.raises(MapError, match='made with checkpoint c, not with d'):
        MapWriter.append(path, SETTINGS, 'd')
    with pytest.raises(MapError, match=r'made with grid \[3, 5\], not \[5, 3\]'):
        MapWriter.append(path, {**SETTINGS, 'grid': [5, 3]}, 'c')
    with pytest.raises(MapError, match='no keyframe map'):
        MapWriter.append(path.parent / 'N', SETTINGS, 'c')
    with MapWriter.append(path, SETTINGS, 'c') as made:
        with pytest.raises(MapError, match="has a session 'one' already"):
            with made.session('one', 'winter'):
                pass
    assert list(verify(path)) == []


def test_a_damaged_map_is_not_appended_to(path):
    (path / 'descriptors' / '000000000.safetensors').unlink()
    with pytest.raises(MapError, match='is missing'):
        MapWriter.append(path, SETTINGS, 'c')


def test_an_empty_session_is_no_session(tmp_path):
    with pytest.raises(MapError, match='no keyframes'):
        with MapWriter.create(tmp_path / 'M', SETTINGS, 'c') as made, made.session('one', ''):
            pass
    assert names(tmp_path) == []


GOOD = {'descriptors': np.zeros(SHAPE, np.float16), 'camera': 'front', 'stamp_ns': 0, 'map_T_base': ORIGIN,
        'covariance': np.eye(6), 'thumbnail_jpeg': JPEG}


@pytest.mark.parametrize('wrong, message', [
    ({'descriptors': np.zeros(SHAPE, np.float32)}, 'float16'),
    ({'descriptors': np.zeros((4, 16), np.float16)}, 'must be finite float16'),
    ({'descriptors': np.full(SHAPE, np.nan, np.float16)}, 'finite'),
    ({'covariance': np.eye(3)}, 'covariance'),
    ({'covariance': np.full((6, 6), np.inf)}, 'covariance'),
    ({'covariance': -np.eye(6)}, 'covariance'),
    ({'map_T_base': Pose(np.array([np.nan, 0, 0]), np.array([0, 0, 0, 1.0]))}, 'not finite'),
    ({'map_T_base': Pose(np.zeros(3), np.zeros(4))}, 'zero quaternion'),
    ({'thumbnail_jpeg': b'PNG'}, 'JPEG'),
])
def test_a_keyframe_that_is_wrong_is_refused_and_the_session_goes_on(tmp_path, wrong, message):
    with MapWriter.create(tmp_path / 'M', SETTINGS, 'c') as made, made.session('one', '') as session:
        with pytest.raises((MapError, DataError), match=message):
            session.add(**{**GOOD, **wrong})
        assert session.add(**GOOD) == 0
    assert list(verify(tmp_path / 'M')) == []


def test_numpy_numbers_are_taken(tmp_path):
    with MapWriter.create(tmp_path / 'M', SETTINGS, 'c') as made, made.session('one', '') as session:
        session.add(**{**GOOD, 'stamp_ns': np.int64(1) << 62, 'covariance': np.eye(6, dtype=np.float32)})
    assert KeyframeMap.open(tmp_path / 'M').keyframes[0].stamp_ns == 1 << 62


@pytest.mark.parametrize('settings', [{}, {**SETTINGS, 'channels': 0}, {**SETTINGS, 'grid': 5}, {'x': object()}])
def test_settings_that_describe_no_descriptors(tmp_path, settings):
    with pytest.raises(MapError, match='settings'):
        MapWriter.create(tmp_path / 'M', settings, 'c')
    assert names(tmp_path) == []


def test_names_that_would_spoil_a_terminal(tmp_path):
    with MapWriter.create(tmp_path / 'M', SETTINGS, 'c') as made:
        for name, condition in (('', ''), ('a\nb', ''), ('a', '\x1b[31m')):
            with pytest.raises(MapError, match='printable'):
                with made.session(name, condition):
                    pass
