"""Manifests: what is read, and that every defect is named with its line."""

import pytest

from dejavu_ros.data.manifests import ManifestRow, read_manifest, write_manifest
from dejavu_ros.errors import DataError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'images').mkdir()
    for name in ('a.jpg', 'b.jpg'):
        (tmp_path / 'images' / name).write_bytes(b'an image')
    return tmp_path


def manifest(folder, text):
    path = folder / 'set.csv'
    path.write_text(text)
    return path


def test_all_columns_are_read(folder):
    path = manifest(folder, 'session,image,place,x,y,yaw,stamp_ns,condition,next,remark\n'
                            'spring,images/a.jpg,bridge,1.5,-2,0.1,1311875202183627000,rain,images/b.jpg,nice\n'
                            'winter,images/b.jpg,bridge,,,,,,,\n')
    first, second = read_manifest(path)
    assert first == ManifestRow(folder / 'images/a.jpg', 'bridge', 'spring', 'rain', 1311875202183627000,
                                1.5, -2.0, 0.1, folder / 'images/b.jpg')
    assert second == ManifestRow(folder / 'images/b.jpg', 'bridge', 'winter')


def test_absolute_paths_and_a_byte_order_mark(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp('elsewhere') / 'set.csv'
    elsewhere.write_text(f'\ufeffimage,place,session\n{folder / "images/a.jpg"},p,s\n', encoding='utf-8')
    assert read_manifest(elsewhere)[0].image == folder / 'images/a.jpg'


@pytest.mark.parametrize('text, message', [
    ('image,place\nimages/a.jpg,p\n', 'no column session; its first line has: image, place'),
    ('', 'has: nothing'),
    ('image,place,session\n', 'no rows'),
    ('image,place,session\nimages/a.jpg,p,s\nimages/c.jpg,p,s\n', 'line 3: there is no image .*c.jpg'),
    ('image,place,session,next\nimages/a.jpg,p,s,images/z.jpg\n', 'line 2: there is no image .*z.jpg'),
    ('image,place,session\nimages/a.jpg,,s\n', 'line 2: place is empty'),
    ('image,place,session\nimages/a.jpg\n', 'line 2: place is empty'),
    ('image,place,session,x,y\nimages/a.jpg,p,s,east,1\n', "line 2: x is 'east'"),
    ('image,place,session,x,y\nimages/a.jpg,p,s,nan,1\n', "line 2: x is 'nan'"),
    ('image,place,session,x,y\nimages/a.jpg,p,s,1,\n', 'line 2: x and y belong together'),
    ('image,place,session,stamp_ns\nimages/a.jpg,p,s,1.5\n', "line 2: stamp_ns is '1.5', not a finite int"),
])
def test_defects_are_named(folder, text, message):
    with pytest.raises(DataError, match=message):
        read_manifest(manifest(folder, text))


def test_no_file_and_no_text(folder):
    with pytest.raises(DataError, match='no manifest .*: No such file'):
        read_manifest(folder / 'none.csv')
    (folder / 'set.csv').write_bytes(b'image,place,session\n\xff\xd8\xff\xe0')
    with pytest.raises(DataError, match='not a CSV text file'):
        read_manifest(folder / 'set.csv')


def test_written_manifests_read_back(folder):
    rows = [ManifestRow(folder / 'images/a.jpg', 'a, b', 'one', x=1.0, y=2.5),
            ManifestRow(folder / 'images/b.jpg', 'c', 'two')]
    write_manifest(folder / 'set.csv', rows)
    assert read_manifest(folder / 'set.csv') == rows
    assert (folder / 'set.csv').read_text().splitlines()[:2] == ['image,place,session,x,y',
                                                                 'images/a.jpg,"a, b",one,1.0,2.5']


def test_next_frames_and_further_columns_are_written(folder):
    rows = [ManifestRow(folder / 'images/a.jpg', 'p', 's', next=folder / 'images/b.jpg'),
            ManifestRow(folder / 'images/b.jpg', 'p', 's')]
    write_manifest(folder / 'set.csv', rows, {'visit': [1, 2]})
    assert read_manifest(folder / 'set.csv') == rows
    assert (folder / 'set.csv').read_text().splitlines() == [
        'image,place,session,next,visit', 'images/a.jpg,p,s,images/b.jpg,1', 'images/b.jpg,p,s,,2']
