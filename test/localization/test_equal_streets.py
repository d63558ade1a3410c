"""A town of equal quarters, seen by the checkpoint of version 0.2: the frame says "ambiguous", and where it may be."""

import numpy as np
import pytest

from dejavu_ros.errors import RenderError
from dejavu_ros.images import encode_jpeg
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.localization import Localizer, LocalizerConfig
from dejavu_ros.nn.checkpoint import load_checkpoint, shipped_folder
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.town import Renderer, Town, Traversal, camera_mount

QUARTERS, STRETCH = 3, np.arange(10.0, 40.0, 5.0)  # metres along each quarter


@pytest.fixture(scope='module')
def drives():
    """Poses and pictures of the mapping drive through the same stretch of all quarters, and of another, in one."""
    town = Town(101, QUARTERS)
    try:
        renderer = Renderer(town, 128, 96, 80.0)
    except RenderError as error:
        pytest.skip(str(error))
    quarter = town.road.length / QUARTERS
    with renderer:
        def drive(seed, stations):
            traversal = Traversal(town, 'overcast-summer', seed)
            poses = [traversal.pose(s) for s in stations]
            return [(pose, renderer.render(traversal, pose, camera_mount(), index)[0])
                    for index, pose in enumerate(poses)]

        everywhere = [s + turn * quarter for turn in range(QUARTERS) for s in STRETCH]
        return drive(1, everywhere), drive(2, STRETCH[2:5] + quarter)


@pytest.fixture
def street(drives, tmp_path):
    """A localizer in the map of all quarters; pictures of one of them; the poses where they may have been taken."""
    mapped, asked = drives
    extractor = FeatureExtractor(load_checkpoint(shipped_folder() / 'dejavu-0.2.pt'))
    with MapWriter.create(tmp_path / 'street.dvmap', extractor.record, extractor.checkpoint.identity) as writer:
        with writer.session('summer', 'summer') as session:
            for number, (pose, picture) in enumerate(mapped):
                session.add(extractor.extract([picture])[0], 'camera', number, pose, np.diag([0.01] * 6),
                            encode_jpeg(picture))
    keyframes = KeyframeMap.open(tmp_path / 'street.dvmap', extractor.checkpoint.identity)
    return Localizer(extractor, keyframes, LocalizerConfig(hypotheses=9)), asked


def test_equal_quarters_are_ambiguous_with_all_of_them_named(street):
    localizer, asked = street
    for step, (pose, picture) in enumerate(asked):
        estimate = localizer.process(picture, step * 250_000_000)
        assert not estimate.accepted and estimate.reject_reason == 'ambiguous'
        middle = [hypothesis.map_T_base.position[:2] for hypothesis in estimate.hypotheses]
        turns = np.arange(QUARTERS) * 2 * np.pi / QUARTERS
        for turn in turns:
            cosine, sine = np.cos(turn), np.sin(turn)
            alike = np.array([[cosine, -sine], [sine, cosine]]) @ pose.position[:2]
            assert min(np.linalg.norm(alike - position) for position in middle) < 7, 'keyframes are 5 m apart'
