"""The images of a bag whose clock may have been set back, each with the run of the poses that it belongs to."""

import dataclasses
from collections.abc import Iterator, Sequence

from dejavu_ros.data.bags import Bag
from dejavu_ros.data.frames import Frame, frame_of_message
from dejavu_ros.data.motion import BACK_NS, RUN_NS

NOWHERE = -1  # the run of an image that may be of either of two
MANY = 5  # images in a row that are older than one before: their clock was set back


def frames_in_runs(bag: Bag, images: str, poses: str, starts: Sequence[int]) -> Iterator[Frame]:
    """The frames of the topic ``images`` in the order of recording, with ``pose_stamp_ns`` as poses are asked for it.

    ``starts`` are the numbers of the messages of the topic ``poses`` at which the clock was set back. Images recorded
    while one topic had the new time and the other not yet get a stamp where there is no pose, and so do all after
    the clock of the images alone was set back.
    """
    number = -1
    run, own_run, pose_ns, newest_ns, behind = 0, 0, None, None, 0
    pose_number = -1
    for name, stamp, message in bag.messages([images, poses] if starts else [images]):
        if name == poses:
            pose_number += 1
            run = sum(start <= pose_number for start in starts)
            pose_ns = _stamp_of_pose(stamp, message)
            continue
        number += 1
        frame = frame_of_message(f'{name} #{number}', name, stamp, message)
        behind = behind + 1 if newest_ns is not None and stamp < newest_ns - BACK_NS else 0
        if starts:
            if behind:
                own_run, newest_ns = own_run + 1, stamp
            elif own_run != run and pose_ns is not None and abs(stamp - pose_ns) < BACK_NS / 2:
                own_run = run
            found = run if own_run == run else NOWHERE
        else:
            own_run = NOWHERE if behind >= MANY else own_run
            found = NOWHERE if behind else own_run
        newest_ns = stamp if newest_ns is None else max(newest_ns, stamp)
        yield dataclasses.replace(frame, pose_stamp_ns=stamp + RUN_NS * found)


def _stamp_of_pose(stamp_ns: int, message) -> int:
    """That of a message, or the newest in it."""
    items = getattr(message, 'transforms', None)
    return max((item.header.stamp.sec * 10**9 + item.header.stamp.nanosec for item in items), default=stamp_ns) \
        if items is not None else stamp_ns
