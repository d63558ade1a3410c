"""16 bits to 8: what is seen decides, and no frame makes its neighbours darker."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dejavu_ros.tones import ToneRange

RAMP = np.linspace(0, 1, 48 * 64).reshape(48, 64)


def values(low, high):
    return (low + (high - low) * RAMP).round().astype(np.uint16)


@pytest.mark.parametrize('bits', [8, 10, 12, 14, 16])
def test_the_bits_in_use_are_black_to_white(bits):
    full = (1 << bits) - 1
    assert np.abs(ToneRange().to_8bit(values(0, full)) - 255 * RAMP).max() < 1.5
    half = ToneRange().to_8bit(values(full / 2, full))
    assert half.min() >= 127 and half.max() == 255, 'black is 0, and not the darkest pixel'


def test_few_of_many_values_are_stretched_with_room_on_either_side():
    got = ToneRange().to_8bit(values(29500, 29900))
    assert 30 < got.min() < 60 and 195 < got.max() < 225


def test_a_uniform_frame_is_no_division_by_zero():
    for value in (0, 700, 30000, 65535):
        assert np.isfinite(ToneRange().to_8bit(np.full((4, 4), value, np.uint16))).all()


def test_one_bad_frame_changes_nothing_for_the_others():
    tones = ToneRange()
    before = [tones.to_8bit(values(29500, 29900)) for _ in range(20)][-1]
    for bad in (0, 65535):
        tones.to_8bit(np.full((48, 64), bad, np.uint16))
    assert (tones.to_8bit(values(29500, 29900)) == before).all()


def test_a_camera_of_ten_bits_does_not_become_brighter_at_night():
    tones = ToneRange()
    for _ in range(20):
        tones.to_8bit(values(0, 1023))
    for _ in range(200):
        night = tones.to_8bit(values(0, 250))
    assert 60 < night.max() < 65


def test_a_range_that_drifts_is_followed():
    tones = ToneRange()
    for shift in range(0, 2000, 4):
        got = tones.to_8bit(values(20000 + shift, 20400 + shift))
    assert got.std() > 20


def test_what_is_fixed_stays():
    tones = ToneRange()
    tones.to_8bit(values(0, 1023))
    tones.fixed = True
    assert (tones.to_8bit(values(0, 4095))[-1] == 255).all() and tones.white == 1023


@given(low=st.integers(0, 65535), high=st.integers(0, 65535), seed=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_brighter_is_never_darker(low, high, seed):
    low, high = sorted((low, high))
    pixels = np.random.default_rng(seed).integers(low, high + 1, (16, 16)).astype(np.uint16)
    got = ToneRange().to_8bit(pixels)
    assert got.dtype == np.uint8
    assert (np.diff(got.ravel()[np.argsort(pixels.ravel(), kind='stable')].astype(int)) >= 0).all()
