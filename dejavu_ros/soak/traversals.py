"""Drives through the localizer: every frame with the filter over time and on its own, held against the truth."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from dejavu_ros.data import frames as recorded
from dejavu_ros.evaluation.consistency import Answer, nees
from dejavu_ros.geometry import Pose, Trajectory
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.localization import Localizer, LocalizerConfig
from dejavu_ros.mapping.builder import MapBuilder
from dejavu_ros.mapping.config import MappingConfig
from dejavu_ros.mapping.recordings import Recording
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.soak.config import MAPPED_FRAMES, UNMAPPED_FRAMES, SoakConfig
from dejavu_ros.soak.drives import MAPPED_IN, Drive, Studio, plan
from dejavu_ros.soak.parts import Part
from dejavu_ros.town import camera_mount

WAYS = {'with_filter': True, 'without': False}
MAPS = 'maps'


class OnceExtractor(FeatureExtractor):
    """Computes the features of one image once, whoever asks for them again."""

    image = features = None

    def extract(self, images) -> np.ndarray:
        if len(images) != 1:
            return super().extract(images)
        if images[0] is not self.image:
            self.image, self.features = images[0], super().extract(images)
        return self.features


class Poses:
    """The truth as the poses of a recording."""

    source, skipped = 'the rendered town', 0

    def __init__(self, stamps_ns: list[int], poses: list[Pose]):
        self.stamps_ns, self.trajectory = stamps_ns, Trajectory(stamps_ns, poses)

    def at(self, stamp_ns: int, max_gap_ns: int) -> tuple[Pose, None] | None:
        pose = self.trajectory.at(stamp_ns, max_gap_ns)
        return None if pose is None else (pose, None)


class Traversals:
    """The phase of drives; ``folder`` keeps the maps."""

    title, unit = 'drives', 'frame'

    def __init__(self, folder: Path, config: SoakConfig, studio: Studio):
        self.folder, self.config, self.studio = folder, config, studio
        self._extractor: OnceExtractor | None = None
        self._localizers: tuple[int, dict[str, Localizer]] | None = None

    def parts(self) -> list[Part]:
        drives = plan(self.config.share(MAPPED_FRAMES), self.config.share(UNMAPPED_FRAMES))
        return [Part(f'drives/{drive.name}', drive.frames, self.work(drive)) for drive in drives]

    def work(self, drive: Drive) -> Callable[[Callable[[int], object]], dict]:
        def drive_once(advance: Callable[[int], object]) -> dict:
            localizers = self.localizers(drive.map_town)
            answers: dict[str, list[dict]] = {way: [] for way in WAYS}
            for localizer in localizers.values():
                localizer.reset()
            for frame in self.studio.drive(drive):
                for way, localizer in localizers.items():
                    estimate = localizer.process(frame.image, frame.stamp_ns, odometry=frame.odom_T_base)
                    truth = frame.map_T_base if drive.is_mapped else None
                    answers[way].append(record(Answer.of(estimate, truth, drive.condition), estimate.reject_reason))
                advance(1)
            return {'town': drive.town, 'condition': drive.condition, 'mapped': drive.is_mapped, 'answers': answers}

        return drive_once

    @property
    def extractor(self) -> OnceExtractor:
        if self._extractor is None:
            self._extractor = OnceExtractor(load_checkpoint(self.config.checkpoint))
        return self._extractor

    def localizers(self, town: int) -> dict[str, Localizer]:
        """On the map of a town, which is made if need be."""
        if self._localizers is None or self._localizers[0] != town:
            keyframes = KeyframeMap.open(self.map_of(town))
            self._localizers = town, {way: Localizer(self.extractor, keyframes, LocalizerConfig(use_filter=use_filter))
                                      for way, use_filter in WAYS.items()}
        return self._localizers[1]

    def map_of(self, town: int) -> Path:
        """The map of a town, made if it is not there."""
        path = self.folder / MAPS / f'town{town}.dvmap'
        if path.exists():
            return path
        frames = list(self.studio.mapping(town))
        renderer = self.studio.renderer(town)
        intrinsics = {'width': renderer.width, 'height': renderer.height, 'K': renderer.intrinsics.ravel().tolist(),
                      'D': [0.0] * 5, 'model': 'plumb_bob'}
        recording = Recording(
            f'town {town}', f'town {town}',
            (recorded.Frame(f'#{number}', frame.stamp_ns, '', lambda image=frame.image: image)
             for number, frame in enumerate(frames)),
            len(frames), Poses([frame.stamp_ns for frame in frames], [frame.map_T_base for frame in frames]),
            intrinsics, camera_mount())
        with MapWriter.create(path, self.extractor.record, self.extractor.checkpoint.identity) as writer, \
                writer.session(MAPPED_IN, MAPPED_IN) as session:
            MapBuilder(self.extractor, MappingConfig(keyframe_distance=0.0)).add(session, recording, recording.frames)
        return path


def record(answer: Answer, reason: str) -> dict:
    """One answer as it is kept; errors and NEES of x, y and yaw only where it was accepted on the map."""
    kept = {'accepted': bool(answer.accepted), 'right': bool(answer.is_right), 'reason': reason}
    if answer.accepted and answer.truth is not None:
        metres, radians = answer.found.distance(answer.truth)
        value, = nees([answer.found], answer.covariance[None], [answer.truth])
        kept |= {'metres': round(metres, 3), 'degrees': round(float(np.degrees(radians)), 3), 'nees': float(value)}
    return kept
