"""The robot's cameras: their pictures to a worker, and what CameraInfo, TF and parameters say of them."""

import dataclasses
import os
import threading
import time
from collections.abc import Callable, Mapping

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from dejavu_ros.errors import ConfigError
from dejavu_ros.optics.camera import Camera
from dejavu_ros.optics.mask import load_mask
from dejavu_ros.optics.mounting import parse_mounting
from dejavu_ros.ros.config import CameraConfig
from dejavu_ros.ros.conversions import header_from_message, lens_from_message
from dejavu_ros.ros.delivery import Delivery, explain
from dejavu_ros.ros.endpoints import silence_of
from dejavu_ros.ros.loaded import Loaded
from dejavu_ros.ros.stamps import StampChecker
from dejavu_ros.ros.subscriptions import FollowingSubscription
from dejavu_ros.ros.transforms import Transforms
from dejavu_ros.ros.transport import transport
from dejavu_ros.ros.watch import RATE_WINDOW, Watch
from dejavu_ros.ros.worker import NewestWorker
from dejavu_ros.tones import ToneRange
from dejavu_ros.troubleshooting import CAMERA_INFO_SILENT, CAMERA_INFO_UNUSED, IMAGES_LOST, sentence

DEPTH = 2  # images that wait for the executor: one that comes while it is busy does not push out another


def described(configs: Mapping[str, CameraConfig]) -> dict[str, Camera]:
    """What the parameters say of each camera. Raises ConfigError for a mask that cannot be used."""
    return {name: Camera(name, mask=load_mask(config.mask) if config.mask else None,
                         base_T_camera=parse_mounting(config.base_T_camera),
                         convention=config.camera_frame_convention) for name, config in configs.items()}


@dataclasses.dataclass(frozen=True)
class Arrival:
    """A picture, when it came (time.perf_counter), and when it was taken by what is known."""

    camera: 'CameraInput'
    message: Image | CompressedImage
    moment: float
    stamp_ns: int


class CameraInput:
    """Listens to one camera until it is closed. ``known`` is what is known of it by now."""

    def __init__(self, node: Node, known: Camera, config: CameraConfig, put: Callable[[str, Arrival], None],
                 went_back: Callable[[str, int, int], None]):
        """``put(name, arrival)`` is called with every picture, ``went_back(topic, now_ns, back_ns)`` before it where
        the stamps step back.
        """
        self.node, self.known, self.name, self.put, self.went_back = node, known, known.name, put, went_back
        self.tones = ToneRange()
        self.topic = node.resolve_topic_name(config.image_topic)
        self.watch, self.stamps, self.warning = Watch(), StampChecker(self.topic), ''
        self.message_bytes, self.transport = None, transport(os.environ)
        self.info_topic = node.resolve_topic_name(config.camera_info_topic) if config.camera_info_topic else ''
        self._info: CameraInfo | None = None
        self._size: tuple[int, int] | None = None  # width and height of its pictures
        self._describing = threading.Lock()  # CameraInfo and pictures come in different threads
        self.informed = False
        self.kind = Image if config.transport == 'raw' else CompressedImage
        self.images = FollowingSubscription(node, self.kind, config.image_topic, self.on_image, DEPTH,
                                            config.reliability, self.watch.count_lost)
        self.infos = None
        if config.camera_info_topic:
            self.infos = FollowingSubscription(node, CameraInfo, config.camera_info_topic, self.on_camera_info, 5)

    def close(self) -> None:
        self.images.close()
        if self.infos:
            self.infos.close()

    def on_image(self, message: Image | CompressedImage) -> None:
        self.watch.count(message.data)
        self.message_bytes = len(message.data)
        stamp_ns, back_ns = self.stamps.take(header_from_message(message.header)[0],
                                             self.node.get_clock().now().nanoseconds)
        if back_ns:
            self.went_back(self.topic, stamp_ns, back_ns)
        self.put(self.name, Arrival(self, message, time.perf_counter(), stamp_ns))

    def on_camera_info(self, message: CameraInfo) -> None:
        self.informed = True
        self._calibrate(info=message)

    def _calibrate(self, info: CameraInfo | None = None, size: tuple[int, int] | None = None) -> None:
        """Make the lens from the newest CameraInfo, for pictures of the newest size."""
        with self._describing:
            self._info, self._size = info or self._info, size or self._size
            if self._info is None:
                return
            try:
                lens, self.warning = lens_from_message(self._info, self.topic, self._size), ''
            except ConfigError as error:
                lens, self.warning = None, CAMERA_INFO_UNUSED(reason=error)
            if lens != self.known.lens:
                self.known = dataclasses.replace(self.known, lens=lens)

    def introduce(self, loaded: Loaded, message: Image | CompressedImage, size: tuple[int, int],
                  transforms: Transforms | None, base_frame: str) -> None:
        """Tell the localizer what is known of this camera, if that is news to it.

        ``size`` is width and height of the picture in ``message``.
        """
        if size != self._size:
            self._calibrate(size=size)
        frame = header_from_message(message.header)[1]
        if self.known.base_T_camera is None and transforms:
            mounting = transforms.fixed(base_frame, frame)
            if mounting is not None:
                with self._describing:
                    self.known = dataclasses.replace(self.known, base_T_camera=mounting, frame=frame)
        loaded.use(self.known)

    def problems(self, loaded: Loaded | None) -> list[str]:
        """What is wrong with the camera, in words; empty if nothing."""
        silent = self.watch.silence > RATE_WINDOW
        parts = (self.watch.problem(self.topic, self.cause_of_silence),
                 '' if silent else self.delivery_problem(self.topic), self.warning,
                 loaded.warning(self.name) if loaded else '',
                 self.silence_of_info(), *(('', '') if silent else (self.images.problem, self.stamps.problem)))
        return [sentence(part) for part in parts if part]

    @property
    def delivery(self) -> Delivery:
        """What is known of how the pictures come."""
        share = self.watch.share
        return Delivery(self.images.offered, self.images.reliability, self.message_bytes,
                        self.watch.rate / share if share else 0.0, share, self.images.local)

    def delivery_problem(self, subject: str) -> str:
        """Why not all pictures arrive, in words; empty where they do, or where that is not known."""
        text, advice = explain(self.delivery, self.transport)
        if not advice or self.delivery.share is None:
            return ''
        return IMAGES_LOST(topic=subject, delivery=text, advice=advice)

    def cause_of_silence(self) -> str:
        """Why no pictures come, in words."""
        return self.delivery_problem('it') or silence_of(self.node, self.topic, self.kind)

    def silence_of_info(self) -> str:
        """That no camera_info has ever come, though there was time for it, in words; empty otherwise."""
        if self.informed or not self.info_topic or self.watch.age <= RATE_WINDOW:
            return ''
        return CAMERA_INFO_SILENT(topic=self.info_topic, cause=silence_of(self.node, self.info_topic, CameraInfo))


class Cameras:
    """All cameras of the robot and the thread that works on their pictures, until stopped."""

    def __init__(self, node: Node, configs: Mapping[str, CameraConfig], known: Mapping[str, Camera],
                 work: Callable[[Arrival], None], went_back: Callable[[str, int, int], None]):
        """``known`` from :func:`described`; ``work`` is called in a thread of its own, ``went_back(topic, now_ns,
        back_ns)`` in the executor's where the stamps of pictures step back.
        """
        self.worker = NewestWorker(work, {name: config.max_rate for name, config in configs.items()})
        self.inputs = {name: CameraInput(node, known[name], config, self.worker.put, went_back)
                       for name, config in configs.items()}

    def stop(self) -> None:
        """End subscriptions and work, at once but for the frame in work."""
        for camera in self.inputs.values():
            camera.close()
        self.worker.stop()

    def forget_time(self) -> None:
        """Time began anew: pictures that wait are of before."""
        self.worker.clear()
        for camera in self.inputs.values():
            camera.stamps.forget()
