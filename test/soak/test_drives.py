"""The drives of a soak: which there are, and what is kept of an answer. Nothing is rendered here."""

import types

import numpy as np
import pytest

from dejavu_ros.geometry import Pose
from dejavu_ros.nn.checkpoint import random_checkpoint
from dejavu_ros.nn.features import FeatureExtractor, FeatureSettings
from dejavu_ros.soak import traversals as phase
from dejavu_ros.soak.config import SoakConfig
from dejavu_ros.soak.drives import ASIDE, TOWNS, UNMAPPED, Drive, Frame, plan, sway
from dejavu_ros.town.conditions import CONDITIONS
from dejavu_ros.town.dataset import TEST_SEEDS

PLACES = 8


def picture(place):
    generator = np.random.default_rng(place)
    return generator.integers(0, 256, (12, 16, 3), np.uint8).repeat(4, 0).repeat(4, 1)


class StudioOfPatterns:
    """Every place, 20 m apart, is a pattern; an unmapped town has other ones. The same picture is shown for a while."""

    def mapping(self, town):
        return (Frame(number * 10**9, picture(number), Pose.planar(20.0 * number, 0, 0), Pose.planar(0, 0, 0))
                for number in range(PLACES))

    def drive(self, drive):
        first = 0 if drive.is_mapped else 1000
        return (Frame(number * 10**10, picture(first + number % PLACES), Pose.planar(20.0 * (number % PLACES), 0.5, 0),
                      Pose.planar(0, 0, 0)) for number in range(drive.frames))

    def renderer(self, town):
        return types.SimpleNamespace(width=64, height=48, intrinsics=np.diag([50.0, 50.0, 1.0]))


def test_every_town_in_every_condition_on_its_map_and_off_it():
    drives = plan(20_000, 5_000)
    on = [drive for drive in drives if drive.is_mapped]
    off = [drive for drive in drives if not drive.is_mapped]
    assert {(drive.town, drive.condition) for drive in on} == {(town, c) for town in TOWNS for c in CONDITIONS}
    assert len({drive.name for drive in drives}) == len(drives) == 54
    assert 20_000 <= sum(drive.frames for drive in on) < 20_027
    assert 5_000 <= sum(drive.frames for drive in off) < 5_027
    assert all(drive.map_town in TOWNS and drive.town not in TOWNS for drive in off)
    assert {*TOWNS, *UNMAPPED.values()} <= set(TEST_SEEDS)


def test_the_car_leaves_its_lane_and_stays_near_it():
    found = sway(np.random.default_rng(0), np.arange(0.0, 500.0), ASIDE)
    assert 0.3 * ASIDE < np.abs(found).max() <= ASIDE and np.abs(np.diff(found)).max() < 0.3


@pytest.fixture
def drives(tmp_path, monkeypatch):
    monkeypatch.setattr(phase, 'load_checkpoint', lambda path: random_checkpoint(
        settings=FeatureSettings(64, 48, 16, 12, 'area')))
    return phase.Traversals(tmp_path, SoakConfig(scale=0.001), StudioOfPatterns())


def test_a_drive_is_held_against_its_truth_with_the_filter_and_without(drives, monkeypatch):
    features = []
    extract = FeatureExtractor.extract
    monkeypatch.setattr(FeatureExtractor, 'extract', lambda self, images: features.append(len(images))
                        or extract(self, images))
    told = []
    found = drives.work(Drive(201, 201, 'snow', PLACES + 1))(told.append)
    assert sum(told) == PLACES + 1 and found['mapped'] and found['condition'] == 'snow'
    assert features[-PLACES - 1:] == [1] * (PLACES + 1), 'features of a frame are computed once for both'
    for answers in found['answers'].values():
        assert len(answers) == PLACES + 1
        for answer in answers:
            assert answer['accepted'] == (not answer['reason']) and (not answer['accepted'] or answer['nees'] >= 0)
    alone = found['answers']['without']
    assert sum(answer['right'] for answer in alone) > PLACES / 2
    assert all(answer['metres'] == pytest.approx(0.5, abs=0.3) for answer in alone if answer['right'])


def test_off_the_map_there_is_no_error(drives):
    found = drives.work(Drive(201, 204, 'snow', 3))(lambda count: None)
    assert not found['mapped'] and not any('metres' in answer or answer['right']
                                           for answers in found['answers'].values() for answer in answers)


def test_the_map_is_made_once(drives, monkeypatch):
    path = drives.map_of(201)
    monkeypatch.setattr(drives, 'studio', None)
    assert drives.map_of(201) == path
