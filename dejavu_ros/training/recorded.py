"""Places in images on the disk: which are drawn for a batch, and the pictures of them."""

import dataclasses
import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dejavu_ros.data.following import next_images
from dejavu_ros.data.layouts import read_places
from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.errors import DataError, ImageError
from dejavu_ros.images import check_informative, load_image
from dejavu_ros.training.config import SourceConfig
from dejavu_ros.training.correspondence import by_fixed_camera, mirrored, unknown
from dejavu_ros.training.crops import MAX_OVERLAP, WHOLE, cut, draw_window, jittered, overlap
from dejavu_ros.training.photometric import disturb
from dejavu_ros.training.slots import check_slots, draw_slots, rivals
from dejavu_ros.training.views import Drawn, Views

METRES_PER_RADIAN = 5.0  # what a turn counts for when the nearest frame is sought
ROUNDS = 3  # how often a place is tried, each time with other frames, before a batch does without it
FAILURES_IN_A_ROW = 100
WINDOW_TRIES = 20  # windows drawn for each one wanted, so few overlap


@dataclasses.dataclass(frozen=True)
class Sight:
    """What one view shows: a manifest's ``row``, its ``next`` image (or its own again), the ``window`` of both."""

    place: int
    row: ManifestRow
    next: Path
    window: np.ndarray


class RecordedSource:
    """The places of a manifest or folder that were seen in two sessions or more; ``notes`` say what was left out."""

    def __init__(self, config: SourceConfig):
        """Raises DataError where no place has two sessions, or a batch would have but one place."""
        found = read_places(config.manifest)
        self.config, self.name, self.notes = config, found.name, list(found.notes)
        rows = leave_out(found.rows, config)
        self.next = {row.image: image for row, image in zip(rows, next_images(rows)) if image}
        places: dict[str, dict[str, list[ManifestRow]]] = {}
        for row in rows:
            places.setdefault(row.place, {}).setdefault(row.session, []).append(row)
        self.places = [list(sessions.values()) for sessions in places.values() if len(sessions) > 1]
        self.n_places = len(self.places)
        self.images = {row.image for sessions in self.places for rows in sessions for row in rows}
        self._note_losses(rows, places)
        if not self.places:
            raise DataError(f'{config.manifest}: training needs places seen in two sessions, found none of '
                            f'{len(places)}')
        if not config.fixed_camera:
            check_slots(len(self.places), config)

    def _note_losses(self, rows: list[ManifestRow], places: dict[str, dict[str, list[ManifestRow]]]) -> None:
        lonely = len(places) - len(self.places)
        if lonely:
            self.notes.append(f'{lonely} of {len(places)} places were seen in one session only and are left out')
        used = {row.session for sessions in self.places for rows in sessions for row in rows}
        idle = sorted({row.session for row in rows} - used)
        if idle:
            self.notes.append(f'{len(idle)} sessions show no place that another session saw ({", ".join(idle[:4])}'
                              f'{", ..." if len(idle) > 4 else ""})')
        if len(self.next) < len(rows):
            self.notes.append(f'{len(rows) - len(self.next)} of {len(rows)} images have no next frame: where one is '
                              'needed, they are seen anew')

    def draw(self, rng: np.random.Generator, step: int, count: int, views: Views) -> Drawn:
        """``count`` different places, fewer where there are fewer.

        One mirroring, if any, holds for the whole batch. Raises DataError where image after image is unusable.
        """
        drawn = self.windows(rng, count) if self.config.fixed_camera else self.whole(rng)
        waiting = list(itertools.islice(drawn, count))  # more are drawn only in the place of failed ones
        mirror = rng.random() < 0.5
        samples, matches, skipped, used, failures = [], [], [], set(), 0
        for pair in itertools.chain(waiting, drawn):
            if pair[0].place in used:
                continue
            try:
                sample, windows = zip(*(self.picture(rng, path, window, views)
                                        for path, window in self.complete(rng, pair, views.frames)))
            except ImageError as error:
                skipped.append(f'{self.name}: {error}')
                failures += 1
                if failures == FAILURES_IN_A_ROW:
                    break
                continue
            failures = 0
            samples.append(np.stack([image[:, ::-1] for image in sample] if mirror else sample))
            if views.grid:
                match = self.match(windows[0], windows[views.positive], views.grid)
                matches.append(mirrored(match) if mirror else match)
            if not self.config.fixed_camera:
                used.add(pair[0].place)
            if len(samples) == count:
                break
        if len(samples) < min(2, count) or failures == FAILURES_IN_A_ROW:
            raise DataError(f'source {self.name}: a batch found {len(samples)} usable places, {len(skipped)} draws '
                            f'failed, the last: {" ".join(skipped[-1:])}')
        return Drawn(np.stack(samples), np.array(matches, np.float32), skipped)

    def whole(self, rng: np.random.Generator) -> Iterator[tuple[Sight, Sight]]:
        """Anchor and positive of different places, the whole image as window; then of the same places again."""
        for place in itertools.chain.from_iterable([draw_slots(rng, len(self.places), self.config)] * ROUNDS):
            yield self.two_sessions(rng, int(place), WHOLE)

    def windows(self, rng: np.random.Generator, count: int) -> Iterator[tuple[Sight, Sight]]:
        """Anchor and positive in windows of fixed cameras, hardly overlapping within one."""
        taken: list[tuple[int, np.ndarray]] = []
        for _ in range(count * WINDOW_TRIES):
            place, window = int(rng.integers(len(self.places))), draw_window(rng)
            if any(other == place and overlap(window, box) > MAX_OVERLAP for other, box in taken):
                continue
            taken.append((place, window))
            yield self.two_sessions(rng, place, window)

    def two_sessions(self, rng: np.random.Generator, place: int, window: np.ndarray) -> tuple[Sight, Sight]:
        """A view from a random session, and the nearest from another."""
        sessions = self.places[place]
        first, second = rng.choice(len(sessions), 2, replace=False)
        anchor = sessions[first][rng.integers(len(sessions[first]))]
        return self.sight(place, anchor, window), self.sight(place, nearest(rng, anchor, sessions[second]), window)

    def sight(self, place: int, row: ManifestRow, window: np.ndarray) -> Sight:
        return Sight(place, row, self.next.get(row.image, row.image), window)

    def complete(self, rng: np.random.Generator, pair: tuple[Sight, Sight],
                 frames: int) -> list[tuple[Path, np.ndarray]]:
        """Files and windows of a sample: A0 P0, A0 A1 P0 P1, or A0 A1 P0 P1 N0 N1."""
        if frames == 2:
            return [(sight.row.image, sight.window) for sight in pair]
        sights = [*pair, self.negative(rng, pair[0])] if frames == 6 else pair
        return [(path, sight.window) for sight in sights for path in (sight.row.image, sight.next)]

    def negative(self, rng: np.random.Generator, anchor: Sight) -> Sight:
        """A view of another place, from any session."""
        if self.config.fixed_camera:
            place, window = self.other_window(rng, anchor)
        else:
            place, window = int(rng.choice(rivals(anchor.place, len(self.places), self.config))), WHOLE
        rows = [row for session in self.places[place] for row in session]
        return self.sight(place, rows[rng.integers(len(rows))], window)

    def other_window(self, rng: np.random.Generator, anchor: Sight) -> tuple[int, np.ndarray]:
        """Another camera's, or of the same camera that of some which overlaps least."""
        drawn = [(int(rng.integers(len(self.places))), draw_window(rng)) for _ in range(WINDOW_TRIES)]
        return min(drawn, key=lambda item: overlap(anchor.window, item[1]) if item[0] == anchor.place else 0.0)

    def match(self, first: np.ndarray, second: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
        """Where the second window shows what the first one shows, known for a fixed camera alone."""
        return by_fixed_camera(first, second, grid) if self.config.fixed_camera else unknown(grid)

    def picture(self, rng: np.random.Generator, path: Path, window: np.ndarray,
                views: Views) -> tuple[np.ndarray, np.ndarray]:
        """(height, width, 3) uint8 RGB, and the window that it shows, moved a little unless it is to be still.

        Raises ImageError with the path where the file is damaged or shows nothing.
        """
        image = load_image(path)
        try:
            check_informative(image)
        except ImageError as error:
            raise ImageError(f'{path}: {error}') from None
        window = window if views.still else jittered(rng, window)
        view = cut(image, window, views.size)
        return disturb(view, self.config.photometric, rng) if self.config.photometric else view, window


def leave_out(rows: list[ManifestRow], config: SourceConfig) -> list[ManifestRow]:
    """Without the sessions and conditions that ``config`` leaves out. Raises DataError for one that is not there."""
    without = set(config.without.split())
    labels = {label for row in rows for label in (row.session, row.condition)}
    if without - labels:
        raise DataError(f'{config.manifest}: no session or condition {", ".join(sorted(without - labels))} to leave '
                        f'out; there are: {", ".join(sorted(filter(None, labels)))}')
    return [row for row in rows if not {row.session, row.condition} & without]


def nearest(rng: np.random.Generator, anchor: ManifestRow, rows: list[ManifestRow]) -> ManifestRow:
    """The row taken nearest to the anchor, by position and heading; any of them where positions are unknown."""
    placed = [row for row in rows if row.x is not None] if anchor.x is not None else []
    return min(placed, key=lambda row: separation(anchor, row)) if placed else rows[rng.integers(len(rows))]


def separation(a: ManifestRow, b: ManifestRow) -> float:
    """Metres between two rows with positions, a turn counting for METRES_PER_RADIAN where both headings are known."""
    turn = 0.0 if a.yaw is None or b.yaw is None else abs(math.remainder(a.yaw - b.yaw, math.tau))
    return math.hypot(a.x - b.x, a.y - b.y) + METRES_PER_RADIAN * turn
