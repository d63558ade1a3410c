"""The measuring command gives figures that belong together, and says what it cannot do."""

import json

import numpy as np
import pytest

from dejavu_ros.bench.scenery import PATTERNS, SPACING, pictures, write_map
from dejavu_ros.cli import main
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.localization import Localizer
from dejavu_ros.localization.config import LocalizerConfig
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import FeatureExtractor

try:
    from dejavu_ros.bench import over_dds
except ImportError:
    over_dds = None


def test_the_map_holds_the_pictures(tmp_path):
    extractor = FeatureExtractor(load_checkpoint())
    write_map(tmp_path / 'm.dvmap', extractor, 40)
    with KeyframeMap.open(tmp_path / 'm.dvmap') as keyframes:
        assert len(keyframes) == 40 and keyframes.positions[-1, 0] == SPACING * 39
        localizer = Localizer(extractor, keyframes, LocalizerConfig(use_filter=False, place_radius=0.5))
        for number, image in enumerate(pictures(160, 120)):
            best = localizer.process(image, number).hypotheses[0]
            assert best.keyframe % PATTERNS == number


def test_figures_of_a_machine(tmp_path, capsys):
    assert main(['bench', '--keyframes', '5,60', '--shortlist', '10', '--seconds', '0.1', '--no-dds', '--width', '64',
                 '--height', '48', '--json', str(tmp_path / 'b.json')]) == 0
    found = json.loads((tmp_path / 'b.json').read_text())
    assert [(row['keyframes'], row['search']) for row in found['rows']] == [
        (5, 'exact'), (60, 'exact'), (60, 'two stages, 10')]
    for row in found['rows']:
        assert row['frame'] > 0 and row['frame'] <= row['features'] + row['similarity'] + row['decision'] + 1e-9
    printed = capsys.readouterr().out
    assert 'two stages, 10' in printed and '64x48' in printed


@pytest.mark.skipif(over_dds is None, reason='needs rclpy and the built messages')
@pytest.mark.timeout(120)
def test_figures_over_dds(tmp_path):
    assert main(['bench', '--keyframes', '5', '--seconds', '2', '--rate', '5', '--json', str(tmp_path / 'b.json')]) == 0
    row, = json.loads((tmp_path / 'b.json').read_text())['rows']
    assert 0 < row['p50_ms'] <= row['p99_ms'] and 0 < row['answers_per_s'] <= 6.5 and row['cores'] > 0


def test_pictures_are_informative_and_differ():
    found = pictures(64, 48)
    assert all(picture.shape == (48, 64, 3) and picture.std() > 10 for picture in found)
    assert min(np.abs(a.astype(int) - b).mean() for i, a in enumerate(found) for b in found[:i]) > 10


@pytest.mark.parametrize('sizes', ['', 'many', '0', '10,-1'])
def test_sizes_that_are_none(sizes, capsys):
    assert main(['bench', '--keyframes', sizes, '--no-dds']) == 1
    assert 'keyframes must be positive numbers' in capsys.readouterr().err
