"""The steps of the demo."""

import json
import os
import time
from pathlib import Path

from tqdm import tqdm

from dejavu_ros.cli import main as dejavu
from dejavu_ros.data.bags import open_bag
from dejavu_ros.data.frames import bag_frames
from dejavu_ros.demo.drives import DemoConfig, Drive, plan
from dejavu_ros.demo.summary import Answer, summarise
from dejavu_ros.errors import DejavuError
from dejavu_ros.files import new_file
from dejavu_ros.geometry import Trajectory
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.ros.conversions import pose_from_message
from dejavu_ros.ros.player import Player, running_node
from dejavu_ros.town.export import COMPRESSED_TOPIC, ODOMETRY_TOPIC, TRUTH_TOPIC

CAMERA_TOPIC = '/camera/image_raw'
ANSWER_TIMEOUT = 10.0  # seconds; a frame without an answer by then counts as not processed


def tell(folder: Path, config: DemoConfig) -> dict:
    """Run the demo into ``folder``, which is made anew; returns the summary. Raises DejavuError."""
    folder = folder.resolve()
    mapping, queries, unmapped = plan(config)
    started = time.monotonic()
    print('A car drives through a rendered town in summer; a map is made of what it sees. Then it comes back in snow '
          'and at night, and looks.\n')
    print(f'1. Rendering {2 + len(queries)} drives to rosbag2 (exact poses are known, as this world is rendered)')
    for drive in (mapping, *queries, unmapped):
        render(folder, drive, config)
    print('\n2. Building the map from the summer bag')
    call('build-map', '-o', folder / 'town.dvmap', '--bag', folder / mapping.name, '--image-topic', COMPRESSED_TOPIC,
         '--pose-topic', TRUTH_TOPIC, '--session', 'summer', '--condition', mapping.condition,
         *(('--checkpoint', config.checkpoint) if config.checkpoint else ()))
    print('\n3. Starting the node `relocalize`, and playing the other drives to it, frame by frame, on the topic '
          f'{CAMERA_TOPIC}, with the wheel odometry (which drifts) on {ODOMETRY_TOPIC}')
    answers = play(folder, [*queries, unmapped], unmapped, config)
    summary = summarise(answers)
    with new_file(folder / 'summary.json', 'w') as file:
        json.dump(summary, file, indent=1)
    from dejavu_ros.demo.picture import draw

    with KeyframeMap.open(folder / 'town.dvmap') as keyframes:
        draw(folder / 'demo.png', keyframes, answers, 'Mapped in summer, found in snow and at night')
    print('\n4. What came of it')
    report(summary)
    seconds = time.monotonic() - started
    print(f'\n{folder}/demo.png shows it, {folder}/summary.json holds the figures ({seconds:.0f} s).')
    return summary


def render(folder: Path, drive: Drive, config: DemoConfig) -> None:
    call('town', '-o', folder / drive.name, '--format', 'bag', '--transport', 'compressed',
         '--town-seed', drive.town_seed, '--traversal-seed', drive.traversal_seed, '--condition', drive.condition,
         '--start', drive.start, '--length', drive.length, '--speed', config.speed, '--fps', config.speed / drive.step)


def call(*words) -> None:
    """Run a command as a person would type it. Raises DejavuError where it fails."""
    words = [str(word) for word in words]
    here = os.path.join(os.getcwd(), '')
    print('   $ dejavu ' + ' '.join(word.removeprefix(here) for word in words))
    if dejavu(words):
        raise DejavuError(f'the demo ended, as `dejavu {words[0]}` failed; its own message stands above')


def play(folder: Path, drives: list[Drive], unmapped: Drive, config: DemoConfig) -> list[Answer]:
    """Every frame of the drives through the node, each sent after the answer to the one before."""
    log = folder / 'node.log'
    answers = []
    checkpoint = os.path.abspath(config.checkpoint) if config.checkpoint else ''
    with running_node(log, map=folder / 'town.dvmap', checkpoint=checkpoint, image_topic=CAMERA_TOPIC,
                      odom_topic=ODOMETRY_TOPIC, max_rate=1000.0) as node, Player(CAMERA_TOPIC) as player:
        player.wait_for_node(60.0, node, log)
        for drive in drives:
            answers += play_drive(folder / drive.name, drive, drive is not unmapped, player)
    return answers


def play_drive(bag_path: Path, drive: Drive, is_mapped: bool, player: Player) -> list[Answer]:
    answers = []
    with open_bag(bag_path) as bag:
        truth, odometry = (Trajectory(*zip(*((stamp, pose_from_message(message.pose.pose))
                                             for _, stamp, message in bag.messages([topic]))))
                           for topic in (TRUTH_TOPIC, ODOMETRY_TOPIC))
        for frame in tqdm(bag_frames(bag, COMPRESSED_TOPIC), desc=f'   {drive.name}', total=len(truth), unit='frame',
                          disable=None):
            image = frame.image()
            sent = time.monotonic()
            message = player.ask(image, frame.stamp_ns, ANSWER_TIMEOUT, odometry.at(frame.stamp_ns, 0))
            latency = (time.monotonic() - sent) * 1e3
            best = message.hypotheses[0] if message and message.hypotheses else None
            answers.append(Answer(drive.name, image, truth.at(frame.stamp_ns, 0) if is_mapped else None,
                                  pose_from_message(best.pose.pose) if best else None,
                                  bool(message and message.accepted), message.reject_reason if message else '',
                                  best.keyframe if best else -1, best.probability if best else 0.0, latency,
                                  message is not None))
    accepted = sum(answer.accepted for answer in answers)
    print(f'   {drive.name}: {accepted} of {len(answers)} frames accepted'
          + (f', {sum(a.accepted and a.right for a in answers)} of them within 5 m and 30 degrees' if is_mapped else
             ' (none should be: this street is on no map)'))
    return answers


def report(summary: dict) -> None:
    by_drive = ', '.join(f'{name} {value:.2f}' for name, value in summary['recall_at_5m_by_drive'].items())
    print(f'   found within 5 m and 30 degrees   {summary["recall_at_5m"]:.3f} of the frames on the mapped road '
          f'({by_drive})')
    print(f'   accepted at a wrong place         {summary["wrong_accepts"]}')
    print(f'   accepted in an unmapped street    {summary["unmapped_accepts"]} of {summary["unmapped_frames"]}')
    print(f'   answered                          {summary["frames_processed"]} of {summary["frames_sent"]} frames, '
          f'half of them within {summary["latency_ms_p50"]:.0f} ms, 99 % within {summary["latency_ms_p99"]:.0f} ms')
