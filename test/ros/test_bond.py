"""The bond with Nav2's lifecycle manager lasts as long as the node is active."""

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('dejavu_ros.msg', reason='the messages are not built')

from std_msgs.msg import String  # noqa: E402

from dejavu_ros.ros import bond  # noqa: E402


class FakeBond:
    """Notes what bondpy's Bond is asked for, and treats its subscription and publisher as that does."""

    made = []

    def __init__(self, node, topic, identity):
        self.topic, self.identity, self.events = topic, identity, []
        self.sub = node.create_subscription(String, topic, lambda message: None, 1)
        self.pub = node.create_publisher(String, topic, 1)
        self.made.append(self)

    def start(self):
        self.events.append(('start', self.heartbeat_period, self.heartbeat_timeout))

    def shutdown(self):
        self.events.append('shutdown')
        self.sub.destroy()
        self.pub.destroy()


def test_bond(bench, monkeypatch):
    monkeypatch.setattr(FakeBond, 'made', [])
    monkeypatch.setattr(bond, 'Bond', FakeBond)
    running = bench(namespace='robot1')
    assert running.change('configure') and not FakeBond.made
    assert running.change('activate')
    formed, = FakeBond.made
    assert (formed.topic, formed.identity) == ('bond', 'relocalize')  # relative: in the robot's namespace
    assert formed.events == [('start', 0.1, 4.0)]
    assert running.change('deactivate') and formed.events[-1] == 'shutdown'
    assert running.change('activate') and len(FakeBond.made) == 2, 'the executor has outlived the first bond'


def test_a_context_that_is_gone_before_the_bond_is_broken(monkeypatch):
    import rclpy

    class Talking(FakeBond):
        def shutdown(self):
            self.pub.publish(String(data='broken'))

    monkeypatch.setattr(bond, 'Bond', Talking)
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('node', context=context)
    formed = bond.form_bond(node)
    rclpy.shutdown(context=context)
    bond.break_bond(node, formed)
    node.destroy_node()


def test_without_bondpy(bench, monkeypatch):
    monkeypatch.setattr(bond, 'Bond', None)
    running = bench()
    running.activate()
    assert running.node.bond is None and running.change('deactivate')
