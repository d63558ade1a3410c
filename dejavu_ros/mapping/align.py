"""A session with an odometry origin of its own brought into a map: recognised, moved as a whole, then bent to fit.

Each of its keyframes is localized in the map, with its own track as odometry. The accepted ones vote for the planar
transform that most agree with; a pose graph of track and recognised places then takes up the odometry's drift.
"""

import dataclasses

import numpy as np
from scipy.optimize import least_squares
from scipy.sparse import lil_matrix

from dejavu_ros.errors import DataError, MapError
from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.localization import Localizer, LocalizerConfig
from dejavu_ros.mapping.config import AlignConfig
from dejavu_ros.mapping.maintenance import session_rows
from dejavu_ros.nn.features import FeatureExtractor


@dataclasses.dataclass(frozen=True)
class Alignment:
    """``poses`` (map_T_base) of a session's ``rows`` in the map, and how well they fit.

    ``recognised`` (M,) are the indices into rows of the keyframes that agree; ``rigid`` and ``bent`` (M,) are their
    distances in metres from the recognised places, after the transform alone and after the pose graph.
    """

    rows: np.ndarray
    poses: list[Pose]
    map_T_track: Pose
    accepted: int
    recognised: np.ndarray
    rigid: np.ndarray
    bent: np.ndarray

    @property
    def spread(self) -> np.ndarray:
        """(6, 6) covariance that the alignment adds to the poses: that of what is left, in the plane and in heading."""
        variance = float(np.mean(self.bent**2)) / 2
        return np.diag([variance, variance, 0.0, 0.0, 0.0, variance / 25.0])


def align(keyframes: KeyframeMap, session: KeyframeMap, name: str, extractor: FeatureExtractor,
          config: AlignConfig = AlignConfig(), progress=iter) -> Alignment:
    """Where session ``name`` of the map ``session`` lies in the map ``keyframes``; nothing is written.

    Raises MapError where their checkpoints differ, DataError where too few keyframes are recognised.
    """
    if keyframes.checkpoint_id != session.checkpoint_id:
        raise MapError(f'{session.path} was made with checkpoint {session.checkpoint_id}, {keyframes.path} with '
                       f'{keyframes.checkpoint_id}: build one of them again')
    rows = session_rows(session, name)
    track = [session.keyframes[int(row)].map_T_base for row in rows]
    localizer = Localizer(extractor, keyframes, LocalizerConfig(min_inliers=0))
    seen, places = [], []
    for index, row in enumerate(progress(rows)):
        query = np.array(session.descriptors(int(row), int(row) + 1)[0])
        estimate = localizer.locate(query, session.keyframes[int(row)].stamp_ns, track[index])
        if estimate.accepted:
            seen.append(index)
            places.append(estimate.hypotheses[0].map_T_base)
    agreed, map_T_track = consensus([track[i] for i in seen], places, config.agreement)
    if len(agreed) < config.min_frames:
        raise DataError(f'session {name!r} cannot be placed in {keyframes.path}: {len(agreed)} of its {len(rows)} '
                        f'keyframes are recognised and agree, {config.min_frames} must; map more of the same road, or '
                        'lower --min-frames')
    at = np.array(seen)[agreed]
    targets = [places[i] for i in agreed]
    moved = [map_T_track @ pose for pose in track]
    poses = bend(moved, at, targets, config)
    rigid, bent = (np.array([np.linalg.norm(part[i].position[:2] - target.position[:2])
                             for i, target in zip(at, targets)]) for part in (moved, poses))
    return Alignment(rows, poses, map_T_track, len(seen), at, rigid, bent)


def consensus(track: list[Pose], places: list[Pose], agreement: float) -> tuple[np.ndarray, Pose]:
    """The planar transform, as one of the pairs gives it, that most others agree with; and who they are.

    A transform turns about the vertical and moves; heights move by the median.
    """
    best, chosen = np.empty(0, int), Pose.planar(0, 0, 0)
    if not track:
        return best, chosen
    here = np.array([pose.position for pose in track])
    there = np.array([pose.position for pose in places])
    rise = float(np.median(there[:, 2] - here[:, 2]))
    for pose, place in zip(track, places):
        turn = place.yaw - pose.yaw
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        shift = place.position[:2] - rotation @ pose.position[:2]
        off = np.linalg.norm(here[:, :2] @ rotation.T + shift - there[:, :2], axis=1)
        if (off < agreement).sum() > len(best):
            best, chosen = np.flatnonzero(off < agreement), Pose.planar(*shift, turn, rise)
    return best, chosen


def bend(poses: list[Pose], at: np.ndarray, targets: list[Pose], config: AlignConfig) -> list[Pose]:
    """Pose graph in the plane: consecutive poses keep their relation, those ``at`` are drawn to ``targets``.

    Least squares under a Cauchy loss, so that a place recognised wrongly counts little. Heights and tilts stay.
    """
    start = np.array([[*pose.position[:2], pose.yaw] for pose in poses])
    goal = np.array([[*pose.position[:2], pose.yaw] for pose in targets])
    steps = relative(start)
    turn_error = np.radians(config.turn_error)
    sigmas = np.stack([np.maximum(np.linalg.norm(steps[:, :2], axis=1) * config.odometry_error, 0.02)] * 2
                      + [np.full(len(steps), turn_error)], 1)
    place_sigmas = np.array([config.place_error, config.place_error, np.radians(10.0)])

    def residuals(flat: np.ndarray) -> np.ndarray:
        state = flat.reshape(-1, 3)
        between, off = relative(state) - steps, state[at] - goal
        for part in (between, off):
            part[:, 2] = wrapped(part[:, 2])
        return np.concatenate([(between / sigmas).ravel(), (off / place_sigmas).ravel()])

    pattern = lil_matrix((3 * (len(steps) + len(at)), start.size), dtype=int)
    for i in range(len(steps)):
        pattern[3 * i:3 * i + 3, 3 * i:3 * i + 6] = 1
    for i, pose in enumerate(at):
        row = 3 * (len(steps) + i)
        pattern[row:row + 3, 3 * pose:3 * pose + 3] = 1
    found = least_squares(residuals, start.ravel(), jac_sparsity=pattern, loss='cauchy', x_scale='jac').x.reshape(-1, 3)
    return [Pose.planar(x, y, wrapped(yaw - before[2])) @ Pose(np.array([0, 0, pose.position[2]]), pose.quaternion)
            for (x, y, yaw), before, pose in zip(found, start, poses)]


def relative(state: np.ndarray) -> np.ndarray:
    """(T, 3) of x, y, yaw to the (T - 1, 3) steps between them, each in the frame that it starts from."""
    step = np.diff(state, axis=0)
    cosine, sine = np.cos(state[:-1, 2]), np.sin(state[:-1, 2])
    return np.stack([cosine * step[:, 0] + sine * step[:, 1], cosine * step[:, 1] - sine * step[:, 0],
                     wrapped(step[:, 2])], 1)


def wrapped(angle: np.ndarray) -> np.ndarray:
    """To [-pi, pi)."""
    return (angle + np.pi) % (2 * np.pi) - np.pi
