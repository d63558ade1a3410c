"""What a pose in six degrees of freedom costs and gains, beside the keyframe that looks most alike."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dejavu_ros.errors import ConfigError
from dejavu_ros.evaluation.pose_accuracy import MappedDrive, judge, point_tools
from dejavu_ros.evaluation.pose_drives import PosedDrive, PosedFrame, town_drives
from dejavu_ros.evaluation.system_benchmark import DONE, TIMED, kept, stopped
from dejavu_ros.evaluation.systems import REFERENCE, SIX_DOF
from dejavu_ros.keyframes.points import Points
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.sixdof.features import PointFeatures, parted
from dejavu_ros.sixdof.locator import Locator
from dejavu_ros.sixdof.settings import SixDofSettings
from dejavu_ros.town.conditions import CONDITIONS

WIDTH, HEIGHT = 320, 240  # px
MAPPED = 'overcast-summer'


def town_rows(seed: int, folder: Path) -> list[dict]:
    """Rows of ``systems.json`` for drives through a town in every condition: the most alike keyframe, and the pose.

    A frame without a pose is off without bounds. Kept in ``folder`` as others. Raises RenderError.
    """
    path = folder / DONE / f'town{seed}-{load_checkpoint("").identity}.json'
    return kept(path, lambda: measure(town_drives(seed, MAPPED, CONDITIONS, WIDTH, HEIGHT)))


def measure(drives: Iterator[PosedDrive]) -> list[dict]:
    """Of a mapping drive and those that are asked about. Raises ConfigError where none is."""
    settings = SixDofSettings()
    extractor = FeatureExtractor(load_checkpoint(''))
    mapped = MappedDrive(next(drives), extractor, settings)
    features, locator = point_tools(extractor, settings)
    rows, ratios = [], []
    for drive in drives:
        for frame in drive.frames:
            rows.append(judge(mapped, drive, frame, features, locator))
            if len(rows) > TIMED and len(ratios) < TIMED:  # the first ones warm up
                ratios.append(time_ratio(mapped, drive, frame, features, locator))
    if not rows:
        raise ConfigError('no frame to ask about: name a condition')
    off = np.median([(row.keyframe[0], row.pose[0]) for row in rows], axis=0)
    grid = mapped.grids[0].numel() * 2
    learned_share = features.model.learned_share
    points = [len(Points(seen.points, *parted(seen.descriptors, settings.point_features, learned_share)).to_bytes())
              for seen in (view.landmarks for view in mapped.views)]
    common = {'dataset': f'{mapped.drive.world}, drives', 'cross_session_auc': None, 'recall_at_1': None}
    sizes = {REFERENCE: (off[0], 1.0, grid),
             SIX_DOF: (off[1], float(np.median(ratios)) if ratios else None, grid + int(np.median(points)))}
    return [{'system': name, **common, 'median_position_error_m': float(metres) if np.isfinite(metres) else None,
             'ms_per_frame_ratio': ratio, 'bytes_per_keyframe': size} for name, (metres, ratio, size) in sizes.items()]


def time_ratio(mapped: MappedDrive, drive: PosedDrive, frame: PosedFrame, features: PointFeatures,
               locator: Locator) -> float:
    """A frame's grid, points and pose, in the time of its grid alone."""
    alike = mapped.most_alike(frame.image)
    grid = stopped(lambda: mapped.extractor.extract([frame.image]))
    pose = stopped(lambda: mapped.locate(features(frame.image), drive.lens, drive.base_T_camera, alike, locator))
    return 1 + pose / grid
