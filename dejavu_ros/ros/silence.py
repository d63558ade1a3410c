"""Why nothing comes on a topic, by what the graph shows of its publishers. Imports no ROS."""

import dataclasses
from collections.abc import Sequence

from dejavu_ros.troubleshooting import NO_PUBLISHER, NO_PUBLISHER_BUT, OTHER_QOS, OTHER_TYPE, PUBLISHER_SILENT

MOST = 3  # topics or publishers that are named


@dataclasses.dataclass(frozen=True)
class Offer:
    """One publisher of a topic: the full name of its node, its type, and its QoS in words where ours does not fit."""

    node: str
    type: str
    mismatch: str = ''  # such as 'best effort'; empty: ours fits


def cause_of_silence(wanted: str, asked: str, offers: Sequence[Offer], elsewhere: Sequence[str]) -> str:
    """In words. ``wanted`` is our type, ``asked`` our QoS, ``elsewhere`` other topics of that type."""
    if not offers:
        return NO_PUBLISHER_BUT(others=listed(elsewhere)) if elsewhere else NO_PUBLISHER()
    fitting = [offer for offer in offers if offer.type == wanted]
    if not fitting:
        return OTHER_TYPE(found=listed(sorted({offer.type for offer in offers})), wanted=wanted)
    if all(offer.mismatch for offer in fitting):
        return OTHER_QOS(offered=fitting[0].mismatch, asked=asked)
    return PUBLISHER_SILENT(publishers=listed(sorted({offer.node for offer in fitting if not offer.mismatch})))


def listed(names: Sequence[str]) -> str:
    more = f' and {len(names) - MOST} more' if len(names) > MOST else ''
    return ', '.join(names[:MOST]) + more
