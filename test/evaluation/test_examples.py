"""The pairs and triplets that a report shows are the extremes."""

import numpy as np
import pytest

from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.evaluation.examples import example_pairs, example_triplets


@pytest.fixture
def street():
    """Four places, 4 m apart, in two sessions: image i of session b is image i + 4."""
    rows = [ManifestRow(f'{session}{i}.jpg', str(i), session, x=4.0 * i, y=0.0) for session in 'ab' for i in range(4)]
    similarity = np.full((8, 8), 0.1)
    for (i, j), value in {(0, 4): 0.9, (1, 5): 0.5, (2, 6): 0.4, (3, 7): 0.2,
                          (1, 4): 0.35, (0, 7): 0.3, (3, 4): 0.8}.items():
        similarity[i, j] = similarity[j, i] = value
    return rows, similarity


def test_pairs_are_the_most_and_the_least_alike(street):
    rows, similarity = street
    same, least, wrong = example_pairs(rows, similarity).values()
    assert same == [(0, 4), (1, 5), (2, 6), (3, 7)] and least == same[::-1]
    assert wrong[:3] == [(3, 4), (1, 4), (0, 7)]
    *_, wrong = example_pairs(rows, similarity, radius=5.0).values()
    assert wrong[:2] == [(3, 4), (0, 7)]  # 1 and 4 are neighbours


def test_triplets_go_from_easy_to_hard(street):
    rows, similarity = street
    triplets = example_triplets(rows, similarity)
    assert triplets['easiest'] == (0, 4, 7) and triplets['hardest'] == (3, 7, 4)
    for anchor, positive, negative in triplets.values():
        assert rows[anchor].place == rows[positive].place != rows[negative].place
        assert rows[anchor].session != rows[positive].session == rows[negative].session
    assert example_triplets(rows[:4], similarity[:4, :4]) == {}  # one session


def test_neighbours_are_no_negatives(street):
    rows, similarity = street
    similarity[0, 4] = similarity[4, 0] = 0.2
    similarity[0, 5] = 1.0
    assert example_triplets(rows, similarity)['hardest'] == (0, 4, 5)
    assert example_triplets(rows, similarity, radius=5.0)['hardest'] != (0, 4, 5)
