"""How a drive's answers compare with the truth: found, near, wrong, and how sure each answer was."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from dejavu_ros.geometry import Pose
from dejavu_ros.localization.estimate import Estimate

RADIUS = 5.0                  # metres within which an accepted pose is found; within twice that it is near
ANGLE = np.radians(30.0)      # a pose turned further than this from the truth is wrong wherever it is
BINS = 10                     # of the calibration error, each with as many answers
ZERO_BOUND = 3.0              # 0 of n: with 95 % confidence the true rate is below 3 / n


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One answer beside the truth.

    ``error`` is the distance in metres of the first hypothesis from the truth: infinite if it is turned by more than
    ANGLE or if there is no hypothesis, None where the truth is unknown. ``off_map``: the robot was where no map is,
    so that no answer is right. ``probability`` is that of the first hypothesis, 0 without one.
    """

    accepted: bool
    probability: float
    error: float | None
    off_map: bool = False

    @classmethod
    def of(cls, estimate: Estimate, truth: Pose | None, off_map: bool = False) -> 'Verdict':
        """Hold an answer against the true map_T_base; ``truth`` None with ``off_map`` False is a frame not scored."""
        best = estimate.hypotheses[0] if estimate.hypotheses else None
        probability = best.probability if best else 0.0
        if off_map:
            return cls(estimate.accepted, probability, np.inf, True)
        if truth is None:
            return cls(estimate.accepted, probability, None)
        metres, radians = best.map_T_base.distance(truth) if best else (np.inf, 0.0)
        return cls(estimate.accepted, probability, metres if radians <= ANGLE else np.inf)


def summary(verdicts: Sequence[Verdict], radius: float = RADIUS) -> dict:
    """Counts over a drive, as ``dejavu localize --truth`` reports them.

    ``frames``; ``scored``: frames with a truth; ``first_right``: the first hypothesis is within ``radius`` metres and
    30 degrees; ``found``: that and accepted; ``near``: accepted within twice the radius, the found ones among them;
    ``wrong``: accepted further away, or turned; ``accepted``, of all frames; ``median_position_error_m`` of the
    accepted frames that are scored, None without any.
    """
    scored = [verdict for verdict in verdicts if verdict.error is not None]
    errors = [verdict.error for verdict in scored if verdict.accepted]
    return {'frames': len(verdicts), 'scored': len(scored),
            'first_right': sum(verdict.error <= radius for verdict in scored),
            'found': sum(error <= radius for error in errors),
            'near': sum(error <= 2 * radius for error in errors),
            'wrong': sum(error > 2 * radius for error in errors),
            'accepted': sum(verdict.accepted for verdict in verdicts),
            'median_position_error_m': float(np.median(errors)) if errors else None}


def recall_at_full_precision(verdicts: Sequence[Verdict], radius: float = RADIUS) -> float | None:
    """Share of the scored frames whose first hypothesis is right and likelier than every wrong one of all frames."""
    scored = [verdict for verdict in verdicts if verdict.error is not None and not verdict.off_map]
    if not scored:
        return None
    worst = max((verdict.probability for verdict in verdicts if verdict.error is not None and
                 verdict.error > 2 * radius), default=-1.0)
    return float(np.mean([verdict.error <= radius and verdict.probability > worst for verdict in scored]))


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """Area under the ROC curve of scores; equal ones count half. None where one side is empty."""
    if not len(positive) or not len(negative):
        return None
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([positive, negative]))
    count = len(positive)
    return float((ranks[:count].sum() - count * (count + 1) / 2) / (count * len(negative)))


def calibration_error(probability: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error of (F,) probabilities in BINS bins of equal count, from 0 to 1."""
    order = np.argsort(probability, kind='stable')
    parts = np.array_split(order, min(BINS, len(order)))
    gaps = [len(part) * abs(probability[part].mean() - right[part].mean()) for part in parts]
    return float(sum(gaps) / len(order))


def bootstrap(probability: np.ndarray, right: np.ndarray, groups: np.ndarray,
              samples: int = 200) -> tuple[float, float] | None:
    """5th and 95th percentile of the calibration error over samples of whole ``groups`` (F,), such as drives.

    Frames of a drive resemble each other, so drives are drawn and not frames. None where all are of one group.
    """
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    if len(members) < 2:
        return None
    found = []
    for _ in range(samples):
        rows = np.concatenate([members[index] for index in rng.integers(len(members), size=len(members))])
        found.append(calibration_error(probability[rows], right[rows]))
    return float(np.percentile(found, 5)), float(np.percentile(found, 95))


def places_held(keyframes: np.ndarray, frames: Sequence[Pose | None], verdicts: Sequence[Verdict],
                radius: float = RADIUS) -> tuple[int, int]:
    """At how many places of a map a drive was found and never accepted wrongly, and past how many it came.

    A place is a keyframe, ``keyframes`` (K, 3) are their positions in metres; the frames of the drive whose true pose
    is within ``radius`` metres of one decide about it, and one that no frame came near is not counted.
    """
    scored = [(pose.position, verdict) for pose, verdict in zip(frames, verdicts) if pose is not None]
    if not scored:
        return 0, 0
    true = np.array([position for position, _ in scored])
    near = np.linalg.norm(keyframes[:, None] - true, axis=2) <= radius
    found, wrong = (np.array([verdict.accepted and is_it(verdict.error) for _, verdict in scored])
                    for is_it in (lambda error: error <= radius, lambda error: error > 2 * radius))
    return int(((near & found).any(1) & ~(near & wrong).any(1)).sum()), int(near.any(1).sum())


def bound(count: int, total: int) -> str:
    """A count of ``total`` in words; for none, what it proves with 95 % confidence: below 3 / total."""
    if not total:
        return '-'
    return f'0 (< {100 * ZERO_BOUND / total:.2g} %)' if not count else f'{count} ({100 * count / total:.2g} %)'
