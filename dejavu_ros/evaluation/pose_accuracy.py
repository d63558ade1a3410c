"""How exact poses are: by six degrees of freedom, beside those of the keyframe that looks most alike."""

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from tabulate import tabulate

from dejavu_ros.errors import DataError
from dejavu_ros.evaluation.consistency import pose_error
from dejavu_ros.evaluation.pose_drives import PosedDrive, PosedFrame
from dejavu_ros.files import new_file
from dejavu_ros.geometry import Pose
from dejavu_ros.localization.model import model_of
from dejavu_ros.optics.lens import Lens
from dejavu_ros.matching.features import LocalDescriptors
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.ops.contextual import contextual_similarity
from dejavu_ros.sixdof.features import PointFeatures
from dejavu_ros.sixdof.landmarks import View
from dejavu_ros.sixdof.locator import Locator
from dejavu_ros.sixdof.map_points import PointMaker, landmarks_of
from dejavu_ros.sixdof.model import PnPModel, PointModel
from dejavu_ros.sixdof.neighbourhood import neighbours
from dejavu_ros.sixdof.pnp import PoseFit
from dejavu_ros.sixdof.settings import SixDofSettings

WITHIN = ((0.25, 2.0), (0.5, 5.0), (5.0, 10.0))  # metres and degrees
TRIED = 3        # places that a frame is matched with, best first
ENOUGH = 30      # points that agree with a pose so that no further place is tried
TOGETHER = 5.0   # metres: keyframes nearer to one that was tried are not tried again


@dataclasses.dataclass(frozen=True)
class Row:
    """One query: errors in metres and degrees of the most alike keyframe, and of the pose, infinite without one.

    ``nees`` is the error squared in units of the stated covariance, 6 on average where that is honest; None without a
    pose. ``inliers`` agree with the pose.
    """

    world: str
    condition: str
    keyframe: tuple[float, float]
    pose: tuple[float, float]
    inliers: int
    nees: float | None


class MappedDrive:
    """Keyframes with points, from a drive's frames: by their depth, or triangulated from the drive's own poses."""

    def __init__(self, drive: PosedDrive, extractor: FeatureExtractor, settings: SixDofSettings):
        """Raises DataError where the drive has no frames."""
        self.drive, self.extractor = drive, extractor
        model = model_of(extractor.checkpoint.card, 'points', PointModel)
        maker = PointMaker(settings, extractor, drive.lens, drive.base_T_camera, model)
        grids, points = [], {}
        self.poses: list[Pose] = []
        for index, frame in enumerate(drive.frames):
            grids.append(extractor.extract([frame.image])[0])
            self.poses.append(frame.map_T_base)
            points.update(maker.add(index, frame.image, frame.map_T_base, frame.depth))
        points.update(maker.rest())
        if not grids:
            raise DataError(f'{drive.world}, {drive.condition}: no frames to map')
        self.grids = torch.from_numpy(np.stack(grids))
        self.positions = np.array([pose.position for pose in self.poses])
        self.quaternions = np.array([pose.quaternion for pose in self.poses])
        self.views = [View(pose @ drive.base_T_camera, landmarks_of(points[index], model.learned_share))
                      for index, pose in enumerate(self.poses)]

    def most_alike(self, image: np.ndarray) -> list[int]:
        """Keyframes for (H, W, 3) uint8 RGB by CX, best first: TRIED places of the map."""
        query = torch.from_numpy(self.extractor.extract([image])[0])
        score = contextual_similarity(query, self.grids, self.extractor.checkpoint.contextual).numpy()
        chosen: list[int] = []
        for row in np.argsort(-score):
            if all(np.linalg.norm(self.positions[row] - self.positions[other]) > TOGETHER for other in chosen):
                chosen.append(int(row))
            if len(chosen) == TRIED:
                break
        return chosen

    def locate(self, found: LocalDescriptors, lens: Lens, base_T_camera: Pose, rows: Sequence[int],
               locator: Locator) -> PoseFit | None:
        """The pose that most points of one of the places agree with, or the first that enough agree with."""
        best = None
        for row in rows:
            views = [self.views[i] for i in neighbours(row, self.positions, self.quaternions, locator.model)]
            fit = locator.locate(found, lens, base_T_camera, views)
            if fit and (best is None or fit.inliers > best.inliers):
                best = fit
            if best and best.inliers >= ENOUGH:
                break
        return best


def measure_poses(drives: Iterable[PosedDrive], extractor: FeatureExtractor,
                  settings: SixDofSettings, progress=iter) -> list[Row]:
    """Map the first drive of each world, and ask for all others. ``progress`` wraps frames. Raises DataError."""
    features, locator = point_tools(extractor, settings)
    rows, mapped = [], None
    for drive in drives:
        drive = dataclasses.replace(drive, frames=progress(drive.frames))
        if mapped is None or mapped.drive.world != drive.world:
            mapped = MappedDrive(drive, extractor, settings)
            continue
        rows += [judge(mapped, drive, frame, features, locator) for frame in drive.frames]
    return rows


def point_tools(extractor: FeatureExtractor, settings: SixDofSettings) -> tuple[PointFeatures, Locator]:
    """What finds points in a frame, and its pose by them, with the numbers of the checkpoint."""
    card = extractor.checkpoint.card
    return (PointFeatures(settings, extractor, model_of(card, 'points', PointModel)),
            Locator(settings, model_of(card, 'pnp', PnPModel)))


def judge(mapped: MappedDrive, drive: PosedDrive, frame: PosedFrame, features: PointFeatures,
          locator: Locator) -> Row:
    """One query held against the truth."""
    alike = mapped.most_alike(frame.image)
    fit = mapped.locate(features(frame.image), drive.lens, drive.base_T_camera, alike, locator)
    nearest = errors(mapped.poses[alike[0]], frame.map_T_base)
    if fit is None:
        return Row(drive.world, drive.condition, nearest, (np.inf, np.inf), 0, None)
    off = pose_error(fit.map_T_base, frame.map_T_base)
    return Row(drive.world, drive.condition, nearest, errors(fit.map_T_base, frame.map_T_base),
               fit.inliers, float(off @ np.linalg.solve(fit.covariance, off)))


def errors(found: Pose, truth: Pose) -> tuple[float, float]:
    """Metres and degrees."""
    metres, radians = found.distance(truth)
    return metres, float(np.degrees(radians))


def summary(rows: Sequence[Row]) -> dict:
    """Counts, medians and shares of some queries, for JSON; a frame without a pose is off without bounds."""
    result: dict = {'queries': len(rows)}
    for method in ('keyframe', 'pose'):
        off = np.array([getattr(row, method) for row in rows])
        medians = np.median(off, axis=0)
        result[method] = {'median_position_error_m': finite(medians[0]), 'median_angle_error_deg': finite(medians[1]),
                          'within': {f'{metres:g} m, {degrees:g} deg': float(np.mean((off[:, 0] <= metres) &
                                                                                     (off[:, 1] <= degrees)))
                                     for metres, degrees in WITHIN}}
    answered = [row for row in rows if row.nees is not None]
    result['pose']['answered'] = len(answered) / len(rows)
    result['pose']['median_inliers'] = finite(np.median([row.inliers for row in answered])) if answered else None
    result['pose']['median_nees'] = finite(np.median([row.nees for row in answered])) if answered else None
    return result


def finite(value: float) -> float | None:
    """For JSON, which has no infinity."""
    return float(value) if np.isfinite(value) else None


def write_poses(rows: Sequence[Row], settings: SixDofSettings, checkpoint: str, output: str | Path) -> str:
    """Write ``poses.json`` to ``output`` and return the table for the terminal. Raises DataError."""
    by_condition: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_condition[row.condition].append(row)
    parts = {condition: summary(own) for condition, own in by_condition.items()} | {'all': summary(rows)}
    with new_file(Path(output) / 'poses.json', 'w') as file:
        json.dump({'worlds': sorted({row.world for row in rows}), 'checkpoint': checkpoint,
                   'settings': dataclasses.asdict(settings), 'by_condition': parts}, file, indent=1, allow_nan=False)
        file.write('\n')
    return table(parts)


def table(parts: dict[str, dict]) -> str:
    """Conditions as rows; medians and shares, of the most alike keyframe and of the pose."""
    def cells(result: dict) -> list:
        medians = result['median_position_error_m'], result['median_angle_error_deg']
        return [*('-' if value is None else f'{value:.2f}' for value in medians),
                ' '.join(f'{share:.2f}' for share in result['within'].values())]

    lines = [[name, part['queries'], *cells(part['keyframe']), *cells(part['pose']),
              f'{part["pose"]["answered"]:.2f}'] for name, part in parts.items()]
    names = 'median m', 'deg', ' '.join(f'{metres:g}m/{degrees:g}°' for metres, degrees in WITHIN)
    return tabulate(lines, ['condition', 'queries', *(f'keyframe {name}' for name in names),
                            *(f'pose {name}' for name in names), 'answered'], disable_numparse=True)
