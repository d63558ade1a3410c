"""Points of keyframes on their way into a map and out of it."""

import functools
from collections import deque
from collections.abc import Iterator

import numpy as np

from dejavu_ros.geometry import Pose
from dejavu_ros.intrinsics import scale_of
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.keyframes.points import Points
from dejavu_ros.matching.features import LocalDescriptors
from dejavu_ros.matching.neighbours import mutual_matches
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.optics.lens import Lens
from dejavu_ros.optics.mask import fitting
from dejavu_ros.sixdof.features import PointFeatures, joined, parted
from dejavu_ros.sixdof.landmarks import Landmarks, View, landmarks_from_depth
from dejavu_ros.sixdof.model import PnPModel, PointModel
from dejavu_ros.sixdof.neighbourhood import neighbours
from dejavu_ros.sixdof.settings import PointSettings
from dejavu_ros.sixdof.triangulation import landmarks_from_motion

KEPT = 256  # keyframes whose points stay in memory


class PointMaker:
    """Points of one camera's keyframes, each as soon as enough is known: at once with depth, else a few later."""

    def __init__(self, settings: PointSettings, extractor: FeatureExtractor, lens: Lens, base_T_camera: Pose,
                 model: PointModel, mask: np.ndarray | None = None):
        """``mask`` (H, W) bool is False where no points shall be."""
        self.settings, self.model, self.mask = settings, model, mask
        self.features = PointFeatures(settings, extractor, model)
        self.lens, self.base_T_camera = lens, base_T_camera
        self.recent: deque[tuple[int, LocalDescriptors, Pose]] = deque(maxlen=2 * model.around + 1)
        self.waiting: deque[int] = deque()  # keyframes of ``recent`` that have no points yet
        self.previous: View | None = None
        self.misfits: list[float] = []  # of each keyframe with depth against the one before

    def add(self, keyframe: int, image: np.ndarray, map_T_base: Pose,
            depth: np.ndarray | None) -> Iterator[tuple[int, Points]]:
        """Keyframes that are ready, with their points. ``image`` (H, W, 3) uint8 RGB, ``depth`` (h, w) metres.

        Raises ConfigError where one of them is not of the shape that the lens is calibrated for.
        """
        found = self.features(image)
        height, width, _ = image.shape
        if self.mask is not None:
            mask = fitting(self.mask, width, height)
            x, y = found.points.round().astype(int).T
            shown = mask[y.clip(0, height - 1), x.clip(0, width - 1)]
            found = LocalDescriptors(found.points[shown], found.descriptors[:, shown])
        # to pixels of the lens, so that all keyframes are of one
        scale = scale_of((self.lens.width, self.lens.height), (width, height))
        if scale != (1.0, 1.0):
            found = LocalDescriptors((found.points + 0.5) / scale - 0.5, found.descriptors)
        if depth is not None:
            landmarks = landmarks_from_depth(found, depth, self.lens, self.settings.points, self.settings.max_depth,
                                             self.model.depth_edge)
            view = View(map_T_base @ self.base_T_camera, landmarks)
            if self.previous is not None:
                self.misfits += misfit(self.previous, view.map_T_camera, found, self.lens, self.model)
            self.previous = view
            yield keyframe, self.stored(landmarks)
            return
        self.recent.append((keyframe, found, map_T_base @ self.base_T_camera))
        self.waiting.append(keyframe)
        if len(self.waiting) > self.model.around:
            yield self.from_motion()

    def rest(self) -> Iterator[tuple[int, Points]]:
        """The keyframes at the end, which none follow."""
        while self.waiting:
            yield self.from_motion()

    def from_motion(self) -> tuple[int, Points]:
        keyframe = self.waiting.popleft()
        index = next(i for i, (number, _, _) in enumerate(self.recent) if number == keyframe)
        around = [(found, camera) for i, (_, found, camera) in enumerate(self.recent)
                  if i != index and abs(i - index) <= self.model.around]
        _, found, camera = self.recent[index]
        return keyframe, self.stored(landmarks_from_motion(found, camera, around, self.lens, self.settings.points,
                                                           self.settings.max_depth, self.model))

    def stored(self, landmarks: Landmarks) -> Points:
        return Points(landmarks.points, *parted(landmarks.descriptors, self.settings.point_features,
                                                self.model.learned_share))


def misfit(view: View, map_T_camera: Pose, found: LocalDescriptors, lens: Lens, model: PointModel) -> list[float]:
    """How far points of one view are seen from where the poses put them, as a share of the picture's width.

    The median over the matches with the keypoints ``found`` by a camera at ``map_T_camera``; empty where they are few.
    """
    pairs = mutual_matches(view.landmarks.descriptors, found.descriptors, model.ratio)
    camera_T_view = map_T_camera.inverse @ view.map_T_camera
    points = camera_T_view.rotation.apply(view.landmarks.points[pairs[:, 0]]) + camera_T_view.position
    off = points[:, :2] / points[:, 2:].clip(min=0.1) - lens.rays_of(found.points[pairs[:, 1]].astype(float))
    off = np.linalg.norm(off[np.isfinite(off).all(1)], axis=1)
    return [float(np.median(off)) * lens.K[0] / lens.width] if len(off) >= model.misfit_matches else []


class MapPoints:
    """The points of a map with its cameras; ``kind`` is which descriptors they have, None where there are none."""

    def __init__(self, keyframes: KeyframeMap, points: PointModel, pnp: PnPModel):
        """Raises MapError where the points cannot be read."""
        self.map, self.learned_share, self.pnp = keyframes, points.learned_share, pnp
        self.cameras = {(camera.session, camera.name): camera for camera in keyframes.cameras}
        self.view = functools.lru_cache(KEPT)(self._view)
        first = next(filter(None, map(keyframes.points, range(len(keyframes)))), None) if keyframes.has_points else None
        self.kind = kind_of(Points.from_bytes(first)) if first else None

    def around(self, row: int) -> list[View]:
        """The views that speak for the place of a keyframe, its own first; those without points are left out."""
        rows = neighbours(row, self.map.positions, self.map.quaternions, self.pnp)
        return [view for view in map(self.view, rows.tolist()) if view is not None]

    def lens(self, row: int) -> Lens | None:
        """The lens of the camera that a keyframe was seen by. Raises ConfigError where it is none."""
        camera = self.camera(row)
        return Lens.of(camera.intrinsics) if camera.intrinsics else None

    def camera(self, row: int):
        frame = self.map.keyframes[row]
        return self.cameras[frame.session, frame.camera]

    def _view(self, row: int) -> View | None:
        content, camera = self.map.points(row), self.camera(row)
        if content is None or camera.base_T_camera is None:
            return None
        return View(self.map.keyframes[row].map_T_base @ camera.base_T_camera,
                    landmarks_of(Points.from_bytes(content), self.learned_share))


def landmarks_of(points: Points, learned_share: float) -> Landmarks:
    """As they are matched; ``learned_share`` as in :func:`dejavu_ros.sixdof.features.joined`."""
    return Landmarks(points.points, joined(points.rootsift, points.learned, learned_share))


def kind_of(points: Points) -> str:
    """As in the settings."""
    return 'dvf' if points.rootsift is None else 'rootsift' if points.learned is None else 'both'
