"""Numbers are times in the unit of their size, and in file names only where they can be."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dejavu_ros.data.stamps import FIRST_S, LAST_S, SCALES, parse_date, parse_stamp, parse_stamps, stamps_in_names

SECOND = 10**9
TIMES = st.integers(FIRST_S * SECOND, LAST_S * SECOND - 1)


@pytest.mark.parametrize('text, nanoseconds', [
    ('1403636579.763555584', 1403636579763555584), ('0.1', 10**8), ('12', 12 * 10**9), ('1.5e3', 1500 * 10**9),
    ('1403636579', 1403636579 * 10**9), ('1403636579763', 1403636579763 * 10**6),
    ('1303398475046031', 1303398475046031000), ('1403636579763555584', 1403636579763555584), ('-2.5', -25 * 10**8),
    ('1403636579763555584.000000', 1403636579763555584), ('1403636579763.555584', 1403636579763555584),
    ('1403636579763555.584', 1403636579763555584), ('1.403636579763556e9', 1403636579763556000)])
def test_stamps_to_the_nanosecond(text, nanoseconds):
    assert parse_stamp(text) == nanoseconds


@pytest.mark.parametrize('text', ['', 'now', 'nan', 'sNaN', 'inf', '-inf', '1,5', '9' * 25, '1e999999', '9e18'])
def test_what_is_no_stamp(text):
    with pytest.raises(ValueError, match='is no time stamp'):
        parse_stamp(text)


@given(stamp=TIMES, unit=st.sampled_from(sorted(SCALES)), decimals=st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_time_is_read_in_the_unit_it_is_written_in(stamp, unit, decimals):
    scale = 10**SCALES[unit]
    text = f'{stamp // scale}' + (f'.{stamp % scale:0{SCALES[unit]}d}' if decimals and scale > 1 else '')
    expected = stamp if decimals else stamp - stamp % scale
    assert parse_stamp(text) == expected
    if len(text.partition('.')[0]) >= 10:
        assert stamps_in_names([f'left_{text}']) == [expected]


@given(text=st.text('0123456789.eE+-nif ', max_size=30) | st.text(max_size=8))
@settings(max_examples=200, deadline=None)
def test_no_text_is_more_than_refused(text):
    try:
        assert abs(parse_stamp(text)) <= 2**62
    except ValueError as error:
        assert 'is no time stamp' in str(error)
    stamps_in_names([text, text + 'a'])


def test_one_unit_for_all_of_a_file():
    assert parse_stamps(['0', '1403636579763555584']) == [0, 1403636579763555584]
    assert parse_stamps(['0', '100000000', '200000000'], 'ns') == [0, 10**8, 2 * 10**8]
    assert parse_stamps(['1403636579.5'], 'ns') == [1403636579 * SECOND + SECOND // 2]  # a header that is mistaken


@pytest.mark.parametrize('stems, stamps', [
    (['1403636579.50', '1403636580.25'], [1403636579500000000, 1403636580250000000]),
    (['img_00121_c0_1303398475046031us_rect'], [1303398475046031000]),
    (['1403636579763555584', '1403636580263555584'], [1403636579763555584, 1403636580263555584]),
    (['cam_1403636579_763555584', 'cam_1403636579_863555584'], [1403636579763555584, 1403636579863555584]),
    (['1403636579763555584_1700000000', '1403636580263555584_1700000000'],
     [1403636579763555584, 1403636580263555584]),  # a number that all share is no time
    (['cam_1403636579_763555584', 'cam_1403636580_5000000', 'cam_1403636580_0'],  # without the zeros before it
     [1403636579763555584, 1403636580005000000, 1403636580000000000]),
    (['0.0', '0.5', '12.25'], [0, SECOND // 2, 12 * SECOND + SECOND // 4]),
    (['0012.500', '0013.000'], [12 * SECOND + SECOND // 2, 13 * SECOND])])
def test_times_in_names(stems, stamps):
    assert stamps_in_names(stems) == stamps


@pytest.mark.parametrize('stems', [
    ['0000000000', '0000000001', '0000000007'],  # counters
    ['000001', '000002'], ['1', '2'], ['frame_00001403636579763555584', 'frame_00001403636579763555585'],
    ['20231007155702', '20231007155703'],  # dates
    ['20231007_155702', '20231007_155703'], ['2023100715', '2023100716'], ['202310071557', '202310071558'],
    ['20231007155702123', '20231007155702456'],
    ['v1.2_000001', 'v1.2_000002'], ['v2.0.1403636579', 'v2.0.1403636580'],  # versions
    ['8.5417', '8.5418', '8.5419'], ['51.2418_-0.5886', '51.2419_-0.5887'], ['lon-0.5886', 'lon-0.5887'],  # places
    ['1403636579_0001', '1403636579_0002'],  # bursts
    ['1403636579763555584', 'extra'], ['99999999999999999999', '99999999999999999998'], ['9' * 40], ['1.' + '9' * 60]])
def test_numbers_in_names_that_are_no_times(stems):
    assert stamps_in_names(stems) is None


def test_dates_as_kitti_writes_them():
    assert parse_date('2011-09-26 13:02:25.964389445') == 1317042145964389445
    assert parse_date('2011-09-26T13:02:25') == 1317042145 * SECOND
    with pytest.raises(ValueError):
        parse_date('26.09.2011')
