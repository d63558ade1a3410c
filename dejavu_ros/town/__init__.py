"""A rendered town: one loop road in nine conditions, with exact poses and depth.

``Town(seed)`` is what stays, ``Traversal(town, condition, seed)`` is what changes from drive to drive (weather,
light, leaves, parked cars, people), and ``Renderer`` takes pictures of both.
"""

from dejavu_ros.town.camera import MOUNTS, camera_mount
from dejavu_ros.town.conditions import CONDITIONS
from dejavu_ros.town.render import Renderer
from dejavu_ros.town.scene import Town
from dejavu_ros.town.traversal import Traversal

__all__ = ['CONDITIONS', 'MOUNTS', 'Renderer', 'Town', 'Traversal', 'camera_mount']
