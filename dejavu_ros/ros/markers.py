"""Estimates and map for RViz."""

import numpy as np
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from dejavu_ros.localization import Estimate
from dejavu_ros.ros.conversions import header_to_message, pose_to_message

ACCEPTED, REJECTED, KEYFRAME = (0.1, 0.8, 0.2), (1.0, 0.6, 0.0), (0.45, 0.5, 0.6)


def map_markers(positions: np.ndarray, stamp_ns: int, frame: str) -> MarkerArray:
    """All keyframes, (K, 3) metres, as points."""
    marker = make_marker(frame, stamp_ns, 'keyframes', 0, Marker.POINTS, KEYFRAME, 0.8)
    marker.scale.x = marker.scale.y = 0.3
    marker.points = [Point(x=float(x), y=float(y), z=float(z)) for x, y, z in positions]
    return MarkerArray(markers=[marker] if marker.points else [])


def estimate_markers(estimate: Estimate, frame: str, most: int) -> MarkerArray:
    """An arrow for each hypothesis, as opaque as it is probable; the accepted one green.

    ``most`` hypotheses were shown before at most: arrows beyond today's are taken away one by one, as a DELETEALL
    would take the keyframes too.
    """
    markers = []
    for rank in range(max(most, len(estimate.hypotheses))):
        marker = make_marker(frame, estimate.stamp_ns, 'hypotheses', rank, Marker.ARROW, REJECTED, 0.0)
        markers.append(marker)
        if rank >= len(estimate.hypotheses):
            marker.action = Marker.DELETE
            continue
        hypothesis = estimate.hypotheses[rank]
        if estimate.accepted and rank == 0:
            marker.color.r, marker.color.g, marker.color.b = ACCEPTED
        marker.color.a = max(0.15, min(1.0, float(hypothesis.probability)))
        marker.pose = pose_to_message(hypothesis.map_T_base)
        marker.scale.x, marker.scale.y, marker.scale.z = 2.0, 0.4, 0.4
    return MarkerArray(markers=markers)


def make_marker(frame: str, stamp_ns: int, namespace: str, number: int, kind: int, colour, opacity: float) -> Marker:
    r, g, b = colour
    marker = Marker(header=header_to_message(stamp_ns, frame), ns=namespace, id=number, type=kind, action=Marker.ADD,
                    color=ColorRGBA(r=r, g=g, b=b, a=float(opacity)))
    marker.pose.orientation.w = 1.0
    return marker
