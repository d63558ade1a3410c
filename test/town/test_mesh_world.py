"""A mesh of one's own becomes places in all conditions."""

from ctypes.util import find_library

import cv2
import numpy as np
import pytest

from dejavu_ros.data.manifests import read_manifest
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import Pose
from dejavu_ros.images import load_image
from dejavu_ros.town.mesh_world import EYE, MeshDrive, MeshWorld, render_mesh
from dejavu_ros.town.render import Renderer
from dejavu_ros.town.wavefront import read_obj

LENGTH = 60
needs_egl = pytest.mark.skipif(find_library('EGL') is None, reason='no EGL here: apt install libegl1 libgl1 '
                                                                  'libgl1-mesa-dri')


@pytest.fixture
def street(tmp_path):
    """A lane along x between coloured blocks and a textured wall; y is up, as most files have it."""
    rng = np.random.default_rng(0)
    lines = ['mtllib street.mtl', 'v -20 0 20', 'v 90 0 20', 'v 90 0 -20', 'v -20 0 -20', 'usemtl ground', 'f 1 2 3 4']
    materials = ['newmtl ground', 'Kd 0.4 0.4 0.42']
    for number, x in enumerate(range(-10, LENGTH + 20, 6)):
        for side in (-1, 1):
            name, height = f'block{number}_{side}', rng.uniform(3, 9)
            materials += [f'newmtl {name}', 'Kd {:.2f} {:.2f} {:.2f}'.format(*rng.uniform(0.1, 1, 3))]
            z = -7 * side
            corners = [(x, 0, z), (x + 5, 0, z), (x + 5, height, z), (x, height, z)]
            lines += [f'v {" ".join(map(str, corner))}' for corner in corners]
            lines += [f'usemtl {name}', 'f -4 -3 -2 -1' if side > 0 else 'f -1 -2 -3 -4']
    materials += ['newmtl board', 'map_Kd -s 1 1 board.png']
    board = np.kron(rng.integers(0, 255, (8, 8, 3)), np.ones((8, 8, 1)))
    cv2.imwrite(str(tmp_path / 'board.png'), board.astype(np.uint8))
    lines += ['vt 0 0', 'vt 1 0', 'vt 1 1', 'vt 0 1', 'v 85 0 7', 'v 85 0 -7', 'v 85 8 -7', 'v 85 8 7', 'usemtl board',
              'f -4/1 -3/2/ -2/3 -1/4  # across the end']
    (tmp_path / 'street.obj').write_text('\n'.join(lines) + '\n')
    (tmp_path / 'street.mtl').write_text('\n'.join(materials) + '\n')
    (tmp_path / 'path.txt').write_text(''.join(f'{i}.0 {i} 0 1.5 0 0 0 1\n' for i in range(LENGTH)))
    return tmp_path


def test_faces_become_triangles_by_material(street):
    parts = read_obj(street / 'street.obj')
    assert len(parts) == 2 + 2 * 15 and all(part.corners.shape == (2, 3, 3) for part in parts)
    assert parts[0].material.colour == (0.4, 0.4, 0.42) and parts[-1].material.texture == street / 'board.png'
    np.testing.assert_array_equal(parts[-1].uv[0], [[0, 0], [1, 0], [1, 1]])


@needs_egl
def test_the_renderer_sees_the_mesh_where_it_is(street):
    """Heights and ways are metres in a map whose z points up, whatever the file's axes."""
    world = MeshWorld(street / 'street.obj', [Pose.planar(0, 0, 0, 1.5)])
    with Renderer(world, 160, 120) as renderer:
        picture, depth = renderer.render(MeshDrive(world, 'overcast-summer', 0), Pose.planar(5, 0, 0, 1.5), EYE)
        assert depth[60, 80] == pytest.approx(80, rel=0.01), 'the wall across the end'
        left = renderer.render(MeshDrive(world, 'overcast-summer', 0), Pose.planar(5, 0, np.pi / 2, 1.5), EYE)[1]
        assert left[60, 80] == pytest.approx(7, rel=0.01)
        down = renderer.intrinsics[1, 1] * 1.5 / (119 - renderer.intrinsics[1, 2])
        assert left[-1, 80] == pytest.approx(down, rel=0.02), 'the ground'
        night = renderer.render(MeshDrive(world, 'night', 0), Pose.planar(5, 0, 0, 1.5), EYE)[0]
        assert 5 < night.mean() < 0.6 * picture.mean()


@needs_egl
def test_a_mesh_and_a_path_become_places_of_several_sessions(street):
    count = render_mesh(street / 'street.obj', street / 'path.txt', street / 'places', spacing=10.0, stray=0.5,
                        conditions=('sun', 'snow'), width=96, height=72)
    rows = read_manifest(street / 'places/manifest.csv')
    assert count == len(rows) == 12 and {row.session for row in rows} == {'sun', 'snow'}
    assert {row.place for row in rows} == {f'{i:04d}' for i in range(6)}
    for row in rows:
        assert abs(row.x - 10 * int(row.place)) <= 0.5 and abs(row.y) <= 0.25
        assert load_image(row.image).shape == (72, 96, 3)


@pytest.mark.parametrize('text, message', [
    ('v 0 0 0\nv 1 0 0\n', 'has no faces'), ('v 0 0 0\nf 1 2 3\n', 'line 2: f .*2 was not defined before'),
    ('v 0 0 x\n', 'line 1: v'), ('v 0 0 0\nf 1 1\n', 'a face needs three corners'),
    ('mtllib none.mtl\n', 'none.mtl cannot be read')])
def test_what_is_wrong_with_a_file_is_said(tmp_path, text, message):
    (tmp_path / 'x.obj').write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_obj(tmp_path / 'x.obj')
    assert '\n' not in str(caught.value)


def test_there_must_be_a_file_and_a_path(street):
    with pytest.raises(DataError, match='none.obj cannot be read'):
        render_mesh(street / 'none.obj', street / 'path.txt', street / 'places')
    with pytest.raises(DataError, match='has 1 places 100 m apart'):
        render_mesh(street / 'street.obj', street / 'path.txt', street / 'places', spacing=100.0)
