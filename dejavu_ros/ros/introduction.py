"""The line that the node logs when it becomes active: what it works with. Imports no ROS."""

from collections.abc import Mapping

from dejavu_ros.ros.config import CameraConfig, NodeConfig
from dejavu_ros.ros.loaded import Loaded


def introduction(loaded: Loaded, config: NodeConfig, cameras: Mapping[str, CameraConfig],
                 resolve=lambda topic: topic) -> str:
    """One line; ``resolve`` makes the full name of a topic."""
    parts = [described_map(loaded), *(described_camera(camera, resolve) for camera in cameras.values())]
    if config.odom_topic:
        parts.append(f'odometry on {resolve(config.odom_topic)}')
    if config.publish_tf:
        parts.append(f'{config.map_frame} -> {config.odom_frame} is published')
    parts.append(f'checkpoint {described_checkpoint(loaded.extractor.checkpoint)} on {config.device}')
    return f'Active: {"; ".join(parts)}.'


def described_map(loaded: Loaded) -> str:
    keyframes = loaded.map
    if keyframes is None:
        return 'no map'
    return f'map {keyframes.name} (revision {keyframes.revision}, {len(keyframes)} keyframes)'


def described_camera(camera: CameraConfig, resolve) -> str:
    kind = 'images' if camera.transport == 'raw' else f'{camera.transport} images'
    info = f', camera_info on {resolve(camera.camera_info_topic)}' if camera.camera_info_topic else ''
    return f'{kind} on {resolve(camera.image_topic)}{info}'


def described_checkpoint(checkpoint) -> str:
    return (f'{checkpoint.identity} (calibrated)' if getattr(checkpoint, 'calibrated', False) else
            f'{checkpoint.identity} (not calibrated: its probabilities are guesses, see dejavu calibrate)')
