"""Writing rosbag2 folders without ROS, in the message types of Jazzy."""

import contextlib
import re
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import StoragePlugin, Writer, WriterError
from rosbags.typesys import Stores, get_typestore

from dejavu_ros.errors import DataError
from dejavu_ros.files import new_folder
from dejavu_ros.geometry import Pose

STORAGES = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}
# the last version whose QoS lists are text, as Humble expects them; later releases read it as well
METADATA_VERSION = 8
FOREVER = QosTime(9223372036, 854775807)
NO_COVARIANCE, NO_DISTORTION = np.zeros(36), np.zeros(5)


class BagWriter:
    """A context manager that writes the folder ``path``; it appears whole when the block ends well.

    All stamps are nanoseconds and serve as header stamp and recording time alike. Raises DataError where the
    folder exists already, cannot be written or has a name that the storage cannot have, or the disk is full.
    """

    def __init__(self, path: str | Path, storage: str = 'mcap'):
        if storage not in STORAGES:
            raise DataError(f'no bag storage {storage!r}: choose {" or ".join(STORAGES)}')
        self.path = Path(path)
        if storage == 'sqlite3' and re.search('[#?%]', str(self.path.absolute())):
            # the writer makes an URI of the path as it is, and would write elsewhere
            raise DataError(f'cannot write {self.path} as sqlite3, for the #, ? or % in its path: choose another name, '
                            'or mcap')
        self.storage = storage
        self.store = get_typestore(Stores.ROS2_JAZZY)
        self._connections: dict[tuple[str, str], Any] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> 'BagWriter':
        with self._reported(), contextlib.ExitStack() as stack:
            part = stack.enter_context(new_folder(self.path))
            # the storage file is named after its folder, so it is written in a folder of the final name
            inner = part / self.path.name
            stack.callback(_lift, inner)
            self._writer = stack.enter_context(
                Writer(inner, version=METADATA_VERSION, storage_plugin=STORAGES[self.storage]))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception) -> None:
        if exception[0] is not None:
            self._stack.__exit__(*exception)
            return
        with self._reported():
            self._stack.close()

    def message(self, name: str, **fields) -> Any:
        """Make a message of the type ``name``, such as ``geometry_msgs/msg/Point``."""
        return self.store.types[name](**fields)

    def header(self, stamp_ns: int, frame_id: str) -> Any:
        stamp = self.message('builtin_interfaces/msg/Time', sec=int(stamp_ns // 10**9), nanosec=int(stamp_ns % 10**9))
        return self.message('std_msgs/msg/Header', stamp=stamp, frame_id=frame_id)

    def pose(self, pose: Pose) -> Any:
        """The geometry_msgs/msg/Pose of a pose."""
        x, y, z = map(float, pose.position)
        qx, qy, qz, qw = map(float, pose.quaternion)
        return self.message('geometry_msgs/msg/Pose', position=self.message('geometry_msgs/msg/Point', x=x, y=y, z=z),
                            orientation=self.message('geometry_msgs/msg/Quaternion', x=qx, y=qy, z=qz, w=qw))

    def write(self, topic: str, stamp_ns: int, message: Any, *, latched: bool = False) -> None:
        """Write any message made with :meth:`message`; ``latched`` is what ROS 2 calls transient local."""
        name = message.__msgtype__
        with self._reported():
            if (topic, name) not in self._connections:
                self._connections[topic, name] = self._writer.add_connection(
                    topic, name, typestore=self.store, offered_qos_profiles=[_quality(latched)])
            self._writer.write(self._connections[topic, name], int(stamp_ns), self.store.serialize_cdr(message, name))

    def image(self, topic: str, stamp_ns: int, frame_id: str, rgb: np.ndarray) -> None:
        """A sensor_msgs/Image in rgb8 from (H, W, 3) uint8."""
        height, width, _ = rgb.shape
        self.write(topic, stamp_ns, self.message(
            'sensor_msgs/msg/Image', header=self.header(stamp_ns, frame_id), height=height, width=width,
            encoding='rgb8', is_bigendian=0, step=3 * width, data=np.ascontiguousarray(rgb, np.uint8).reshape(-1)))

    def compressed_image(self, topic: str, stamp_ns: int, frame_id: str, data: bytes, format: str = 'jpeg') -> None:
        """A sensor_msgs/CompressedImage of an encoded file's bytes."""
        self.write(topic, stamp_ns, self.message(
            'sensor_msgs/msg/CompressedImage', header=self.header(stamp_ns, frame_id), format=format,
            data=np.frombuffer(data, np.uint8)))

    def camera_info(self, topic: str, stamp_ns: int, frame_id: str, width: int, height: int, K: np.ndarray,
                    baseline: float = 0.0, D: np.ndarray = NO_DISTORTION) -> None:
        """A sensor_msgs/CameraInfo of a pinhole camera; ``K`` is (3, 3) in pixels, also of what is rectified.

        ``baseline`` in metres is how far the right camera of a pair is from the left one, ``D`` (5,) the distortion.
        """
        K = np.asarray(K, np.float64)
        region = self.message('sensor_msgs/msg/RegionOfInterest', x_offset=0, y_offset=0, height=0, width=0,
                              do_rectify=False)
        self.write(topic, stamp_ns, self.message(
            'sensor_msgs/msg/CameraInfo', header=self.header(stamp_ns, frame_id), height=height, width=width,
            distortion_model='plumb_bob', d=np.asarray(D, np.float64), k=K.reshape(9), r=np.eye(3).reshape(9),
            p=np.column_stack([K, (-K[0, 0] * baseline, 0, 0)]).reshape(12), binning_x=0, binning_y=0, roi=region))

    def odometry(self, topic: str, stamp_ns: int, frame_id: str, child_frame_id: str, pose: Pose,
                 covariance: np.ndarray | None = None) -> None:
        """A nav_msgs/Odometry at rest; ``covariance`` (6, 6) of x y z roll pitch yaw, zeros (unknown) if None."""
        zero = self.message('geometry_msgs/msg/Vector3', x=0.0, y=0.0, z=0.0)
        flat = NO_COVARIANCE if covariance is None else np.asarray(covariance, np.float64).reshape(36)
        self.write(topic, stamp_ns, self.message(
            'nav_msgs/msg/Odometry', header=self.header(stamp_ns, frame_id), child_frame_id=child_frame_id,
            pose=self.message('geometry_msgs/msg/PoseWithCovariance', pose=self.pose(pose), covariance=flat),
            twist=self.message('geometry_msgs/msg/TwistWithCovariance', covariance=NO_COVARIANCE,
                               twist=self.message('geometry_msgs/msg/Twist', linear=zero, angular=zero))))

    def transforms(self, stamp_ns: int, transforms: Iterable[tuple[str, str, Pose]], static: bool = False) -> None:
        """One tf2_msgs/TFMessage of (parent, child, parent_T_child) on ``/tf``, or latched on ``/tf_static``."""
        stamped = []
        for parent, child, pose in transforms:
            message = self.pose(pose)
            point = message.position
            translation = self.message('geometry_msgs/msg/Vector3', x=point.x, y=point.y, z=point.z)
            stamped.append(self.message(
                'geometry_msgs/msg/TransformStamped', header=self.header(stamp_ns, parent), child_frame_id=child,
                transform=self.message('geometry_msgs/msg/Transform', translation=translation,
                                       rotation=message.orientation)))
        self.write('/tf_static' if static else '/tf', stamp_ns,
                   self.message('tf2_msgs/msg/TFMessage', transforms=stamped), latched=static)

    @contextlib.contextmanager
    def _reported(self):
        try:
            yield
        except (OSError, sqlite3.Error, WriterError) as error:
            raise DataError(f'cannot write bag {self.path}: {getattr(error, "strerror", None) or error}') from None


def _quality(latched: bool) -> Qos:
    durability = QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE
    return Qos(QosHistory.KEEP_LAST, 1 if latched else 10, QosReliability.RELIABLE, durability, FOREVER, FOREVER,
               QosLiveliness.AUTOMATIC, FOREVER, False)


def _lift(folder: Path) -> None:
    """Move the files of a finished bag up one level; does nothing for a bag that was broken off."""
    if (folder / 'metadata.yaml').exists():
        for file in folder.iterdir():
            file.rename(folder.parent / file.name)
        folder.rmdir()
