"""Camera files as camera_calibration writes them."""

from pathlib import Path

from dejavu_ros.config import load_yaml
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import Pose


def read_camera(path: str | Path) -> tuple[dict, Pose | None]:
    """``intrinsics`` as maps hold them (width, height, K, D, model), and ``base_T_camera`` where the file tells it.

    The latter is ours: position and quaternion_xyzw of the camera's optical frame. Raises ConfigError, DataError.
    """
    content = load_yaml(path)
    try:
        intrinsics = {'width': int(content['image_width']), 'height': int(content['image_height']),
                      'K': [float(value) for value in content['camera_matrix']['data']],
                      'D': [float(value) for value in content['distortion_coefficients']['data']],
                      'model': str(content['distortion_model'])}
        mount = content.get('base_T_camera')
        return intrinsics, mount and Pose.make(mount['position'], mount['quaternion_xyzw'])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f'{path} is no camera file: {type(error).__name__} {error}; image_width, image_height, '
                        'camera_matrix, distortion_model and distortion_coefficients are needed') from None


def read_projection(path: str | Path) -> list[float]:
    """P, 12 numbers in a row: where the camera sees points of the rectified left one. Raises ConfigError, DataError."""
    content = load_yaml(path)
    try:
        P = [float(value) for value in content['projection_matrix']['data']]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f'{path} has no projection_matrix ({type(error).__name__} {error}), which tells the baseline '
                        'of a stereo pair') from None
    if len(P) != 12:
        raise DataError(f'{path}: projection_matrix has {len(P)} numbers, not 12')
    return P
