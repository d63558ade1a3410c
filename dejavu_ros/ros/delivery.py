"""How messages get from their publishers to the node, and in words why some do not. Imports no ROS."""

import dataclasses
from collections.abc import Callable, Sequence

from dejavu_ros.ros.transport import LARGE, Transport

RELIABLE, BEST_EFFORT = 'reliable', 'best_effort'
GOOD_SHARE = 0.95  # of the messages; below, something is said
SEGMENT = 512 * 1024  # bytes of the shared memory that Fast DDS gives a publisher without a profile
MB = 1e6


def reliability_for(offered: Sequence[str], wanted: str = 'auto') -> str:
    """Reliability of a subscription to publishers that offer ``offered``; ``wanted`` overrides unless 'auto'.

    Reliable only if all are: a reliable subscription gets nothing from a best-effort publisher. Without publishers
    best effort, so that whichever comes is heard.
    """
    if wanted != 'auto':
        return wanted
    return RELIABLE if offered and all(one == RELIABLE for one in offered) else BEST_EFFORT


class LossCounter:
    """Counts messages that did not arrive, by what the middleware tells and by gaps in the numbers of those that do.

    Neither knows of all: what a publisher gives up before it is sent is told by nobody, and behind the last message
    that arrived there is no gap yet.
    """

    def __init__(self, on_lost: Callable[[int], None]):
        """``on_lost(count)`` is called when so many more are known to be lost."""
        self._on_lost = on_lost
        self._told = self._missing = self._known = 0
        self._last: int | None = None

    def restart(self) -> None:
        """The subscription is made anew: what was sent in between was not for us."""
        self._told = self._missing = self._known
        self._last = None

    def told(self, count: int) -> None:
        """The middleware says that ``count`` more were lost."""
        self._told += count
        self._report()

    def numbered(self, number: int) -> None:
        """Message ``number`` of the only publisher has arrived, counted from 1; 0 where nobody counts."""
        if self._last and number > self._last:
            self._missing += number - self._last - 1
            self._report()
        self._last = number

    def _report(self) -> None:
        more = max(self._told, self._missing) - self._known
        if more > 0:
            self._known += more
            self._on_lost(more)


@dataclasses.dataclass(frozen=True)
class Delivery:
    """What is known of the messages on one topic."""

    offered: Sequence[str]  # reliability of each publisher
    asked: str  # reliability of the subscription
    size: int | None  # bytes of a message; None: none has come
    rate: float  # messages that are sent a second, as far as known
    share: float | None  # of them that arrive, from 0 to 1; None: not known
    local: bool = True  # all publishers are on this machine


def explain(delivery: Delivery, transport: Transport) -> tuple[str, str]:
    """What is published and how much of it arrives, with the reason where not all does; and what to do, else ''.

    The first is without a subject, such as 'published reliably, 2.8 MB, 40% arrive, because ...'.
    """
    if set(delivery.offered) == {RELIABLE}:
        text = 'published reliably'
    elif delivery.offered:
        text = 'published best effort' if RELIABLE not in delivery.offered else 'published reliably and best effort'
    else:
        return 'not published', ''
    if delivery.size is not None:
        text += f', {delivery.size / MB:.1f} MB' if delivery.size >= MB / 10 else f', {delivery.size / 1e3:.0f} kB'
    if delivery.share is not None:
        text += f', {delivery.share:.0%} arrive'
    elif delivery.size is None:
        text += ', nothing arrives'
    reason, advice = reason_of(delivery, transport)
    return f'{text}, because {reason}' if reason else text, advice


def reason_of(delivery: Delivery, transport: Transport) -> tuple[str, str]:
    """Why not all messages arrive, and what to do; both empty where they do, as far as known."""
    if delivery.asked == RELIABLE and BEST_EFFORT in delivery.offered:
        return ('the parameter reliability is reliable, and then a best-effort publisher is not heard',
                'set reliability to auto')
    if delivery.share is None:
        return ('', '') if delivery.size is not None else ('the publisher sends nothing', 'look at what it logs')
    if delivery.share >= GOOD_SHARE:
        return '', ''
    large = delivery.size is None or delivery.size > SEGMENT
    if transport.fast_dds and transport.shared_memory and delivery.local and large:
        return (f'one does not fit into the {SEGMENT / MB:.1f} MB of shared memory that Fast DDS gives a publisher',
                'give the publisher config/fastdds_shared_memory.xml, or ' + (
                    'set net.core.rmem_max to 33554432 (sysctl) and start the node again' if transport.limit < LARGE
                    else 'start the node without a Fast DDS profile or transport of your own') + ' (docs/cameras.md)')
    if transport.fast_dds and transport.buffer and delivery.size and delivery.size > transport.buffer:
        return (f'one does not fit into the {transport.buffer / MB:.1f} MB that a socket of this process may hold',
                'let the camera send compressed images, or raise net.core.rmem_max (docs/cameras.md)')
    amount = f'{delivery.size * delivery.rate / MB:.0f} MB a second' if delivery.size and delivery.rate else 'that'
    lossy = ', and best effort does not send again what is lost' if BEST_EFFORT in delivery.offered else ''
    advice = 'let the camera send compressed, smaller or fewer images (docs/cameras.md)'
    if delivery.local:
        return (f'{amount} is more than this machine can move beside its other work{lossy}',
                f'let less run on it, or {advice}')
    return f'{amount} is more than the network can move{lossy}', advice
