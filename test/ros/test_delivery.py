"""What is said of how images come, and by what: without ROS."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dejavu_ros.ros.delivery import Delivery, LossCounter, explain, reliability_for
from dejavu_ros.ros.transport import PROFILES, Transport, profile_path, receive_large_images, transport

UBUNTU = Transport(fast_dds=True, shared_memory=True, buffer=212992, limit=212992)
LARGE_UDP = Transport(fast_dds=True, shared_memory=False, buffer=8388608, limit=4194304)
ANOTHER = Transport(fast_dds=False, shared_memory=True, buffer=212992, limit=212992)
RELIABLE, BEST_EFFORT = ('reliable',), ('best_effort',)


@pytest.mark.parametrize('offered, wanted, reliability', [
    ((), 'auto', 'best_effort'), (RELIABLE, 'auto', 'reliable'), (BEST_EFFORT, 'auto', 'best_effort'),
    (RELIABLE * 3, 'auto', 'reliable'), (RELIABLE + BEST_EFFORT, 'auto', 'best_effort'),
    (BEST_EFFORT, 'reliable', 'reliable'), (RELIABLE, 'best_effort', 'best_effort')])
def test_reliable_only_if_all_are(offered, wanted, reliability):
    assert reliability_for(offered, wanted) == reliability


@pytest.mark.parametrize('delivery, by, said, advice', [
    (Delivery(RELIABLE, 'reliable', 2_764_800, 15, 1.0), UBUNTU, 'published reliably, 2.8 MB, 100% arrive', ''),
    (Delivery(BEST_EFFORT, 'best_effort', 45_000, 15, 0.97), UBUNTU, 'published best effort, 45 kB, 97% arrive', ''),
    (Delivery(BEST_EFFORT, 'best_effort', 921_600, 15, 0.2), UBUNTU,
     'published best effort, 0.9 MB, 20% arrive, because one does not fit into the 0.5 MB of shared memory',
     'net.core.rmem_max to 33554432'),
    (Delivery(RELIABLE, 'reliable', 24_883_200, 15, 0.3), UBUNTU,
     'published reliably, 24.9 MB, 30% arrive, because one does not fit into the 0.5 MB of shared memory',
     'config/fastdds_shared_memory.xml'),
    (Delivery(BEST_EFFORT, 'best_effort', 921_600, 15, 0.2, local=False), UBUNTU,
     'because one does not fit into the 0.2 MB that a socket', 'compressed images, or raise net.core.rmem_max'),
    (Delivery(BEST_EFFORT, 'best_effort', 24_883_200, 15, 0.3), LARGE_UDP,
     'because one does not fit into the 8.4 MB that a socket', 'compressed'),
    (Delivery(RELIABLE, 'reliable', 6_220_800, 30, 0.5), LARGE_UDP,
     'published reliably, 6.2 MB, 50% arrive, because 187 MB a second is more than this machine can move beside '
     'its other work', 'let less run on it'),
    (Delivery(BEST_EFFORT, 'best_effort', 60_000, 30, 0.5, local=False), LARGE_UDP,
     'more than the network can move, and best effort does not send again what is lost', 'fewer'),
    (Delivery(BEST_EFFORT, 'best_effort', 921_600, 15, 0.5), ANOTHER, '14 MB a second is more than', 'compressed'),
    (Delivery(BEST_EFFORT, 'best_effort', None, 0, 0.0), UBUNTU,
     'published best effort, 0% arrive, because one does not fit into the 0.5 MB', 'fastdds_shared_memory.xml'),
    (Delivery(RELIABLE + BEST_EFFORT, 'reliable', 921_600, 0, None), UBUNTU,
     'published reliably and best effort, 0.9 MB, because the parameter reliability is reliable', 'to auto'),
    (Delivery(BEST_EFFORT, 'reliable', None, 0, None), UBUNTU,
     'published best effort, nothing arrives, because the parameter reliability is reliable', 'to auto'),
    (Delivery(RELIABLE, 'reliable', None, 0, None), UBUNTU,
     'published reliably, nothing arrives, because the publisher sends nothing', 'logs'),
    (Delivery((), 'best_effort', None, 0, None), UBUNTU, 'not published', '')])
def test_how_images_come_in_words(delivery, by, said, advice):
    text, what_to_do = explain(delivery, by)
    assert said in text and advice in what_to_do and bool(advice) == bool(what_to_do)


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 1000))
def test_gaps_between_numbers_are_losses(arrived, first):
    total = []
    counter = LossCounter(total.append)
    heard = [number for number, came in enumerate(arrived, first) if came]
    for number in heard:
        counter.numbered(number)
    assert sum(total) == (heard[-1] - heard[0] + 1 - len(heard) if heard else 0)
    assert all(more > 0 for more in total)


def test_what_the_middleware_tells_and_gaps_are_not_added_up():
    total = []
    counter = LossCounter(total.append)
    counter.told(3)
    counter.numbered(10)
    counter.numbered(14)
    assert sum(total) == 3
    counter.numbered(20)
    assert sum(total) == 8
    counter.restart()
    counter.numbered(90)
    counter.numbered(1)  # another publisher, or one that was started again
    assert sum(total) == 8
    counter.numbered(0)
    counter.numbered(0)
    counter.told(1)
    assert sum(total) == 9


@pytest.fixture
def limits(tmp_path):
    """``limits(rmem_max)``: a folder as /proc/sys/net/core."""
    def make(largest):
        (tmp_path / 'rmem_max').write_text(f'{largest}\n')
        (tmp_path / 'rmem_default').write_text('212992\n')
        return tmp_path

    return make


def test_large_buffers_where_the_kernel_gives_them_and_nobody_chose_otherwise(limits, tmp_path):
    environment = {}
    assert receive_large_images(environment, tmp_path, limits(4194304))
    assert {environment[name] for name in PROFILES} == {str(profile_path('fastdds_udp.xml'))}
    assert transport(environment, tmp_path) == LARGE_UDP
    for chosen in ({PROFILES[0]: 'mine.xml'}, {'FASTDDS_BUILTIN_TRANSPORTS': 'DEFAULT'},
                   {'RMW_IMPLEMENTATION': 'rmw_zenoh_cpp'}):
        environment = dict(chosen)
        assert not receive_large_images(environment, tmp_path, limits(4194304)) and environment == chosen
    assert not receive_large_images({}, tmp_path, limits(212992))
    assert not receive_large_images({}, tmp_path, tmp_path / 'not Linux')
    (tmp_path / 'DEFAULT_FASTRTPS_PROFILES.xml').touch()
    assert not receive_large_images({}, tmp_path, limits(4194304))


@pytest.mark.parametrize('environment, expected', [
    ({}, UBUNTU), ({'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp'}, ANOTHER),
    ({'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'}, Transport(True, False, 212992, 212992)),
    ({PROFILES[0]: 'no such file'}, UBUNTU),
    ({PROFILES[1]: f'file://{profile_path("fastdds_shared_memory.xml")}'}, Transport(True, True, 425984, 212992))])
def test_what_the_environment_says_of_the_transport(limits, tmp_path, environment, expected):
    assert transport(environment, limits(212992)) == expected
