"""Drives replayed through the localizer from features and similarities that are kept on the disk.

A network sees each image once and each pair of images is compared once for a checkpoint, so that a change in the
filter or in the decision is measured in seconds. What is replayed is the localizer's own code.
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from dejavu_ros.evaluation.judgement import Verdict
from dejavu_ros.files import new_file
from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_jpeg
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.localization import Estimate, Localizer, LocalizerConfig
from dejavu_ros.localization.observation import Calibration, Observation
from dejavu_ros.ops.contextual import contextual_similarity

SIGMAS = [0.1] * 3 + [np.radians(2.0)] * 3  # metres, radians: of keyframes, as build-map takes where none is known
BLOCK = 64  # queries compared at a time


@dataclasses.dataclass(frozen=True)
class Recording:
    """Images of one drive or of one set: ``poses`` are map_T_base, None where the truth is unknown, ``odometry``
    odom_T_base where there is one. ``camera`` is what a map records of it. ``is_metric``: the poses are exact and in
    metres, so that covariances can be held against them. The first word of a ``name`` is its ``family``: the set.
    """

    name: str
    images: Sequence[Path]
    stamps_ns: Sequence[int]
    poses: Sequence[Pose | None]
    odometry: Sequence[Pose] | None = None
    condition: str = ''
    camera: dict | None = None
    is_metric: bool = False

    def __len__(self) -> int:
        return len(self.images)

    @property
    def family(self) -> str:
        return self.name.partition(' ')[0]


class Store:
    """Features of recordings and similarities between them, computed once for a checkpoint."""

    def __init__(self, folder: Path, extractor):
        """``extractor`` is a :class:`dejavu_ros.nn.features.FeatureExtractor`, or anything with its ``extract_files``,
        ``checkpoint``, ``grid``, ``channels`` and ``record``.
        """
        self.extractor = extractor
        self.folder = folder / extractor.checkpoint.identity
        self.folder.mkdir(parents=True, exist_ok=True)
        self._features: dict[str, np.ndarray] = {}
        self._scores: dict[tuple[str, str], np.ndarray] = {}

    def features(self, recording: Recording) -> np.ndarray:
        """(F, n, N) float16."""
        if recording.name not in self._features:
            self._features[recording.name] = self._kept(
                f'{key(recording)}.npy', lambda: self.extractor.extract_files(list(recording.images)))
        return self._features[recording.name]

    def scores(self, queries: Recording, keyframes: Recording) -> np.ndarray:
        """(Q, K) float32 similarities."""
        pair = queries.name, keyframes.name
        if pair not in self._scores:
            self._scores[pair] = self._kept(f'{key(queries)}-{key(keyframes)}.npy',
                                            lambda: self._compare(queries, keyframes))
        return self._scores[pair]

    @torch.inference_mode()
    def _compare(self, queries: Recording, keyframes: Recording) -> np.ndarray:
        ours, theirs = (torch.from_numpy(self.features(part)) for part in (queries, keyframes))
        settings = self.extractor.checkpoint.contextual
        blocks = tqdm(ours.split(BLOCK), desc=f'{queries.name} on {keyframes.name}', unit='block', disable=None)
        return np.concatenate([contextual_similarity(block, theirs, settings).numpy() for block in blocks])

    def _kept(self, name: str, make) -> np.ndarray:
        path = self.folder / name
        if not path.is_file():
            found = make()
            with new_file(path) as file:
                np.save(file, found)
        return np.load(path)


def key(recording: Recording) -> str:
    """A name for the images' content as far as the file system tells: their paths, sizes and times."""
    digest = hashlib.sha256()
    for path in recording.images:
        path = path.resolve()
        status = path.stat()
        digest.update(f'{path}:{status.st_size}:{status.st_mtime_ns}\n'.encode())
    return digest.hexdigest()[:16]


class ReplayMap:
    """A map of some images of a recording, on the disk in ``folder``, and localizers that look similarities up."""

    def __init__(self, folder: Path, store: Store, recording: Recording, rows: np.ndarray):
        """``rows`` (K,) of the recording are the keyframes; all must have a pose."""
        self.store, self.recording, self.rows = store, recording, rows
        extractor = store.extractor
        thumbnail = encode_jpeg(np.zeros((8, 8, 3), np.uint8))
        with MapWriter.create(folder / f'{recording.name}-{len(list(folder.glob("*")))}.dvmap', extractor.record,
                              extractor.checkpoint.identity) as writer:
            with writer.session(recording.name, recording.condition) as session:
                if recording.camera is not None:
                    session.camera('camera', **recording.camera)
                for row in rows:
                    session.add(store.features(recording)[row], 'camera', recording.stamps_ns[row],
                                recording.poses[row], np.diag(np.square(SIGMAS)), thumbnail)
        self.map = KeyframeMap.open(writer.path, extractor.checkpoint.identity)
        self._localizers: dict[bool, Localizer] = {}
        self._seen: tuple[str, list[Observation]] = '', []

    def localizer(self, use_filter: bool, calibration: Calibration | None = None) -> Localizer:
        """One that has forgotten everything; its ``calibration`` keeps the map's own deviation."""
        if use_filter not in self._localizers:
            self._localizers[use_filter] = Localizer(self.store.extractor, self.map,
                                                     LocalizerConfig(use_filter=use_filter))
        localizer = self._localizers[use_filter]
        localizer.reset()
        if calibration is not None:
            localizer.calibration = dataclasses.replace(calibration, deviation=localizer.calibration.deviation)
        return localizer

    def observations(self, drive: Recording) -> list[Observation]:
        """What each frame of a drive says by itself, whatever the calibration; kept for the drive last asked."""
        if self._seen[0] != drive.name:
            localizer = self.localizer(False)
            rows = zip(self.store.features(drive), self.store.scores(drive, self.recording)[:, self.rows])
            self._seen = drive.name, [Localizer.observe(localizer, query, scores.copy()) for query, scores in rows]
        return self._seen[1]

    def forget(self) -> None:
        """Give back the memory of :meth:`observations`."""
        self._seen = '', []

    def replay(self, drive: Recording, use_filter: bool = True, with_odometry: bool = False,
               calibration: Calibration | None = None) -> list[Estimate]:
        """The localizer's answers to the frames of a drive, in their order."""
        return list(self._answers(drive, 0, use_filter, with_odometry, calibration))

    def frames_until_pose(self, drive: Recording, use_filter: bool, with_odometry: bool, every: int,
                          calibration: Calibration | None = None) -> list[int]:
        """Frames up to the first accepted one, begun at every so many frames; the drive's end counts as a pose."""
        counts = []
        for start in range(0, len(drive), every):
            answers = self._answers(drive, start, use_filter, with_odometry, calibration)
            counts.append(next((count for count, answer in enumerate(answers, 1) if answer.accepted),
                               len(drive) - start))
        return counts

    def _answers(self, drive: Recording, start: int, use_filter: bool, with_odometry: bool,
                 calibration: Calibration | None) -> Iterator[Estimate]:
        scores, features = self.store.scores(drive, self.recording)[:, self.rows], self.store.features(drive)
        seen, localizer = self.observations(drive), self.localizer(use_filter, calibration)
        for index in range(start, len(drive)):
            localizer.scorer.score = lambda *_, row=scores[index]: row.copy()
            localizer.observe = lambda *_, index=index: seen[index]
            odometry = drive.odometry[index] if with_odometry and drive.odometry else None
            yield localizer.locate(features[index], drive.stamps_ns[index], odometry)


def judged(estimates: Sequence, drive: Recording, off_map: bool = False) -> list[Verdict]:
    """Each answer held against the drive's truth; ``off_map``: the map does not show where the drive went."""
    return [Verdict.of(estimate, None if off_map else pose, off_map)
            for estimate, pose in zip(estimates, drive.poses)]
