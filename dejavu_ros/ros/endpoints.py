"""What the ROS graph shows of a node's inputs and of nodes that share its name."""

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSCompatibility, QoSProfile, ReliabilityPolicy, qos_check_compatible

from dejavu_ros.ros.silence import Offer, cause_of_silence


def silence_of(node: Node, topic: str, kind: type) -> str:
    """Why messages of a type do not come to a node that subscribes to a topic, in words."""
    wanted = type_name(kind)
    full = f'{node.get_namespace().rstrip("/")}/{node.get_name()}'
    ours = [info for info in node.get_subscriptions_info_by_topic(topic) if full_name(info) == full]
    asked = ours[0].qos_profile if ours else None
    offers = [Offer(full_name(info), info.topic_type, mismatch(info.qos_profile, asked))
              for info in node.get_publishers_info_by_topic(topic)]
    elsewhere = [name for name, kinds in node.get_topic_names_and_types()
                 if wanted in kinds and name != topic
                 and any(full_name(info) != full for info in node.get_publishers_info_by_topic(name))]
    return cause_of_silence(wanted, in_words(asked) if asked else '', offers, sorted(elsewhere))


def type_name(kind: type) -> str:
    """As the graph has it: sensor_msgs/msg/Image."""
    return f'{kind.__module__.partition(".")[0]}/msg/{kind.__name__}'


def full_name(info) -> str:
    return f'{info.node_namespace.rstrip("/")}/{info.node_name}'


def mismatch(offered: QoSProfile, asked: QoSProfile | None) -> str:
    """What is offered, in words, where a subscription that asks for more gets nothing; else ''."""
    if asked is None or qos_check_compatible(offered, asked)[0] != QoSCompatibility.ERROR:
        return ''
    return in_words(offered)


def in_words(qos: QoSProfile) -> str:
    reliability = 'reliable' if qos.reliability == ReliabilityPolicy.RELIABLE else 'best effort'
    return f'{reliability}, transient local' if qos.durability == DurabilityPolicy.TRANSIENT_LOCAL else reliability


def namesakes(node: Node) -> int:
    """How many nodes have the full name of this one, itself among them."""
    return node.get_node_names_and_namespaces().count((node.get_name(), node.get_namespace()))
