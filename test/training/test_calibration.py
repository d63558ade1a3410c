"""Probabilities are fitted so that they can be believed: high at the truth, low where nothing is mapped."""

import dataclasses

import numpy as np
import pytest

from dejavu_ros.cli import main
from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_jpeg
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.localization.observation import Calibration, normalised, with_nowhere
from dejavu_ros.localization.on_map import logistic
from dejavu_ros.nn.checkpoint import load_checkpoint, random_checkpoint, save_checkpoint
from dejavu_ros.nn.features import FeatureExtractor, FeatureSettings
from dejavu_ros.training.calibration import Frame, calibrate, calibrate_on_map, fit, negative_log_likelihood

KEYFRAMES = 50
START = Calibration(sharpness=0.3, offset=0.0, confirmed=0.1)


def made_frames(height: float) -> list[Frame]:
    """40 mapped queries, whose right keyframe scores ``height`` deviations above the others, and 40 unmapped ones."""
    rng = np.random.default_rng(0)
    frames = []
    for number in range(80):
        scores, right = rng.normal(size=KEYFRAMES), np.full(KEYFRAMES, False)
        if number < 40:
            right[number] = True
            scores[number] += height
        lead = float(np.diff(np.sort(scores)[-2:])[0])
        frames.append(Frame(scores, np.array([lead, 4.0]), right))
    return frames


def probabilities(frames: list[Frame], calibration: Calibration) -> tuple[float, float]:
    """As the localizer sees single frames: mean probability of the right keyframe, and of any for the unmapped."""
    beliefs = [with_nowhere(normalised(calibration.log_likelihood(frame.scores)),
                            logistic(float(calibration.evidence(frame.cues))))[:-1] for frame in frames]
    return (float(np.mean([belief[frame.right].sum() for belief, frame in zip(beliefs, frames) if frame.right.any()])),
            float(np.mean([belief.sum() for belief, frame in zip(beliefs, frames) if not frame.right.any()])))


def test_what_stands_out_becomes_certain_and_the_unmapped_stays_unknown():
    frames = made_frames(height=8)
    truth, unmapped = probabilities(frames, START)
    fitted = fit(frames, START)
    better_truth, better_unmapped = probabilities(frames, fitted)
    assert truth < 0.5 and better_truth > 0.97
    assert unmapped > 0.3 and better_unmapped < 0.03
    assert negative_log_likelihood(frames, fitted) < negative_log_likelihood(frames, START)
    assert (fitted.mean, fitted.deviation) == (START.mean, START.deviation)


def test_scores_that_say_nothing_give_no_certainty():
    frames = made_frames(height=0)
    truth, unmapped = probabilities(frames, fit(frames, START))
    assert truth < 0.1 and unmapped < 0.7


def test_perfect_separation_ends_at_a_calibration_that_a_card_can_hold():
    fitted = fit(made_frames(height=500), START)
    assert Calibration.of({'calibration': dataclasses.asdict(fitted)}) == fitted


def test_mapped_and_unmapped_count_alike_however_many_there_are():
    frames = made_frames(height=3)
    more = frames + frames[40:] * 3
    assert negative_log_likelihood(more, START) == pytest.approx(negative_log_likelihood(frames, START))


@pytest.fixture
def checkpoint():
    return random_checkpoint(settings=FeatureSettings(32, 24, 8, 6, 'area'))


@pytest.fixture
def rows(tmp_path):
    """Two streets 1 km apart with 8 places each, 12 m apart, seen in summer and, darker, at night."""
    rows = []
    for street in range(2):
        for place in range(8):
            blocks = np.random.default_rng((street, place)).integers(40, 255, (6, 8, 3))
            for session, light in (('summer', 1.0), ('night', 0.5)):
                path = tmp_path / f'{street}_{place}_{session}.jpg'
                path.write_bytes(encode_jpeg((np.kron(blocks, np.ones((8, 8, 1))) * light).astype(np.uint8)))
                rows.append(ManifestRow(path, f'{street}-{place}', session, x=1000.0 * street + 12.0 * place, y=0.0))
    return rows


def test_a_manifest_of_two_streets_calibrates_a_checkpoint(checkpoint, rows):
    calibration, figures = calibrate(checkpoint, [rows], 'summer')
    assert figures['mapped'] > 16, 'each of 16 queries against its street, also thinned'
    assert figures['frames'] > 32 + figures['mapped'], 'and against the other street, and its own without surroundings'
    assert figures['top1'] > 0.9
    assert calibration.deviation > 0 and 0 < calibration.mean < 1
    assert Calibration.of({'calibration': dataclasses.asdict(calibration)}) == calibration, 'a card can hold it'


def test_wrong_positions_show_in_the_figures(checkpoint, rows):
    wrong = [dataclasses.replace(row, x=rows[(index + 6) % 16 + index // 16 * 16].x) if row.session == 'night' else row
             for index, row in enumerate(rows)]
    right_figures, wrong_figures = (calibrate(checkpoint, [given], 'summer')[1] for given in (rows, wrong))
    assert wrong_figures['top1'] < 0.5 < right_figures['top1']
    assert wrong_figures['negative_log_likelihood'] > right_figures['negative_log_likelihood'] + 0.3


def test_a_query_beside_the_map_is_neither_mapped_nor_unmapped(checkpoint, rows):
    moved = [dataclasses.replace(row, y=30.0) if row is rows[1] else row for row in rows]
    before, after = (calibrate(checkpoint, [given], 'summer')[1] for given in (rows, moved))
    assert before['mapped'] > after['mapped']
    assert before['frames'] - before['mapped'] > after['frames'] - after['mapped'], 'nor asked without surroundings'


def test_a_set_without_positions_goes_by_its_places_and_each_session_is_the_map_in_turn(checkpoint, rows):
    labelled = [dataclasses.replace(row, x=None, y=None, session=f'{row.session}-again') for row in rows]
    alone, both = (calibrate(checkpoint, sets, 'summer')[1] for sets in ([rows], [rows, labelled]))
    assert both['mapped'] - alone['mapped'] >= 2 * len(rows) / 2
    assert both['frames'] - both['mapped'] > alone['frames'] - alone['mapped'], 'each also without its place'


def test_drives_along_one_street_calibrate_a_checkpoint(checkpoint, rows):
    """What extract-triplets makes of two bags of one way, whose sessions have names of their own."""
    street = [row for row in rows if row.x < 500]
    calibration, figures = calibrate(checkpoint, [street], 'overcast-summer')
    assert figures['mapped'] >= 16 and figures['top1'] > 0.9
    assert figures['frames'] > figures['mapped'], 'and each without its surroundings'
    assert Calibration.of({'calibration': dataclasses.asdict(calibration)}) == calibration


def test_any_of_the_manifests_may_be_the_one_with_positions(checkpoint, rows):
    labelled = [dataclasses.replace(row, x=None, y=None) for row in rows]
    assert calibrate(checkpoint, [labelled, rows], 'summer')[0].mean == calibrate(checkpoint, [rows], 'summer')[0].mean


def test_foreign_images_are_unmapped(checkpoint, rows):
    alone, with_foreign = (calibrate(checkpoint, [rows], 'summer', foreign)[1] for foreign in ((), rows[:4]))
    assert with_foreign['mapped'] == alone['mapped'] and with_foreign['frames'] > alone['frames']


def test_what_cannot_be_calibrated_on_is_named(checkpoint, rows):
    for unusable in ([*rows[:-1], dataclasses.replace(rows[-1], x=None, y=None)], rows[:6], rows[:1]):
        with pytest.raises(DataError, match='places over 50 m apart, .* no manifest has .* --map'):
            calibrate(checkpoint, [unusable], 'summer')
    with pytest.raises(DataError, match="of session 'summer'"):
        calibrate(checkpoint, [[row for row in rows if row.session == 'summer']], 'summer')


def written_map(path, checkpoint, rows, conditions):
    """A map of the sessions of ``rows``, with their condition by name."""
    extractor = FeatureExtractor(checkpoint)
    with MapWriter.create(path, extractor.record, checkpoint.identity) as writer:
        for name, condition in conditions.items():
            with writer.session(name, condition) as session:
                for number, row in enumerate(row for row in rows if row.session == name):
                    data = row.image.read_bytes()
                    session.add(extractor.extract_files([row.image])[0], 'camera', number,
                                Pose.make((row.x, row.y, 0.0)), np.diag([0.01] * 6), data)
    return KeyframeMap.open(path, checkpoint.identity)


def test_a_map_of_two_conditions_calibrates_its_checkpoint(checkpoint, rows, tmp_path):
    keyframes = written_map(tmp_path / 'two.dvmap', checkpoint, rows, {'summer': 'summer', 'night': 'night'})
    calibration, figures = calibrate_on_map(checkpoint, keyframes)
    assert figures['mapped'] == 32, 'each session is the map of the other once'
    assert figures['frames'] == 64, 'and every query once has its surroundings hidden'
    assert figures['top1'] > 0.9
    assert Calibration.of({'calibration': dataclasses.asdict(calibration)}) == calibration


def test_a_map_of_one_condition_is_refused(checkpoint, rows, tmp_path):
    keyframes = written_map(tmp_path / 'one.dvmap', checkpoint, rows, {'summer': 'sunny', 'night': 'sunny'})
    with pytest.raises(DataError, match='different conditions, found sunny: .* dejavu map set-condition one SESSION '):
        calibrate_on_map(checkpoint, keyframes)


def test_a_session_whose_condition_is_said_afterwards_calibrates(checkpoint, rows, tmp_path, capsys):
    save_checkpoint(tmp_path / 'a.pt', checkpoint.network, checkpoint.settings, checkpoint.contextual)
    written_map(tmp_path / 'm.dvmap', load_checkpoint(tmp_path / 'a.pt'), rows, {'summer': '', 'night': ''}).close()
    words = ['calibrate', str(tmp_path / 'a.pt'), '--map', str(tmp_path / 'm'), '-o', str(tmp_path / 'b.pt')]
    assert main(words) == 1 and 'found none: say which' in capsys.readouterr().err
    for session in ('summer', 'night'):
        assert main(['map', 'set-condition', str(tmp_path / 'm'), session, f'a {session}']) == 0
    assert main(words) == 0
    assert load_checkpoint(tmp_path / 'b.pt').calibrated and not load_checkpoint(tmp_path / 'b.pt').warning


def test_the_command_takes_a_manifest_or_a_map(checkpoint, rows, tmp_path, capsys):
    save_checkpoint(tmp_path / 'a.pt', checkpoint.network, checkpoint.settings, checkpoint.contextual)
    loaded = load_checkpoint(tmp_path / 'a.pt')  # float16 has another identity than float32
    written_map(tmp_path / 'two.dvmap', loaded, rows, {'summer': 'summer', 'night': 'night'}).close()
    words = ['calibrate', str(tmp_path / 'a.pt'), '--map', str(tmp_path / 'two'), '-o', str(tmp_path / 'b.pt')]
    assert main(words) == 0
    calibrated = load_checkpoint(tmp_path / 'b.pt')
    assert calibrated.identity == loaded.identity and calibrated.card['calibrated_on']['mapped'] == 32
    assert main([*words, '--input-width', '64']) == 1
    assert '--map keeps the size of the input' in capsys.readouterr().err
