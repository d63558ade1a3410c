"""A long run in parts, each a file when it is done, so that an interrupted run goes on where it stopped."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from dejavu_ros.errors import DataError
from dejavu_ros.files import new_file

SETTINGS = 'settings.json'


@dataclasses.dataclass(frozen=True)
class Part:
    """``work(advance)`` returns what JSON can hold; it calls ``advance(n)`` after n of its ``size`` units."""

    name: str
    size: int
    work: Callable[[Callable[[int], object]], dict]


class Folder:
    """Where finished parts lie. One folder belongs to one set of settings."""

    def __init__(self, path: Path, settings: dict):
        """Take up or make the folder. Raises DataError where it holds something else, or a run with other settings."""
        self.path = path
        present = read(path / SETTINGS)
        if present is None and path.exists() and any(path.iterdir()):
            raise DataError(f'{path} exists and no soak made it: choose another folder with -o')
        if present not in (None, settings):
            raise DataError(f'{path} holds a run with {present}, not {settings}: remove it, or choose another with -o')
        write(path / SETTINGS, settings)

    def result(self, part: Part) -> dict | None:
        """What a part found, None if it is not done."""
        return read(self.path / f'{part.name}.json')

    def finish(self, title: str, unit: str, parts: Sequence[Part]) -> list[dict]:
        """Do what is left of ``parts``, with progress and the time left; all their results in order."""
        results = [self.result(part) for part in parts]
        done = sum(part.size for part, result in zip(parts, results) if result is not None)
        with tqdm(total=sum(part.size for part in parts), initial=done, desc=title, unit=unit, smoothing=0.02) as bar:
            for number, part in enumerate(parts):
                if results[number] is None:
                    before = bar.n
                    results[number] = part.work(bar.update)
                    bar.update(part.size - (bar.n - before))
                    write(self.path / f'{part.name}.json', results[number])
        return results


def read(path: Path) -> dict | None:
    """A JSON file, None if there is none. Raises DataError for one that is damaged."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DataError(f'{path} cannot be read ({error}): remove it, and its part is run again') from None


def write(path: Path, content: dict) -> None:
    with new_file(path, 'w') as file:
        json.dump(content, file, indent=1)
