"""`dejavu localize` over bags and folders: a line of JSON for each image, or one line of error and no file."""

import contextlib
import json
import shutil
import sqlite3

import cv2
import numpy as np
import pytest
import torch

from dejavu_ros.cli import main
from dejavu_ros.data.rosbag_writer import BagWriter
from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_jpeg
from dejavu_ros.localization import LocalizerConfig
from dejavu_ros.nn import checkpoint as checkpoints
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.features import FeatureSettings
from dejavu_ros.ops.contextual import ContextualSettings

SECOND = 10**9
pytestmark = pytest.mark.usefixtures('quick')
KEYS = ['image', 'stamp_ns', 'accepted', 'reject_reason', 'latency_ms', 'hypotheses']
HYPOTHESIS = ['keyframe', 'session', 'similarity', 'probability', 'inliers', 'position', 'quaternion',
              'covariance']
# a tiny untrained network cannot be asked for much: what is checked is that answers reach the file
LENIENT = ['--min-inliers', '0', '--min-probability', '0.3', '--no-use-filter']


def picture(place):
    small = np.random.default_rng(place).integers(0, 255, (6, 8, 3), np.uint8)
    return cv2.resize(small, (64, 48), interpolation=cv2.INTER_CUBIC)


def write_bag(path, images, storage='mcap'):
    """Images at 1 Hz with Odometry 10 m apart; bytes are sent as JPEG."""
    with BagWriter(path, storage) as bag:
        for i, image in enumerate(images):
            stamp = (100 + i) * SECOND
            if isinstance(image, bytes):
                bag.compressed_image('/camera/compressed', stamp, 'camera', image)
            else:
                bag.image('/camera', stamp, 'camera', image)
            bag.odometry('/odom', stamp, 'map', 'base_link', Pose.planar(10 * i, 0, 0))
    return path


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A checkpoint of the real shape with a tiny input, untrained; a bag of eight places; a map of it."""
    folder = tmp_path_factory.mktemp('localize')
    torch.manual_seed(0)
    checkpoints.save_checkpoint(folder / 'tiny.pt', DejavuNet(), FeatureSettings(64, 48, 16, 12, 'area'),
                                ContextualSettings())
    write_bag(folder / 'summer', [picture(i) for i in range(8)])
    assert main(['build-map', '-o', str(folder / 'm.dvmap'), '--bag', str(folder / 'summer'), '--session', 'summer',
                 '--checkpoint', str(folder / 'tiny.pt')]) == 0
    return folder


@pytest.fixture
def localize(folder, capsys):
    """Run the command on the map; returns exit status, output and error text."""
    def run(*arguments, keyframes='m.dvmap', checkpoint='tiny.pt'):
        capsys.readouterr()
        status = main(['localize', '--map', str(folder / keyframes), '--checkpoint', str(folder / checkpoint),
                       *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err
    return run


@pytest.fixture
def refused(localize, tmp_path):
    """Run the command where it must fail: one line, and no JSON."""
    def run(*arguments, **where):
        status, out, err = localize(*arguments, '--json', tmp_path / 'no.jsonl', **where)
        assert (status, out, len(err.splitlines())) == (1, '', 1) and err.startswith('dejavu localize: ')
        assert not [path for path in tmp_path.iterdir() if 'no.jsonl' in path.name]
        return err
    return run


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_map_without_keyframes_is_refused(folder, localize):
    shutil.copytree(folder / 'm.dvmap', folder / 'empty.dvmap')
    with contextlib.closing(sqlite3.connect(folder / 'empty.dvmap' / 'map.sqlite')) as database, database:
        for table in ('thumbnails', 'keyframes', 'shards'):
            database.execute(f'DELETE FROM {table}')
    status, _, err = localize('--bag', folder / 'summer', keyframes='empty.dvmap')
    assert status == 1 and 'empty.dvmap has no keyframes' in err


def test_a_line_for_each_image_of_a_bag(folder, localize, tmp_path):
    status, out, err = localize('--bag', folder / 'summer', '--json', tmp_path / 'a.jsonl', *LENIENT)
    assert (status, err) == (0, '')
    lines = lines_of(tmp_path / 'a.jsonl')
    assert len(lines) == 8
    for i, line in enumerate(lines):
        assert list(line) == KEYS
        assert line['image'] == f'/camera@{(100 + i) * SECOND}' and line['stamp_ns'] == (100 + i) * SECOND
        assert line['latency_ms'] > 0 and line['accepted'] is (line['reject_reason'] == '')
        assert all(list(hypothesis) == HYPOTHESIS for hypothesis in line['hypotheses'])
        # the very image of the map is most like itself
        best = line['hypotheses'][0]
        assert best['keyframe'] == i and best['session'] == 'summer' and best['similarity'] > 0.9
        assert best['position'] == pytest.approx([10 * i, 0, 0], abs=1e-6) and len(best['quaternion']) == 4
    accepted = sum(line['accepted'] for line in lines)
    assert accepted > 0
    assert out.startswith(f'{accepted} of 8 frames accepted on map m (revision 1, 8 keyframes)')
    assert 'ms (median)' in out


def test_one_picture(folder, localize, tmp_path, monkeypatch):
    """A file where a folder is meant, by its name alone too; what stands in the name is no matter."""
    (tmp_path / 'photo.JPG').write_bytes(encode_jpeg(picture(5)))
    monkeypatch.chdir(tmp_path)
    for words in (['photo.JPG'], ['--images', tmp_path / 'photo.JPG']):
        status, out, err = localize(*words, '--json', tmp_path / 'a.jsonl', *LENIENT)
        line, = lines_of(tmp_path / 'a.jsonl')
        assert (status, err) == (0, '') and 'of 1 frames accepted' in out
        assert 'the likeliest place: x 50.00 m, y 0.00 m, z 0.00 m, heading 0 degrees, as keyframe 5 of session' in out
        assert line['image'] == 'photo.JPG' and line['hypotheses'][0]['keyframe'] == 5
    status, _, err = localize('phto.JPG')
    assert status == 1 and 'no such picture: phto.JPG; did you mean photo.JPG?' in err
    status, _, err = localize(next((folder / 'summer').glob('*.mcap')))
    assert status == 1 and 'is no picture' in err and 'an MCAP file; recordings are given by --bag' in err
    status, _, err = localize(folder / 'summer')
    assert status == 1 and 'holds no images' in err and 'recordings are given by --bag' in err


def test_a_checkpoint_that_is_not_calibrated_is_told(folder, localize, tmp_path):
    _, out, _ = localize('--bag', folder / 'summer')
    assert 'it is not calibrated' in out and 'dejavu calibrate' in out
    content = torch.load(folder / 'tiny.pt', weights_only=True)
    content['dejavu']['card'] = {'calibration': {'sharpness': 1.0}}
    torch.save(content, tmp_path / 'calibrated.pt')
    _, out, _ = localize('--bag', folder / 'summer', checkpoint=tmp_path / 'calibrated.pt')
    assert 'calibrate' not in out


def test_json_to_standard_output_is_nothing_but_json(folder, localize):
    status, out, err = localize('--bag', folder / 'summer', '--json', '-')
    assert status == 0 and [list(json.loads(line)) for line in out.splitlines()] == [KEYS] * 8
    assert 'of 8 frames accepted' in err


def test_images_that_cannot_be_used_are_counted_not_fatal(folder, localize, tmp_path):
    whole = encode_jpeg(picture(1))
    write_bag(tmp_path / 'bad', [whole, whole[:len(whole) // 2], encode_jpeg(np.zeros((48, 64, 3), np.uint8)),
                                 encode_jpeg(picture(3))], 'sqlite3')
    status, out, _ = localize('--bag', tmp_path / 'bad', '--image-topic', '/camera/compressed', '--json',
                              tmp_path / 'a.jsonl', *LENIENT)
    lines = lines_of(tmp_path / 'a.jsonl')
    assert status == 0 and len(lines) == 4
    for line in lines[1:3]:
        assert list(line) == KEYS
        assert (line['accepted'], line['reject_reason'], line['hypotheses']) == (False, 'bad_image', [])
    assert [lines[0]['hypotheses'][0]['keyframe'], lines[3]['hypotheses'][0]['keyframe']] == [1, 3]
    assert 'bad_image 2' in out and 'the first bad image: /camera/compressed@101000000000: ' in out and 'cut' in out


def test_a_folder_in_the_order_of_its_stamps(folder, localize, tmp_path):
    images = tmp_path / 'images'
    images.mkdir()
    for name, place in (('1700000009.5.png', 2), ('1700000010.5.png', 5), ('1700000008.5.jpg', 7)):
        cv2.imwrite(str(images / name), picture(place)[:, :, ::-1])
    (images / '1700000011.5.jpg').write_bytes(b'no image')
    status, out, _ = localize('--images', images, '--json', tmp_path / 'a.jsonl', *LENIENT)
    lines = lines_of(tmp_path / 'a.jsonl')
    assert [line['image'] for line in lines] == ['1700000008.5.jpg', '1700000009.5.png', '1700000010.5.png',
                                                 '1700000011.5.jpg']
    assert lines[0]['stamp_ns'] == 1700000008_500000000
    assert [line['hypotheses'][0]['keyframe'] for line in lines[:3]] == [7, 2, 5]
    assert lines[3]['reject_reason'] == 'bad_image'


def test_a_folder_without_stamps_is_one_image_a_second(localize, tmp_path):
    images = tmp_path / 'images'
    images.mkdir()
    for i in (10, 2, 1):
        cv2.imwrite(str(images / f'{i}.png'), picture(i)[:, :, ::-1])
    localize('--images', images, '--json', tmp_path / 'a.jsonl')
    assert [(line['image'], line['stamp_ns']) for line in lines_of(tmp_path / 'a.jsonl')] == [
        ('1.png', 0), ('2.png', SECOND), ('10.png', 2 * SECOND)]


def test_settings_reach_the_localizer(folder, localize, tmp_path):
    for number in (1, 3):
        localize('--bag', folder / 'summer', '--hypotheses', number, '--json', tmp_path / 'a.jsonl')
        assert {len(line['hypotheses']) for line in lines_of(tmp_path / 'a.jsonl')} == {number}
    localize('--bag', folder / 'summer', '--min-inliers', 10000, '--min-probability', '0', '--no-use-filter', '--json',
             tmp_path / 'b.jsonl')
    assert not any(line['accepted'] for line in lines_of(tmp_path / 'b.jsonl'))
    assert LocalizerConfig().min_inliers < 10000


def test_without_json_there_is_the_summary_alone(folder, localize):
    status, out, err = localize('--bag', folder / 'summer')
    assert (status, err) == (0, '') and 'of 8 frames accepted' in out and '{' not in out


def test_bad_input_is_one_line_and_writes_nothing(folder, refused, tmp_path):
    bag = folder / 'summer'
    assert 'no keyframe map' in refused('--bag', bag, keyframes='none.dvmap')
    assert 'no checkpoint' in refused('--bag', bag, checkpoint='none.pt')
    assert 'was made with checkpoint' in refused('--bag', bag, checkpoint=other_checkpoint(tmp_path))
    assert 'no such bag' in refused('--bag', tmp_path / 'none')
    assert '/camera (sensor_msgs/Image, 8)' in refused('--bag', bag, '--image-topic', '/left')
    assert 'no such folder of images' in refused('--images', tmp_path / 'none')
    assert '--image-topic goes with --bag' in refused('--images', tmp_path, '--image-topic', '/camera')
    assert 'min_probability must be' in refused('--bag', bag, '--min-probability', '2')
    assert 'device' in refused('--bag', bag, '--device', 'abacus')


def other_checkpoint(folder):
    torch.manual_seed(1)
    checkpoints.save_checkpoint(folder / 'other.pt', DejavuNet(), FeatureSettings(64, 48, 16, 12, 'area'),
                                ContextualSettings())
    return folder / 'other.pt'


def test_a_bag_that_breaks_off_leaves_the_old_answers(folder, localize, tmp_path):
    whole = next((folder / 'summer').glob('*.mcap')).read_bytes()
    (tmp_path / 'cut.mcap').write_bytes(whole[:len(whole) // 2])
    (tmp_path / 'a.jsonl').write_text('old')
    status, _, err = localize('--bag', tmp_path / 'cut.mcap', '--json', tmp_path / 'a.jsonl')
    assert status == 1 and len(err.splitlines()) == 1 and (tmp_path / 'a.jsonl').read_text() == 'old'


def test_ctrl_c_leaves_no_file(folder, localize, tmp_path, monkeypatch):
    from dejavu_ros.localization import Localizer

    answers = iter(range(3))
    process = Localizer.process

    def interrupted(*arguments):
        if next(answers, None) is None:
            raise KeyboardInterrupt
        return process(*arguments)
    monkeypatch.setattr(Localizer, 'process', interrupted)
    assert localize('--bag', folder / 'summer', '--json', tmp_path / 'a.jsonl')[0] == 130
    assert list(tmp_path.iterdir()) == []


def test_two_cameras_of_a_robot(folder, localize, tmp_path):
    with BagWriter(tmp_path / 'two', 'mcap') as bag:
        for i in range(3):
            for offset, topic in enumerate(('/front', '/rear')):
                bag.image(topic, (100 + i) * SECOND + offset, 'camera', picture(i))
    status, out, err = localize('--bag', tmp_path / 'two', '--image-topic', 'camera=/front', '--image-topic',
                                'rear=/rear', '--json', '-', *LENIENT)
    assert status == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line['image'].split('@')[0] for line in lines] == ['/front', '/rear'] * 3
    assert [line['hypotheses'][0]['keyframe'] for line in lines] == [0, 0, 1, 1, 2, 2]
    status, _, err = localize('--bag', tmp_path / 'two', '--image-topic', '/front', '--image-topic', '/rear')
    assert status == 1 and 'each camera needs a name and a topic of its own' in err


def test_a_folder_with_its_camera_told(folder, localize, tmp_path):
    """Mounting and calibration count beside a map that knows its own."""
    images, camera = tmp_path / 'images', tmp_path / 'camera.yaml'
    images.mkdir()
    for i in range(4):
        (images / f'{100 + i}.png').write_bytes(cv2.imencode('.png', picture(i)[..., ::-1])[1].tobytes())
    with BagWriter(tmp_path / 'known') as bag:
        optical = Pose.make((0.3, 0.0, 1.2), (-0.5, 0.5, -0.5, 0.5))
        bag.transforms(0, [('base_link', 'camera_optical', optical)], static=True)
        for i in range(8):
            bag.image('/camera', (100 + i) * SECOND, 'camera_optical', picture(i))
            bag.odometry('/odom', (100 + i) * SECOND, 'map', 'base_link', Pose.planar(10 * i, 0, 0))
        bag.camera_info('/camera_info', 100 * SECOND, 'camera_optical', 64, 48,
                        np.array([[50.0, 0, 31.5], [0, 50, 23.5], [0, 0, 1]]))
    assert main(['build-map', '-o', str(tmp_path / 'known.dvmap'), '--bag', str(tmp_path / 'known'), '--checkpoint',
                 str(folder / 'tiny.pt')]) == 0

    def ask(*more, height=96):
        camera.write_text(f'image_width: 128\nimage_height: {height}\ndistortion_model: plumb_bob\n'
                          'camera_matrix: {data: [100, 0, 63.5, 0, 100, 47.5, 0, 0, 1]}\n'
                          'distortion_coefficients: {data: [0, 0, 0, 0, 0]}\n')
        return localize('--images', images, '--camera-info', camera, '--json', '-', *LENIENT, *more,
                        keyframes=tmp_path / 'known.dvmap')

    status, out, err = ask('--base-T-camera', '1.3 0 1.2 -0.5 0.5 -0.5 0.5')
    assert status == 0 and 'camera camera:' not in err
    found = [json.loads(line)['hypotheses'][0] for line in out.splitlines()]
    assert [hypothesis['keyframe'] for hypothesis in found] == [0, 1, 2, 3]
    assert found[2]['position'] == pytest.approx([19, 0, 0], abs=0.5)  # a metre behind that of the map
    status, out, err = ask('--base-T-camera', '1.3 0 1.2 0 0 0 1')
    assert status == 0 and 'camera camera: the frame of its base_T_camera is not the optical frame' in err
    assert json.loads(out.splitlines()[2])['hypotheses'][0]['position'] == pytest.approx([19, 0, 0], abs=0.5)
    status, out, err = ask('--base-T-camera', '1.3 0 1.2 0 0 0 1', '--camera-frame-convention', 'optical')
    assert status == 0 and 'its mounting cannot be true' in err
    assert {json.loads(line)['reject_reason'] for line in out.splitlines()} == {'bad_image'}
    assert 'another shape' in ask(height=72)[2]


def test_what_a_mask_hides_is_not_looked_at(folder, localize, tmp_path):
    """A map and queries of one masked camera: whatever lies under the mask, the places are found."""
    mask = np.zeros((48, 64), np.uint8)
    mask[:32] = 255
    (tmp_path / 'mask.png').write_bytes(cv2.imencode('.png', mask)[1].tobytes())
    (tmp_path / 'images').mkdir()
    for i in range(4):
        image = picture(i)
        image[32:] = picture(100 - i)[32:]
        (tmp_path / f'images/{100 + i}.png').write_bytes(cv2.imencode('.png', image[..., ::-1])[1].tobytes())
    assert main(['build-map', '-o', str(tmp_path / 'masked'), '--bag', str(folder / 'summer'), '--mask',
                 f'camera={tmp_path / "mask.png"}', '--checkpoint', str(folder / 'tiny.pt')]) == 0
    status, out, err = localize('--images', tmp_path / 'images', '--mask', tmp_path / 'mask.png', '--json', '-',
                                *LENIENT, keyframes=tmp_path / 'masked')
    assert status == 0, err
    assert [json.loads(line)['hypotheses'][0]['keyframe'] for line in out.splitlines()] == [0, 1, 2, 3]


def truth_file(path, offsets):
    """True poses of the bag of eight places, each moved by so many metres along the road."""
    path.write_text(''.join(f'{100 + i} {10 * i + offset} 0 0 0 0 0 1\n' for i, offset in enumerate(offsets)))
    return path


def test_a_truth_tells_found_from_wrong(localize, folder, tmp_path):
    truth = truth_file(tmp_path / 'truth.txt', [0, 0, 0, 0, 0, 8, 8, 25])
    status, out, _ = localize('--bag', folder / 'summer', '--truth', truth, '--summary', tmp_path / 'summary.json',
                              '--tum', tmp_path / 'found.txt', '--report', tmp_path / 'page.html', *LENIENT)
    summary = json.loads((tmp_path / 'summary.json').read_text())
    assert status == 0
    assert summary['frames'] == summary['scored'] == 8
    assert summary['accepted'] == len((tmp_path / 'found.txt').read_text().splitlines())
    assert summary['found'] <= 5 and summary['near'] - summary['found'] <= 2 and summary['wrong'] <= 1
    assert summary['near'] + summary['wrong'] == summary['accepted'] > 0
    assert f'{summary["found"]} found' in out
    assert '<table' in (tmp_path / 'page.html').read_text()


def test_a_truth_of_another_drive_is_said(localize, folder, tmp_path):
    truth = tmp_path / 'truth.txt'
    truth.write_text('9000 0 0 0 0 0 0 1\n9001 1 0 0 0 0 0 1\n')
    status, _, err = localize('--bag', folder / 'summer', '--truth', truth, *LENIENT)
    assert status == 1 and 'covers no frame' in err
