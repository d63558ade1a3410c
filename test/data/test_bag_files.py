"""What a folder of files is read as: one recording, whatever metadata.yaml says of it, and never two by accident."""

import logging
import re
import shutil

import pytest
import yaml

from dejavu_ros.data.bags import open_bag
from dejavu_ros.data.rosbag_writer import BagWriter
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import Pose

SECOND = 10**9
DAY = 86400


def record(path, first=100, count=5, storage='mcap', topic='/odom'):
    """A rosbag2 folder with a pose a second."""
    with BagWriter(path, storage) as bag:
        for second in range(first, first + count):
            bag.odometry(topic, second * SECOND, 'odom', 'base_link', Pose.planar(second, 0, 0))
    return path


def gather(folder, **files):
    """A folder of the storage files of recordings; the underscore before the suffix is a point."""
    folder.mkdir(exist_ok=True)
    for name, options in files.items():
        stem, _, kind = name.rpartition('_')
        made = record(folder.parent / f'made_{name}', storage='mcap' if kind == 'mcap' else 'sqlite3', **options)
        shutil.move(next(path for path in made.iterdir() if path.suffix == f'.{kind}'), folder / f'{stem}.{kind}')
    return folder


def listed(folder, *names, **changes):
    """metadata.yaml of a folder that lists files."""
    information = {'relative_file_paths': list(names), 'topics_with_message_count': [], **changes}
    (folder / 'metadata.yaml').write_text(yaml.safe_dump({'rosbag2_bagfile_information': information}))


def seconds(path):
    with open_bag(path) as bag:
        return [message.header.stamp.sec for _, _, message in bag.messages(bag.topics)], bag.notes


def change(folder, **changes):
    """Edit metadata.yaml by hand."""
    path = folder / 'metadata.yaml'
    content = yaml.safe_load(path.read_text())
    content['rosbag2_bagfile_information'].update(changes)
    path.write_text(yaml.safe_dump(content))


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
@pytest.mark.parametrize('changes', [
    {'message_count': 99}, {'version': 99}, {'storage_identifier': 'other'}, {'duration': {'nanoseconds': 1}},
    {'compression_format': 'zstd', 'compression_mode': 'MESSAGE'}, {'compression_mode': 'FILE'}])
def test_metadata_is_advice(tmp_path, storage, changes):
    change(record(tmp_path / 'drive', storage=storage), **changes)
    assert seconds(tmp_path / 'drive') == ([100, 101, 102, 103, 104], [])


@pytest.mark.parametrize('quality', ['', 'nonsense', '- history: 3', [{'history': 'keep_all', 'depth': 5}], None])
def test_quality_of_service_has_nothing_to_do_with_reading(tmp_path, quality):
    folder = record(tmp_path / 'drive')
    topic = yaml.safe_load((folder / 'metadata.yaml').read_text())['rosbag2_bagfile_information'][
        'topics_with_message_count'][0]
    topic['topic_metadata']['offered_qos_profiles'] = quality
    change(folder, topics_with_message_count=[topic])
    assert seconds(folder) == ([100, 101, 102, 103, 104], [])


@pytest.mark.parametrize('counted', [4, 6])
def test_a_wrong_count_is_said(tmp_path, counted, caplog):
    folder = record(tmp_path / 'drive')
    change(folder, topics_with_message_count=[{'message_count': counted, 'topic_metadata': {'name': '/odom'}}])
    with caplog.at_level(logging.WARNING):
        read, notes = seconds(folder)
    assert len(read) == 5 and f'counts {counted} on /odom (5 are there)' in notes[0]
    assert notes[0] in caplog.text, 'whoever reads it on the way sees it too'


@pytest.mark.parametrize('kind', ['mcap', 'db3'])
def test_a_part_that_metadata_does_not_list_is_read_too(tmp_path, kind):
    folder = gather(tmp_path / 'bag', **{f'drive_0_{kind}': {}, f'drive_1_{kind}': {'first': 105},
                                         f'drive_10_{kind}': {'first': 110}})
    listed(folder, f'drive_0.{kind}', f'drive_1.{kind}')
    read, notes = seconds(folder)
    assert read == list(range(100, 115))
    assert notes == [f'metadata.yaml does not list drive_10.{kind}, which is read too']


def test_a_part_that_is_not_there_is_said(tmp_path):
    folder = gather(tmp_path / 'bag', drive_1_mcap={'first': 105})
    listed(folder, 'drive_0.mcap', 'drive_1.mcap')
    read, notes = seconds(folder)
    assert read[0] == 105 and notes == ['metadata.yaml lists drive_0.mcap, which is not there: read without it']


def test_files_that_were_renamed_are_read_as_they_are(tmp_path):
    folder = record(tmp_path / 'drive')
    (folder / 'drive.mcap').rename(folder / 'tuesday.mcap')
    read, notes = seconds(folder)
    assert len(read) == 5 and 'lists drive.mcap, which is not there' in notes[0]
    (folder / 'tuesday.mcap').unlink()
    with pytest.raises(DataError, match='metadata.yaml lists drive.mcap, but no such file is there'):
        open_bag(folder)


def test_another_recording_beside_a_listed_one_is_left_out_and_said(tmp_path):
    folder = gather(tmp_path / 'bag', drive_mcap={}, other_mcap={'first': 100 + DAY})
    listed(folder, 'drive.mcap')
    read, notes = seconds(folder)
    assert read == list(range(100, 105)) and 'other.mcap is not of this recording' in notes[0]


@pytest.mark.parametrize('files', [
    {'monday_db3': {}, 'tuesday_db3': {'first': 100 + DAY}},
    {'run_0_mcap': {}, 'run_1_mcap': {'first': 100 + DAY}},
    {'loop1_mcap': {}, 'loop2_mcap': {'first': 160}},
    {'drive_db3': {}, 'drive_mcap': {}},
    {'left_mcap': {}, 'right_mcap': {'first': 103}},
    {'run_0_mcap': {}, 'run_1_mcap': {'first': 101}}])  # at one time
def test_several_recordings_are_refused_with_a_list(tmp_path, files):
    folder = gather(tmp_path / 'bags', **files)
    with pytest.raises(DataError, match='holds 2 recordings, not one: .* name one file, and map each as') as no:
        open_bag(folder)
    assert '1970-01-01 00:01:40 UTC, 4 s' in str(no.value) and '\n' not in str(no.value)
    assert len(seconds(next(folder.iterdir()))[0]) == 5


def test_days_that_were_indexed_together_are_not_one_recording(tmp_path):
    folder = gather(tmp_path / 'bags', monday_mcap={}, tuesday_mcap={'first': 100 + DAY})
    listed(folder, 'monday.mcap', 'tuesday.mcap')
    with pytest.raises(DataError, match='holds 2 recordings'):
        open_bag(folder)


def test_parts_without_metadata_are_one_recording(tmp_path):
    folder = gather(tmp_path / 'bag', drive_9_mcap={}, drive_10_mcap={'first': 105}, drive_11_mcap={'first': 110})
    assert seconds(folder) == (list(range(100, 115)), [])


def test_topics_that_two_recorders_took_at_one_time_are_one_recording(tmp_path):
    folder = gather(tmp_path / 'bag', base_mcap={'topic': '/odom'}, head_db3={'topic': '/head'})
    with open_bag(folder) as bag:
        assert list(bag.topics) == ['/head', '/odom'] and len(list(bag.messages(bag.topics))) == 10


def test_a_folder_of_bags_names_them(tmp_path):
    record(tmp_path / 'monday'), record(tmp_path / 'tuesday')
    with pytest.raises(DataError, match='is no bag, but holds 2: monday, tuesday: name one of them'):
        open_bag(tmp_path)


def test_an_empty_part_is_left_out_and_said(tmp_path):
    folder = gather(tmp_path / 'bag', drive_0_mcap={})
    (folder / 'drive_1.mcap').touch()
    assert seconds(folder) == (list(range(100, 105)), ['drive_1.mcap is empty (0 bytes) and is left out'])


def test_a_file_beside_its_packed_or_older_copy_is_read_once(tmp_path):
    folder = gather(tmp_path / 'bag', drive_0_db3={})
    (folder / 'drive_0.db3.zstd').write_bytes(b'\x28\xb5\x2f\xfd')
    (folder / 'drive_0.orig.db3').write_bytes(b'')
    (folder / '._drive_0.db3').write_bytes(b'what another system keeps')
    read, notes = seconds(folder)
    assert len(read) == 5 and re.search(r'drive_0.db3.zstd, drive_0.orig.db3 is a copy', notes[0])
