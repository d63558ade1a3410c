"""The measuring command gives figures that belong together, and says what it cannot do."""

import json
import sys

import numpy as np
import pytest

from dejavu_ros.bench.config import BenchConfig
from dejavu_ros.bench.scenery import PATTERNS, SPACING, pictures, write_map
from dejavu_ros.cli import main
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.localization import Localizer
from dejavu_ros.localization.config import LocalizerConfig
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.ops.contextual import fused

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
                 '--height', '48', '--sections', 'pipeline', '--json', str(tmp_path / 'b.json')]) == 0
    found = json.loads((tmp_path / 'b.json').read_text())['pipeline']
    assert [(row['keyframes'], row['search']) for row in found['rows']] == [
        (5, 'exact'), (60, 'exact'), (60, 'two stages, 10')]
    for row in found['rows']:
        assert row['frame'] > 0 and row['frame'] <= row['features'] + row['similarity'] + row['decision'] + 1e-9
    exact, short = found['rows'][1:]
    assert short['ratio_vs_exact'] == pytest.approx(exact['frame'] / short['frame'])
    printed = capsys.readouterr().out
    assert 'two stages, 10' in printed and '64x48' in printed


def test_without_ros_the_rest_is_measured_and_it_is_said(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'dejavu_ros.bench.over_dds', None)  # its import fails
    monkeypatch.delattr('dejavu_ros.bench.over_dds', raising=False)
    assert main(['bench', '--keyframes', '5', '--seconds', '0.1', '--width', '64', '--height', '48', '--sections',
                 'pipeline']) == 0
    assert 'The running node was not measured: it needs ROS' in capsys.readouterr().out


def test_every_section_has_its_references_time_and_the_ratio(tmp_path, capsys):
    assert main(['bench', '--sections', 'contextual,features,map', '--cells', '16', '--inputs', '32x32',
                 '--map-keyframes', '20', '--json', str(tmp_path / 'b.json')]) == 0
    found = json.loads((tmp_path / 'b.json').read_text())
    assert found['machine'] and found['torch'] and found['version'] and found['threads'] > 0
    pair = found['contextual']['cpu']['n16']
    assert pair['plain_ms'] > 0 and ('ratio_vs_plain' in pair) == bool(fused.kernels())
    assert list(found['features'])[1:] == ['32x32']
    for image in found['features'].values():
        assert image['float32_ratio_vs_plain'] == pytest.approx(image['plain_ms'] / image['float32_ms'])
    row = found['map']['20']
    assert row['keyframes'] == 20 and row['ratio_vs_exact'] > 0 and row['descriptors_mb'] < 1
    assert row['bytes_a_keyframe_float16'] == 2 * row['bytes_a_keyframe_int8']
    printed = capsys.readouterr().out
    assert 'ratio_vs_plain' in printed and '32x32' in printed and 'bytes_a_keyframe_int8' in printed


@pytest.mark.skipif(over_dds is None, reason='needs rclpy and the built messages')
@pytest.mark.timeout(120)
def test_figures_over_dds(tmp_path):
    assert main(['bench', '--keyframes', '5', '--seconds', '2', '--rate', '5', '--sections', 'pipeline', '--json',
                 str(tmp_path / 'b.json')]) == 0
    row, = json.loads((tmp_path / 'b.json').read_text())['pipeline']['rows']
    assert 0 < row['p50_ms'] <= row['p99_ms'] and 0 < row['answers_per_s'] <= 6.5 and row['cores'] > 0


def test_pictures_are_informative_and_differ():
    found = pictures(64, 48)
    assert all(picture.shape == (48, 64, 3) and picture.std() > 10 for picture in found)
    assert min(np.abs(a.astype(int) - b).mean() for i, a in enumerate(found) for b in found[:i]) > 10


@pytest.mark.parametrize('sizes', ['', 'many', '0', '10,-1'])
def test_sizes_that_are_none(sizes, capsys):
    assert main(['bench', '--keyframes', sizes, '--no-dds']) == 1
    assert 'keyframes must be positive numbers' in capsys.readouterr().err


@pytest.mark.parametrize('words, message', [(['--sections', 'speed'], 'sections must be some of contextual,'),
                                            (['--sections', ''], 'sections must be some of contextual,'),
                                            (['--inputs', '320'], 'inputs must be sizes such as 320x240'),
                                            (['--inputs', '0x5'], 'inputs must be positive numbers')])
def test_what_cannot_be_measured(words, message, capsys):
    assert main(['bench', *words]) == 1
    assert message in capsys.readouterr().err


def test_quick_leaves_what_was_asked_for():
    config = BenchConfig(quick=True, map_keyframes='7')
    assert config.sizes('map_keyframes') == [7] and max(config.sizes('keyframes')) == 1000
