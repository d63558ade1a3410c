"""The numbers of the model: documented one by one, carried by a checkpoint's card, and taken from there."""

import dataclasses

import numpy as np
import pytest

from dejavu_ros.config import options
from dejavu_ros.errors import ConfigError
from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_jpeg
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.localization import Localizer
from dejavu_ros.localization.model import MODELS, EvidenceModel, model_of
from dejavu_ros.localization.observation import Calibration
from dejavu_ros.nn.checkpoint import load_checkpoint, random_checkpoint, save_checkpoint
from dejavu_ros.nn.features import FeatureExtractor, FeatureSettings

ALL = [*MODELS.values(), Calibration]
# what has no unit says by one of these that it is a pure number
NUMBERS = ('share', 'probability', 'log-odds', 'novelty', 'factor', 'similarity', 'of itself', 'the same per unit',
           'standard deviation for one query')
SMALL = FeatureSettings(input_width=64, input_height=48, grid_width=8, grid_height=6)


@pytest.mark.parametrize('model', ALL)
def test_every_number_says_what_it_means_and_in_which_unit(model):
    rows = options(model)
    assert len(rows) == len(dataclasses.fields(model)) and model.__doc__
    for row in rows:
        assert len(row.doc) > 10 and row.low is not None and row.high is not None, row.name
        assert row.low <= row.default <= row.high, row.name
        assert row.unit or any(word in row.doc for word in NUMBERS), f'{model.__name__}.{row.name} has no unit'


@pytest.mark.parametrize('model', ALL)
def test_every_model_says_where_its_numbers_come_from(model):
    assert any(word in model.__doc__.lower() for word in ('fitted', 'chosen', 'set by hand')) or all(
        any(word in row.doc for word in ('fitted', 'set by hand')) for row in options(model))


def other(row):
    """Another value that is allowed."""
    middle = (row.low + row.default) / 2 if row.default > row.low else (row.default + row.high) / 2
    return row.type(middle) if row.type(middle) != row.default else row.default + 1


@pytest.fixture
def checkpoint(tmp_path):
    """``checkpoint(card)``: a small one whose card holds this, written to a file and read from it."""
    def make(card):
        made = random_checkpoint(settings=SMALL)
        save_checkpoint(tmp_path / 'tiny.pt', made.network, made.settings, made.contextual, card)
        return load_checkpoint(tmp_path / 'tiny.pt')
    return make


@pytest.mark.parametrize('name', MODELS)
def test_a_card_carries_every_number(checkpoint, name):
    model = MODELS[name]
    changed = model(**{row.name: other(row) for row in options(model)})
    assert all(getattr(changed, row.name) != row.default for row in options(model))
    card = checkpoint({'localization': {name: dataclasses.asdict(changed)}}).card
    assert model_of(card, name, model) == changed
    assert all(model_of(card, rest, MODELS[rest]) == MODELS[rest]() for rest in MODELS if rest != name)


def test_what_a_card_does_not_say_is_the_default_and_what_nobody_knows_is_refused():
    assert model_of({}, 'evidence', EvidenceModel) == EvidenceModel()
    some = model_of({'localization': {'evidence': {'support_share': 0.4}}}, 'evidence', EvidenceModel)
    assert some == EvidenceModel(support_share=0.4)
    with pytest.raises(ConfigError, match='unknown setting support_shrae'):
        model_of({'localization': {'evidence': {'support_shrae': 0.4}}}, 'evidence', EvidenceModel)
    with pytest.raises(ConfigError, match='support_share must be in'):
        model_of({'localization': {'evidence': {'support_share': -1.0}}}, 'evidence', EvidenceModel)


def test_the_localizer_takes_its_numbers_from_the_card(tmp_path, checkpoint):
    models = {name: model(**{row.name: other(row) for row in options(model)}) for name, model in MODELS.items()
              if name in ('evidence', 'agreement', 'on_map', 'motion', 'pose')}
    calibration = Calibration(max_agreement=12.0)
    extractor = FeatureExtractor(checkpoint({
        'calibration': dataclasses.asdict(calibration),
        'localization': {name: dataclasses.asdict(model) for name, model in models.items()}}))
    images = np.random.default_rng(0).integers(0, 256, (6, 48, 64, 3), np.uint8)
    with MapWriter.create(tmp_path / 'm', extractor.record, extractor.checkpoint.identity) as writer:
        with writer.session('a', '') as session:
            for number, (image, grid) in enumerate(zip(images, extractor.extract(images))):
                session.add(grid, 'camera', number, Pose.planar(20.0 * number, 0, 0), np.eye(6), encode_jpeg(image))
    with KeyframeMap.open(tmp_path / 'm') as keyframes:
        localizer = Localizer(extractor, keyframes)
        seen = localizer.observe(extractor.extract(images[:1])[0], np.linspace(0, 1, 6).astype(np.float32))
        small = FeatureExtractor(checkpoint({'localization': {'agreement': {'small_map': 6}}}))
        asked_for_more = Localizer(small, keyframes)
    assert (localizer.evidence_model, localizer.usual.model) == (models['evidence'], models['agreement'])
    assert (localizer.on_map.model, localizer.filter.motion) == (models['on_map'], models['motion'])
    assert localizer.alignment.model == models['pose'] and seen.model == models['evidence']
    assert localizer.arrivals.late_ns == round(models['motion'].late * 1e9)
    assert localizer.calibration.max_agreement == 12.0
    assert asked_for_more.min_inliers > localizer.min_inliers == asked_for_more.config.min_inliers
