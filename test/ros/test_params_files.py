"""A parameter file for another node has no effect, and the node says so."""

import pytest

from dejavu_ros.ros.params_files import foreign_files, given_files, is_for, names_in


@pytest.mark.parametrize('name, own, other', [
    ('/relocalize', '/relocalize', '/robot1/relocalize'), ('/robot1/relocalize', '/robot1/relocalize', '/relocalize'),
    ('/**', '/a/b/relocalize', None), ('/*', '/relocalize', '/robot1/relocalize'),
    ('/**/relocalize', '/relocalize', '/relocalizer'), ('/*/relocalize', '/robot1/relocalize', '/relocalize'),
    ('/robot1/**', '/robot1/front/relocalize', '/robot2/relocalize')])
def test_which_node_a_name_is_for(name, own, other):
    assert is_for(name, own) and not (other and is_for(name, other))


def test_names_of_nodes_however_they_are_written(tmp_path):
    path = tmp_path / 'all.yaml'
    path.write_text('robot1:\n  relocalize:\n    ros__parameters: {map: a.dvmap}\n/amcl:\n  ros__parameters: {}\n'
                    '"**":\n  ros__parameters: {ros__parameters: 3}\n')
    assert names_in(str(path)) == ['/robot1/relocalize', '/amcl', '/**']
    path.write_text('{')
    assert names_in(str(path)) == names_in(str(tmp_path / 'none.yaml')) == []


def test_files_on_a_command_line():
    words = ['relocalize', '--params-file', 'not.yaml', '--ros-args', '-p', 'map:=a', '--params-file', 'a.yaml',
             '--params-file', 'b.yaml', '--', '--params-file', 'nor.yaml', '--ros-args', '--params-file', 'c.yaml']
    assert given_files(words) == ['a.yaml', 'b.yaml', 'c.yaml']


def write(path, *names):
    path.write_text(''.join(f'{name}:\n  ros__parameters:\n    max_rate: 3.0\n' for name in names))
    return ['--ros-args', '--params-file', str(path)]


def test_only_files_without_this_node_are_foreign(tmp_path):
    path = tmp_path / 'mine.yaml'
    for names in (['relocalize'], ['amcl', '/**/relocalize']):
        assert not foreign_files(write(path, *names), '/relocalize')
    assert foreign_files(write(path, 'relocalise', 'amcl'), '/relocalize') == {
        str(path): (['/relocalise', '/amcl'], True)}
    assert foreign_files(write(path, 'amcl'), '/relocalize') == {str(path): (['/amcl'], False)}


@pytest.mark.parametrize('named, namespace', [('relocalise', ''), ('relocalizer', ''), ('relocalize', 'robot1')])
def test_the_node_names_the_file_and_whom_it_is_for(bench, tmp_path, named, namespace):
    pytest.importorskip('dejavu_ros.msg')
    path = tmp_path / 'mine.yaml'
    running = bench(namespace=namespace, cli_args=write(path, named))
    own = f'/{namespace}/relocalize' if namespace else '/relocalize'
    assert running.node.config.max_rate == 10.0
    said, = running.node.shortcomings().values()
    assert said == (f'parameter file {path} holds nothing for this node, {own}, and has no effect: it is for /{named}')


def test_a_file_for_this_node_is_not_mentioned(bench, tmp_path):
    pytest.importorskip('dejavu_ros.msg')
    running = bench(cli_args=write(tmp_path / 'mine.yaml', '/**'))
    assert running.node.config.max_rate == 3.0 and not running.node.shortcomings()
