"""One command runs what is left, and writes the summary when nothing is."""

import json

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('dejavu_ros.msg', reason='the messages are not built')

from dejavu_ros.cli import main  # noqa: E402
from dejavu_ros.soak import kills, run  # noqa: E402
from dejavu_ros.soak.config import PHASES, SoakConfig  # noqa: E402
from dejavu_ros.soak.parts import Folder  # noqa: E402

FOUND = {
    'kills': {'kills': 1, 'lost_keyframes': 0}, 'fuzz': {'messages': 1, 'crashes': 0, 'reasons': []},
    'drives': {'town': 201, 'condition': 'snow', 'mapped': True, 'answers': {
        'with_filter': [{'accepted': False, 'right': False, 'reason': 'ambiguous'}], 'without': []}},
    'memory': {'growth_percent': 0.1, 'crashes': 0, 'sent': 9, 'answered': 8, 'seconds': 60, 'resident_mb': [400.0]}}


@pytest.mark.timeout(240)
def test_a_phase_alone_which_is_not_repeated(tmp_path, capsys, monkeypatch):
    command = ['soak', '-o', str(tmp_path / 'soak'), '--only', 'kills', '--scale', '0.0001']
    assert main(command) == 0
    assert 'kills done; the summary is written when the rest is: fuzz, drives, memory' in capsys.readouterr().out
    part = json.loads((tmp_path / 'soak/kills/000.json').read_text())
    assert part['kills'] == 1 and part['lost_keyframes'] == 0
    monkeypatch.setattr(kills, 'run_and_kill', None)
    assert main(command) == 0
    assert not (tmp_path / 'soak/summary.json').exists() and not (tmp_path / 'soak/killed').exists()
    assert main([*command[:-1], '0.5']) == 1
    assert 'holds a run with' in capsys.readouterr().err


def test_the_summary_comes_when_all_is_done(tmp_path, capsys, monkeypatch):
    asked = []

    def finish(folder, title, unit, parts):
        asked.append(title)
        return [FOUND[title] for _ in parts]

    monkeypatch.setattr(Folder, 'finish', finish)
    monkeypatch.setattr(Folder, 'result', lambda folder, part: FOUND[part.name.split('/')[0]])
    summary = run.soak(tmp_path / 'soak', SoakConfig(scale=0.0001))
    assert asked == list(PHASES)
    assert json.loads((tmp_path / 'soak/summary.json').read_text()) == summary
    assert 'Memory: 9 frames sent' in capsys.readouterr().out
