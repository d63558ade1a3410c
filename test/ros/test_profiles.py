"""The profiles in config/ are taken by Fast DDS as they are, and messages come through them."""

import os
import subprocess
import sys

import pytest

rclpy = pytest.importorskip('rclpy')

from std_msgs.msg import String  # noqa: E402

from dejavu_ros.ros.transport import PROFILES, is_fast_dds, profile_path  # noqa: E402

LISTENER = """
import rclpy
from std_msgs.msg import String

rclpy.init()
node, heard = rclpy.create_node('listener'), []
node.create_subscription(String, 'words', heard.append, 10)
while not heard:
    rclpy.spin_once(node, timeout_sec=0.1)
print(heard[0].data[:5], len(heard[0].data))
"""


@pytest.mark.skipif(not is_fast_dds(os.environ), reason='another middleware')
@pytest.mark.parametrize('name', ['fastdds_udp.xml', 'fastdds_shared_memory.xml'])
def test_a_node_with_this_profile_hears_others(context, name):
    node = rclpy.create_node('speaker', context=context)
    publisher = node.create_publisher(String, 'words', 10)
    environment = os.environ | dict.fromkeys(PROFILES, str(profile_path(name)))
    environment['ROS_DOMAIN_ID'] = str(context.get_domain_id())
    with subprocess.Popen([sys.executable, '-c', LISTENER], env=environment, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as listener:
        for _ in range(300):  # a minute
            publisher.publish(String(data='words' + ' ' * 100_000))
            try:
                listener.wait(0.2)
                break
            except subprocess.TimeoutExpired:
                continue
        else:
            listener.kill()
        said, errors = listener.communicate()
    node.destroy_node()
    assert said == 'words 100005\n' and 'Error' not in errors  # of Fast DDS's parser
