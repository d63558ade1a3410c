"""A running node, somebody who talks to it over DDS, and a localizer that reads its answer off the image."""

import gc
import threading
import time
import types

import numpy as np
import pytest

from dejavu_ros.errors import CheckpointError, ImageError, MapError
from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_jpeg
from dejavu_ros.localization import Estimate, Hypothesis

try:
    from geometry_msgs.msg import TransformStamped
    from lifecycle_msgs.srv import ChangeState, GetState
    from rcl_interfaces.srv import DescribeParameters, SetParameters
    from rclpy.clock import JumpThreshold
    from rclpy.duration import Duration
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.node import Node
    from rclpy.parameter import Parameter
    from sensor_msgs.msg import Image
    from std_srvs.srv import Trigger

    from dejavu_ros.ros import frames, node, transforms
    from dejavu_ros.ros.conversions import image_to_message, stamp_from_message
    from dejavu_ros.ros.node import RelocalizeNode
except ImportError:
    Image = None  # without ROS, the test modules that need it skip themselves


class ShownPlace:
    """Stands in for Localizer: an image of brightness v shows the place at x = v metres, one below 10 nothing known,
    one of 7 also that all poses before were wrong.
    """

    def __init__(self, extractor, keyframes, config):
        self.extractor, self.map, self.config = extractor, keyframes, config
        self.resets, self.seen, self.odometry, self.shape, self.priors = 0, [], [], None, []
        self.cameras, self.sights = {}, {}
        self.gate = threading.Event()  # closed: a slow machine
        self.gate.set()

    @property
    def problem(self):
        return self.extractor.problem

    def use(self, camera):
        self.cameras[camera.name] = camera
        self.sights[camera.name] = types.SimpleNamespace(warning='')

    def process(self, image, stamp_ns, camera='camera', odometry=None):
        assert self.gate.wait(20)
        self.seen.append(stamp_ns)
        self.shape = image.shape
        self.odometry.append(odometry)
        value = int(image[..., 0].mean())
        if value == 255:
            raise MemoryError('no memory\nleft')
        if value == 0:
            raise ImageError('the frame is black')
        place = Hypothesis(3, 'summer', 'sun', 0.5, 0.95 if value >= 10 else 0.2, 40,
                           Pose.planar(value, 1.0, 0.5), np.diag(np.arange(1.0, 7.0)))
        if value < 10:
            return Estimate(stamp_ns, False, 'unknown_place', [place], 1.0, 'nothing looks like this', value == 7)
        return Estimate(stamp_ns, True, '', [place], 1.0, 'keyframe 3')

    def reset(self):
        self.resets += 1

    def expect(self, map_T_base, covariance):
        self.priors.append((map_T_base, covariance))


class SmallMap:
    """Stands in for KeyframeMap; ``missing`` and ``unreadable`` cannot be opened."""

    revisions = {}

    def __init__(self, path, checkpoint_id):
        if 'unreadable' in str(path):
            raise OSError(5, 'Input/output error')
        if 'missing' in str(path):
            raise MapError(f'no map {path}: build one with dejavu build-map')
        assert checkpoint_id == 'abcdefabcdef'
        self.path, self.name = path, str(path).split('/')[-1].removesuffix('.dvmap')
        self.revision = self.revisions.setdefault(path, 1)
        self.positions = np.zeros((4, 3))

    def __len__(self):
        return len(self.positions)

    def thumbnail(self, keyframe):
        return encode_jpeg(np.full((48, 64, 3), 10 * keyframe, np.uint8))


def load_extractor(path, checkpoint, device, precision, present=None):
    if checkpoint == 'missing.pt':
        raise CheckpointError('no checkpoint missing.pt: No such file or directory')
    return types.SimpleNamespace(checkpoint=types.SimpleNamespace(identity='abcdefabcdef'), problem='')


class FakeTF(types.ModuleType):
    """The part of tf2_ros that the node uses; ``known`` is the tree, ``sent`` what was published.

    It answers a jump of the clock as tf2_ros_py 0.36.0 to 0.36.4 does, with a method that takes no ``self``.
    """

    class TransformException(Exception):
        pass

    def __init__(self):
        super().__init__('tf2_ros')
        module = self
        self.known, self.sent, self.open, self.cleared = [], [], 0, 0

        class Buffer:
            def __init__(self, node):
                self.srv = node.create_service(Trigger, 'tf2_frames', lambda request, response: response)
                threshold = JumpThreshold(min_forward=None, min_backward=Duration(seconds=-1), on_clock_change=True)
                self.jump_handle = node.get_clock().create_jump_callback(threshold,
                                                                         post_callback=self.time_jump_callback)

            def time_jump_callback(time_jump):  # noqa: N805
                raise AssertionError('not reached: it is called with two arguments')

            def clear(self):
                module.cleared += 1
                module.known.clear()

            def lookup_transform(self, target, source, time):
                for message in reversed(module.known):
                    same = time.nanoseconds in (0, stamp_from_message(message.header.stamp))
                    if same and (message.header.frame_id, message.child_frame_id) == (target, source):
                        return message
                raise module.TransformException('unknown')

        class TransformListener:
            def __init__(self, buffer, node):
                module.open += 1

            def unregister(self):
                module.open -= 1

        class TransformBroadcaster:
            def __init__(self, node):
                self.pub_tf = node.create_publisher(TransformStamped, '/tf_of_the_test', 1)

            def sendTransform(self, message):
                module.sent.append(message)

        self.Buffer, self.TransformListener, self.TransformBroadcaster = Buffer, TransformListener, TransformBroadcaster


@pytest.fixture
def tf(monkeypatch):
    module = FakeTF()
    for user in (transforms, frames, node):
        monkeypatch.setattr(user, 'tf2_ros', module)
    return module


class Bench:
    """A node in an executor of its own, and ``user``, a node that the test spins."""

    def __init__(self, context, namespace='', cli_args=(), map='street.dvmap', **parameters):
        parameters['map'] = map
        overrides = [Parameter(name.replace('__', '.'), value=value) for name, value in parameters.items()]
        self.node = RelocalizeNode(load_extractor=load_extractor, open_map=SmallMap, make_localizer=ShownPlace,
                                   context=context, namespace=namespace, cli_args=list(cli_args),
                                   parameter_overrides=overrides)
        self.name = self.node.get_fully_qualified_name()
        self.user = Node('user', context=context)
        self.executor = SingleThreadedExecutor(context=context)
        self.executor.add_node(self.node)
        self.thread = threading.Thread(target=self.executor.spin)
        self.thread.start()
        self.spinner = SingleThreadedExecutor(context=context)
        self.spinner.add_node(self.user)
        self.cameras, self.clients = {}, {}

    def close(self):
        self.executor.shutdown()
        self.thread.join()
        self.node.stop()
        self.node.destroy_node()
        self.spinner.shutdown()
        self.user.destroy_node()

    def until(self, condition, what='', timeout=30.0):
        end = time.monotonic() + timeout
        while not (result := condition()):
            assert time.monotonic() < end, f'waited in vain for {what or condition}'
            self.spinner.spin_once(timeout_sec=0.02)
        return result

    def idle(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.spinner.spin_once(timeout_sec=0.02)

    def call(self, kind, name, request=None):
        future = self.client(kind, name).call_async(request or kind.Request())
        self.until(future.done, f'an answer of {name}')
        return future.result()

    def client(self, kind, name):
        """One client a service, kept: DDS may miss the server of a client made while others come and go."""
        for _ in range(4):
            client = self.clients.get(name) or self.user.create_client(kind, name)
            if client.wait_for_service(5):
                self.clients[name] = client
                return client
            self.user.destroy_client(client)
            self.clients.pop(name, None)
        raise AssertionError(f'no service {name}')

    def change(self, transition):
        """True where the transition succeeded."""
        request = ChangeState.Request()
        request.transition.label = transition
        return self.call(ChangeState, f'{self.name}/change_state', request).success

    @property
    def state(self):
        return self.call(GetState, f'{self.name}/get_state').current_state.label

    def set(self, **values):
        """Result of setting parameters, as `ros2 param set` does it."""
        parameters = [Parameter(name.replace('__', '.'), value=value).to_parameter_msg()
                      for name, value in values.items()]
        answer = self.call(SetParameters, f'{self.name}/set_parameters', SetParameters.Request(parameters=parameters))
        return answer.results[0]

    def describe(self, name):
        return self.call(DescribeParameters, f'{self.name}/describe_parameters',
                         DescribeParameters.Request(names=[name])).descriptors[0]

    def hear(self, kind, topic):
        """A list that fills with the messages of a topic; returns when the node's publisher is connected."""
        heard = []
        self.user.create_subscription(kind, topic, heard.append, 100)
        self.until(lambda: self.user.count_publishers(topic), f'a publisher of {topic}')
        publishers = [p for p in self.node.publishers if p.topic_name == self.user.resolve_topic_name(topic)]
        self.until(lambda: all(p.get_subscription_count() for p in publishers), f'a connection on {topic}')
        return heard

    def connect(self, topic='image', kind=Image):
        """A publisher that the node hears."""
        if topic not in self.cameras:
            publisher = self.user.create_publisher(kind, topic, 10)
            self.until(publisher.get_subscription_count, f'the node to subscribe to {topic}')
            self.cameras[topic] = publisher
        return self.cameras[topic]

    def show(self, brightness, stamp_ns, topic='image', frame='camera_optical'):
        image = np.full((24, 32, 3), brightness, np.uint8)
        self.connect(topic).publish(image_to_message(image, stamp_ns, frame))

    @property
    def received(self):
        """Pictures that the node has received, of all cameras."""
        return sum(camera.watch.received for camera in self.node.cameras.inputs.values())

    def activate(self):
        assert self.change('configure') and self.change('activate')


@pytest.fixture
def bench(context):
    """``bench(namespace, **parameters)`` starts a node; two underscores in a parameter's name are a dot."""
    benches = []

    def start(**arguments):
        benches.append(Bench(context, **arguments))
        return benches[-1]

    SmallMap.revisions.clear()
    yield start
    while benches:
        benches.pop().close()
    gc.collect()  # a lifecycle node keeps its name in the graph until then
