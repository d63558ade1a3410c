"""Maps of any spacing, number of sessions and radius: limited, thinned, merged and cut as a plain reading of the
documentation says."""

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dejavu_ros.errors import MapError
from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.keyframes.verify import verify
from dejavu_ros.mapping.config import LimitConfig, ThinConfig
from dejavu_ros.mapping.limit import choose, conditions, limit, neighbours, usefulness
from dejavu_ros.mapping.maintenance import merge, remove_sessions, thin
from dejavu_ros.ops.contextual import ContextualSettings
from dejavu_ros.ops.contextual.naive import contextual_pair
from dejavu_ros.optics.mask import mask_to_png

SETTINGS = {'input_size': [32, 24], 'grid': [3, 4], 'channels': 5, 'contextual': {}}
SHOWN = np.arange(12) % 4 != 3  # of a camera with a mask: its last column of cells is hidden
STRANGERS = 32
any_map = settings(max_examples=25, deadline=None, derandomize=True)


@dataclasses.dataclass(frozen=True)
class Drive:
    """A session: keyframes ``spacing`` metres apart, ``aside`` of the first one's lane, looking to ``yaw`` degrees."""

    name: str
    condition: str
    keyframes: int
    spacing: float
    aside: float
    yaw: float
    masked: bool


@st.composite
def drives(draw, fewest=1):
    """One to four sessions. Lengths are whole quarters of metres, so that no rounding decides what is within a radius.
    """
    spacing, count = draw(st.sampled_from([0.25, 1.0, 2.0, 5.0, 10.0])), draw(st.integers(fewest, 4))
    return [Drive(f's{number}', draw(st.sampled_from(['summer', 'snow'])), draw(st.integers(1, 12)),
                  spacing * draw(st.sampled_from([1, 1, 2])), draw(st.sampled_from([0.0, 0.5, 20.0])),
                  draw(st.sampled_from([0.0, 0.0, 40.0, 180.0])), draw(st.booleans())) for number in range(count)]


radii = st.sampled_from([0.25, 1.0, 2.0, 5.0, 25.0, 1000.0])
angles = st.sampled_from([30.0, 60.0, 180.0])


def write(path, drives):
    """Views of a place resemble each other, and each has noise of its own."""
    with MapWriter.create(path, SETTINGS, 'abcdef012345') as writer:
        for drive in drives:
            with writer.session(drive.name, drive.condition) as session:
                rng = np.random.default_rng(int(drive.name[1:]))
                session.camera('front', 32, 24, mask=mask_to_png(
                    np.repeat(np.repeat(SHOWN.reshape(3, 4), 8, 0), 8, 1)) if drive.masked else None)
                for i in range(drive.keyframes):
                    place = np.random.default_rng(int(4 * drive.spacing * i)).normal(size=(5, 12))
                    view = place + rng.uniform(0.2, 2.0) * rng.normal(size=place.shape)
                    view = (view / np.linalg.norm(view, axis=0)).astype(np.float16)
                    if drive.masked:
                        view[:, ~SHOWN] = 0
                    session.add(view, 'front', (int(drive.name[1:]) * 1000 + i) * 10**9,
                                Pose.planar(drive.spacing * i, drive.aside, np.radians(drive.yaw)), np.eye(6),
                                b'\xff\xd8' + bytes(int(rng.integers(0, 200))))
    return KeyframeMap.open(path)


def beside(source, row, other, config):
    """Whether two keyframes show one place, in the words of the options."""
    one, two = source.keyframes[int(row)].map_T_base, source.keyframes[int(other)].map_T_base
    moved, turned = one.distance(two)
    return moved <= config.radius and turned <= np.radians(config.angle) + 1e-9


def similarity(source, row, other):
    """Of what the two keyframes show, by the formulas."""
    views = [torch.from_numpy(source.descriptors(int(k), int(k) + 1)[0].astype(np.float64)) for k in (row, other)]
    return contextual_pair(*(view[:, view.ne(0).any(0)] for view in views), ContextualSettings()).item()


def worth(source, config):
    """Deviations above unrelated views at which the other sessions know each keyframe; NaN where none can say."""
    strangers = sorted({round(k) for k in np.linspace(0, len(source) - 1, STRANGERS)})
    found = np.full(len(source), np.nan)
    for row in range(len(source)):
        own = source.session_index[row]
        near = [k for k in range(len(source)) if beside(source, row, k, config)]
        unrelated = [similarity(source, row, k) for k in strangers if k not in near]
        best = [max(similarity(source, row, k) for k in near if source.session_index[k] == session)
                for session in set(source.session_index[near]) - {own}]
        if best and len(unrelated) > 1:
            found[row] = (np.mean(best) - np.mean(unrelated)) / max(np.std(unrelated), 1e-6)
    return found


def in_order(source, config, useful):
    """All rows in the order in which they are worth keeping: the rule of ``limit``, one keyframe at a time."""
    near = [[k for k in range(len(source)) if beside(source, row, k, config)] for row in range(len(source))]
    named = [source.keyframes[k].condition for k in range(len(source))]
    chosen = []
    for _ in range(len(source)):
        def rank(row):
            kept = [k for k in chosen if k in near[row]]
            return sum(named[k] == named[row] for k in kept), len(kept), -useful[row], row
        chosen.append(min(set(range(len(source))) - set(chosen), key=rank))
    return chosen


@any_map
@given(drives(), radii, angles)
def test_what_a_view_is_worth_and_in_which_order_views_are_kept(drives, radius, angle):
    config = LimitConfig(radius=radius, angle=angle)
    with tempfile.TemporaryDirectory() as folder, write(Path(folder) / 'M', drives) as source:
        near, useful = neighbours(source, config), usefulness(source, neighbours(source, config))
        expected = worth(source, config)
        known = np.isfinite(expected)
        np.testing.assert_allclose(useful[known], expected[known], rtol=1e-3, atol=1e-3)
        assert (useful[~known] == (np.median(useful[known]) if known.any() else 0)).all()
        everything = choose(near, conditions(source), useful, np.ones(len(source)), len(source))
        assert everything.tolist() == in_order(source, config, useful)


@any_map
@given(drives(), radii, angles, st.floats(0.1, 0.13))
def test_a_limited_map_is_whole_within_its_size_and_of_old_keyframes(drives, radius, angle, size):
    config = LimitConfig(size=size, radius=radius, angle=angle)
    with tempfile.TemporaryDirectory() as folder, write(Path(folder) / 'M', drives) as source:
        output = Path(folder) / 'N.dvmap'
        try:
            kept = limit(source, output, config)
        except MapError as error:
            assert 'give more (--size)' in str(error) and not output.exists()
            return
        assert sum(file.stat().st_size for file in output.rglob('*') if file.is_file()) <= size * 1e6
        assert list(verify(output)) == []
        order = in_order(source, config, usefulness(source, neighbours(source, config)))
        assert_keeps(source, output, order[:sum(kept.values())])


@any_map
@given(drives(), st.sampled_from([0.0, 0.25, 1.0, 3.0, 10.0]), st.sampled_from([0, 1, 2]), radii, angles)
def test_a_thinned_map(drives, distance, newest, radius, angle):
    """Along each session a keyframe after so much travel, and each place in the newest sessions of its condition."""
    config = ThinConfig(distance=distance, angle=angle, newest=newest, radius=radius)
    with tempfile.TemporaryDirectory() as folder, write(Path(folder) / 'M', drives) as source:
        kept = []
        for drive in reversed(drives):  # the newest first
            rows = np.flatnonzero(source.session_index == drives.index(drive))
            newer = [[k for k in kept if source.session_index[k] == session]
                     for session, other in enumerate(drives) if other.condition == drive.condition]
            last = None
            for row in rows:
                passed = sum(any(beside(source, row, k, config) for k in others) for others in newer)
                if newest and passed >= newest:
                    continue
                if last is None or np.linalg.norm(source.positions[row] - source.positions[last]) >= distance:
                    last = row
                    kept.append(row)
        assert thin(source, Path(folder) / 'N', config) == len(kept)
        assert_keeps(source, Path(folder) / 'N', kept)


@any_map
@given(drives(fewest=2), st.data())
def test_maps_are_merged_and_cut_without_a_loss(drives, data):
    cut = data.draw(st.integers(1, len(drives) - 1))
    with tempfile.TemporaryDirectory() as folder, write(Path(folder) / 'A', drives[:cut]) as first, \
            write(Path(folder) / 'B', drives[cut:]) as second, write(Path(folder) / 'M', drives) as whole:
        assert merge([first, second], Path(folder) / 'both') == len(whole)
        assert_keeps(whole, Path(folder) / 'both', range(len(whole)))
        gone = data.draw(st.sets(st.sampled_from([drive.name for drive in drives]), max_size=len(drives) - 1))
        left = [row for row in range(len(whole)) if drives[whole.session_index[row]].name not in gone]
        assert remove_sessions(whole, sorted(gone), Path(folder) / 'less') == len(left)
        assert_keeps(whole, Path(folder) / 'less', left)


def assert_keeps(source, path, rows):
    """The map has these keyframes of another, as they were and in their order."""
    rows = sorted(map(int, rows))
    with KeyframeMap.open(path) as new:
        assert len(new) == len(rows)
        for number, row in enumerate(rows):
            ours, theirs = new.keyframes[number], source.keyframes[row]
            assert (ours.session, ours.condition, ours.camera, ours.stamp_ns) == \
                (theirs.session, theirs.condition, theirs.camera, theirs.stamp_ns)
            assert (ours.map_T_base.matrix == theirs.map_T_base.matrix).all()
            assert (new.descriptors(number, number + 1) == source.descriptors(row, row + 1)).all()
            assert new.thumbnail(number) == source.thumbnail(row)
        names = {camera.session for camera in new.cameras}
        assert [camera for camera in new.cameras] == [camera for camera in source.cameras if camera.session in names]


def test_the_smallest_maps_that_went_wrong(tmp_path):
    """Two sessions with keyframes a metre apart: more neighbours than a descriptor has channels."""
    drives = [Drive(name, 'summer', 40, 1.0, 0.0, 0.0, False) for name in ('s0', 's1')]
    with write(tmp_path / 'M', drives) as source:
        config = LimitConfig(size=0.12)
        near = neighbours(source, config)
        np.testing.assert_allclose(usefulness(source, near), worth(source, config), rtol=1e-3, atol=1e-3)
        assert max(map(len, near)) > 2 * SETTINGS['channels']
        assert 0 < sum(limit(source, tmp_path / 'N', config).values()) < len(source)
