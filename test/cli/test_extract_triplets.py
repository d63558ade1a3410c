"""`dejavu extract-triplets` from bags to a folder that training and evaluation read, or one line and nothing left."""

import csv
import json

import cv2
import numpy as np
import pymap3d
import pytest

from dejavu_ros.cli import main
from dejavu_ros.data.manifests import read_manifest
from dejavu_ros.data.rosbag_writer import BagWriter
from dejavu_ros.geometry import Pose
from dejavu_ros.images import load_image
from dejavu_ros.training.config import SourceConfig
from dejavu_ros.training.sources import Batches, open_source
from dejavu_ros.training.views import Views

SECOND = 10**9


def scene(metre, gain=1.0):
    """What is seen after so many metres: the same in every session but for the light."""
    small = np.random.default_rng(round(metre / 4)).integers(0, 255, (6, 8, 3), np.uint8)
    return (cv2.resize(small, (64, 48), interpolation=cv2.INTER_CUBIC) * gain).astype(np.uint8)


def write_bag(path, storage='mcap', metres=range(0, 60), y=0.0, gain=1.0, start=10, yaw=0.0, topic='/camera'):
    """A frame a metre and 0.2 s; Odometry in the map frame."""
    with BagWriter(path, storage) as bag:
        for i, metre in enumerate(metres):
            stamp = start * SECOND + i * SECOND // 5
            bag.image(topic, stamp, 'camera', scene(metre, gain))
            bag.odometry('/odom', stamp, 'map', 'base_link', Pose.planar(metre, y, yaw))
    return path


@pytest.fixture(scope='module')
def bags(tmp_path_factory):
    """Summer over 60 m, winter over the last 30 m of it and 20 m more, night in the opposite direction."""
    folder = tmp_path_factory.mktemp('bags')
    return [write_bag(folder / 'summer'),
            write_bag(folder / 'winter', 'sqlite3', range(30, 80), y=0.8, gain=0.6, start=9000),
            write_bag(folder / 'night', metres=range(50, 0, -1), gain=0.3, start=20000, yaw=np.pi)]


@pytest.fixture
def extract(tmp_path, capsys):
    """Run the command; returns exit status, output and error text."""
    def run(*arguments, output=tmp_path / 'out'):
        status = main(['extract-triplets', '-o', str(output), *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err
    return run


@pytest.fixture
def refused(extract, tmp_path):
    """Run the command where it must fail: one line, and no folder."""
    def run(*arguments):
        before = sorted(tmp_path.iterdir())
        status, out, err = extract(*arguments)
        assert (status, out, len(err.splitlines())) == (1, '', 1) and err.startswith('dejavu extract-triplets: ')
        assert sorted(tmp_path.iterdir()) == before
        return err
    return run


def test_three_traversals_become_a_manifest(bags, extract, tmp_path):
    status, out, err = extract('--bag', bags[0], '--bag', bags[1], bags[2], '--condition', 'summer', 'snow', 'night')
    assert (status, err) == (0, '')
    assert [line for line in out.splitlines() if 'shares no place' in line] == [
        '  night shares no place with another session']
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['images', 'manifest.csv', 'overlap.png']
    rows = read_manifest(tmp_path / 'out' / 'manifest.csv')
    sessions = {name: [row for row in rows if row.session == name] for name in ('summer', 'winter', 'night')}
    assert sum(map(len, sessions.values())) == len(rows)
    assert {row.condition for row in sessions['winter']} == {'snow'}
    # places follow the road, centre by centre 9 m apart
    assert [row.place for row in rows] == sorted(row.place for row in rows)
    places = {name: {row.place for row in own} for name, own in sessions.items()}
    assert places['summer'] & places['winter'] and not places['night'] & places['summer']
    for place in places['summer'] & places['winter']:
        xs = [row.x for row in rows if row.place == place]
        assert max(xs) - min(xs) <= 6
    assert {row.yaw for row in sessions['summer']} == {0.0}
    assert all(abs(row.yaw) == pytest.approx(np.pi, abs=1e-4) for row in sessions['night'])
    row = sessions['winter'][0]
    assert row.stamp_ns == 9000 * SECOND + round(row.x - 30) * SECOND // 5 and row.y == pytest.approx(0.8)
    assert np.abs(load_image(row.image).astype(int) - scene(row.x, 0.6)).mean() < 4


def test_next_frames_and_each_image_once(bags, extract, tmp_path):
    extract('--bag', *bags[:2])
    folder = tmp_path / 'out'
    with open(folder / 'manifest.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert (folder / row['next']).is_file() and row['next'].startswith(f'images/{row["session"]}/')
        assert int(row['next_stamp_ns']) - int(row['stamp_ns']) == SECOND // 5
    named = {row['image'] for row in rows} | {row['next'] for row in rows}
    assert {str(path.relative_to(folder)) for path in (folder / 'images').rglob('*.*')} == named


def test_the_figures_that_are_printed(bags, extract, tmp_path):
    _, out, _ = extract('--bag', *bags[:2], '--session', 'a', 'b')
    rows = read_manifest(tmp_path / 'out' / 'manifest.csv')
    places = {name: {row.place for row in rows if row.session == name} for name in 'ab'}
    both, all_places = len(places['a'] & places['b']), len(places['a'] | places['b'])
    assert f'{all_places} places, {both} of them ({both / all_places:.0%}) seen in two sessions or more' in out
    line = next(line.split() for line in out.splitlines() if line.startswith('a '))
    assert line == ['a', '-', '60', '59', str(sum(row.session == 'a' for row in rows)), str(len(places['a'])),
                    str(len(places['a'])), str(both)]
    assert 'left out of a: 1 of 60 frames kept but with no next frame' in out
    images = len(list((tmp_path / 'out' / 'images').rglob('*.jpg')))
    assert f'{images} images' in out
    picture = cv2.imread(str(tmp_path / 'out' / 'overlap.png'))
    assert picture is not None and picture.shape[0] > 400


def test_the_same_bags_give_the_same_files(bags, extract, tmp_path):
    for name in 'ab':
        extract('--bag', *bags[:2], output=tmp_path / name)
    files = [sorted((path.relative_to(tmp_path / name), path.read_bytes()) for path in (tmp_path / name).rglob('*.*')
                    if path.suffix in ('.jpg', '.csv')) for name in 'ab']
    assert files[0] == files[1] and len(files[0]) > 20


def test_training_and_evaluation_read_it_as_it_is(bags, extract, tmp_path, capsys):
    extract('--bag', *bags[:2])
    manifest = tmp_path / 'out' / 'manifest.csv'
    source = open_source(SourceConfig(manifest=str(tmp_path / 'out')))
    batch = Batches([source], 2, Views((32, 24), 6), seed=0, steps=1)[0]
    assert batch['images'].shape == (2, 6, 24, 32, 3) and batch['source'] == 'out' and not batch['skipped']
    assert not any('next frame' in note for note in source.notes)
    assert main(['evaluate', '--manifest', str(manifest), '--features', 'orb', '-o', str(tmp_path / 'e')]) == 0
    metrics = json.loads((tmp_path / 'e' / 'metrics.json').read_text())
    assert metrics['n_sessions'] == 2 and metrics['n_images'] == len(read_manifest(manifest))


def test_a_topic_for_each_bag(tmp_path, extract):
    bags = [write_bag(tmp_path / name, metres=range(8), topic=f'/{name}') for name in 'ab']
    assert extract('--bag', *bags, '--image-topic', '/a', '/b', '--pose-topic', '/odom')[0] == 0


def test_bad_input_is_one_line_and_leaves_nothing(bags, refused, tmp_path):
    assert 'one bag shows every place in one session only' in refused('--bag', bags[0])
    assert 'given twice' in refused('--bag', bags[0], bags[0])
    assert 'no such bag' in refused('--bag', bags[0], tmp_path / 'none')
    assert '/camera (sensor_msgs/Image, 60)' in refused('--bag', *bags[:2], '--image-topic', '/left')
    assert '/odom (nav_msgs/Odometry, 60)' in refused('--bag', *bags[:2], '--pose-topic', '/amcl_pose')
    assert 'once for each' in refused('--bag', *bags[:2], '--session', 'a')
    assert 'is there twice' in refused('--bag', *bags[:2], '--session', 'a', 'a')
    assert 'name of a folder' in refused('--bag', *bags[:2], '--session', 'a', '../b')
    assert 'place_radius must be' in refused('--bag', *bags[:2], '--place-radius', '-1')


def test_traversals_that_never_meet(bags, refused, tmp_path):
    write_bag(tmp_path / 'far', metres=range(500, 510))
    assert 'their nearest views are 442.0 m and 0 degrees apart' in refused('--bag', bags[0], tmp_path / 'far')
    assert '180 degrees apart' in refused('--bag', bags[0], bags[2])


def test_a_second_visit_is_numbered(tmp_path, extract):
    """A bag that drives a stretch of road twice, in the same direction, with a minute between."""
    with BagWriter(tmp_path / 'twice') as bag:
        for lap, metre in np.ndindex(2, 30):
            stamp = (1 + 72 * lap) * SECOND + metre * SECOND // 5
            bag.image('/camera', stamp, 'camera', scene(metre))
            bag.odometry('/odom', stamp, 'map', 'base_link', Pose.planar(metre, 0, 0))
    bags = ['--bag', tmp_path / 'twice', write_bag(tmp_path / 'once', metres=range(30))]
    for gap, visits in ((30, {'1', '2'}), (100, {'1'})):
        status, out, _ = extract(*bags, '--visit-gap', gap, output=tmp_path / str(gap))
        with open(tmp_path / str(gap) / 'manifest.csv', newline='') as file:
            rows = list(csv.DictReader(file))
        assert {row['visit'] for row in rows if row['session'] == 'twice'} == visits
        assert {row['visit'] for row in rows if row['session'] == 'once'} == {'1'}
        # two visits by one session are not two sessions that saw a place
        assert len({row['session'] for row in rows}) == 2
        line = next(line.split() for line in out.splitlines() if line.startswith('twice'))
        assert int(line[6]) == len(visits) * int(line[5])


class RecordedLater(BagWriter):
    """A bag whose messages are recorded at the time ``recorded``, whatever their stamps."""

    recorded = 0

    def write(self, topic, stamp_ns, message, *, latched=False):
        super().write(topic, self.recorded, message, latched=latched)


def test_a_bag_whose_simulation_was_reset_is_told_of(tmp_path, bags, extract):
    """The second run has the first one's stamps again, in another street."""
    with RecordedLater(tmp_path / 'reset') as bag:
        for run, metre in np.ndindex(2, 30):
            stamp, bag.recorded = SECOND + metre * SECOND // 5, (1000 + 30 * run + metre) * SECOND
            bag.image('/camera', stamp, 'camera', scene(metre))
            bag.odometry('/odom', stamp, 'map', 'base_link', Pose.planar(metre, 40.0 * run, 0))
    status, out, _ = extract('--bag', bags[0], tmp_path / 'reset')
    assert status == 0
    assert 'reset: the clock of /odom' in out and 'goes back 1 times' in out and 'a bag of each run' in out
    assert '30 of 60 frames not newer than one before' in out
    with open(tmp_path / 'out/manifest.csv', newline='') as file:
        assert not any(float(row['y']) for row in csv.DictReader(file))


def write_gps_bag(path, first, last, start=10):
    """A frame and a fix a metre and 0.2 s, due east of a place in Swabia."""
    with BagWriter(path) as bag:
        for i, metre in enumerate(range(first, last)):
            stamp = start * SECOND + i * SECOND // 5
            latitude, longitude, _ = pymap3d.enu2geodetic(metre, 0, 0, 48.0, 9.0, 0.0)
            status = bag.message('sensor_msgs/msg/NavSatStatus', status=0, service=1)
            bag.image('/camera', stamp, 'camera', scene(metre))
            bag.write('/fix', stamp, bag.message(
                'sensor_msgs/msg/NavSatFix', header=bag.header(stamp, 'gps'), status=status, latitude=latitude,
                longitude=longitude, altitude=0.0, position_covariance=np.zeros(9), position_covariance_type=0))
    return path


def test_fixes_of_all_bags_count_from_the_first_of_the_first_bag(tmp_path, extract):
    bags = ['--bag', write_gps_bag(tmp_path / 'a', 0, 40), write_gps_bag(tmp_path / 'b', 20, 60, start=9000)]
    assert extract(*bags)[0] == 0
    for row in read_manifest(tmp_path / 'out' / 'manifest.csv'):
        metre = (row.stamp_ns / SECOND - (10 if row.session == 'a' else 9000)) * 5 + (0 if row.session == 'a' else 20)
        assert row.x == pytest.approx(metre, abs=0.02) and row.y == pytest.approx(0, abs=0.02)
        assert row.yaw == pytest.approx(0, abs=0.01)
    assert extract(*bags, '--gps-origin', '48.001 9 0', output=tmp_path / 'south')[0] == 0
    assert read_manifest(tmp_path / 'south' / 'manifest.csv')[0].y == pytest.approx(-111.2, abs=0.1)


def test_fixes_and_other_poses_meet_only_where_the_origin_is_given(bags, refused, extract, tmp_path):
    gps = write_gps_bag(tmp_path / 'gps', 0, 40)
    assert '--gps-origin' in refused('--bag', bags[0], gps)
    assert extract('--bag', bags[0], gps, '--gps-origin', '48 9 0')[0] == 0


def test_a_folder_that_is_there_is_left_alone(bags, extract, tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'mine').write_text('mine')
    status, _, err = extract('--bag', *bags[:2])
    assert status == 1 and 'exists already' in err
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['mine']


def test_a_bag_cut_in_the_middle(bags, refused, tmp_path):
    whole = next(bags[1].glob('*.db3')).read_bytes()
    cut = tmp_path / 'cut.db3'
    cut.write_bytes(whole[:len(whole) // 2])
    assert 'cut' in refused('--bag', bags[0], cut)
