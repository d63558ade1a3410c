"""What a frame says about where the robot is."""

import dataclasses

import numpy as np

from dejavu_ros.geometry import Pose

NO_MAP = 'no_map'
UNKNOWN_PLACE = 'unknown_place'
AMBIGUOUS = 'ambiguous'
TOO_FEW_INLIERS = 'too_few_inliers'
INCONSISTENT_MOTION = 'inconsistent_motion'
BAD_IMAGE = 'bad_image'
REJECT_REASONS = (NO_MAP, UNKNOWN_PLACE, AMBIGUOUS, TOO_FEW_INLIERS, INCONSISTENT_MOTION, BAD_IMAGE)
FOUND_METRES, FOUND_RADIANS = 5.0, np.radians(30.0)


def is_found(found: Pose, truth: Pose) -> bool:
    """Whether a pose is right: within 5 m and 30 degrees of the truth."""
    metres, radians = found.distance(truth)
    return metres <= FOUND_METRES and radians <= FOUND_RADIANS


@dataclasses.dataclass(frozen=True)
class Hypothesis:
    """One place: its likeliest keyframe and the pose of the base there.

    ``covariance`` (6, 6) of x, y, z, rotation about x, y, z in the map frame (m, rad). ``probability`` is that of the
    whole place, ``similarity`` the CX of the frame with that keyframe. ``inliers`` are the cells
    that agree with it (:mod:`dejavu_ros.localization.verification`).
    """

    keyframe: int
    session: str
    condition: str
    similarity: float
    probability: float
    inliers: int
    map_T_base: Pose
    covariance: np.ndarray


@dataclasses.dataclass(frozen=True)
class Estimate:
    """The answer to one frame. ``reject_reason`` is empty when accepted, else one of REJECT_REASONS;
    ``detail`` says the same in words. ``hypotheses`` come best first. It ``withdraws`` the poses before it where they
    turn out to be wrong.
    """

    stamp_ns: int
    accepted: bool
    reject_reason: str
    hypotheses: list[Hypothesis]
    latency_ms: float
    detail: str = ''
    withdraws: bool = False

    @classmethod
    def rejected(cls, stamp_ns: int, reason: str, detail: str) -> 'Estimate':
        """One without hypotheses."""
        return cls(stamp_ns, False, reason, [], 0.0, detail)

    @classmethod
    def without_map(cls, stamp_ns: int) -> 'Estimate':
        """The answer where there is nothing to localize in."""
        return cls.rejected(stamp_ns, NO_MAP, 'no map is loaded')

    def to_json(self, image: str) -> dict:
        """One line of ``dejavu localize --json``."""
        return {'image': image, 'stamp_ns': self.stamp_ns, 'accepted': self.accepted,
                'reject_reason': self.reject_reason, 'latency_ms': round(self.latency_ms, 3),
                'hypotheses': [{'keyframe': h.keyframe, 'session': h.session, 'similarity': h.similarity,
                                'probability': h.probability, 'inliers': h.inliers,
                                'position': h.map_T_base.position.tolist(),
                                'quaternion': h.map_T_base.quaternion.tolist(),
                                'covariance': h.covariance.ravel().tolist()} for h in self.hypotheses]}
