"""Batches as a training sees them: whose places, in which sessions, and what becomes of bad data."""

import dataclasses
import pickle
from ctypes.util import find_library
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from dejavu_ros.config import markdown
from dejavu_ros.data.manifests import ManifestRow, write_manifest
from dejavu_ros.data.triplet_config import TripletConfig
from dejavu_ros.errors import ConfigError, DataError, RenderError
from dejavu_ros.images import encode_jpeg
from dejavu_ros.training.config import SourceConfig
from dejavu_ros.training.crops import WHOLE, overlap
from dejavu_ros.training.recorded import RecordedSource
from dejavu_ros.training.sources import Batches, open_source
from dejavu_ros.training.views import Views

PLACES, SESSIONS, FRAMES = 8, 3, 2
SIZE = (16, 12)


def colour(place: int, session: int, frame: int) -> np.ndarray:
    """What an image is known by again, after JPEG: far from others by 10 in red, green or blue."""
    return np.array([40 + 20 * place, 60 + 50 * session, 80 + 60 * frame])


def picture(place: int, session: int, frame: int) -> np.ndarray:
    stripes = np.where(np.arange(64) % 32 < 16, 15, -15)[None, :, None]
    return (colour(place, session, frame) + stripes + np.zeros((48, 64, 1))).astype(np.uint8)


def seen(view: np.ndarray) -> tuple[int, int, int]:
    """The (place, session, frame) that a training view shows."""
    mean = view.reshape(-1, 3).mean(0)
    keys = np.array(list(np.ndindex(PLACES, SESSIONS, FRAMES)))
    return tuple(keys[np.linalg.norm([colour(*key) - mean for key in keys], axis=1).argmin()].tolist())


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp('images')
    for key in np.ndindex(PLACES, SESSIONS, FRAMES):
        (folder / '{}_{}_{}.jpg'.format(*key)).write_bytes(encode_jpeg(picture(*key)))
    return folder


@pytest.fixture
def write(tmp_path, images):
    """Write a manifest of (place, session) with frames 0, whose next are frames 1; changes by (place, session)."""
    def make(keys=tuple(np.ndindex(PLACES, SESSIONS)), changed=None, **common):
        rows = []
        for place, session in keys:
            row = ManifestRow(images / f'{place}_{session}_0.jpg', str(place), f's{session}',
                              next=images / f'{place}_{session}_1.jpg')
            rows.append(dataclasses.replace(row, **common, **(changed or {}).get((place, session), {})))
        write_manifest(tmp_path / 'set.csv', rows)
        return str(tmp_path / 'set.csv')
    return make


@pytest.fixture(scope='module')
def complete(tmp_path_factory, images):
    path = tmp_path_factory.mktemp('complete') / 'set.csv'
    write_manifest(path, [ManifestRow(images / f'{place}_{session}_0.jpg', str(place), f's{session}',
                                      next=images / f'{place}_{session}_1.jpg')
                          for place, session in np.ndindex(PLACES, SESSIONS)])
    return str(path)


def batches(*configs, places=4, seed=0, frames=2, size=SIZE, grid=None):
    return Batches([open_source(config) for config in configs], places, Views(size, frames, grid), seed, 100)


@settings(max_examples=40, deadline=None)
@given(step=st.integers(0, 10**6), seed=st.integers(0, 2**32), gap=st.integers(1, 3), span=st.sampled_from([0, 6, 7]),
       places=st.integers(1, 8))
def test_a_sample_is_the_papers(complete, step, seed, gap, span, places):
    config = SourceConfig(complete, min_gap=gap, span=span)
    images = batches(config, places=places, seed=seed, frames=6)[step]['images']
    assert images.shape[1:] == (6, 12, 16, 3) and images.dtype == np.uint8 and 1 <= len(images) <= places
    anchors = []
    for sample in images:
        a0, a1, p0, p1, n0, n1 = map(seen, sample)
        for frame, following in ((a0, a1), (p0, p1), (n0, n1)):
            assert frame[2] == 0 and following == (*frame[:2], 1)
        assert p0[0] == a0[0] and p0[1] != a0[1]
        assert abs(n0[0] - a0[0]) >= gap and abs(n0[0] - a0[0]) < (span or PLACES)
        anchors.append(a0[0])
    assert len(set(anchors)) == len(anchors)
    assert len({place % gap for place in anchors}) == 1
    assert not span or max(anchors) - min(anchors) < span


def test_samples_of_two_and_four_frames_are_parts_of_those_of_six(complete):
    two, four, six = ([[seen(view) for view in sample] for sample in
                       batches(SourceConfig(complete), frames=frames)[5]['images']] for frames in (2, 4, 6))
    assert [[a0, p0] for a0, _, p0, _ in four] == two
    assert [sample[:4] for sample in six] == four
    with pytest.raises(ConfigError, match='must be one of 2, 4, 6, got 3'):
        batches(SourceConfig(complete), frames=3)


def test_negatives_come_from_every_session_and_place(complete):
    drawn = batches(SourceConfig(complete), frames=6, places=8)
    negatives = {seen(sample[4])[:2] for step in range(20) for sample in drawn[step]['images']}
    assert len(negatives) == PLACES * SESSIONS


@pytest.mark.parametrize('frames', [2, 6])
def test_a_batch_is_a_function_of_seed_and_step_whatever_the_workers(complete, frames):
    config = SourceConfig(complete, photometric=0.5)
    drawn = batches(config, frames=frames)
    alone = [drawn[step]['images'] for step in range(6)]
    assert (drawn[3]['images'] == alone[3]).all()
    assert (pickle.loads(pickle.dumps(drawn))[3]['images'] == alone[3]).all()  # as workers that are spawned get it
    assert (alone[0] != alone[1]).any() and (batches(config, frames=frames, seed=1)[0]['images'] != alone[0]).any()
    for workers in (1, 2):
        loader = DataLoader(batches(config, frames=frames), batch_size=None, sampler=range(6), num_workers=workers)
        assert all((batch['images'].numpy() == images).all() for batch, images in zip(loader, alone, strict=True))


@pytest.mark.parametrize('where', [
    lambda session, frame: {'x': 2.0 * frame + 0.1 * session, 'y': 0.0},
    lambda session, frame: {'x': 0.0, 'y': 0.0, 'yaw': (3.1, -3.1)[session] if frame else 0.0}],
    ids=['position', 'heading'])
def test_the_nearest_frame_of_the_other_session_is_the_positive(tmp_path, images, where):
    """Two sessions drive through each place: the frame beside the anchor's counts, and the one that looks its way."""
    write_manifest(tmp_path / 'set.csv', [
        ManifestRow(images / f'{place}_{session}_{frame}.jpg', str(place), f's{session}', **where(session, frame))
        for place, session, frame in np.ndindex(3, 2, 2)])
    for step in range(20):
        for sample in batches(SourceConfig(str(tmp_path / 'set.csv')), places=3)[step]['images']:
            (place, session, frame), (other_place, other, other_frame) = map(seen, sample)
            assert (place, frame) == (other_place, other_frame) and session != other


def test_without_positions_any_frame_of_the_place_will_do(tmp_path, images):
    write_manifest(tmp_path / 'set.csv', [
        ManifestRow(images / f'{place}_{session}_{frame}.jpg', str(place), f's{session}')
        for place, session, frame in np.ndindex(3, 2, 2)])
    drawn = batches(SourceConfig(str(tmp_path / 'set.csv')), places=3)
    assert {tuple(seen(view)[2] for view in sample) for step in range(20) for sample in drawn[step]['images']} == {
        (0, 0), (0, 1), (1, 0), (1, 1)}


def test_a_frame_without_a_next_one_is_seen_anew(write):
    config = SourceConfig(write(next=None))
    source = open_source(config)
    assert source.notes == ['24 of 24 images have no next frame: where one is needed, they are seen anew']
    images = Batches([source], 4, Views((64, 48), frames=4), 0, 100)[0]['images']
    for a0, a1, p0, p1 in images:
        assert seen(a0) == seen(a1) and seen(p0) == seen(p1)
    assert (images[:, 0] != images[:, 1]).any((1, 2, 3)).all()


def test_sessions_or_conditions_can_be_left_out(write):
    manifest = write(changed={(0, 1): {'condition': 'snow'}})
    drawn = batches(SourceConfig(manifest, without='s2 snow'), places=8)
    views = [seen(view) for step in range(5) for sample in drawn[step]['images'] for view in sample]
    assert {session for _, session, _ in views} == {0, 1} and 0 not in {place for place, _, _ in views}
    with pytest.raises(DataError, match='no session or condition fog to leave out; there are: s0, s1, s2'):
        open_source(SourceConfig(manifest, without='fog'))


def test_a_cut_jpeg_and_a_black_image_are_named_and_another_place_is_drawn(tmp_path, write, images):
    data = (images / '0_0_0.jpg').read_bytes()
    (tmp_path / 'cut.jpg').write_bytes(data[:len(data) // 2])
    (tmp_path / 'black.jpg').write_bytes(encode_jpeg(np.zeros((48, 64, 3), np.uint8)))
    bad = {'image': tmp_path / 'cut.jpg'}, {'image': tmp_path / 'black.jpg'}
    manifest = write(changed={(0, session): bad[session % 2] for session in range(3)})
    drawn = batches(SourceConfig(manifest), places=4)
    lines = []
    for step in range(20):
        batch = drawn[step]
        assert len(batch['images']) == 4 and 0 not in {seen(view)[0] for sample in batch['images'] for view in sample}
        lines += batch['skipped']
        assert batch['skipped'] == batches(SourceConfig(manifest), places=4)[step]['skipped']
    assert all(line.startswith('set: ') and '\n' not in line for line in lines)
    assert any('cut.jpg is a JPEG cut short' in line for line in lines)
    assert any('black.jpg: the frame is black' in line for line in lines)


def test_a_place_is_tried_again_with_other_sessions_before_a_batch_does_without_it(tmp_path, write):
    (tmp_path / 'cut.jpg').write_bytes(b'\xff\xd8\xff\xe0')
    drawn = batches(SourceConfig(write(changed={(2, 0): {'image': tmp_path / 'cut.jpg'}})), places=8)
    found = [{seen(sample[0])[0] for sample in drawn[step]['images']} for step in range(20)]
    tried_again = [2 in places for step, places in enumerate(found) if drawn[step]['skipped']]
    assert any(tried_again) and len(tried_again) < 20
    assert all(places >= set(range(8)) - {2} for places in found)


@pytest.mark.parametrize('frames', [2, 6])
@pytest.mark.parametrize('fixed_camera', [False, True])
def test_a_source_without_a_readable_pair_is_an_error_with_its_name(tmp_path, write, fixed_camera, frames):
    (tmp_path / 'cut.jpg').write_bytes(b'\xff\xd8\xff\xe0')
    manifest = write(image=tmp_path / 'cut.jpg', next=None)
    with pytest.raises(DataError, match=r'source set: .* 0 usable places, \d+ draws failed, the last: .*cut.jpg'):
        batches(SourceConfig(manifest, fixed_camera=fixed_camera), frames=frames)[0]


def test_what_is_left_out_is_counted_and_said_once(write):
    source = open_source(SourceConfig(write([(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (3, 2)])))
    assert source.notes == ['2 of 4 places were seen in one session only and are left out',
                            '1 sessions show no place that another session saw (s2)']
    assert batches(source.config, places=4)[0]['images'].shape[0] == 2


def test_an_empty_season_folder_is_said(tmp_path):
    for season in ('summer', 'winter'):
        (tmp_path / 'set' / season).mkdir(parents=True)
        for place in range(3):
            (tmp_path / 'set' / season / f'{place}.png').write_bytes(encode_jpeg(picture(place, 0, 0)))
    (tmp_path / 'set' / 'spring').mkdir()
    source = open_source(SourceConfig(str(tmp_path / 'set')))
    assert 'folder spring shows no place of another folder and is left out' in source.notes
    assert Batches([source], 3, Views(SIZE), 0, 1)[0]['source'] == 'set'


def test_what_cannot_be_trained_on_is_refused(write, complete):
    with pytest.raises(DataError, match='two sessions, found none of 8'):
        open_source(SourceConfig(write([(place, 0) for place in range(8)])))
    with pytest.raises(DataError, match='a batch needs two places at least, and of 1 places'):
        open_source(SourceConfig(write([(0, 0), (0, 1), (1, 1)])))
    with pytest.raises(DataError, match='of 8 places .* not always two are 5 apart'):
        open_source(SourceConfig(complete, min_gap=5))
    with pytest.raises(DataError, match='every source has weight 0'):
        batches(SourceConfig(complete, weight=0.0))
    with pytest.raises(ConfigError, match='either a manifest or a town'):
        SourceConfig()


def test_windows_of_a_fixed_camera_are_places_apart(complete):
    source = RecordedSource(SourceConfig(complete, fixed_camera=True))
    views = list(source.windows(np.random.default_rng(0), 12))[:12]
    assert len(views) == 12
    for i, (anchor, positive) in enumerate(views):
        assert 0 <= anchor.window.min() and anchor.window.max() <= 1 and (anchor.window == positive.window).all()
        assert anchor.row.session != positive.row.session and anchor.row.place == positive.row.place
        for other, _ in views[:i]:
            assert other.place != anchor.place or overlap(anchor.window, other.window) <= 0.2


def test_a_fixed_camera_gives_a_window_apart_as_negative(write):
    source = RecordedSource(SourceConfig(write([(0, session) for session in range(3)]), fixed_camera=True))
    rng = np.random.default_rng(0)
    pairs = list(source.windows(rng, 5))
    assert np.mean([overlap(anchor.window, source.negative(rng, anchor).window) <= 0.2 for anchor, _ in pairs]) > 0.5
    assert Batches([source], 3, Views(SIZE, frames=6), 0, 1)[0]['images'].shape == (3, 6, 12, 16, 3)


def test_photometric_changes_each_view_on_its_own(complete):
    plain, changed = (batches(SourceConfig(complete, photometric=strength))[0]['images'].astype(int)
                      for strength in (0.0, 1.0))
    shift = changed.mean((2, 3, 4)) - plain.mean((2, 3, 4))
    assert np.ptp(shift) > 10


def test_a_whole_image_is_cut_within_its_jitter(complete):
    source = RecordedSource(SourceConfig(complete))
    assert all((sight.window == WHOLE).all() for pair in source.whole(np.random.default_rng(0)) for sight in pair)


@pytest.mark.parametrize('town, message', [
    ('101', 'town 101 is not for training: seeds 1 to 99 are'), ('1-150', 'town 150'), ('0', 'town 0'),
    ('first', "seeds such as 1-10 or 1,4,7, got 'first'"), ('5-2', "got '5-2'"), ('1,', "got '1,'")])
def test_towns_that_are_not_for_training_are_refused(town, message):
    with pytest.raises(ConfigError, match=message):
        open_source(SourceConfig(town=town))


def test_a_town_needs_two_conditions_that_exist():
    with pytest.raises(ConfigError, match='two conditions; there are .*snow'):
        open_source(SourceConfig(town='1', without='fog'))
    with pytest.raises(ConfigError, match='either a manifest or a town'):
        SourceConfig('set.csv', town='1')
    with pytest.raises(ConfigError, match='fixed_camera'):
        SourceConfig(town='1', fixed_camera=True)
    with pytest.raises(ConfigError, match='stray goes with a town'):
        SourceConfig('set.csv', stray=2.0)


needs_egl = pytest.mark.skipif(find_library('EGL') is None, reason='no EGL here: apt install libegl1 libgl1 '
                                                                   'libgl1-mesa-dri')


def likeness(first: np.ndarray, second: np.ndarray, matches: np.ndarray) -> float:
    """Correlation of the brightness of views (B, H, W, 3) at the cells of the first and their matches in the second."""
    known = np.isfinite(matches).all(-1)
    batch, row, column = np.nonzero(known)
    sides = first.shape[1] / known.shape[1], first.shape[2] / known.shape[2]
    here = first.mean(-1)[batch, ((row + 0.5) * sides[0]).astype(int), ((column + 0.5) * sides[1]).astype(int)]
    x, y = (matches[known] * second.shape[2:0:-1]).astype(int).clip(0, np.array(second.shape[2:0:-1]) - 1).T
    return np.corrcoef(here, second.mean(-1)[batch, y, x])[0, 1]


@needs_egl
def test_a_town_is_rendered_by_a_worker(complete):
    """In workers alone, and new ones: the process of the tests has used OpenGL, which a fork cannot inherit."""
    def drawn(workers, seed=0):
        sources = [open_source(SourceConfig(town='1', without='night night-rain')), open_source(SourceConfig(complete))]
        drawn = Batches(sources, 3, Views((48, 36), 6, (16, 12)), seed, 9)
        loader = DataLoader(drawn, batch_size=None, sampler=range(4), num_workers=workers,
                            multiprocessing_context='spawn')
        return [(batch['source'], batch['images'].numpy(), batch['matches'].numpy()) for batch in loader]

    one, two = drawn(1), drawn(2)
    assert {source for source, *_ in one} == {'town 1', 'set'}
    for (source, images, matches), (other, *same) in zip(one, two, strict=True):
        assert source == other and (images == same[0]).all() and np.array_equal(matches, same[1], equal_nan=True)
    towns = [(images, matches) for source, images, matches in one if source == 'town 1']
    for images, matches in towns:
        assert 0.3 < np.isfinite(matches).mean() < 0.95
        assert likeness(images[:, 0], images[:, 2], matches) > likeness(images[:, 0], images[:, 2], matches[:, ::-1])
        assert images.shape == (3, 6, 36, 48, 3) and images.std((2, 3, 4)).min() > 5
        # the frame after an anchor looks more like it than another place does
        apart = [np.abs(images[:, i].astype(int) - images[:, 0]).mean() for i in (1, 4)]
        assert apart[0] < apart[1]


@needs_egl
def test_a_renderer_is_not_inherited():
    source = open_source(SourceConfig(town='1'))
    drawn = Batches([source], 2, Views((32, 32)), 0, 9)
    try:
        assert drawn[0]['images'].shape == (2, 2, 32, 32, 3)
        with pytest.raises(RenderError, match='start workers before'):
            list(DataLoader(drawn, batch_size=None, sampler=range(1), num_workers=1))
    finally:
        source.close()


def test_the_docs_tell_every_option():
    text = (Path(__file__).parents[2] / 'docs' / 'training_data.md').read_text()
    assert markdown(SourceConfig) in text and markdown(TripletConfig) in text
