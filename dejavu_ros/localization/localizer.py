"""The localizer: one object behind the node and the commands."""

import dataclasses
import functools
import time
from collections.abc import Callable

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
from dejavu_ros.localization.background import agreement_of_unrelated
from dejavu_ros.localization.bayes_filter import DiscreteBayesFilter
from dejavu_ros.localization.config import LocalizerConfig
from dejavu_ros.localization.estimate import Estimate, Hypothesis
from dejavu_ros.localization.map_scorer import MapScorer
from dejavu_ros.localization.model import (
    AgreementModel,
    EvidenceModel,
    MotionModel,
    OnMapModel,
    PoseModel,
    model_of,
)
from dejavu_ros.localization.motion_check import MountingChecks
from dejavu_ros.localization.observation import Calibration, Observation, normalised, observe, with_nowhere
from dejavu_ros.localization.on_map import OnMapChain, logistic
from dejavu_ros.localization.places import Neighbourhoods, Place, PlaceIndex
from dejavu_ros.localization.pose_refiner import PoseRefiner
from dejavu_ros.localization.states import States
from dejavu_ros.localization.verification import SAMPLED, UsualView, needed_cells
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.optics.camera import Camera, Sight, mapping_camera
from dejavu_ros.retrieval.describer import Describer
from dejavu_ros.retrieval.files import load_describer


class Localizer:
    """Frames in, estimates out, on one map. Not thread-safe: one caller at a time."""

    def __init__(self, extractor: FeatureExtractor, keyframes: KeyframeMap,
                 config: LocalizerConfig = LocalizerConfig()):
        """``keyframes`` must be of the extractor's checkpoint.

        Raises MapError where they are not, ConfigError where six_dof is asked of a map that has no points, or a file of
        the ``config`` does not fit; CheckpointError where that cannot be read.
        """
        check_map(keyframes, extractor)
        card = extractor.checkpoint.card
        self.extractor, self.map, self.config = extractor, keyframes, config
        self.evidence_model = model_of(card, 'evidence', EvidenceModel)
        self.motion = model_of(card, 'motion', MotionModel)
        self.on_map = OnMapChain(model_of(card, 'on_map', OnMapModel))
        self.describer = self.reranker = None
        if config.describer:
            self.describer = Describer(load_describer(config.describer), str(extractor.device))
        if config.geowarp:
            self.reranker = Reranker(load_geowarp(config.geowarp), extractor.checkpoint.contextual,
                                     str(extractor.device))
            self.reranker.check_grid(extractor.grid)
        self.scorer = MapScorer(keyframes, extractor, config.memory_limit_mb, config.device_memory_mb,
                                self.describer.identity if self.describer else '')
        self.alignment = Alignment(keyframes, extractor.grid, model_of(card, 'pose', PoseModel))
        sampled = self.scorer.spread(SAMPLED)
        views, places = self.scorer.stored[sampled].numpy(), Neighbourhoods.of(keyframes, config)
        cells = model_of(card, 'agreement', AgreementModel)
        self.usual = UsualView(views, extractor.grid, cells)
        self.min_inliers = needed_cells(views, config.min_inliers, cells)
        background, self.calibration = self.scorer.backgrounds(places, Calibration.of(card), self.evidence_model)
        self.background = background.with_agreement(*agreement_of_unrelated(
            views, self.usual, places.part(sampled), self.evidence_model))
        self.refine = PoseRefiner(keyframes, extractor) if config.six_dof else None
        self.arrivals = Arrivals(self.motion.late)
        self.cameras: dict[str, Camera] = {}
        self.sights: dict[str, Sight] = {}
        self.mountings = MountingChecks([row.base_T_camera for row in keyframes.cameras])
        self.states = States(keyframes, config, self.sights)
        self.places, self.filter = PlaceIndex(self.states, config), self.filter_of(self.states)

    @property
    def problem(self) -> str:
        """What the CPU computes for a GPU that failed, in words; empty: nothing."""
        return ' '.join(filter(None, (self.extractor.problem, self.scorer.exact.problem)))

    def use(self, camera: Camera) -> None:
        """Take up a camera, or what has become known of it. A mounting that is news forgets where the robot was."""
        self.cameras[camera.name] = camera
        self.sights[camera.name] = Sight(camera, mapping_camera(self.map.cameras, camera.name), self.extractor.grid)
        before, self.states = self.states, States(self.map, self.config, self.sights)
        if not self.states.mounted_as(before):
            self.places, self.filter = PlaceIndex(self.states, self.config), self.filter_of(self.states)
            self.on_map.reset()
            self.mountings.of.clear()

    def filter_of(self, states: States) -> DiscreteBayesFilter:
        """A filter over these states that has seen no frame."""
        return DiscreteBayesFilter(states.positions, states.quaternions, self.config, self.motion)

    def look(self, image: np.ndarray, camera: str) -> tuple[np.ndarray, np.ndarray | None]:
        """A camera's (H, W, 3) uint8 RGB as one of the map's would have taken it, and which cells of the grid it shows.

        None: all. Raises ImageError where mask or calibration do not fit, nothing is left, or its mounting beside that
        of the map's camera cannot be true.
        """
        sight = self.sights.get(camera)
        if problem := sight and sight.contradiction or self.mountings.problem(camera):
            raise ImageError(problem)
        try:
            image, cells = sight(image) if sight else (image, None)
        except ConfigError as error:
            raise ImageError(str(error)) from None
        if cells is not None and not cells.any():
            raise ImageError('nothing of the frame is left: its mask, or what it sees of the map\'s picture, hides all')
        check_informative(image)
        return image, cells

    def reset(self) -> None:
        """Forget what earlier frames said, and when they were taken."""
        self.arrivals.newest.clear()
        self.mountings.of.clear()
        for sight in self.sights.values():
            sight.doubt = ''
        self.filter.reset()
        self.on_map.reset()

    def expect(self, map_T_base: Pose, covariance: np.ndarray) -> None:
        """Begin anew from a prior pose in the map; it may be wrong.

        ``covariance`` (6, 6) of x, y, z, rotation about x, y, z (m, rad); only that of the position is used. Raises
        DataError where it is none.
        """
        self.filter.expect(map_T_base.position, covariance[:3, :3])
        self.on_map.reset(self.on_map.model.told)

    def process(self, image: np.ndarray, stamp_ns: int, camera: str = 'camera',
                odometry: Pose | None = None) -> Estimate:
        """Localize one frame.

        ``image`` (H, W, 3) uint8 RGB of a ``camera`` that :meth:`use` was told of, or of one like the map's;
        ``odometry`` is odom_T_base at ``stamp_ns``. All cameras have one belief. Every frame has an answer: what
        cannot be used is an estimate that is not accepted, with the reason.
        """
        started = time.perf_counter()
        if late_ns := self.arrivals.lateness_ns(camera, stamp_ns):
            detail = (f'the frame is {late_ns * 1e-9:.1f} s older than those of other cameras: are their clocks one, '
                      'and the link fast enough?')
            return Estimate.rejected(stamp_ns, outcome.BAD_IMAGE, detail)
        try:
            image, cells = self.look(image, camera)
        except ImageError as error:
            return Estimate.rejected(stamp_ns, outcome.BAD_IMAGE, str(error))
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
        if estimate.accepted and (problem := self.mountings.take(
                camera, self.sights.get(camera), estimate.hypotheses[0].map_T_base, odometry)):
            estimate = dataclasses.replace(Estimate.rejected(stamp_ns, outcome.BAD_IMAGE, problem), withdraws=True)
        return dataclasses.replace(estimate, latency_ms=(time.perf_counter() - started) * 1e3)

    def locate(self, query: np.ndarray, stamp_ns: int, odometry: Pose | None = None, camera: str = 'camera',
               descriptor: np.ndarray | None = None) -> Estimate:
        """As :meth:`process`, from the features (n, N) float16 of a frame on.

        Zeros stand for cells that are not seen. ``descriptor`` (D,) is needed with a describer where the map is longer
        than the shortlist.
        """
        started = time.perf_counter()
        scores = self.scorer.score(query, self.config.shortlist, descriptor)
        if not np.isfinite(scores).all():
            return Estimate.rejected(stamp_ns, outcome.BAD_IMAGE, 'the features of the frame are not finite')
        if self.reranker is not None:
            level = self.background.level
            scores = level + self.reranker.rerank(scores - level, self.config.rerank, query,
                                                  lambda rows: self.scorer.stored[rows].numpy(), self.usual.mean)
        seen = self.observe(query, scores, camera)
        alone, belief = self.beliefs(seen, stamp_ns, odometry, camera)
        ahead = self.filter.ahead(odometry) if self.config.use_filter else IDENTITY
        places = self.on_map_somewhere(seen, self.places.rank(belief), camera, float(belief[:-1].sum()))
        places = [place.moved(ahead) for place in places]
        hypotheses = [self.hypothesis(place, scores, query, seen.agreeing, camera) for place in places]
        reason, hypotheses, detail = self.decide(places, hypotheses, alone)
        return Estimate(stamp_ns, not reason, reason, hypotheses, (time.perf_counter() - started) * 1e3, detail)

    def observe(self, query: np.ndarray, scores: np.ndarray, camera: str = 'camera') -> Observation:
        """What a frame with features (n, N) and similarities (K,) says by itself."""
        beyond = self.usual.beyond(query)
        agreeing = functools.cache(lambda row: self.usual.agreement_beyond(
            beyond, self.usual.beyond(self.scorer.stored.view(row))))
        return observe(scores, self.background, self.places.part(self.states.of(camera)), self.calibration, agreeing,
                       self.evidence_model)

    def beliefs(self, seen: Observation, stamp_ns: int, odometry: Pose | None,
                camera: str) -> tuple[np.ndarray, np.ndarray]:
        """(S + 1,) probabilities of the states and, last, of nowhere: from this frame alone, and with those before it.
        """
        best = float(self.calibration.evidence(seen.cues()))
        shares = np.log(normalised(self.calibration.log_likelihood(seen.standardised)).clip(min=1e-300) * len(self.map))
        likelihood = self.states.spread(camera, best + shares)
        alone = with_nowhere(normalised(likelihood), logistic(best))
        if not self.config.use_filter:
            return alone, alone
        update = self.filter.update(likelihood, stamp_ns, odometry, camera)
        if update.forgot:
            self.on_map.reset()
        if update.counted:
            tracked = self.places.likeliest(update.belief)
            state = int(tracked[update.belief[tracked].argmax()])
            row = self.comparable(state, seen.standardised, camera)
            evidence = 0.0 if row is None else seen.evidence(self.calibration, row)
            self.on_map.update(evidence, self.places.positions[state], self.places.quaternions[state], update.novelty,
                               update.departed, update.predicted)
        return alone, with_nowhere(update.belief, self.on_map.probability)

    def on_map_somewhere(self, seen: Observation, places: list[Place], camera: str, on_map: float) -> list[Place]:
        """The places of a belief in which ``on_map`` is the probability of the map; where several are alike, with that
        of being at one of them, whichever it is: each speaks for the map then, and none against it.
        """
        least = self.evidence_model.ambiguous_share * places[0].probability
        alike = [place for place in places if place.probability > least]
        if len(alike) < 2:
            return places
        beside = np.any([self.places.near(place.row)[self.states.of(camera)] for place in places], axis=0)
        somewhere = logistic(float(self.calibration.evidence(seen.cues(beside=beside))))
        grown = max(somewhere / max(on_map, 1e-9), 1.0)
        return [dataclasses.replace(place, probability=place.probability * grown) for place in places]

    def hypothesis(self, place: Place, scores: np.ndarray, query: np.ndarray, agreeing: Callable[[int], float],
                   camera: str) -> Hypothesis:
        row, inliers = self.comparable(place.row, scores, camera), 0
        frame = self.map.keyframes[self.states.keyframe(place.row) if row is None else row]
        map_T_base, covariance = place.map_T_base, place.covariance
        if row is not None:
            inliers = round(agreeing(row) * query.shape[1])
            seen_from = self.places.quaternions[self.states.of(camera)][row]
            map_T_base, covariance = self.alignment.align(place, seen_from, frame, query, self.scorer.stored.view(row))
        return Hypothesis(frame.id, frame.session, frame.condition, float(scores[frame.id]), place.probability,
                          inliers, map_T_base, covariance)

    def comparable(self, state: int, scores: np.ndarray, camera: str) -> int | None:
        """The keyframe that shows what this camera sees in a state; None where the map has none."""
        own = self.states.of(camera)
        if own.start <= state < own.stop:
            return self.states.keyframe(state)
        near = np.flatnonzero(self.places.near(state)[own])
        return int(near[scores[near].argmax()]) if len(near) else None

    def decide(self, places: list[Place], hypotheses: list[Hypothesis],
               alone: np.ndarray) -> tuple[str, list[Hypothesis], str]:
        """The reject reason (empty: accepted), the hypotheses, and the same in words."""
        best, config = hypotheses[0], self.config
        if best.probability < config.min_probability:
            rival = hypotheses[1].probability if len(hypotheses) > 1 else 0.0
            on_map = sum(hypothesis.probability for hypothesis in hypotheses)
            least = self.evidence_model.ambiguous_share * best.probability
            if rival > least and on_map > 0.5:  # on the map, but where?
                two = f'{best.keyframe} ({best.probability:.2f}) and {hypotheses[1].keyframe} ({rival:.2f})'
                return outcome.AMBIGUOUS, hypotheses, f'places are alike: keyframes {two}'
            return outcome.UNKNOWN_PLACE, hypotheses, f'the likeliest place has probability {best.probability:.2f}'
        here = float(alone[:-1][self.places.near(places[0].row)].sum())
        elsewhere = float(alone[:-1].sum()) - here
        if elsewhere > config.min_probability:
            return outcome.INCONSISTENT_MOTION, hypotheses, 'the frame shows a place that the robot cannot have reached'
        if best.inliers < self.min_inliers:
            is_small = len(self.map) <= self.usual.model.small_map
            few = f' in a map of {len(self.map)} keyframes: map more of the place' if is_small else ''
            detail = f'{best.inliers} cells agree, {self.min_inliers} are needed{few}'
            return outcome.TOO_FEW_INLIERS, hypotheses, detail
        return '', hypotheses, f'keyframe {best.keyframe} with probability {best.probability:.2f}'


def check_map(keyframes: KeyframeMap, extractor: FeatureExtractor) -> None:
    """Raise MapError for a map that was made with another checkpoint."""
    if keyframes.checkpoint_id != extractor.checkpoint.identity:
        raise MapError(f'map {keyframes.name} was made with checkpoint {keyframes.checkpoint_id}, this is '
                       f'{extractor.checkpoint.identity}: build it again, or give its checkpoint')
