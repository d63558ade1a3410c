"""The localizer: one object behind the node and the commands."""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterable

import numpy as np

from dejavu_ros.errors import ConfigError, ImageError, MapError
from dejavu_ros.geometry import IDENTITY, Pose
from dejavu_ros.geowarp.files import load_geowarp
from dejavu_ros.geowarp.reranker import Reranker
from dejavu_ros.images import check_informative
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.localization import estimate as outcome
from dejavu_ros.localization.alignment import Alignment
from dejavu_ros.localization.arrivals import Arrivals
from dejavu_ros.localization.config import LocalizerConfig
from dejavu_ros.localization.estimate import Estimate, Hypothesis
from dejavu_ros.localization.map_scorer import MapScorer
from dejavu_ros.localization.observation import Calibration, observe
from dejavu_ros.localization.places import Place, PlaceIndex
from dejavu_ros.localization.pose_refiner import PoseRefiner
from dejavu_ros.localization.sequence_filter import SequenceFilter, posterior
from dejavu_ros.localization.states import States
from dejavu_ros.localization.verification import FEW, SAMPLED, UsualView, agreement, needed_cells
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.optics.camera import Camera, Sight, mapping_camera
from dejavu_ros.retrieval.describer import Describer
from dejavu_ros.retrieval.files import load_describer

AMBIGUOUS_SHARE = 0.25  # a second place with this share of the first one's probability makes the frame ambiguous


class Localizer:
    """Frames in, estimates out. Not thread-safe: one caller at a time."""

    def __init__(self, extractor: FeatureExtractor, keyframes: KeyframeMap | None = None,
                 config: LocalizerConfig = LocalizerConfig()):
        self.extractor, self.config = extractor, config
        self.cameras: dict[str, Camera] = {}
        self.arrivals = Arrivals()
        self.describer = None
        if config.describer:
            self.describer = Describer(load_describer(config.describer), str(extractor.device))
        self.reranker = None
        if config.geowarp:
            self.reranker = Reranker(load_geowarp(config.geowarp), extractor.checkpoint.contextual,
                                     str(extractor.device))
            self.reranker.check_grid(extractor.grid)
        self.set_map(keyframes)

    def set_map(self, keyframes: KeyframeMap | None) -> None:
        """Localize in another map, or in none.

        Raises MapError where it was made with another checkpoint, ConfigError where six_dof is asked of a map that
        has no points.
        """
        if keyframes is not None and keyframes.checkpoint_id != self.extractor.checkpoint.identity:
            raise MapError(f'map {keyframes.name} was made with checkpoint {keyframes.checkpoint_id}, this is '
                           f'{self.extractor.checkpoint.identity}: build it again, or give its checkpoint')
        if keyframes is not None and len(keyframes):
            self.scorer = MapScorer(keyframes, self.extractor, self.config.memory_limit_mb,
                                    self.config.device_memory_mb, self.describer.identity if self.describer else '')
            self.alignment = Alignment(keyframes, self.extractor.grid)
            sample = self.scorer.stored[self.scorer.spread(SAMPLED)].numpy()
            self.usual = UsualView(sample, self.extractor.grid)
            self.min_inliers = needed_cells(sample, self.config.min_inliers)
            self.hubs, self.calibration = self.scorer.backgrounds(
                keyframes.positions, 2 * self.config.place_radius, Calibration.of(self.extractor.checkpoint.card))
            self.refine = PoseRefiner(keyframes, self.extractor) if self.config.six_dof else None
        self.map = keyframes
        self.sights: dict[str, Sight] = {}
        self.states: States | None = None
        self._arrange(self.cameras.values())

    @property
    def problem(self) -> str:
        """What the CPU computes for a GPU that failed, in words; empty: nothing."""
        searching = self.scorer.exact.problem if self.map is not None and len(self.map) else ''
        return ' '.join(filter(None, (self.extractor.problem, searching)))

    def use(self, camera: Camera) -> None:
        """Take up a camera, or what has become known of it. A mounting that is news forgets where the robot was."""
        self.cameras[camera.name] = camera
        self._arrange([camera])

    def _arrange(self, cameras: Iterable[Camera]) -> None:
        if self.map is None or not len(self.map):
            return
        self.sights |= {camera.name: Sight(camera, mapping_camera(self.map.cameras, camera.name), self.extractor.grid)
                        for camera in cameras}
        before, self.states = self.states, States(self.map, self.config, self.sights)
        if before is None or not self.states.mounted_as(before):
            self.places = PlaceIndex(self.states, self.config)
            self.filter = SequenceFilter(self.states.positions, self.states.quaternions, self.config)

    def look(self, image: np.ndarray, camera: str) -> tuple[np.ndarray, np.ndarray | None]:
        """A camera's (H, W, 3) uint8 RGB as one of the map's would have taken it, and which cells of the grid it shows.

        None: all. Raises ImageError where mask or calibration do not fit, nothing is left, or its mounting beside that
        of the map's camera cannot be true.
        """
        if camera in self.sights and self.sights[camera].contradiction:
            raise ImageError(self.sights[camera].contradiction)
        try:
            image, cells = self.sights[camera](image) if camera in self.sights else (image, None)
        except ConfigError as error:
            raise ImageError(str(error)) from None
        if cells is not None and not cells.any():
            raise ImageError('nothing of the frame is left: its mask, or what it sees of the map\'s picture, hides all')
        check_informative(image)
        return image, cells

    def reset(self) -> None:
        """Forget what earlier frames said, and when they were taken."""
        self.arrivals.newest.clear()
        if self.map is not None and len(self.map):
            self.filter.reset()

    def expect(self, map_T_base: Pose, covariance: np.ndarray) -> None:
        """Begin anew from a prior pose in the map; it may be wrong.

        ``covariance`` (6, 6) of x, y, z, rotation about x, y, z (m, rad); only that of the position is used. Raises
        DataError where it is none.
        """
        if self.map is not None and len(self.map):
            self.filter.expect(map_T_base.position, covariance[:3, :3])

    def process(self, image: np.ndarray, stamp_ns: int, camera: str = 'camera',
                odometry: Pose | None = None) -> Estimate:
        """Localize one frame.

        ``image`` (H, W, 3) uint8 RGB of a ``camera`` that :meth:`use` was told of, or of one like the map's;
        ``odometry`` is odom_T_base at ``stamp_ns``. All cameras have one belief. Every frame has an answer: what
        cannot be used is an estimate that is not accepted, with the reason.
        """
        started = time.perf_counter()
        if self.map is None or not len(self.map):
            return rejected(stamp_ns, outcome.NO_MAP, 'no map is loaded' if self.map is None else 'the map is empty')
        if late_ns := self.arrivals.lateness_ns(camera, stamp_ns):
            return rejected(stamp_ns, outcome.BAD_IMAGE, f'the frame is {late_ns * 1e-9:.1f} s older than those of '
                            'other cameras: are their clocks one, and the link fast enough?')
        try:
            image, cells = self.look(image, camera)
        except ImageError as error:
            return rejected(stamp_ns, outcome.BAD_IMAGE, str(error))
        query = self.extractor.extract([image])[0]
        if cells is not None:
            query[:, ~cells] = 0
        described = self.describer and self.scorer.shortens(self.config.shortlist)
        descriptor = self.describer.describe([image])[0] if described else None
        estimate = self.locate(query, stamp_ns, odometry, camera, descriptor)
        if estimate.accepted and self.refine is not None:
            best, how = self.refine(image, estimate.hypotheses[0], self.sights.get(camera))
            estimate = dataclasses.replace(estimate, hypotheses=[best, *estimate.hypotheses[1:]],
                                           detail=f'{estimate.detail}; {how}')
        return dataclasses.replace(estimate, latency_ms=(time.perf_counter() - started) * 1e3)

    def locate(self, query: np.ndarray, stamp_ns: int, odometry: Pose | None = None, camera: str = 'camera',
               descriptor: np.ndarray | None = None) -> Estimate:
        """As :meth:`process`, from the features (n, N) float16 of a frame on; there must be a map with keyframes.

        Zeros stand for cells that are not seen. ``descriptor`` (D,) is needed with a describer where the map is longer
        than the shortlist.
        """
        started = time.perf_counter()
        scores = self.scorer.score(query, self.config.shortlist, descriptor)
        if not np.isfinite(scores).all():
            return rejected(stamp_ns, outcome.BAD_IMAGE, 'the features of the frame are not finite')
        if self.reranker is not None:
            scores = self.hubs + self.reranker.rerank(scores - self.hubs, self.config.rerank, query,
                                                      lambda rows: self.scorer.stored[rows].numpy(), self.usual.mean)
        beyond = self.usual.beyond(query)
        agreeing = functools.cache(lambda row: agreement(beyond, self.usual.beyond(self.scorer.stored.view(row))))
        alone, belief = self.beliefs(scores, agreeing, stamp_ns, odometry, camera)
        ahead = self.filter.ahead(odometry) if self.config.use_filter else IDENTITY
        places = [place.moved(ahead) for place in self.places.rank(belief)]
        hypotheses = [self.hypothesis(place, scores, query, agreeing, camera) for place in places]
        reason, hypotheses, detail = self.decide(places, hypotheses, alone, on_map=float(belief[:-1].sum()))
        return Estimate(stamp_ns, not reason, reason, hypotheses, (time.perf_counter() - started) * 1e3, detail)

    def beliefs(self, scores: np.ndarray, agreeing: Callable[[int], float], stamp_ns: int, odometry: Pose | None,
                camera: str) -> tuple[np.ndarray, np.ndarray]:
        """(S + 1,) probabilities of the states from this frame alone, and with the frames before it.

        ``agreeing`` is the share of its cells that agree with a keyframe.
        """
        seen = observe(scores, self.hubs, self.places.part(self.states.of(camera)), self.calibration, agreeing)
        log_odds = self.states.spread(camera, self.calibration.log_odds(seen.standardised, seen.cues))
        alone = posterior(self.filter.start, np.append(log_odds, 0.0))
        if not self.config.use_filter:
            return alone, alone
        return alone, self.filter.update(log_odds, stamp_ns, odometry, camera)

    def hypothesis(self, place: Place, scores: np.ndarray, query: np.ndarray, agreeing: Callable[[int], float],
                   camera: str) -> Hypothesis:
        row, inliers = self.comparable(place, scores, camera), 0
        frame = self.map.keyframes[self.states.keyframe(place.row) if row is None else row]
        map_T_base, covariance = place.map_T_base, place.covariance
        if row is not None:
            inliers = round(agreeing(row) * query.shape[1])
            seen_from = self.places.quaternions[self.states.of(camera)][row]
            map_T_base, covariance = self.alignment.align(place, seen_from, frame, query, self.scorer.stored.view(row))
        return Hypothesis(frame.id, frame.session, frame.condition, float(scores[frame.id]), place.probability,
                          inliers, map_T_base, covariance)

    def comparable(self, place: Place, scores: np.ndarray, camera: str) -> int | None:
        """The keyframe that shows what this camera sees at a place; None where the map has none."""
        own = self.states.of(camera)
        if own.start <= place.row < own.stop:
            return self.states.keyframe(place.row)
        near = np.flatnonzero(self.places.near(place.row)[own])
        return int(near[scores[near].argmax()]) if len(near) else None

    def decide(self, places: list[Place], hypotheses: list[Hypothesis], alone: np.ndarray,
               on_map: float) -> tuple[str, list[Hypothesis], str]:
        """The reject reason (empty: accepted), the hypotheses, and the same in words."""
        best, config = hypotheses[0], self.config
        if best.probability < config.min_probability:
            rival = hypotheses[1].probability if len(hypotheses) > 1 else 0.0
            torn = rival > AMBIGUOUS_SHARE * best.probability and on_map > 0.5
            if len(hypotheses) > 1 and (torn or on_map >= config.min_probability):  # on the map surely, but where?
                two = f'{best.keyframe} ({best.probability:.2f}) and {hypotheses[1].keyframe} ({rival:.2f})'
                return outcome.AMBIGUOUS, hypotheses, f'places are alike: keyframes {two}'
            return outcome.UNKNOWN_PLACE, hypotheses, f'the likeliest place has probability {best.probability:.2f}'
        here = float(alone[:-1][self.places.near(places[0].row)].sum())
        elsewhere = float(alone[:-1].sum()) - here
        if elsewhere > config.min_probability:
            return outcome.INCONSISTENT_MOTION, hypotheses, 'the frame shows a place that the robot cannot have reached'
        if best.inliers < self.min_inliers:
            few = f' in a map of {len(self.map)} keyframes: map more of the place' if len(self.map) <= FEW else ''
            detail = f'{best.inliers} cells agree, {self.min_inliers} are needed{few}'
            return outcome.TOO_FEW_INLIERS, hypotheses, detail
        return '', hypotheses, f'keyframe {best.keyframe} with probability {best.probability:.2f}'


def rejected(stamp_ns: int, reason: str, detail: str) -> Estimate:
    return Estimate(stamp_ns, False, reason, [], 0.0, detail)
