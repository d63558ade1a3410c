"""From a recording to the keyframes of one session."""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable

import numpy as np

from dejavu_ros.data.frames import Frame
from dejavu_ros.data.selection import KeyframeSelector
from dejavu_ros.errors import ConfigError, DataError, ImageError
from dejavu_ros.geometry import Pose
from dejavu_ros.images import check_informative, encode_jpeg, resize
from dejavu_ros.intrinsics import resized
from dejavu_ros.keyframes import SessionWriter
from dejavu_ros.keyframes.points import Points
from dejavu_ros.localization.model import model_of
from dejavu_ros.mapping.config import MappingConfig
from dejavu_ros.mapping.recordings import Recording
from dejavu_ros.mapping.trajectories import doubts
from dejavu_ros.optics.camera import LOOKING_AHEAD, Camera, Sight
from dejavu_ros.optics.lens import Lens
from dejavu_ros.optics.mask import mask_of, mask_to_png
from dejavu_ros.sixdof.map_points import PointMaker
from dejavu_ros.sixdof.model import PointModel
from dejavu_ros.sixdof.settings import PointSettings

BATCH = 8
MISFIT = 0.05  # share of the picture's width; odometry that drifts stays far below between two keyframes


@dataclasses.dataclass
class MappingReport:
    """What became of the frames of a recording."""

    frames: int = 0
    keyframes: int = 0
    near: int = 0
    without_pose: int = 0
    no_pose_because: Counter = dataclasses.field(default_factory=Counter)  # words of PoseSource.why_not -> frames
    bad_images: int = 0
    with_points: int = 0
    first_bad_image: str = ''
    metres: float = 0.0
    warnings: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class _Candidate:
    image: np.ndarray
    stamp_ns: int
    map_T_base: Pose
    covariance: np.ndarray
    depth: np.ndarray | None


class MapBuilder:
    """Selects keyframes and hands them, described, to the writer of a session.

    ``extractor`` has ``extract(images) -> (B, n, N) float16`` and ``grid``, as
    :class:`dejavu_ros.nn.features.FeatureExtractor`.
    """

    def __init__(self, extractor, config: MappingConfig, points: PointSettings | None = None):
        """With ``points``, keyframes carry such points in 3-D, by the recording's depth, else triangulated."""
        self.extractor = extractor
        self.config, self.point_settings, self.maker = config, points, None
        self.mask = mask_of(config.mask, config.camera)
        self.sight = Sight(Camera(config.camera, mask=self.mask), None, extractor.grid)

    def add(self, session: SessionWriter, recording: Recording, frames: Iterable[Frame]) -> MappingReport:
        """Add the keyframes among ``frames``, which are the recording's, perhaps with progress shown around them.

        Unusable images are counted. Raises DataError where no frame has a pose, or none with a pose can be used.
        """
        config, report, batch = self.config, MappingReport(), []
        selector = KeyframeSelector(config.keyframe_distance, math.radians(config.keyframe_angle))
        max_gap_ns = round(config.max_pose_gap * 1e9)
        unknown = np.diag([config.position_sigma**2] * 3 + [math.radians(config.angle_sigma)**2] * 3)
        before, span, track = None, None, []
        for frame in frames:
            report.frames += 1
            span = (min(span[0], frame.stamp_ns), max(span[1], frame.stamp_ns)) if span else (frame.stamp_ns,) * 2
            found = recording.poses.at(frame.asked_ns, max_gap_ns)
            if found is None:
                report.without_pose += 1
                report.no_pose_because[recording.poses.why_not(frame.asked_ns, max_gap_ns)] += 1
                continue
            pose, covariance = found
            report.metres += before.distance(pose)[0] if before else 0.0
            before = pose
            if not selector.wants(pose):
                report.near += 1
                continue
            try:
                image = frame.image()
                check_informative(image)
            except ImageError as error:
                report.bad_images += 1
                report.first_bad_image = report.first_bad_image or f'{frame.name}: {error}'
                continue
            selector.keep(pose)
            track.append(pose)
            if not report.keyframes:
                height, width, _ = image.shape
                intrinsics = fitted(recording, width, height)
                if self.point_settings:
                    self.maker = self._point_maker(recording, intrinsics)
                session.camera(config.camera, width, height, intrinsics,
                               recording.base_T_camera or LOOKING_AHEAD,
                               None if self.mask is None else mask_to_png(self.mask))
            report.keyframes += 1
            batch.append(_Candidate(image, frame.stamp_ns, pose, unknown if covariance is None else covariance,
                                    recording.depth(frame.stamp_ns, image) if self.maker and recording.depth else None
                                    ))
            if len(batch) == BATCH:
                self._write(session, batch, report)
                batch = []
        self._write(session, batch, report)
        if self.maker:
            report.with_points += self._add_points(session, self.maker.rest())
        if not report.keyframes:
            raise DataError(_why_empty(report, recording, span, config))
        report.warnings += [*recording.warnings, *doubts(track, config.poses_of), *self._misfits(report)]
        return report

    def _write(self, session: SessionWriter, batch: list[_Candidate], report: MappingReport) -> None:
        looks = [self.sight(item.image) for item in batch]
        descriptors = self.extractor.extract([image for image, _ in looks]) if batch else ()
        for item, grid, (_, cells) in zip(batch, descriptors, looks):
            if cells is not None:
                grid[:, ~cells] = 0
            height, width, _ = item.image.shape
            shown = min(width, self.config.thumbnail_width)
            thumbnail = encode_jpeg(resize(item.image, shown, max(1, round(height * shown / width))))
            number = session.add(grid, self.config.camera, item.stamp_ns, item.map_T_base, item.covariance, thumbnail)
            if self.maker:
                report.with_points += self._add_points(
                    session, self.maker.add(number, item.image, item.map_T_base, item.depth))

    def _point_maker(self, recording: Recording, intrinsics: dict | None) -> PointMaker:
        if intrinsics is None:
            why = '; '.join(recording.warnings) or ('nothing says how it sees: record its camera_info, or give '
                                                    '--camera-info')
            raise DataError(f'points in 3-D need a calibrated camera, and that of {recording.source} is none: {why}')
        return PointMaker(self.point_settings, self.extractor, Lens.of(intrinsics),
                          recording.base_T_camera or LOOKING_AHEAD,
                          model_of(self.extractor.checkpoint.card, 'points', PointModel), self.mask)

    def _misfits(self, report: MappingReport) -> list[str]:
        """Whether pictures, poses, mounting, calibration and depth contradict each other, in words."""
        if not self.maker:
            return []
        check = 'are the poses those of the base, in metres, and are mounting, calibration and depth right?'
        if self.maker.misfits and (off := float(np.median(self.maker.misfits))) > MISFIT:
            return [f'points of one keyframe are seen {off:.0%} of the picture\'s width (median) from where poses, '
                    f'mounting and calibration put them in the next: {check}']
        if report.keyframes > 2 and report.with_points < report.keyframes / 2:
            return [f'only {report.with_points} of {report.keyframes} keyframes got points in 3-D: what is seen does '
                    f'not fit poses, mounting and calibration, or the keyframes are too far apart; {check}']
        return []

    @staticmethod
    def _add_points(session: SessionWriter, ready: Iterable[tuple[int, Points]]) -> int:
        """Write the points that are ready; how many keyframes have some."""
        some = 0
        for number, points in ready:
            if len(points):
                session.add_points(number, points.to_bytes())
                some += 1
        return some


def fitted(recording: Recording, width: int, height: int) -> dict | None:
    """The recording's intrinsics for its pictures. Raises DataError where those have another shape."""
    try:
        return recording.intrinsics and resized(recording.intrinsics, width, height)
    except ConfigError as error:
        raise DataError(f'{recording.source}: {error}') from None


def _why_empty(report: MappingReport, recording: Recording, span: tuple[int, int] | None, config: MappingConfig) -> str:
    poses = recording.poses
    if span is None:
        return f'{recording.source} has no images'
    if report.bad_images:
        return (f'none of the {report.bad_images} images with a pose in {recording.source} can be used; the first: '
                f'{report.first_bad_image}')
    first, last = poses.span_ns
    if span[1] < first or span[0] > last:
        return (f'images and poses do not overlap in time: images from {_seconds(span[0])} to {_seconds(span[1])} s, '
                f'poses ({poses.source}) from {_seconds(first)} to {_seconds(last)} s')
    because, count = report.no_pose_because.most_common(1)[0]
    if because.startswith('between') and len(poses.stamps_ns) > 1:
        spacing = float(np.median(np.diff(poses.stamps_ns))) / 1e9
        because = f'they are {spacing:.3g} s apart (median), and --max-pose-gap is {config.max_pose_gap:g} s'
    else:
        because += f' ({count} of the images)'
    choose = '; --map-frame and --base-frame choose others' if because.startswith('the transform') else ''
    return f'none of the {report.frames} images has a pose in {poses.source}: {because}{choose}'


def _seconds(stamp_ns: int) -> str:
    return f'{stamp_ns / 1e9:.3f}'
