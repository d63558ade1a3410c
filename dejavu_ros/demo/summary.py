"""What the node answered, held against where the car was."""

import dataclasses

import numpy as np

from dejavu_ros.geometry import Pose
from dejavu_ros.localization.estimate import is_found


@dataclasses.dataclass(frozen=True)
class Answer:
    """One frame that was sent: the truth (None on a road of no map) and what came back.

    ``image`` (H, W, 3) uint8 RGB; ``truth`` and ``found`` are map_T_base, ``found`` None and ``keyframe`` -1 without
    a hypothesis. ``processed`` is False where no answer came in time.
    ``latency_ms`` runs from sending the image to receiving its hypotheses.
    """

    drive: str
    image: np.ndarray
    truth: Pose | None
    found: Pose | None
    accepted: bool
    reject_reason: str
    keyframe: int
    probability: float
    latency_ms: float
    processed: bool

    @property
    def right(self) -> bool:
        """Within 5 m and 30 degrees of the truth."""
        return self.truth is not None and self.found is not None and is_found(self.found, self.truth)


def summarise(answers: list[Answer]) -> dict:
    """The figures of ``summary.json``; rates are fractions."""
    mapped = [answer for answer in answers if answer.truth is not None]
    unmapped = [answer for answer in answers if answer.truth is None]
    processed = [answer for answer in answers if answer.processed]
    latencies = [answer.latency_ms for answer in processed]

    def recall(part: list[Answer]) -> float | None:
        done = [answer for answer in part if answer.processed]
        return sum(answer.accepted and answer.right for answer in done) / len(done) if done else None

    drives = dict.fromkeys(answer.drive for answer in mapped)
    return {
        'recall_at_5m': recall(mapped),
        'recall_at_5m_by_drive': {drive: recall([a for a in mapped if a.drive == drive]) for drive in drives},
        'accepted': sum(answer.accepted for answer in answers),
        'wrong_accepts': sum(answer.accepted and not answer.right for answer in mapped),
        'unmapped_frames': len(unmapped),
        'unmapped_accepts': sum(answer.accepted for answer in unmapped),
        'frames_sent': len(answers),
        'frames_processed': len(processed),
        'latency_ms_p50': float(np.percentile(latencies, 50)) if latencies else None,
        'latency_ms_p99': float(np.percentile(latencies, 99)) if latencies else None,
    }
