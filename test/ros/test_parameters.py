"""Parameters as `ros2 param` and launch files see them."""

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('dejavu_ros.msg', reason='the messages are not built')

from dejavu_ros.errors import ConfigError  # noqa: E402
from dejavu_ros.msg import HypothesisArray  # noqa: E402


@pytest.mark.parametrize('name, value, words', [
    ('max_rate', -1.0, 'max_rate'),
    ('max_rate', float('nan'), 'max_rate'),
    ('max_rate', 'fast', 'max_rate must be float'),
    ('transport', 'smoke', "must be one of raw | compressed, got 'smoke'"),
    ('map', 'missing.dvmap', 'build one with'),
    ('map', 'unreadable.dvmap', 'Input/output error'),
    ('map_frame', ' ', 'map_frame must not be empty'),
    ('base_T_camera', '1 2 3', 'seven numbers'),
    ('localizer__min_inliers', -3, 'min_inliers'),
    ('localizer__min_probability', 1.5, 'min_probability'),
    ('image_topic', 'other', 'cannot change while the node is configured'),
    ('publish_tf', 'yes', 'Wrong parameter type'),
])
def test_wrong_value_is_refused_with_the_reason_and_changes_nothing(bench, name, value, words):
    running = bench(map='street.dvmap')
    running.activate()
    before, localizer = running.node.parameters.configs, running.node.localizer
    result = running.set(**{name: value})
    assert not result.successful and words in result.reason and '\n' not in result.reason
    assert running.node.parameters.configs is before and running.node.localizer is localizer
    assert running.node.get_parameter('map').value == 'street.dvmap'


def test_another_map_while_running(bench):
    running = bench(map='street.dvmap')
    running.activate()
    hypotheses = running.hear(HypothesisArray, '/relocalize/hypotheses')
    running.show(50, 1)
    running.until(lambda: len(hypotheses) == 1)
    assert running.set(map='yard.dvmap').successful
    running.show(50, 2)
    running.until(lambda: len(hypotheses) == 2)
    assert running.set(map='').successful
    running.show(50, 3)
    running.until(lambda: len(hypotheses) == 3)
    assert [m.map for m in hypotheses] == ['street', 'yard', '']


def test_localizer_settings_take_effect_at_once(bench):
    running = bench(localizer__min_inliers=20)
    running.activate()
    assert running.node.localizer.config.min_inliers == 20
    assert running.set(localizer__min_inliers=30).successful
    assert running.node.localizer.config.min_inliers == 30


def test_everything_may_change_before_configure(bench):
    running = bench()
    assert running.set(image_topic='front/image').successful and running.set(transport='compressed').successful
    running.activate()
    running.until(lambda: running.user.count_subscribers('front/image'))


def test_whole_numbers_are_taken_where_a_float_belongs(bench):
    running = bench(max_rate=5)
    assert running.node.config.max_rate == 5.0 and isinstance(running.node.config.max_rate, float)
    assert running.set(max_rate=7).successful and running.node.config.max_rate == 7.0


def test_other_parameters_are_left_to_rclpy(bench):
    running = bench()
    assert running.set(use_sim_time=True).successful
    assert running.node.get_parameter('use_sim_time').value


def test_descriptions_and_ranges(bench):
    running = bench()
    rate = running.describe('max_rate')
    assert 'Hz' in rate.description
    assert (rate.floating_point_range[0].from_value, rate.floating_point_range[0].to_value) == (0.0, 1000.0)
    inliers = running.describe('localizer.min_inliers')
    assert inliers.integer_range[0].from_value == 0 and inliers.description
    assert 'raw | compressed' in running.describe('transport').additional_constraints


@pytest.mark.parametrize('name, value', [('max_rate', 'fast'), ('map', 3), ('transport', 'smoke'), ('base_frame', ''),
                                         ('localizer__hypotheses', 0)])
def test_wrong_value_from_a_launch_file(bench, name, value):
    with pytest.raises(ConfigError, match=name.split('__')[-1]):
        bench(**{name: value})
