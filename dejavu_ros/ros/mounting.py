"""A camera that is mounted otherwise than the one that made the map. No ROS here."""

import dataclasses

import numpy as np

from dejavu_ros.geometry import BASE_R_OPTICAL, Pose
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.localization import Estimate, Hypothesis

ASSUMED = np.eye(4)
ASSUMED[:3, :3] = BASE_R_OPTICAL


def remount(estimate: Estimate, keyframes: KeyframeMap, base_T_camera: Pose) -> Estimate:
    """Move each hypothesis from the base of the robot that mapped to that of this one.

    The map says where its own base was when its camera saw what ours sees: equal is the camera's pose, not the base's.
    Hypotheses of a camera whose mounting the map does not know stay as they are. A camera exactly at the base,
    looking ahead, is what a map assumes where nothing was known.
    """
    mountings = {(camera.session, camera.name): camera.base_T_camera for camera in keyframes.cameras}

    def moved(hypothesis: Hypothesis) -> Hypothesis:
        mapped = mountings.get((hypothesis.session, keyframes.keyframes[hypothesis.keyframe].camera))
        if mapped is None or np.allclose(mapped.matrix, ASSUMED):
            return hypothesis
        mapped_T_base = mapped @ base_T_camera.inverse
        arm = hypothesis.map_T_base.rotation.apply(mapped_T_base.position)
        x, y, z = arm
        # a small rotation r about the map's axes moves the end of the arm by r x arm
        jacobian = np.eye(6)
        jacobian[:3, 3:] = [[0, z, -y], [-z, 0, x], [y, -x, 0]]
        return dataclasses.replace(hypothesis, map_T_base=hypothesis.map_T_base @ mapped_T_base,
                                   covariance=jacobian @ hypothesis.covariance @ jacobian.T)

    return dataclasses.replace(estimate, hypotheses=[moved(hypothesis) for hypothesis in estimate.hypotheses])
