"""Where posed pictures come from: drives, bags, and scenes as MegaDepth is distributed."""

import functools
from pathlib import Path

import numpy as np
import yaml

from dejavu_ros.caps.settings import CapsConfig, CapsSource
from dejavu_ros.caps.views import PosedSet, View, little_turned, near
from dejavu_ros.data.folders import folder_stamps, list_images, read_tum
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import Pose
from dejavu_ros.images import load_image
from dejavu_ros.intrinsics import resized
from dejavu_ros.mapping.config import MappingConfig
from dejavu_ros.mapping.recordings import bag_recording

MAX_GAP_NS = 500_000_000  # between the poses on either side of a picture
CAMERAS, PAIRS = 'img_cam.txt', 'pairs.txt'


def open_source(source: CapsSource, config: CapsConfig) -> list[PosedSet]:
    """A set for each world of a source. Raises DataError where something is missing, or no two pictures are a pair."""
    if source.scene:
        found = [scene(source)]
    elif source.megadepth:
        found = [aligned(file.parent) for file in sorted(Path(source.megadepth).rglob(CAMERAS))]
        if not found:
            raise DataError(f'{source.megadepth} holds no {CAMERAS}, neither itself nor in folders below')
    else:
        views = [view for bag in source.bags.split() for view in bag_views(bag, source, config)]
        views += [view for folder in source.folders.split() for view in folder_views(Path(folder))]
        found = [PosedSet(source.bags or source.folders, views, near(views, config))]
    for part in found:
        if not len(part.pairs):
            raise DataError(f'{part.name}: none of {len(part.views)} pictures are a pair: allow more distance or '
                            'angle, or less overlap')
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
    if 'image_width' in described:
        height, width, _ = load_image(images[0]).shape
        known = {'width': described['image_width'], 'height': described.get('image_height'), 'K': camera.ravel()}
        camera = np.reshape(resized(known, width, height)['K'], (3, 3))
    found = [(image, track.at(stamp, MAX_GAP_NS)) for image, stamp in zip(images, folder_stamps(images, track))]
    return [View(functools.partial(load_image, image), camera, pose[0] @ mount) for image, pose in found if pose]


def bag_views(bag: str, source: CapsSource, config: CapsConfig) -> list[View]:
    """The pictures of a bag, kept in memory at the size that the network sees. Raises DataError."""
    with bag_recording(bag, source.image_topic, source.pose_topic, MappingConfig()) as recording:
        known = recording.intrinsics  # of its pictures
        if known is None or any(known['D']):
            raise DataError(f'{recording.source} has {"a distorted camera" if known else "no CameraInfo"}: epipolar '
                            'lines need the pinhole matrix of rectified images')
        if recording.base_T_camera is None:
            raise DataError(f'{recording.source} has no transform from the base to the camera: record /tf_static')
        views = []
        for frame in recording.frames:
            pose = recording.poses.at(frame.asked_ns, MAX_GAP_NS)
            if pose:
                whole = View(frame.image, np.array(known['K']).reshape(3, 3), pose[0] @ recording.base_T_camera)
                picture, camera = whole.at(config.width, config.height)
                views.append(View(functools.partial(np.asarray, picture), camera, whole.map_T_camera))
    return views


def scene(source: CapsSource) -> PosedSet:
    """A MegaDepth-style scene. Raises DataError for a file that lacks something."""
    try:
        with np.load(source.scene, allow_pickle=False) as content:
            paths, cameras, poses, overlap = (content[name] for name in
                                              ('image_paths', 'intrinsics', 'poses', 'overlap_matrix'))
        views = [View(functools.partial(load_image, Path(source.root, str(path))), camera.astype(float),
                      Pose.from_matrix(pose).inverse) for path, camera, pose in zip(paths, cameras, poses, strict=True)]
        pairs = little_turned(views, np.argwhere(np.triu(np.maximum(overlap, overlap.T) >= source.overlap, 1)))
    except (OSError, EOFError, KeyError, ValueError, IndexError) as error:
        raise DataError(f'{source.scene} is no scene with image_paths, intrinsics, poses and overlap_matrix '
                        f'({str(error).splitlines()[0]})') from None
    return PosedSet(source.scene, views, pairs)


def aligned(folder: Path) -> PosedSet:
    """A folder of MegaDepth as the authors of CAPS give it: ``images/``, ``img_cam.txt`` and ``pairs.txt``.

    A line of the first is name, width, height, fx, fy, cx, cy, and rotation (9) and translation (3) of the world in
    the camera; of the second two names. Raises DataError.
    """
    views, index = [], {}
    try:
        for line in (folder / CAMERAS).read_text().splitlines():
            name, *numbers = line.partition('#')[0].split() or ['']
            if not name:
                continue
            _, _, fx, fy, cx, cy, *pose = map(float, numbers)
            camera_T_map = Pose.from_matrix(np.column_stack([np.reshape(pose[:9], (3, 3)), pose[9:12]]))
            index[name] = len(views)
            views.append(View(functools.partial(load_image, folder / 'images' / name),
                              np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]), camera_T_map.inverse))
        pairs = [[index[name] for name in line.split()] for line in (folder / PAIRS).read_text().splitlines() if line]
        pairs = np.array(pairs, int).reshape(-1, 2)
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f'{folder} does not hold {CAMERAS} and {PAIRS} as docs/caps.md has them '
                        f'({type(error).__name__} {str(error).splitlines()[0]})') from None
    return PosedSet(str(folder), views, little_turned(views, pairs))
