"""Broken messages through the callbacks of a node with a real localizer, in a process of its own that may die.

The process is this module as a program. It says on its standard output, for every message, whether it was survived: an
exception that leaves a callback, or a frame that failed for another reason than a bad image, is a crash.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from dejavu_ros.errors import DejavuError, in_words
from dejavu_ros.soak.config import MESSAGES, SoakConfig
from dejavu_ros.soak.parts import Part

BLOCK = 500  # messages of one part
KEPT = 20  # descriptions of crashes that a part keeps


class Fuzz:
    """The phase of broken messages."""

    title, unit = 'fuzz', 'message'

    def __init__(self, folder: Path, config: SoakConfig):
        self.folder, self.messages, self.checkpoint = folder, config.share(MESSAGES), config.checkpoint

    def parts(self) -> list[Part]:
        return [Part(f'fuzz/{number:03d}', min(BLOCK, self.messages - first),
                     self.work(number, min(BLOCK, self.messages - first)))
                for number, first in enumerate(range(0, self.messages, BLOCK))]

    def work(self, number: int, count: int) -> Callable[[Callable[[int], object]], dict]:
        def send_some(advance: Callable[[int], object]) -> dict:
            found: dict = {'messages': 0, 'crashes': 0, 'reasons': []}
            attempt = 0
            while found['messages'] < count:
                before = found['messages']
                run(self.folder.resolve(), count - before, 1000 * number + attempt, self.checkpoint, found, advance)
                attempt += 1
                if found['messages'] == before:
                    raise DejavuError(f'the fuzzed node did not start; {self.folder}/fuzz.log says why')
            return found

        return send_some


def run(folder: Path, count: int, seed: int, checkpoint: str, found: dict, advance: Callable[[int], object]) -> None:
    """Up to ``count`` messages in a new process; what it says is added to ``found``, and its death is a crash."""
    command = [sys.executable, '-m', 'dejavu_ros.soak.fuzz', str(count), str(seed),
               str(Path(checkpoint).resolve()) if checkpoint else '']
    last = ''
    with open(folder / 'fuzz.log', 'w') as log, subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=folder) as process:
        for line in process.stdout:
            said = json.loads(line)
            if 'begins' in said:
                last = said['begins']
                continue
            found['messages'] += 1
            last = ''
            advance(1)
            if said['crash']:
                add(found, said['crash'])
    if process.returncode:
        found['messages'] += bool(last)
        add(found, f'the process ended with {process.returncode} at {last or "no message"}')


def add(found: dict, reason: str) -> None:
    found['crashes'] += 1
    found['reasons'] = [*found['reasons'], reason][:KEPT]


def main(count: int, seed: int, checkpoint: str) -> int:
    """Send ``count`` messages drawn from ``seed`` to a node; a line of JSON before and after each."""
    from dejavu_ros.bench.scenery import pictures
    from dejavu_ros.ros.alone import nodes_alone
    from dejavu_ros.ros.fuzzing import HEIGHT, WIDTH, draw_messages
    from dejavu_ros.nn.checkpoint import load_checkpoint
    from dejavu_ros.nn.features import FeatureExtractor
    from dejavu_ros.soak.scenery import write_map

    images = pictures(WIDTH, HEIGHT)
    extractor = FeatureExtractor(load_checkpoint(checkpoint))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'patterns.dvmap'
        write_map(path, extractor, images)
        with nodes_alone(extractor, path) as handle:
            for kind, message in draw_messages(count, seed, images):
                print(json.dumps({'begins': kind}), flush=True)
                try:
                    problem = handle(message)
                except Exception as error:  # this is what is looked for
                    problem = in_words(error)
                print(json.dumps({'crash': problem and f'{kind}: {problem}'}), flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
