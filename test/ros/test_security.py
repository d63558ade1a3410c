"""The policy for SROS2 names all that the node offers and asks for."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('dejavu_ros.msg', reason='the messages are not built')

from dejavu_ros.ros.transforms import tf2_ros  # noqa: E402

POLICY = Path(__file__).parents[2] / 'config' / 'relocalize.policy.xml'
ELSEWHERE = {'/tf', '/tf_static', '/clock'}  # only with tf2_ros, or simulated time


def allowed(kind, right):
    profile = ElementTree.parse(POLICY).getroot().find('.//profile')
    names = {element.text for group in profile.findall(kind) if group.get(right) == 'ALLOW' for element in group}
    return {name.replace('~', '/relocalize') if name.startswith('~') else f'/{name}' for name in names}


def test_all_names_are_in_the_policy_and_no_others(bench):
    running = bench(camera_info_topic='camera_info', odom_topic='odom')
    running.activate()
    running.show(50, 1)
    user, elsewhere = running.user, ELSEWHERE if tf2_ros is None else {'/clock'}

    def names(ask):
        return {name for name, _ in ask('relocalize', '/')}

    running.until(lambda: '/odom' in names(user.get_subscriber_names_and_types_by_node), 'all subscriptions')
    for ask, kind, right in ((user.get_subscriber_names_and_types_by_node, 'topics', 'subscribe'),
                             (user.get_publisher_names_and_types_by_node, 'topics', 'publish'),
                             (user.get_service_names_and_types_by_node, 'services', 'reply')):
        assert names(ask) - elsewhere == allowed(kind, right) - elsewhere, right
