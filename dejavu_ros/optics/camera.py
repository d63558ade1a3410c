"""A robot's camera: what is known of it, and its pictures as the camera that made a map would have taken them."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from dejavu_ros.errors import ConfigError
from dejavu_ros.geometry import Pose
from dejavu_ros.intrinsics import scale_of
from dejavu_ros.optics.lens import Lens, View
from dejavu_ros.optics.mask import blank, fitting, visible_cells
from dejavu_ros.optics.mounting import BODY_T_OPTICAL, FAR, beside_the_map, tilt
from dejavu_ros.troubleshooting import BASE_TILTED, CAMERA_SEES_LITTLE

ENOUGH = 0.5  # share of the mapping camera's picture that a camera must see to be turned to it
NARROW = 0.9  # below it, a person is told
LEVEL = np.radians(2.0)  # rotations below it are not worth a warp
# a camera that nobody described: at the base, looking ahead
LOOKING_AHEAD = BODY_T_OPTICAL


@dataclasses.dataclass(frozen=True, eq=False)
class Camera:
    """``mask`` (H, W) bool is False where the robot itself is in the picture. ``base_T_camera`` is of the optical
    frame, or of the body frame if ``convention`` says so; ``frame`` names it. What is not known is None."""

    name: str
    lens: Lens | None = None
    mask: np.ndarray | None = None
    base_T_camera: Pose | None = None
    convention: str = 'auto'
    frame: str = ''


class Sight:
    """Pictures of a camera as one camera of the map sees: undistorted, as wide, turned as it, and without what hides.

    ``base_T_camera`` is the mounting that the pictures then have, None where ours is not known. ``warning`` says in
    words what could not be done or is not believed, ``contradiction`` why no pose can follow from its pictures; both
    are empty if nothing. ``doubt`` is a warning that may go again.
    """

    def __init__(self, camera: Camera, mapping: Any | None, grid: tuple[int, int]):
        """``mapping`` is the row of :func:`mapping_camera`, ``grid`` rows and columns of the features."""
        self.camera, self.grid, self.contradiction, self.doubt = camera, grid, '', ''
        self._warnings: list[str] = []
        self.base_T_camera, self.view, self.quarters = camera.base_T_camera, None, 0
        if mapping is None:
            return
        known = camera.base_T_camera is not None and is_known(mapping.base_T_camera)
        if known:
            self.base_T_camera, doubt, self.contradiction = beside_the_map(
                camera.base_T_camera, mapping.base_T_camera, camera.convention, camera.frame)
            self._warnings += [doubt] if doubt else []
        self._see_as(mapping, known)
        if known and not self.contradiction:
            self._check_upright(mapping.base_T_camera)

    @property
    def warning(self) -> str:
        return ' '.join(text.rstrip('.') + '.' for text in (*self._warnings, self.doubt, self.contradiction) if text)

    def _see_as(self, mapping: Any, known: bool) -> None:
        """Bring our pictures to those of the mapping camera, as far as lenses and mountings are ``known``."""
        upright = self._upright(mapping.base_T_camera.rotation) if known else None
        if self.camera.lens is None:
            if known:
                self._roll(upright)
            return
        if not mapping.intrinsics:
            self._warnings.append('camera_info is not used: the map has no calibration of its camera')
            return
        try:
            theirs = Lens.of(mapping.intrinsics)
        except ConfigError as error:
            self._warnings.append(f'camera_info is not used: of the camera of the map, {error}')
            return
        if self.camera.lens != theirs:
            self.view = View(self.camera.lens, theirs)
        if known:
            self._turn(theirs, (mapping.base_T_camera.rotation, upright))
        if self.view is not None and self.view.coverage < NARROW:
            self._warnings.append(CAMERA_SEES_LITTLE(share=self.view.coverage))

    def _check_upright(self, base_T_theirs: Pose) -> None:
        """A robot whose base lies on its side where it sees what the mapping robot saw upright is none."""
        angle = tilt(base_T_theirs @ self.base_T_camera.inverse)
        if angle > FAR:
            self.contradiction = BASE_TILTED(degrees=np.degrees(angle))

    def _upright(self, base_R_theirs: Rotation) -> Rotation:
        """As their camera is turned, but for where it heads: that is as ours."""
        theirs, ours = (np.arctan2(axis[1], axis[0]) for axis in (
            rotation.apply((0.0, 0.0, 1.0)) for rotation in (base_R_theirs, self.base_T_camera.rotation)))
        return Rotation.from_euler('z', ours - theirs) * base_R_theirs

    def _turn(self, theirs: Lens, wishes: tuple[Rotation, ...]) -> None:
        """Turn our pictures to the first of these orientations in the base for which ours sees enough."""
        ours = self.base_T_camera
        for wanted in wishes:
            ours_R_wanted = ours.rotation.inv() * wanted
            if ours_R_wanted.magnitude() < LEVEL:
                return
            view = View(self.camera.lens, theirs, ours_R_wanted.as_matrix())
            if view.coverage >= ENOUGH:
                self.view, self.base_T_camera = view, Pose(ours.position, wanted.as_quat())
                return

    def _roll(self, upright: Rotation) -> None:
        """Without calibration: turn pictures that lie on their side or stand on their head by quarters."""
        ours = self.base_T_camera
        self.quarters = round(angle_about_z(ours.rotation.inv() * upright) / (np.pi / 2)) % 4
        turned = ours.rotation * Rotation.from_euler('z', self.quarters * np.pi / 2)
        self.base_T_camera = Pose(ours.position, turned.as_quat())

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """(H, W, 3) uint8 RGB to the same, and which cells of the grid it shows, (rows * columns,) bool; None: all.

        Raises ConfigError where mask or calibration are not of the picture's shape.
        """
        seen = None
        if self.camera.mask is not None:
            seen = fitting(self.camera.mask, image.shape[1], image.shape[0])
        if self.camera.lens is not None:
            scale_of((self.camera.lens.width, self.camera.lens.height), (image.shape[1], image.shape[0]))
        if self.quarters:
            image = np.ascontiguousarray(np.rot90(image, self.quarters))
            seen = None if seen is None else np.rot90(seen, self.quarters)
        if self.view is not None:
            image = self.view(image)
            seen = self.view.seen if seen is None else self.view.of_mask(seen)
        if seen is None or seen.all():
            return image, None
        return blank(image, seen), visible_cells(seen, self.grid)


def angle_about_z(rotation: Rotation) -> float:
    """Radians of the rotation about z that is nearest to this one."""
    matrix = rotation.as_matrix()
    return float(np.arctan2(matrix[1, 0] - matrix[0, 1], matrix[0, 0] + matrix[1, 1]))


def mapping_camera(cameras: Sequence[Any], name: str) -> Any | None:
    """The camera that stands for those of a map: of the same name and calibrated, calibrated, of the same name, any.

    ``cameras`` have ``name``, ``intrinsics`` and ``base_T_camera``. None where there is none.
    """
    order = sorted(cameras, key=lambda row: (row.intrinsics is None, row.name != name))
    return order[0] if order else None


def is_known(base_T_camera: Pose | None) -> bool:
    """Whether a map's mounting was told: one exactly at the base, looking ahead, is what is assumed otherwise."""
    return base_T_camera is not None and not np.allclose(base_T_camera.matrix, LOOKING_AHEAD.matrix)
