"""The robot's cameras: their pictures to a worker, and what CameraInfo, TF and parameters say of them."""

import dataclasses
import os
import time
from collections.abc import Callable, Mapping

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from dejavu_ros.errors import ConfigError
from dejavu_ros.localization import Localizer
from dejavu_ros.optics.camera import Camera
from dejavu_ros.optics.mask import load_mask
from dejavu_ros.ros.config import CameraConfig, parse_mounting
from dejavu_ros.ros.conversions import header_from_message, lens_from_message
from dejavu_ros.ros.delivery import Delivery, explain
from dejavu_ros.ros.subscriptions import FollowingSubscription
from dejavu_ros.ros.transforms import Transforms
from dejavu_ros.ros.transport import transport
from dejavu_ros.ros.watch import Watch
from dejavu_ros.ros.worker import NewestWorker


def described(configs: Mapping[str, CameraConfig]) -> dict[str, Camera]:
    """What the parameters say of each camera. Raises ConfigError for a mask that cannot be used."""
    return {name: Camera(name, mask=load_mask(config.mask) if config.mask else None,
                         base_T_camera=parse_mounting(config.base_T_camera)) for name, config in configs.items()}


@dataclasses.dataclass(frozen=True)
class Arrival:
    """A picture and when it came (time.perf_counter)."""

    camera: 'CameraInput'
    message: Image | CompressedImage
    moment: float


class CameraInput:
    """Listens to one camera until it is closed. ``known`` is what is known of it by now."""

    def __init__(self, node: Node, known: Camera, config: CameraConfig, put: Callable[[str, Arrival], None]):
        """``put(name, arrival)`` is called with every picture."""
        self.node, self.known, self.name, self.put = node, known, known.name, put
        self.topic = node.resolve_topic_name(config.image_topic)
        self.watch, self.warning = Watch(), ''
        self.size, self.transport = None, transport(os.environ)
        kind = Image if config.transport == 'raw' else CompressedImage
        self.images = FollowingSubscription(node, kind, config.image_topic, self.on_image, 1, config.reliability,
                                            self.watch.count_lost)
        self.infos = None
        if config.camera_info_topic:
            self.infos = FollowingSubscription(node, CameraInfo, config.camera_info_topic, self.on_camera_info, 5)

    def close(self) -> None:
        self.images.close()
        if self.infos:
            self.infos.close()

    def on_image(self, message: Image | CompressedImage) -> None:
        self.watch.count(message.data)
        self.size = len(message.data)
        self.put(self.name, Arrival(self, message, time.perf_counter()))

    def on_camera_info(self, message: CameraInfo) -> None:
        try:
            lens = lens_from_message(message, self.topic)
        except ConfigError as error:
            self.warning = f'camera_info is not used: {error}.'
            return
        self.warning = ''
        if lens != self.known.lens:
            self.known = dataclasses.replace(self.known, lens=lens)

    def introduce(self, localizer: Localizer, message: Image | CompressedImage, transforms: Transforms | None,
                  base_frame: str) -> None:
        """Tell the localizer what is known of this camera, if that is news to it."""
        if self.known.base_T_camera is None and transforms:
            mounting = transforms.fixed(base_frame, header_from_message(message.header)[1])
            if mounting is not None:
                self.known = dataclasses.replace(self.known, base_T_camera=mounting)
        known = self.known  # the executor's thread may replace it
        if localizer.cameras.get(self.name) is not known:
            localizer.use(known)

    def problem(self, localizer: Localizer | None) -> str:
        """What is wrong with the camera, in words; empty if nothing."""
        sight = localizer.sights.get(self.name) if localizer else None
        parts = (self.watch.problem(self.topic), self.delivery_problem(), self.warning,
                 sight.warning if sight else '')
        return ' '.join(part.rstrip('.') + '.' for part in parts if part)

    @property
    def delivery(self) -> Delivery:
        """What is known of how the pictures come."""
        share = self.watch.share
        return Delivery(self.images.offered, self.images.reliability, self.size,
                        self.watch.rate / share if share else 0.0, share, self.images.local)

    def delivery_problem(self) -> str:
        """Why not all pictures arrive, in words; empty where they do."""
        text, advice = explain(self.delivery, self.transport)
        return f'{self.topic} is {text}: {advice}' if advice and self.delivery.share is not None else ''


class Cameras:
    """All cameras of the robot and the thread that works on their pictures, until stopped."""

    def __init__(self, node: Node, configs: Mapping[str, CameraConfig], known: Mapping[str, Camera],
                 work: Callable[[Arrival], None]):
        """``known`` from :func:`described`; ``work`` is called in a thread of its own."""
        self.worker = NewestWorker(work, {name: config.max_rate for name, config in configs.items()})
        self.inputs = {name: CameraInput(node, known[name], config, self.worker.put)
                       for name, config in configs.items()}

    def stop(self) -> None:
        """End subscriptions and work, at once but for the frame in work."""
        for camera in self.inputs.values():
            camera.close()
        self.worker.stop()
