"""Cameras: how they distort and what they are turned to, what hides a part of their pictures. No ROS, no torch."""
