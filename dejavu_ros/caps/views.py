"""Posed pictures, and which of them see the same: from drives, bags and scenes."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml
from scipy.spatial import cKDTree

from dejavu_ros.caps.settings import CapsConfig, CapsSource
from dejavu_ros.data.folders import folder_stamps, list_images, read_tum
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import Pose
from dejavu_ros.images import load_image, resize
from dejavu_ros.mapping.config import MappingConfig
from dejavu_ros.mapping.recordings import bag_recording

MAX_GAP_NS = 500_000_000  # between the poses on either side of a picture


@dataclasses.dataclass(frozen=True)
class View:
    """A picture to be loaded, (H, W, 3) uint8 RGB; its pinhole matrix (3, 3) in pixels of it; ``map_T_camera`` of the
    optical frame.
    """

    load: Callable[[], np.ndarray]
    camera: np.ndarray
    map_T_camera: Pose

    def at(self, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
        """Picture and pinhole matrix at that size, pixel centres at whole numbers."""
        picture = self.load()
        scale = np.array([width / picture.shape[1], height / picture.shape[0], 1.0])
        camera = np.diag(scale) @ self.camera
        camera[:2, 2] += scale[:2] / 2 - 0.5
        return resize(picture, width, height), camera


@dataclasses.dataclass(frozen=True)
class PosedSet:
    """``views`` of one still world and the ``pairs`` (P, 2) of them that see the same."""

    name: str
    views: list[View]
    pairs: np.ndarray


def open_source(source: CapsSource, config: CapsConfig) -> PosedSet:
    """Raises DataError where something is missing, or no two pictures are a pair."""
    if source.scene:
        found = scene(source)
    else:
        views = [view for bag in source.bags.split() for view in bag_views(bag, source, config)]
        views += [view for folder in source.folders.split() for view in folder_views(Path(folder))]
        found = PosedSet(source.bags or source.folders, views, near(views, config))
    if not len(found.pairs):
        raise DataError(f'{found.name}: none of {len(found.views)} pictures are a pair: allow more distance or angle, '
                        'or less overlap')
    return found


def folder_views(folder: Path) -> list[View]:
    """A drive as ``dejavu town`` writes it. Raises DataError."""
    images, track = list_images(folder / 'images'), read_tum(folder / 'poses.txt')
    try:
        described = yaml.safe_load((folder / 'camera.yaml').read_text())
        camera = np.array(described['camera_matrix']['data'], float).reshape(3, 3)
        mount = Pose.make(described['base_T_camera']['position'], described['base_T_camera']['quaternion_xyzw'])
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise DataError(f'{folder}/camera.yaml does not tell camera_matrix and base_T_camera '
                        f'({str(error).splitlines()[0]}): see docs/caps.md') from None
    found = [(image, track.at(stamp, MAX_GAP_NS)) for image, stamp in zip(images, folder_stamps(images, track))]
    return [View(functools.partial(load_image, image), camera, pose[0] @ mount) for image, pose in found if pose]


def bag_views(bag: str, source: CapsSource, config: CapsConfig) -> list[View]:
    """The pictures of a bag, kept in memory at the size that the network sees. Raises DataError."""
    with bag_recording(bag, source.image_topic, source.pose_topic, MappingConfig()) as recording:
        known = recording.intrinsics
        if known is None or any(known['D']):
            raise DataError(f'{recording.source} has {"a distorted camera" if known else "no CameraInfo"}: epipolar '
                            'lines need the pinhole matrix of rectified images')
        if recording.base_T_camera is None:
            raise DataError(f'{recording.source} has no transform from the base to the camera: record /tf_static')
        views = []
        for frame in recording.frames:
            pose = recording.poses.at(frame.stamp_ns, MAX_GAP_NS)
            if pose:
                whole = View(frame.image, np.array(known['K']).reshape(3, 3), pose[0] @ recording.base_T_camera)
                picture, camera = whole.at(config.width, config.height)
                views.append(View(functools.partial(np.asarray, picture), camera, whole.map_T_camera))
    return views


def near(views: list[View], config: CapsConfig) -> np.ndarray:
    """Pairs (P, 2) of views that stand near each other and look the same way."""
    positions = np.array([view.map_T_camera.position for view in views])
    ahead = np.array([view.map_T_camera.rotation.as_matrix()[:, 2] for view in views])
    pairs = cKDTree(positions).query_pairs(config.distance, output_type='ndarray') if len(views) else np.empty((0, 2))
    pairs = pairs.astype(int)
    apart = np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)
    cosine = (ahead[pairs[:, 0]] * ahead[pairs[:, 1]]).sum(1)
    return pairs[(apart >= config.min_distance) & (cosine >= np.cos(np.radians(config.angle)))]


def scene(source: CapsSource) -> PosedSet:
    """A MegaDepth-style scene. Raises DataError for a file that lacks something."""
    try:
        with np.load(source.scene, allow_pickle=False) as content:
            paths, cameras, poses, overlap = (content[name] for name in
                                              ('image_paths', 'intrinsics', 'poses', 'overlap_matrix'))
        views = [View(functools.partial(load_image, Path(source.root, str(path))), camera.astype(float),
                      Pose.from_matrix(pose).inverse) for path, camera, pose in zip(paths, cameras, poses, strict=True)]
        pairs = np.argwhere(np.triu(np.maximum(overlap, overlap.T) >= source.overlap, 1))
    except (OSError, EOFError, KeyError, ValueError, IndexError) as error:
        raise DataError(f'{source.scene} is no scene with image_paths, intrinsics, poses and overlap_matrix '
                        f'({str(error).splitlines()[0]})') from None
    return PosedSet(source.scene, views, pairs)
