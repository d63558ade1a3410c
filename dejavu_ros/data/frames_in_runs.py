"""The images of a bag whose clock may have been set back, each with the run of the poses that it belongs to."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from dejavu_ros.data.bags import Bag, stamp_of
from dejavu_ros.data.frames import Frame, bag_frames
from dejavu_ros.data.motion import BACK_NS, RUN_NS

NOWHERE = -1  # the run of an image that may be of either of two
MANY = 5  # images in a row that are older than one before: their clock was set back


def frames_in_runs(bag: Bag, images: str, poses: str, starts: Sequence[int]) -> Iterator[Frame]:
    """The frames of the topic ``images`` in the order of recording, with ``pose_stamp_ns`` as poses are asked for it.

    ``starts`` are the numbers of the messages of the topic ``poses`` at which the clock was set back. Images recorded
    while one topic had the new time and the other not yet get a stamp where there is no pose, and so do all after
    the clock of the images alone was set back.
    """
    clock = _Clock(starts)
    own_run, newest_ns, behind = 0, None, 0
    for frame in bag_frames(bag, images, beside=poses if starts else '', seen=clock.seen):
        stamp = frame.stamp_ns
        behind = behind + 1 if newest_ns is not None and stamp < newest_ns - BACK_NS else 0
        if not starts:
            own_run = NOWHERE if behind >= MANY else own_run
            run = NOWHERE if behind else own_run
        else:
            if behind:
                own_run, newest_ns = own_run + 1, stamp
            elif own_run != clock.run and clock.now_ns is not None and abs(stamp - clock.now_ns) < BACK_NS / 2:
                own_run = clock.run
            run = own_run if own_run == clock.run else NOWHERE
        newest_ns = stamp if newest_ns is None else max(newest_ns, stamp)
        yield dataclasses.replace(frame, pose_stamp_ns=stamp + RUN_NS * run)


class _Clock:
    """The time of the poses while a bag is read: ``run`` and stamp (``now_ns``, None before the first)."""

    def __init__(self, starts: Sequence[int]):
        self.starts, self.number, self.run, self.now_ns = set(starts), 0, 0, None

    def seen(self, stamp_ns: int, message: Any) -> None:
        """Take the next message of the poses."""
        self.run += self.number in self.starts
        self.number += 1
        # TF has no header of its own
        self.now_ns = max(map(stamp_of, getattr(message, 'transforms', ())), default=stamp_ns)
