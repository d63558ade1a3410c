"""Writers killed at random moments of mapping and appending; then the map is held against what they had committed.

The writer is this module as a program. It makes and appends sessions without end, each through the builder that
``dejavu build-map`` uses, and says on its standard output what it has committed.
"""

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dejavu_ros.data.frames import Frame
from dejavu_ros.errors import MapError
from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.keyframes.verify import Finding, verify
from dejavu_ros.mapping.builder import MapBuilder
from dejavu_ros.mapping.config import MappingConfig
from dejavu_ros.mapping.recordings import Recording
from dejavu_ros.soak.config import KILLS, SoakConfig
from dejavu_ros.soak.parts import Part

BLOCK = 10  # kills of one part, which share a map
SESSIONS = 2  # that it commits before its end is near, at most,
LONGEST = 0.25  # and seconds from then to its death, at most
SHAPE = 8, 24 * 32  # of a descriptor
SETTINGS = {'input_size': [64, 48], 'grid': [24, 32], 'channels': SHAPE[0], 'contextual': {}}
CHECKPOINT = 'soak'
LENGTHS = 3, 30  # keyframes of a session, fewest and most
SHARD_KEYFRAMES = 7


class Kills:
    """The phase of killed writers; maps are made in ``folder`` and removed again."""

    title, unit = 'kills', 'kill'

    def __init__(self, folder: Path, config: SoakConfig):
        self.folder, self.kills = folder / 'killed', config.share(KILLS)

    def parts(self) -> list[Part]:
        blocks = range(0, self.kills, BLOCK)
        return [Part(f'kills/{number:03d}', min(BLOCK, self.kills - first), self.work(number, first))
                for number, first in enumerate(blocks)]

    def work(self, number: int, first: int) -> Callable[[Callable[[int], object]], dict]:
        def kill_some(advance: Callable[[int], object]) -> dict:
            shutil.rmtree(self.folder, ignore_errors=True)
            path = self.folder / 'M.dvmap'
            found = {'kills': 0, 'lost_keyframes': 0, 'leftovers': 0, 'sessions': 0}
            for kill in range(first, min(first + BLOCK, self.kills)):
                # every third time there is no map yet, and its making is what is interrupted
                if kill % 3 == 0:
                    shutil.rmtree(path, ignore_errors=True)
                before = sessions_of(path)
                committed = before + run_and_kill(path, random.Random(kill))
                lost, findings = inspect(path, committed)
                found['kills'] += 1
                found['lost_keyframes'] += lost
                found['leftovers'] += bool(findings)
                found['sessions'] += committed - before
                advance(1)
            shutil.rmtree(self.folder, ignore_errors=True)
            return found

        return kill_some


def run_and_kill(path: Path, rng: random.Random) -> int:
    """Start a writer, kill it some time after it began to write; the sessions that it said it had committed."""
    command = [sys.executable, '-m', 'dejavu_ros.soak.kills', str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1) as writer:
        if writer.stdout.readline().strip() != 'ready':
            raise MapError(f'the writer of {path} ended before it began: run {" ".join(command)} to see why')
        waited = rng.randint(0, SESSIONS)
        for _ in range(waited):
            writer.stdout.readline()
        time.sleep(rng.uniform(0.0, LONGEST))
        writer.send_signal(signal.SIGKILL)
        return waited + sum(line.endswith('\n') for line in writer.stdout)


def sessions_of(path: Path) -> int:
    return len(KeyframeMap.open(path).sessions) if path.exists() else 0


def inspect(path: Path, committed: int) -> tuple[int, list[Finding]]:
    """Keyframes lost of ``committed`` sessions or changed in any, and what `dejavu map verify` finds."""
    expected = sum(map(length_of, range(committed)))
    if not path.exists():
        return expected, []
    try:
        findings = list(verify(path))
        with KeyframeMap.open(path) as content:
            sessions, whole, first = len(content.sessions), 0, 0
            for session in range(sessions):
                for index in range(length_of(session)):
                    whole += first < len(content) and is_whole(content, first, session, index)
                    first += 1
    except MapError as error:
        return max(expected, 1), [Finding(str(error))]
    # a session that was committed in the instant before the kill may be there unannounced; it has to be whole too
    defects = sum(not finding.harmless for finding in findings)
    return max(expected - whole, first - whole, defects), findings


def is_whole(content: KeyframeMap, keyframe: int, session: int, index: int) -> bool:
    return (content.keyframes[keyframe].session == f'session {session}'
            and bool((content.descriptors(keyframe, keyframe + 1)[0] == descriptors_of(session, index)).all())
            and bool((content.positions[keyframe] == (session, index, 0)).all())
            and content.thumbnail(keyframe).startswith(b'\xff\xd8'))


def length_of(session: int) -> int:
    return random.Random(session).randint(*LENGTHS)


def descriptors_of(session: int, index: int) -> np.ndarray:
    return np.random.default_rng((session, index)).normal(size=SHAPE).astype(np.float16)


class Numbers:
    """Stands in for the network: an image is the number of its session and its own, and so are its features."""

    grid = tuple(SETTINGS['grid'])

    @staticmethod
    def extract(images) -> np.ndarray:
        return np.stack([descriptors_of(int(image[0, 0, 0]), int(image[0, 1, 0])) for image in images])


class Line:
    """Poses of a session: frame i stands at (session, i, 0)."""

    source, skipped = 'a line', 0

    def __init__(self, session: int):
        self.session, self.stamps_ns = session, list(range(length_of(session)))

    def at(self, stamp_ns: int, max_gap_ns: int) -> tuple[Pose, None]:
        return Pose.planar(self.session, stamp_ns, 0.0), None


def picture(session: int, index: int) -> np.ndarray:
    """(48, 64, 3) uint8 RGB noise that begins with two numbers."""
    image = np.random.default_rng(index).integers(0, 256, (48, 64, 3), np.uint8)
    image[0, :2, 0] = session, index
    return image


def write_forever(path: Path) -> None:
    from dejavu_ros.keyframes import writer as writing

    writing.SHARD_BYTES = 2 * SHAPE[0] * SHAPE[1] * SHARD_KEYFRAMES  # so that a session has several
    builder = MapBuilder(Numbers, MappingConfig(keyframe_distance=0.0))
    first = sessions_of(path)
    print('ready', flush=True)
    make = MapWriter.append if path.exists() else MapWriter.create
    with make(path, SETTINGS, CHECKPOINT) as writer:
        for session in range(first, 256):
            line = Line(session)
            frames = [Frame(f'#{index}', index, '', lambda index=index: picture(session, index))
                      for index in line.stamps_ns]
            with writer.session(f'session {session}', 'soak') as rows:
                builder.add(rows, Recording('soak', 'soak', frames, len(frames), line), frames)
            print('committed', session, flush=True)


if __name__ == '__main__':
    write_forever(Path(sys.argv[1]))
