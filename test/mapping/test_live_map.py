"""A robot relocalizes in a map while another process appends to it."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.keyframes.verify import verify
from dejavu_ros.localization import Localizer
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import FeatureExtractor

APPEND = textwrap.dedent('''
    import sys
    import numpy as np
    from dejavu_ros.geometry import Pose
    from dejavu_ros.keyframes import KeyframeMap, MapWriter

    path, views = sys.argv[1], np.load(sys.argv[2])
    with KeyframeMap.open(path) as content:
        settings, checkpoint = content.settings, content.checkpoint_id
    print('ready', flush=True)
    with MapWriter.append(path, settings, checkpoint) as writer:
        for number in range(5):
            with writer.session(f'day {number}', 'snow') as session:
                for i, view in enumerate(views):
                    session.add(view, 'front', i, Pose.planar(500 + 10 * i, 0, 0), np.eye(6), b'\\xff\\xd8')
''')


@pytest.fixture(scope='module')
def extractor():
    return FeatureExtractor(load_checkpoint())


def test_answers_do_not_change_until_the_map_is_opened_again(tmp_path, extractor):
    rng = np.random.default_rng(0)
    views = rng.normal(size=(60, extractor.channels, extractor.grid[0] * extractor.grid[1]))
    views = (views / np.linalg.norm(views, axis=1, keepdims=True)).astype(np.float16)
    path, later = tmp_path / 'yard.dvmap', views[30:]
    with MapWriter.create(path, extractor.record, extractor.checkpoint.identity) as writer, \
            writer.session('july', 'summer') as session:
        for i, view in enumerate(views[:30]):
            session.add(view, 'front', i, Pose.planar(10 * i, 0, 0), np.eye(6), b'\xff\xd8')
    np.save(tmp_path / 'later.npy', later)
    with KeyframeMap.open(path) as content:
        localizer = Localizer(extractor, content)

        def answer(view):
            localizer.reset()
            estimate = localizer.locate(view, 0)
            return estimate.hypotheses[0].similarity, estimate.hypotheses[0].keyframe

        before = answer(views[7]), answer(later[7])
        mapper = subprocess.Popen([sys.executable, '-c', APPEND, path, tmp_path / 'later.npy'],
                                  stdout=subprocess.PIPE, text=True)
        assert mapper.stdout.readline() == 'ready\n'
        asked = 0
        while mapper.poll() is None or not asked:
            assert (answer(views[7]), answer(later[7])) == before
            asked += 1
        assert mapper.returncode == 0 and content.revision == 1 and before[0][1] == 7
        assert (answer(views[7]), answer(later[7])) == before, 'the open map stays as it was'
    with KeyframeMap.open(path) as content:
        assert content.revision == 6 and len(content) == 180 and list(verify(path)) == []
        localizer = Localizer(extractor, content)
        assert answer(later[7])[1] % 30 == 7 and answer(later[7])[1] >= 30 and answer(views[7]) == before[0]
