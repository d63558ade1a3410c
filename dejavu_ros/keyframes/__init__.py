"""The keyframe map: places as descriptors, poses and thumbnails, in one folder (docs/map_format.md)."""

from dejavu_ros.keyframes.keyframe_map import Camera, Keyframe, KeyframeMap, Session
from dejavu_ros.keyframes.writer import MapWriter, SessionWriter

__all__ = ['Camera', 'Keyframe', 'KeyframeMap', 'MapWriter', 'Session', 'SessionWriter']
