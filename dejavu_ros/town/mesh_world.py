"""A world of one's own: a Wavefront OBJ mesh in the conditions of the town, seen along a camera's path.

    python -m dejavu_ros.town.mesh_world world.obj path.txt -o places

writes the same places in all conditions with a manifest, as :mod:`dejavu_ros.town.dataset` does of towns. The path is a
trajectory in TUM format, of the camera as a body: x ahead, y left, z up, metres.
"""

import argparse
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from dejavu_ros.data.folders import read_tum
from dejavu_ros.data.manifests import ManifestRow, write_manifest
from dejavu_ros.errors import DataError, exit_status
from dejavu_ros.files import new_folder
from dejavu_ros.geometry import BASE_R_OPTICAL, Pose
from dejavu_ros.images import encode_jpeg, load_image, resize
from dejavu_ros.town.conditions import CONDITIONS, draw_look
from dejavu_ros.town.dataset import draw_stray, is_hidden
from dejavu_ros.town.mesh import MATERIAL, NORMAL, POSITION, TINT, UV, VERTEX_FLOATS, Kind, Mesh, Surface
from dejavu_ros.town.render import LAMPS, Renderer
from dejavu_ros.town.textures import SIZE, Textures
from dejavu_ros.town.wavefront import Part, read_obj

AXES = {'y': Rotation.from_euler('x', 90, degrees=True), 'z': Rotation.identity()}  # what points up in the file
LAMP_HEIGHT, LAMP_SPACING = 4.0, 20.0  # metres: by night there are lamps above the path
EYE = Pose(np.zeros(3), Rotation.from_matrix(BASE_R_OPTICAL).as_quat())


class MeshWorld:
    """What :class:`dejavu_ros.town.scene.Town` is to the renderer, of a file: one texture or colour a material."""

    def __init__(self, path: str | Path, poses: Sequence[Pose], up: str = 'y', scale: float = 1.0):
        """``poses`` map_T_base of the camera; ``scale`` is metres for one unit of the file, ``up`` its axis.

        Raises DataError for an unusable file, ImageError for an unusable texture.
        """
        self.seed = zlib.crc32(Path(path).read_bytes()) if Path(path).is_file() else 0
        self.textures = Textures(np.random.default_rng(0))
        blank = self.textures.add(np.full((SIZE, SIZE, 4), 255, np.uint8))
        mesh, layers = Mesh(), {None: blank}
        for part in read_obj(path):
            texture = part.material.texture
            if texture not in layers:
                picture = resize(load_image(texture), SIZE, SIZE)
                layers[texture] = self.textures.add(np.dstack([picture, np.full((SIZE, SIZE), 255, np.uint8)]))
            mesh.add(Surface.PLAIN, quads(part, layers[texture], AXES[up], scale))
        self.quads = mesh.arrays()
        corners = self.quads[Surface.PLAIN][:, :, POSITION]
        self.radius = float(np.abs(corners[:, :, :2]).max()) + 1.0
        self.lamps = lamps_above(poses)


class MeshDrive:
    """What a :class:`dejavu_ros.town.traversal.Traversal` is, without traffic: light and weather of a condition."""

    def __init__(self, world: MeshWorld, condition: str, seed: int):
        rng = np.random.default_rng((world.seed, seed, zlib.crc32(condition.encode())))
        self.town, self.look, self.quads, self.phase = world, draw_look(condition, rng), {}, float(rng.random())


def quads(part: Part, layer: int, axes: Rotation, scale: float) -> np.ndarray:
    """Triangles as quads (n, 4, VERTEX_FLOATS) whose last two corners are one; flat, in the map's metres."""
    made = np.zeros((len(part.corners), 4, VERTEX_FLOATS))
    corners = axes.apply(part.corners.reshape(-1, 3)).reshape(part.corners.shape) * scale
    made[:, :, POSITION] = corners[:, [0, 1, 2, 2]]
    made[:, :, UV] = part.uv[:, [0, 1, 2, 2]]
    made[:, :, MATERIAL] = layer, Kind.MATTE, 0.0, 0.0
    made[:, :, TINT] = np.square(part.material.colour)  # the shaders compute with light, files mean what a screen shows
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normals, axis=1)
    made[:, :, NORMAL] = (normals / np.maximum(length, 1e-12)[:, None])[:, None]
    return made[length > 0]


def lamps_above(poses: Sequence[Pose]) -> np.ndarray:
    """(n, 3) lamps over a path, LAMPS at least."""
    chosen = along(poses, LAMP_SPACING)
    above = np.array([pose.position + (0.0, 0.0, LAMP_HEIGHT) for pose in chosen])
    return np.resize(above, (max(len(above), LAMPS), 3))


def along(poses: Sequence[Pose], spacing: float) -> list[Pose]:
    """Of ``poses`` the first, and each one so many metres of way after the one before."""
    chosen, way = [poses[0]], 0.0
    for last, pose in zip(poses[:-1], poses[1:]):
        way += float(np.linalg.norm(pose.position - last.position))
        if way >= spacing:
            chosen.append(pose)
            way = 0.0
    return chosen


def render_mesh(obj: str | Path, trajectory: str | Path, output: str | Path, *, up: str = 'y', scale: float = 1.0,
                spacing: float = 5.0, stray: float = 1.0, conditions: Sequence[str] = CONDITIONS, width: int = 192,
                height: int = 144, hfov_deg: float = 80.0, seed: int = 0) -> int:
    """Write JPEG pictures and ``manifest.csv`` to the new folder ``output``; return the number of pictures.

    A place lies every ``spacing`` metres of the path; each condition is a session that strays from it by up to
    ``stray`` metres along, half of that aside, and 4 degrees. Raises DataError, ImageError, RenderError.
    """
    track = read_tum(trajectory)
    poses = [track.at(stamp, 0)[0] for stamp in track.stamps_ns]
    places = along(poses, spacing)
    if len(places) < 2:
        raise DataError(f'{trajectory} has {len(places)} places {spacing:g} m apart: give a longer path, or less '
                        'spacing')
    world, rows = MeshWorld(obj, poses, up, scale), []
    with new_folder(output) as folder, Renderer(world, width, height, hfov_deg) as renderer:
        for condition in conditions:
            drive, rng = MeshDrive(world, condition, seed), np.random.default_rng((seed, CONDITIONS.index(condition)))
            for number, place in enumerate(places):
                ahead, aside, turn = draw_stray(rng) * (stray, stray, 1.0)
                pose = place @ Pose.planar(ahead, aside, turn)
                picture, depth = renderer.render(drive, pose, EYE, number)
                if is_hidden(depth):
                    continue
                path = folder / condition / f'{number:04d}.jpg'
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(encode_jpeg(picture, 92))
                x, y, _ = pose.position.round(3).tolist()
                rows.append(ManifestRow(path, f'{number:04d}', condition, condition, x=x, y=y, yaw=round(pose.yaw, 5)))
        write_manifest(folder / 'manifest.csv', rows)
    return len(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description='places of an OBJ mesh in all conditions of the town, with a manifest')
    parser.add_argument('obj', help='Wavefront OBJ file, with its MTL file and textures')
    parser.add_argument('path', help='trajectory of the camera, TUM format: x ahead, y left, z up, metres')
    parser.add_argument('-o', '--output', required=True, help='new folder')
    parser.add_argument('--up', choices=tuple(AXES), default='y', help='what points up in the file (default: y)')
    parser.add_argument('--scale', type=float, default=1.0, help='metres for one unit of the file (default: 1)')
    parser.add_argument('--spacing', type=float, default=5.0, help='metres from place to place (default: 5)')
    parser.add_argument('--stray', type=float, default=1.0, help='metres that a session strays from them (default: 1)')
    parser.add_argument('--width', type=int, default=192, help='of the pictures (default: 192)')
    parser.add_argument('--height', type=int, default=144, help='of the pictures (default: 144)')
    arguments = parser.parse_args()
    count = render_mesh(arguments.obj, arguments.path, arguments.output, up=arguments.up, scale=arguments.scale,
                        spacing=arguments.spacing, stray=arguments.stray, width=arguments.width,
                        height=arguments.height)
    print(f'{arguments.output}: {count} pictures with manifest.csv')
    return 0


if __name__ == '__main__':
    raise SystemExit(exit_status('mesh_world', main))
