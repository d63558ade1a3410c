"""Which image is the next frame of another."""

from pathlib import Path

from dejavu_ros.data.following import next_images
from dejavu_ros.data.manifests import ManifestRow

SECOND = 10**9


def row(name, session='s', seconds=None, x=None, following=None):
    return ManifestRow(Path(name), 'p', session, stamp_ns=None if seconds is None else round(seconds * SECOND), x=x,
                       y=None if x is None else 0.0, next=following)


def following(*rows):
    return [str(path) if path else None for path in next_images(rows)]


def test_a_named_next_frame_counts():
    assert following(row('a', seconds=0, following=Path('z')), row('b', seconds=0.1)) == ['z', None]


def test_stamps_order_the_rows_of_a_session():
    assert following(row('b', seconds=0.5), row('a', seconds=0), row('far', seconds=1.6)) == [None, 'b', None]
    assert following(row('a', seconds=0), row('b', 'other', seconds=0.1), row('c', seconds=0.2)) == ['c', None, None]


def test_positions_go_by_the_order_given():
    assert following(row('a', x=0), row('b', x=1.9), row('c', x=4)) == ['b', None, None]


def test_a_frame_soon_after_but_far_off_is_not_the_next():
    assert following(row('a', seconds=0, x=0), row('b', seconds=0.5, x=30)) == [None, None]


def test_rows_that_say_neither_time_nor_place_have_none():
    assert following(row('a'), row('b')) == [None, None]
