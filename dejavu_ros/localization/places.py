"""Keyframes gathered into places: what is near what, and the pose that a belief means."""

import copy
import dataclasses
import functools

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.localization.config import LocalizerConfig
from dejavu_ros.localization.states import States

CANDIDATES = 20  # keyframes looked at as the centre of a place
ROUNDING = 1e-6  # radians by which a keyframe may seem turned against itself


@dataclasses.dataclass(frozen=True)
class Place:
    """A group of neighbouring keyframes; ``row`` is its likeliest one's row in the map.

    ``probability`` is that of the whole group; ``covariance`` (6, 6) of x, y, z, rotation about x, y, z (m, rad).
    """

    row: int
    probability: float
    map_T_base: Pose
    covariance: np.ndarray

    def moved(self, step: Pose) -> 'Place':
        """The same for a robot that has gone on by ``step``, in its own frame."""
        return dataclasses.replace(self, map_T_base=self.map_T_base @ step)


class Neighbourhoods:
    """What is near what: within a distance and an angle."""

    def __init__(self, positions: np.ndarray, quaternions: np.ndarray, config: LocalizerConfig):
        """``positions`` (K, 3) metres and ``quaternions`` (K, 4) xyzw of map_T_base."""
        self.positions, self.quaternions = positions, quaternions
        self.radius, self.angle, self.count = config.place_radius, np.radians(config.place_angle), config.hypotheses

    @classmethod
    def of(cls, keyframes: KeyframeMap, config: LocalizerConfig) -> 'Neighbourhoods':
        """Those of a map's keyframes."""
        return cls(keyframes.positions, keyframes.quaternions, config)

    def part(self, rows: np.ndarray | slice) -> 'Neighbourhoods':
        """Those of ``rows`` (M,) alone."""
        part = copy.copy(self)
        part.__dict__.pop('tree', None)
        part.positions, part.quaternions = self.positions[rows], self.quaternions[rows]
        return part

    @functools.cached_property
    def tree(self) -> cKDTree:
        return cKDTree(self.positions)

    def near(self, row: int) -> np.ndarray:
        """(K,) mask of the keyframes of the place of one."""
        return self.around(self.positions[row], self.quaternions[row])

    def around(self, position: np.ndarray, quaternion: np.ndarray) -> np.ndarray:
        """(K,) mask of the keyframes of the place at ``position`` (3,) metres that look as ``quaternion`` (4,) does."""
        return self.belong(slice(None), position, quaternion)

    def belong(self, rows: np.ndarray | slice, position: np.ndarray, quaternion: np.ndarray) -> np.ndarray:
        """Whether each keyframe of ``rows`` (M,) is of the place there: (M,)."""
        distance = np.linalg.norm(self.positions[rows] - position, axis=1)
        cosine = np.abs(self.quaternions[rows] @ quaternion).clip(0, 1)
        return (distance <= self.radius) & (2 * np.arccos(cosine) <= self.angle + ROUNDING)

    def far_from(self, row: int) -> np.ndarray:
        """(K,) mask of the keyframes that show nothing of that place: over two radii away."""
        return np.linalg.norm(self.positions - self.positions[row], axis=1) > 2 * self.radius

    def groups(self, belief: np.ndarray) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """The likeliest places of a belief (K + 1,), best first, none within another.

        Each is the row of its likeliest keyframe, the rows of its members (M,) and their belief (M,).
        """
        left = belief[:-1].copy()
        found = []
        while len(found) < self.count and left.max() > 0:
            members = self.likeliest(left)
            members = members[left[members] > 0]
            row = int(members[left[members].argmax()])
            found.append((row, members, left[members]))
            left[members] = 0
        return found

    def likeliest(self, belief: np.ndarray) -> np.ndarray:
        """The rows of the place that has most of a belief (K,), sought around the likeliest keyframes."""
        lowest = np.partition(belief, -CANDIDATES)[-CANDIDATES] if len(belief) > CANDIDATES else 0.0
        among = np.flatnonzero(belief >= lowest)
        candidates = among[np.argsort(-belief[among], kind='stable')][:CANDIDATES]  # of equals the first
        around = self.tree.query_ball_point(self.positions[candidates], self.radius * (1 + 1e-9), return_sorted=True)
        places = [rows[self.belong(rows, self.positions[candidate], self.quaternions[candidate])]
                  for candidate, rows in zip(candidates, map(np.array, around))]
        return max(places, key=lambda rows: belief[rows].sum())


class PlaceIndex(Neighbourhoods):
    """The neighbourhoods of the states on a map, and the poses that they mean."""

    def __init__(self, states: States, config: LocalizerConfig):
        super().__init__(states.positions, states.quaternions, config)
        self.covariances = states.covariances

    def rank(self, belief: np.ndarray) -> list[Place]:
        """The likeliest places of a belief (K + 1,), best first, none within another."""
        return [self.place(*group) for group in self.groups(belief)]

    def place(self, row: int, members: np.ndarray, weights: np.ndarray) -> Place:
        """Mean pose of ``members`` under ``weights``; covariance from their spread and from the keyframes' own."""
        probability = float(weights.sum())
        weights = weights / weights.sum()
        position = weights @ self.positions[members]
        rotations = Rotation.from_quat(self.quaternions[members])
        mean = rotations.mean(weights)
        spread = np.concatenate([self.positions[members] - position, (rotations * mean.inv()).as_rotvec()], 1)
        covariance = np.einsum('k,ki,kj->ij', weights, spread, spread)
        covariance += np.tensordot(weights, self.covariances[members], 1)
        return Place(row, probability, Pose(position, mean.as_quat()), covariance)
