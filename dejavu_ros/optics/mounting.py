"""How a camera is mounted: which axes its frame has, and whether that can be true.

ROS knows two frames of one camera (REP-103): the body frame (x ahead, y left, z up), such as camera_link, and the
optical frame (x right, y down, z ahead), such as camera_optical_frame. Images are to be stamped with the optical one,
and often are not.
"""

import numpy as np

from dejavu_ros.errors import ConfigError, DataError
from dejavu_ros.geometry import BASE_R_OPTICAL, Pose
from dejavu_ros.troubleshooting import (MAP_NOT_OPTICAL, MOUNTING_CONTRADICTED, MOUNTING_TOO_FAR, NO_BODY_FRAME,
                                        NO_OPTICAL_FRAME)

CONVENTIONS = 'auto', 'optical', 'body'
FAR = np.radians(45.0)      # between where two cameras look, up or down: they have no view in common
STEEP = np.radians(60.0)    # above the horizon: a camera that looks there sees the sky or a ceiling
LONGEST = 20.0              # metres from a base to its camera
BODY_T_OPTICAL = Pose.from_matrix(np.column_stack([BASE_R_OPTICAL, np.zeros(3)]))


def parse_mounting(text: str) -> Pose | None:
    """``x y z qx qy qz qw`` to base_T_camera, None for an empty text. Raises ConfigError for anything else."""
    if not text.strip():
        return None
    try:
        x, y, z, qx, qy, qz, qw = map(float, text.split())
        return Pose.make((x, y, z), (qx, qy, qz, qw))
    except (ValueError, DataError):
        raise ConfigError(f'base_T_camera must be seven numbers "x y z qx qy qz qw", got {text!r}') from None


def elevation(base_T_camera: Pose) -> float:
    """Radians above the horizon of the base at which a camera looks; its frame is an optical one."""
    return float(np.arcsin(base_T_camera.rotation.apply((0.0, 0.0, 1.0))[2].clip(-1, 1)))


def tilt(mapped_T_base: Pose) -> float:
    """Radians between the up axes of two bases."""
    return float(np.arccos(mapped_T_base.rotation.apply((0.0, 0.0, 1.0))[2].clip(-1, 1)))


def beside_the_map(ours: Pose, theirs: Pose, convention: str = 'auto', frame: str = '') -> tuple[Pose, str, str]:
    """The mounting of our optical frame, a warning about its frame, and why it cannot be true; both may be empty.

    ``ours`` is base_T_frame of the frame that ``convention`` tells the axes of: with auto, an optical frame if the
    camera then looks as high as that of the map, else a body frame if it is level and looks so. ``theirs`` is
    base_T_camera of the camera of the map. ``frame`` names ours for people.
    """
    optical, body = ours, ours @ BODY_T_OPTICAL
    named = f'frame {frame!r} of its images' if frame else 'the frame of its base_T_camera'
    taken = body if convention == 'body' else optical
    arm = float(np.linalg.norm(ours.position))
    if arm > LONGEST:
        return taken, '', MOUNTING_TOO_FAR(frame=named, metres=arm)
    height = elevation(theirs)
    steep = abs(elevation(optical)) > STEEP
    if abs(elevation(taken) - height) <= FAR:
        if convention == 'body' and not steep and abs(elevation(optical) - height) <= FAR:
            return taken, NO_BODY_FRAME(frame=named, looks=looks(optical)), ''
        return taken, '', ''
    if convention == 'auto' and steep and abs(elevation(body) - height) <= FAR:
        return body, NO_OPTICAL_FRAME(frame=named, looks=looks(optical), map_looks=looks(theirs)), ''
    if abs(height) > STEEP and abs(elevation(taken)) < FAR:
        return taken, '', MAP_NOT_OPTICAL(looks=looks(taken), map_looks=looks(theirs))
    return taken, '', MOUNTING_CONTRADICTED(frame=named, looks=looks(taken), map_looks=looks(theirs))


def before_the_map(base_T_frame: Pose, convention: str = 'auto', frame: str = '') -> tuple[Pose, str]:
    """base_T_camera of the optical frame for a map to be made, and a warning about its frame, perhaps empty.

    There is nothing to compare with: a frame whose z axis points up is a body frame unless its name says optical.
    """
    optical, body = base_T_frame, base_T_frame @ BODY_T_OPTICAL
    arm = float(np.linalg.norm(base_T_frame.position))
    doubt = ''
    if arm > LONGEST:
        doubt = f'the camera is {arm:.0f} m from the base: is its mounting in metres, and fixed to the base?'
    if convention != 'auto':
        return (body if convention == 'body' else optical), doubt
    if abs(elevation(optical)) <= STEEP:
        return optical, doubt
    if elevation(optical) > 0 and abs(elevation(body)) < FAR and frame and 'optical' not in frame:
        return body, (f'frame {frame!r} of the images is not an optical frame (REP-103: z ahead, x right, y down): its '
                      'z axis points up. It is taken for the body frame (x ahead, z up); --camera-frame-convention '
                      'optical or body says which it is. ' + doubt).strip()
    return optical, (f'by {f"frame {frame!r}" if frame else "its mounting"} the camera looks {looks(optical)}: if it '
                     'does not, that is not the optical frame (REP-103: z ahead, x right, y down); '
                     '--camera-frame-convention optical or body says which it is. ' + doubt).strip()


def heading_beside(ours: Pose, theirs: Pose) -> float:
    """Degrees to the left, in -180 to 180, by which ours looks beside theirs; both are base_T_camera of optical frames.

    0 where one of the two looks up or down, so that it has no heading.
    """
    if max(abs(elevation(ours)), abs(elevation(theirs))) > STEEP:
        return 0.0
    ahead = [pose.rotation.apply((0.0, 0.0, 1.0)) for pose in (ours, theirs)]
    own, other = (np.arctan2(axis[1], axis[0]) for axis in ahead)
    return float(np.degrees(np.angle(np.exp(1j * (own - other)))))


def looks(base_T_camera: Pose) -> str:
    """Where a camera looks, in words."""
    degrees = np.degrees(elevation(base_T_camera))
    return ('ahead' if abs(degrees) < 30 else f'{abs(degrees):.0f} degrees {"up" if degrees > 0 else "down"}')
