"""``dejavu train``: what cannot be done is said in one line."""

import pytest
import yaml

from dejavu_ros.cli import main

RECIPE = {'train': {'steps': 2}, 'sources': [{'manifest': 'nowhere.csv'}]}


@pytest.mark.parametrize('change, flags, said', [
    ({}, [], 'nowhere.csv'),
    ({}, ['--device', 'warp'], 'warp'),
    ({'train': {'loss': 'guess'}}, [], 'guess'),
    ({'train': {'stepz': 2}}, [], 'stepz'),
    ({'sources': []}, [], 'sources'),
])
def test_what_is_wrong_is_one_line(tmp_path, monkeypatch, capsys, change, flags, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'recipe.yaml').write_text(yaml.safe_dump({**RECIPE, **change}))
    assert main(['train', '--config', 'recipe.yaml', '-o', 'run', *flags]) == 1
    error = capsys.readouterr().err
    assert said in error and error.count('\n') == 1
    assert not (tmp_path / 'run').exists()
