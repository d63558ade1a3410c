"""What a person sees of an error."""

from dejavu_ros.errors import DataError, exit_status


def test_a_known_error_is_one_line_and_status_one(capsys):
    def work():
        raise DataError('no bag\n  here')
    assert exit_status('dejavu build-map', work) == 1
    assert capsys.readouterr() == ('', 'dejavu build-map: no bag here\n')


def test_interrupted_work_says_so(capsys):
    def work():
        raise KeyboardInterrupt
    assert exit_status('known_sets', work) == 130
    assert capsys.readouterr().err == 'known_sets: interrupted\n'


def test_the_status_of_work_that_ends_well_is_its_own():
    assert exit_status('dejavu map', lambda: 3) == 3
