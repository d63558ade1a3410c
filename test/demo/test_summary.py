"""The demo's figures mean what their names say."""

import dataclasses

import numpy as np

from dejavu_ros.demo.drives import DemoConfig, plan
from dejavu_ros.demo.summary import Answer, summarise
from dejavu_ros.geometry import Pose


def answer(drive='snow', true_x=0.0, found_x=0.0, turn=0.0, accepted=True, processed=True, latency=10.0):
    truth = None if true_x is None else Pose.planar(true_x, 0, 0)
    found = Pose.planar(found_x, 0, turn) if processed else None
    return Answer(drive, np.zeros((2, 2, 3), np.uint8), truth, found, accepted, '', 0, 1.0, latency, processed)


def test_found_wrong_and_unmapped_are_counted_as_defined():
    answers = [answer(found_x=4.9), answer(found_x=5.1), answer(turn=np.radians(29)), answer(turn=np.radians(31)),
               answer(accepted=False), answer(drive='night', found_x=1.0),
               answer('unmapped', true_x=None, accepted=False), answer('unmapped', true_x=None, found_x=0.0)]
    summary = summarise(answers)
    assert summary['recall_at_5m'] == 3 / 6
    assert summary['recall_at_5m_by_drive'] == {'snow': 2 / 5, 'night': 1.0}
    assert (summary['accepted'], summary['wrong_accepts']) == (6, 2)
    assert (summary['unmapped_frames'], summary['unmapped_accepts']) == (2, 1)


def test_a_frame_without_an_answer_is_sent_but_not_processed():
    summary = summarise([answer(latency=5.0), answer(processed=False, accepted=False, latency=10_000.0)])
    assert (summary['frames_sent'], summary['frames_processed']) == (2, 1)
    assert summary['recall_at_5m'] == 1.0
    assert summary['latency_ms_p99'] == 5.0
    nothing = summarise([answer(processed=False, accepted=False)])
    assert nothing['recall_at_5m'] is None and nothing['latency_ms_p50'] is None


def test_queries_stay_on_the_mapped_stretch_and_differ_from_the_mapping_drive():
    mapping, queries, unmapped = plan(DemoConfig())
    for query in queries:
        assert mapping.start < query.start and query.start + query.length < mapping.start + mapping.length
        assert query.town_seed == mapping.town_seed
        assert (query.condition, query.traversal_seed) != (mapping.condition, mapping.traversal_seed)
    assert unmapped.town_seed != mapping.town_seed
    assert len({dataclasses.astuple(drive) for drive in (mapping, *queries, unmapped)}) == 2 + len(queries)
