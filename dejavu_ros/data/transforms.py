"""A buffer of recorded transforms, asked for the pose of one frame in another at a time."""

from array import array
from collections import defaultdict

import numpy as np

from dejavu_ros.errors import DataError
from dejavu_ros.geometry import IDENTITY, Pose, Trajectory


class TransformBuffer:
    """Frames form a tree: each has one parent, fixed (``static``) or moving with interpolation between stamps."""

    def __init__(self):
        self._static: dict[tuple[str, str], Pose] = {}
        # stamps, and seven numbers each: an hour of a busy robot's TF is millions of them
        self._samples: dict[tuple[str, str], tuple[array, array]] = defaultdict(lambda: (array('q'), array('d')))
        self._moving: dict[tuple[str, str], Trajectory] = {}
        self._parents: dict[str, str] = {}

    def add(self, parent: str, child: str, parent_T_child: Pose, stamp_ns: int | None = None) -> None:
        """Add a transform, a static one if it has no stamp; the last parent a frame was given counts."""
        self._parents[child] = parent
        if stamp_ns is None:
            self._static[parent, child] = parent_T_child
        else:
            stamps, numbers = self._samples[parent, child]
            stamps.append(stamp_ns)
            numbers.extend((*parent_T_child.position, *parent_T_child.quaternion))
            self._moving.pop((parent, child), None)

    def __bool__(self) -> bool:
        return bool(self._parents)

    @property
    def frames(self) -> list[str]:
        return sorted({*self._parents, *self._parents.values()})

    def stamps(self, target: str, source: str) -> list[int]:
        """All stamps (ns) of the moving transforms between two frames, sorted; empty if the way is static."""
        up, down = self._way(target, source)
        return sorted({stamp for edge in up + down if edge in self._samples for stamp in self._samples[edge][0]})

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

    def _edge(self, edge: tuple[str, str], stamp_ns: int | None, max_gap_ns: int) -> Pose | None:
        if edge in self._static:
            return self._static[edge]
        if stamp_ns is None:
            return None
        if edge not in self._moving:
            stamps, numbers = self._samples[edge]
            rows = np.array(numbers).reshape(-1, 7)
            self._moving[edge] = Trajectory(stamps, [Pose(row[:3], row[3:]) for row in rows])
        return self._moving[edge].at(stamp_ns, max_gap_ns)

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
