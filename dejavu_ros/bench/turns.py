"""Times of several ways to do one thing, which take turns, so that what else the machine does meets all alike."""

import statistics
from collections.abc import Callable, Mapping


def medians(ways: Mapping[str, Callable[[], object]], repeats: int, clock: Callable[[], float]) -> dict[str, float]:
    """Milliseconds of each by ``clock`` (seconds), after one turn that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(1 + repeats):
        for name, way in ways.items():
            began = clock()
            way()
            taken[name].append((clock() - began) * 1e3)
    return {name: statistics.median(spans[1:]) for name, spans in taken.items()}
