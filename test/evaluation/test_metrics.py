"""AUC and recall against figures worked out by hand and by counting pairs."""

import itertools

import numpy as np
import pytest

from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.errors import DataError
from dejavu_ros.evaluation.metrics import centred, recall_by_condition, retrieval_metrics


def rows_of(labels, positions=None):
    """``labels``: (session, place) a row."""
    positions = positions or [(None, None)] * len(labels)
    return [ManifestRow(f'{i}.jpg', place, session, x=x, y=y)
            for i, ((session, place), (x, y)) in enumerate(zip(labels, positions))]


def auc_by_counting(pairs):
    """Share of (same, different) couples in the right order, ties half."""
    same, different = [s for label, s in pairs if label], [s for label, s in pairs if not label]
    won = [(s > d) + 0.5 * (s == d) for s in same for d in different]
    return 100 * sum(won) / len(won) if won else None


@pytest.fixture
def mixed():
    rng = np.random.default_rng(3)
    labels = [(str(rng.integers(3)), str(rng.integers(4))) for _ in range(30)]
    return rows_of(labels), rng.integers(0, 12, (30, 30)) / 12  # coarse, so that ties occur; not symmetric


def test_auc_equals_counting(mixed):
    rows, similarity = mixed
    metrics = retrieval_metrics(rows, similarity)
    cells = {True: [], False: []}
    for a, b in itertools.product('012', repeat=2):
        pairs = [(p.place == q.place, similarity[i, j]) for i, p in enumerate(rows) for j, q in enumerate(rows)
                 if p.session == a and q.session == b and i != j]
        expected = auc_by_counting(pairs)
        assert metrics['auc_matrix'][a][b] == pytest.approx(expected)
        cells[a == b].append(expected)
    assert metrics['cross_session_auc'] == pytest.approx(np.mean(cells[False]))
    assert metrics['within_session_auc'] == pytest.approx(np.mean(cells[True]))
    assert (metrics['n_images'], metrics['n_places'], metrics['n_sessions']) == (30, 4, 3)


def test_recall_equals_searching(mixed):
    rows, _ = mixed
    similarity = np.random.default_rng(4).random((30, 30))
    expected = {n: [] for n in (1, 5, 10)}
    for a, b in itertools.permutations('012', 2):
        there = [j for j, row in enumerate(rows) if row.session == b]
        places = {rows[j].place for j in there}
        queries = [i for i, row in enumerate(rows) if row.session == a and row.place in places]
        for n in expected:
            found = [any(rows[j].place == rows[i].place
                         for j in sorted(there, key=lambda j: -similarity[i, j])[:n]) for i in queries]
            expected[n].append(100 * np.mean(found))
    recall = retrieval_metrics(rows, similarity)['recall_at']
    assert recall == {str(n): pytest.approx(np.mean(values)) for n, values in expected.items()}


def test_the_paper_s_ideal():
    rows = rows_of([(s, p) for s in 'ab' for p in '12' for _ in range(2)])
    same = np.array([[p.place == q.place for q in rows] for p in rows], float)
    metrics = retrieval_metrics(rows, same)
    assert metrics['cross_session_auc'] == metrics['within_session_auc'] == 100
    assert metrics['recall_at'] == {'1': 100, '5': 100, '10': 100}


def test_empty_classes_are_null_and_left_out_of_the_means():
    # sessions a and b share place 1 and c has a place of its own; every session has one image a place
    rows = rows_of([('a', '1'), ('a', '2'), ('b', '1'), ('c', '9')])
    metrics = retrieval_metrics(rows, np.array([[1, .2, .9, .1], [.2, 1, .3, .1], [.9, .3, 1, .1], [.1, .1, .1, 1]]))
    assert metrics['auc_matrix'] == {'a': {'a': None, 'b': 100.0, 'c': None}, 'b': {'a': 100.0, 'b': None, 'c': None},
                                     'c': {'a': None, 'b': None, 'c': None}}
    assert metrics['cross_session_auc'] == 100 and metrics['within_session_auc'] is None
    # the query at place 2 has no answer in b and does not count
    assert metrics['recall_at']['1'] == 100


def test_one_session_has_no_recall():
    metrics = retrieval_metrics(rows_of([('a', '1'), ('a', '2')]), np.eye(2))
    assert metrics['recall_at'] == {'1': None, '5': None, '10': None}
    assert metrics['cross_session_auc'] is None


def test_a_tie_is_no_hit():
    rows = rows_of([('a', '1'), ('b', '1'), ('b', '2')])
    assert retrieval_metrics(rows, np.zeros((3, 3)))['recall_at'] == {'1': 50, '5': 100, '10': 100}


def test_radius_counts_neighbours_as_right():
    rows = rows_of([('a', 'p0'), ('b', 'q0'), ('b', 'q1'), ('b', 'q2')], [(0, 0), (3, 4), (0, 5.1), (None, None)])
    similarity = np.ones((4, 4))
    similarity[0, 1] = similarity[1, 0] = 2
    assert retrieval_metrics(rows, similarity)['recall_at']['1'] is None
    assert retrieval_metrics(rows, similarity, radius=5.0)['recall_at']['1'] == 100
    similarity[0, 2] = 3
    assert retrieval_metrics(rows, similarity, radius=5.0)['recall_at']['1'] == 50
    assert retrieval_metrics(rows, similarity, radius=5.2)['recall_at']['1'] == 100


def test_broken_similarities_are_refused():
    rows = rows_of([('a', '1'), ('b', '1')])
    with pytest.raises(DataError, match='2 images need'):
        retrieval_metrics(rows, np.zeros((3, 3)))
    with pytest.raises(DataError, match='1.jpg to others is not a number'):
        retrieval_metrics(rows, np.array([[1, 0], [np.nan, 1]]))


def test_precision_and_recall_equal_counting(mixed):
    rows, similarity = mixed
    metrics = retrieval_metrics(rows, similarity)
    pairs = [(p.place == q.place, similarity[i, j]) for i, p in enumerate(rows) for j, q in enumerate(rows)
             if p.session != q.session]
    points = []
    for threshold in sorted({score for _, score in pairs}):
        found = [label for label, score in pairs if score >= threshold]
        points.append((sum(found) / sum(label for label, _ in pairs), sum(found) / len(found)))
    expected = [max(precision for recall, precision in points if recall >= level - 1e-12)
                for level in np.linspace(0, 1, 101)]
    assert metrics['precision_recall'] == pytest.approx(expected, abs=1e-4)
    assert metrics['pair_recall_at_100_precision'] == pytest.approx(
        100 * max([recall for recall, precision in points if precision == 1], default=0))


def test_one_class_alone_has_no_precision():
    metrics = retrieval_metrics(rows_of([('a', 'p'), ('b', 'p')]), np.ones((2, 2)))
    assert metrics['average_precision'] is metrics['precision_recall'] is None
    assert metrics['pair_recall_at_100_precision'] is None


def test_centring_takes_a_hub_down():
    rows = rows_of([('map', '1'), ('map', '2'), ('map', '3'), ('query', '1'), ('query', '2'), ('query', '3')])
    similarity = np.full((6, 6), 0.1)
    similarity[[0, 1, 2], [3, 4, 5]] = similarity[[3, 4, 5], [0, 1, 2]] = 0.3
    similarity[:, 2] += 0.5  # looks like everything
    assert retrieval_metrics(rows, similarity)['recall_at']['1'] < 100
    assert retrieval_metrics(rows, centred(rows, similarity))['recall_at']['1'] == 100
    alone = rows_of([('a', '1'), ('b', '1')])
    assert np.array_equal(centred(alone, similarity[:2, :2]), similarity[:2, :2])


def test_recall_by_condition_equals_searching():
    rng = np.random.default_rng(1)
    rows = [ManifestRow(f'{i}.jpg', str(i % 7), ('summer', 'snow', 'night')[i % 3], ('', 'white', '')[i % 3])
            for i in range(42)]
    similarity = rng.random((42, 42))
    found = recall_by_condition(rows, similarity, 'summer')
    assert set(found) == {'white', 'night'}
    there = [i for i, row in enumerate(rows) if row.session == 'summer']
    queries = [i for i, row in enumerate(rows) if row.session == 'snow']
    for n in (1, 5, 10):
        hits = [any(rows[j].place == rows[i].place for j in sorted(there, key=lambda j: -similarity[i, j])[:n])
                for i in queries]
        assert found['white'][str(n)] == pytest.approx(100 * np.mean(hits))
    assert (found['white']['queries'], found['white']['not_in_map']) == (14, 0)
    lost = [ManifestRow('new.jpg', 'nowhere', 'dawn'), ManifestRow('new.jpg', 'nowhere', 'snow', 'white')]
    found = recall_by_condition(rows + lost, rng.random((44, 44)), 'summer')
    assert found['dawn'] == {'1': None, '5': None, '10': None, 'queries': 0, 'not_in_map': 1}
    assert (found['white']['queries'], found['white']['not_in_map']) == (14, 1)
