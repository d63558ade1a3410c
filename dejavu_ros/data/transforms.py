"""A buffer of recorded transforms, asked for the pose of one frame in another at a time."""

from array import array
from collections import defaultdict

import numpy as np

from dejavu_ros.data.motion import BACK_NS, RUN_NS, Motion, find_runs
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import IDENTITY, Pose


class TransformBuffer:
    """Frames form a tree: each has one parent, fixed (``static``) or moving with interpolation between stamps."""

    def __init__(self):
        self._static: dict[tuple[str, str], Pose] = {}
        # stamps, numbers of their messages, and seven numbers each: an hour of a busy robot's TF is millions of them
        self._samples: dict[tuple[str, str], tuple[array, array, array]] = defaultdict(
            lambda: (array('q'), array('q'), array('d')))
        self._moving: dict[tuple[str, str], Motion] = {}
        self._parents: dict[str, str] = {}
        self._starts: list[int] = []

    def add(self, parent: str, child: str, parent_T_child: Pose, stamp_ns: int | None = None,
            message: int = 0) -> None:
        """Add a transform, a static one if it has no stamp; the last parent a frame was given counts.

        ``message`` is the number of the message that it came with, in the order of recording.
        """
        self._parents[child] = parent
        if stamp_ns is None:
            self._static[parent, child] = parent_T_child
        else:
            stamps, messages, numbers = self._samples[parent, child]
            stamps.append(stamp_ns)
            messages.append(message)
            numbers.extend((*parent_T_child.position, *parent_T_child.quaternion))
            self._moving.pop((parent, child), None)

    def find_starts(self, target: str, source: str) -> list[int]:
        """The numbers of the messages at which the clock was set back, by the transforms between two frames.

        From then on stamps are those of :func:`dejavu_ros.data.motion.in_runs`, for all transforms alike.
        """
        found = [[messages[index] for index in find_runs(stamps)] for stamps, messages, _ in (
            self._samples[edge] for edge in self._moving_way(target, source))]
        most = max(map(len, found), default=0)
        self._starts = [min(starts) for starts in zip(*(starts for starts in found if len(starts) == most))]
        self._moving.clear()
        return self._starts

    def motions(self, target: str, source: str) -> list[Motion]:
        """The moving transforms on the way between two frames."""
        return [self._motion(edge) for edge in self._moving_way(target, source)]

    def __bool__(self) -> bool:
        return bool(self._parents)

    @property
    def frames(self) -> list[str]:
        return sorted({*self._parents, *self._parents.values()})

    def stamps(self, target: str, source: str) -> list[int]:
        """All stamps (ns) of the moving transforms between two frames, sorted; empty if the way is static."""
        return sorted({stamp for motion in self.motions(target, source) for stamp in motion.stamps_ns.tolist()})

    def lookup(self, target: str, source: str, stamp_ns: int | None = None, max_gap_ns: int = 0) -> Pose | None:
        """``target_T_source`` at a time; None where a transform on the way is not known then.

        Without a stamp only static transforms count. Raises DataError for frames that are not connected.
        """
        up, down = self._way(target, source)
        pose = IDENTITY
        for edges, inverse in ((up, True), (down, False)):
            for edge in edges:
                part = self._edge(edge, stamp_ns, max_gap_ns)
                if part is None:
                    return None
                pose = pose @ (part.inverse if inverse else part)
        return pose

    def why_not(self, target: str, source: str, stamp_ns: int, max_gap_ns: int) -> str:
        """In words, which transform on the way between two frames is not known at a stamp, and why; else empty."""
        for parent, child in self._moving_way(target, source):
            why = self._motion((parent, child)).why_not(stamp_ns, max_gap_ns)
            if why:
                return f'the transform from {parent} to {child}: {why}'
        return ''

    def _edge(self, edge: tuple[str, str], stamp_ns: int | None, max_gap_ns: int) -> Pose | None:
        if edge in self._static:
            return self._static[edge]
        return None if stamp_ns is None else self._motion(edge).at(stamp_ns, max_gap_ns)

    def _motion(self, edge: tuple[str, str]) -> Motion:
        if edge not in self._moving:
            clock, messages, numbers = (np.array(part) for part in self._samples[edge])
            runs = np.searchsorted(self._starts, messages, 'right') if self._starts else np.zeros(len(clock), np.int64)
            stamps = clock + RUN_NS * runs
            # what came late, after the clock had been set back, is not of this run
            newest_after = np.minimum.accumulate(stamps[::-1])[::-1]
            late = (stamps > newest_after + BACK_NS) & bool(self._starts)
            self._moving[edge] = Motion(stamps[~late], numbers.reshape(-1, 7)[~late], clock[~late])
        return self._moving[edge]

    def _moving_way(self, target: str, source: str) -> list[tuple[str, str]]:
        up, down = self._way(target, source)
        return [edge for edge in up + down if edge in self._samples and edge not in self._static]

    def _way(self, target: str, source: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Edges (parent, child) from ``target`` up to the common ancestor, and from there down to ``source``."""
        for frame in (target, source):
            if frame not in self._parents and frame not in self._parents.values():
                raise DataError(f'no frame {frame!r} among the transforms; there are: '
                                f'{", ".join(self.frames) or "none"}')
        above_target, above_source = self._ancestors(target), self._ancestors(source)
        common = next((frame for frame in above_target if frame in above_source), None)
        if common is None:
            raise DataError(f'frames {target!r} and {source!r} are not connected: their roots are '
                            f'{above_target[-1]!r} and {above_source[-1]!r}')
        up = [(self._parents[frame], frame) for frame in above_target[:above_target.index(common)]]
        down = [(self._parents[frame], frame) for frame in above_source[:above_source.index(common)]]
        return up, down[::-1]

    def _ancestors(self, frame: str) -> list[str]:
        chain = [frame]
        while chain[-1] in self._parents:
            parent = self._parents[chain[-1]]
            if parent in chain:
                raise DataError(f'transforms go in a circle: {" -> ".join([*chain, parent])}')
            chain.append(parent)
        return chain
