"""Options: what is taken, what is refused and in which words, and that every way to set one gives the same."""

import argparse
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dejavu_ros.config import add_arguments, build, from_arguments, load_yaml, markdown, option
from dejavu_ros.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class Settings:
    rate: float = option(5.0, 'frames a second, 100 % at most', unit='Hz', low=0.1, high=1000.0)
    offset: float = option(0.0, 'added to everything', unit='m')
    count: int = option(3, 'how many', low=1)
    form: str = option('paper', 'of the formula', choices=('paper', 'authors'))
    bright: bool = option(True, 'lights on')
    cameras: tuple = option((), 'names')


def test_a_whole_number_is_a_float_but_nothing_else_changes_its_type():
    assert build(Settings, {'rate': 4}) == Settings(rate=4.0)
    for name, value in (('rate', '4'), ('rate', True), ('count', 2.0), ('count', True), ('bright', 1), ('form', None)):
        with pytest.raises(ConfigError, match=f'{name} must be'):
            build(Settings, {name: value})


@given(st.floats())
def test_floats_are_finite_and_within_their_range(value):
    for name, low, high in (('rate', 0.1, 1000.0), ('offset', -1.8e308, 1.8e308)):
        if low <= value <= high and abs(value) != float('inf'):
            assert getattr(build(Settings, {name: value}), name) == value
        else:
            with pytest.raises(ConfigError, match=f'{name} must be in'):
                build(Settings, {name: value})


@pytest.mark.parametrize('values, message', [
    ({'rate': 0.01}, 'rate must be in 0.1 to 1000, got 0.01'),
    ({'offset': float('inf')}, 'offset must be in the finite numbers, got inf'),
    ({'count': 0}, 'count must be in 1 to inf, got 0'),
    ({'form': 'prose'}, "form must be one of paper | authors, got 'prose'"),
    ({'cameras': 'front'}, "cameras must be a list of words, got 'front'"),
    ({'ratio': 1.0, 'rate': 1.0}, 'unknown setting ratio for Settings; known: rate, offset, count'),
])
def test_refusals_say_what_would_be_right(values, message):
    with pytest.raises(ConfigError) as caught:
        build(Settings, values)
    assert message in str(caught.value) and '\n' not in str(caught.value)


def test_an_empty_word_is_no_camera():
    assert build(Settings, {'cameras': ['front', '']}).cameras == ('front',)


def parser():
    made = argparse.ArgumentParser()
    add_arguments(made, Settings, skip=('cameras',))
    return made


def test_flags_go_over_defaults_and_absent_ones_do_not():
    given_flags = parser().parse_args(['--rate', '2', '--no-bright', '--form', 'authors'])
    assert from_arguments(Settings, given_flags, rate=9.0, count=7) == Settings(2.0, 0.0, 7, 'authors', False)


def test_help_and_table_tell_default_unit_and_range():
    text = ' '.join(parser().format_help().split())
    assert 'frames a second, 100 % at most [Hz] (default: 5.0)' in text and '{paper,authors}' in text
    assert '| `rate` | `5.0` | Hz | 0.1 to 1000 | frames a second, 100 % at most |' in markdown(Settings)
    assert '| `form` | `\'paper\'` |  | paper &#124; authors | of the formula |' in markdown(Settings)


@pytest.mark.parametrize('content, message', [
    (None, 'no configuration file'), ('- 1\n- 2\n', 'must hold names and values, found list'),
    ('a: [1\n', 'is not YAML'), ('', 'must hold names and values, found NoneType')])
def test_files_that_are_no_configuration(tmp_path, content, message):
    path = tmp_path / 'settings.yaml'
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=message):
        load_yaml(path)


def test_a_file_of_bytes_is_not_yaml(tmp_path):
    path = tmp_path / 'settings.yaml'
    path.write_bytes(b'\xff\xfe\x00rate')
    with pytest.raises(ConfigError, match='is not YAML'):
        load_yaml(path)
