"""The localizer: one object behind the node and the commands."""

import dataclasses
import time

import numpy as np

from dejavu_ros.errors import ImageError, MapError
from dejavu_ros.geometry import Pose
from dejavu_ros.images import check_informative
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.localization import estimate as outcome
from dejavu_ros.localization.config import LocalizerConfig
from dejavu_ros.localization.estimate import Estimate, Hypothesis
from dejavu_ros.localization.map_scorer import MapScorer
from dejavu_ros.localization.observation import Calibration, observe
from dejavu_ros.localization.places import Place, PlaceIndex
from dejavu_ros.localization.sequence_filter import SequenceFilter, posterior
from dejavu_ros.localization.verification import SAMPLED, UsualView
from dejavu_ros.nn.features import FeatureExtractor

AMBIGUOUS_SHARE = 0.25  # a second place with this share of the first one's probability makes the frame ambiguous


class Localizer:
    """Frames in, estimates out. Not thread-safe: one caller at a time."""

    def __init__(self, extractor: FeatureExtractor, keyframes: KeyframeMap | None = None,
                 config: LocalizerConfig = LocalizerConfig()):
        self.extractor, self.config = extractor, config
        self.calibration = Calibration.of(extractor.checkpoint.card)
        self.set_map(keyframes)

    def set_map(self, keyframes: KeyframeMap | None) -> None:
        """Localize in another map, or in none. Raises MapError where it was made with another checkpoint."""
        if keyframes is not None and keyframes.checkpoint_id != self.extractor.checkpoint.identity:
            raise MapError(f'map {keyframes.name} was made with checkpoint {keyframes.checkpoint_id}, this is '
                           f'{self.extractor.checkpoint.identity}: build it again, or give its checkpoint')
        if keyframes is not None and len(keyframes):
            self.scorer = MapScorer(keyframes, self.extractor, self.config.memory_limit_mb)
            self.usual = UsualView(self.scorer[self.scorer.spread(SAMPLED)].numpy(), self.extractor.grid)
            self.places = PlaceIndex(keyframes, self.config)
            self.hubs = self.scorer.backgrounds(keyframes.positions, 2 * self.config.place_radius, self.calibration)
            self.filter = SequenceFilter(keyframes.positions, keyframes.quaternions, self.config)
        self.map = keyframes

    def reset(self) -> None:
        """Forget what earlier frames said."""
        if self.map is not None and len(self.map):
            self.filter.reset()

    def expect(self, map_T_base: Pose, covariance: np.ndarray) -> None:
        """Begin anew from a prior pose in the map; it may be wrong.

        ``covariance`` (6, 6) of x, y, z, rotation about x, y, z (m, rad); only that of the position is used.
        """
        if self.map is not None and len(self.map):
            self.filter.expect(map_T_base.position, covariance[:3, :3])

    def process(self, image: np.ndarray, stamp_ns: int, camera: str = 'camera',
                odometry: Pose | None = None) -> Estimate:
        """Localize one frame.

        ``image`` (H, W, 3) uint8 RGB; ``odometry`` is odom_T_base at ``stamp_ns``. Every frame has an answer:
        what cannot be used is an estimate that is not accepted, with the reason.
        """
        started = time.perf_counter()
        if self.map is None or not len(self.map):
            return rejected(stamp_ns, outcome.NO_MAP, 'no map is loaded' if self.map is None else 'the map is empty')
        try:
            check_informative(image)
        except ImageError as error:
            return rejected(stamp_ns, outcome.BAD_IMAGE, str(error))
        query = self.extractor.extract([image])[0]
        estimate = self.locate(query, stamp_ns, odometry)
        return dataclasses.replace(estimate, latency_ms=(time.perf_counter() - started) * 1e3)

    def locate(self, query: np.ndarray, stamp_ns: int, odometry: Pose | None = None) -> Estimate:
        """As :meth:`process`, from the features (n, N) float16 of a frame on; there must be a map with keyframes."""
        started = time.perf_counter()
        scores = self.scorer.score(query, self.config.shortlist)
        if not np.isfinite(scores).all():
            return rejected(stamp_ns, outcome.BAD_IMAGE, 'the features of the frame are not finite')
        alone, belief = self.beliefs(scores, query, stamp_ns, odometry)
        places = self.places.rank(belief)
        hypotheses = [self.hypothesis(place, scores, query) for place in places]
        reason, hypotheses, detail = self.decide(places, hypotheses, alone, on_map=float(belief[:-1].sum()))
        return Estimate(stamp_ns, not reason, reason, hypotheses, (time.perf_counter() - started) * 1e3, detail)

    def beliefs(self, scores: np.ndarray, query: np.ndarray, stamp_ns: int,
                odometry: Pose | None) -> tuple[np.ndarray, np.ndarray]:
        """(K + 1,) probabilities from this frame alone, and with the frames before it."""
        seen = observe(scores, self.hubs, self.places, self.calibration, lambda row: self.agreement(query, row))
        log_odds = self.calibration.log_odds(seen.standardised, seen.cues)
        alone = posterior(self.filter.start, np.append(log_odds, 0.0))
        if not self.config.use_filter:
            return alone, alone
        return alone, self.filter.update(log_odds, stamp_ns, odometry)

    def hypothesis(self, place: Place, scores: np.ndarray, query: np.ndarray) -> Hypothesis:
        frame = self.map.keyframes[place.row]
        inliers = round(self.agreement(query, place.row) * query.shape[1])
        return Hypothesis(frame.id, frame.session, frame.condition, float(scores[place.row]), place.probability,
                          inliers, place.map_T_base, place.covariance)

    def agreement(self, query: np.ndarray, row: int) -> float:
        """Share of the cells in which a frame agrees with a keyframe."""
        return self.usual.agreement(query, self.scorer[np.array([row])][0].numpy())

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
        if best.inliers < config.min_inliers:
            return outcome.TOO_FEW_INLIERS, hypotheses, f'{best.inliers} cells agree, {config.min_inliers} are needed'
        return '', hypotheses, f'keyframe {best.keyframe} with probability {best.probability:.2f}'


def rejected(stamp_ns: int, reason: str, detail: str) -> Estimate:
    return Estimate(stamp_ns, False, reason, [], 0.0, detail)
