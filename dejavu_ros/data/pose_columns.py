"""Which column of a text file of poses is what: the order of TUM files, or what a header line says."""

import dataclasses
import re

COMMENT = '#%/ '
SEPARATORS = r'[;,\s]+'
BRACKETS = re.compile(r'\s*[\[(]\s*([^\])]*?)\s*[\])]')
TIMES = {'nanoseconds': r'(?:^|[^a-z])(?:nsecs?|nanosec\w*)$', 'seconds': r'(?:^|[^a-z])(?:secs?|seconds)$',
         'stamp': 'stamp', 'time': '^t$|time'}
AXIS = re.compile(r'(.*?)([wxyz])', re.DOTALL)
ORIENTATION = re.compile(r'(?:^|[^a-z])(?:q(?![a-z])|quat|orient|rot)')
POSITION = re.compile(r'^[tp]?$|(?:^|[^a-z])(?:[tp](?![a-z])|pos|trans)')
UNIT = re.compile(r'(?:^|[\[_. ])(ns|us|ms|s|nsecs?|nanosec\w*|microsec\w*|millisec\w*|secs?|seconds?)\]?$')
SPELLINGS = {'nanosec': 'ns', 'nsec': 'ns', 'microsec': 'us', 'millisec': 'ms', 'sec': 's'}
DECIMAL_COMMA = re.compile(r'[-+]?\d+,\d+(?:[eE][-+]?\d+)?')


@dataclasses.dataclass(frozen=True)
class Columns:
    """Numbers of the columns: ``stamp`` is one, or two of seconds and nanoseconds.

    ``unit`` of the stamps and ``count`` of columns are what a header says.
    """

    stamp: tuple[int, ...] = (0,)
    position: tuple[int, ...] = (1, 2, 3)
    quaternion: tuple[int, ...] = (4, 5, 6, 7)  # x, y, z, w
    unit: str = ''
    count: int = 8

    @property
    def last(self) -> int:
        return max(self.stamp + self.position + self.quaternion)


TUM = Columns()


def split(line: str) -> list[str]:
    """The cells of a line with tabs, commas, semicolons or blanks between them; decimal commas become points."""
    line = line.strip()
    for separator in ';\t,':
        if separator in line:
            cells = [cell.strip().strip('"') for cell in line.split(separator)]
            if any(re.search(r'\s', cell) for cell in cells):
                break
            if separator != ',':
                cells = [cell.replace(',', '.') if DECIMAL_COMMA.fullmatch(cell) else cell for cell in cells]
            return cells if cells[-1] else cells[:-1]
    return [cell for cell in re.split(SEPARATORS, line) if cell]


def read_header(line: str) -> Columns | None:
    """The columns that a line names, whatever their order; None where it does not name all of a pose and its stamp.

    The names of EuRoC, TUM, evo and ``rostopic echo -p`` are known, such as ``q_RS_w []``, ``tx`` and
    ``field.pose.orientation.w``.
    """
    line = BRACKETS.sub(lambda part: f'[{re.sub(SEPARATORS, "_", part[1])}]', line.strip().lstrip(COMMENT).lower())
    line = re.sub(r'\s*([;,\t])\s*', r'\1', line.strip())
    if re.search(r'[;,\t]', line):
        line = line.replace(' ', '_')  # within a name
    cells = split(line)
    found: dict[str, tuple[int, str]] = {}  # what -> number and unit
    bare = {name: (cells.index(name), '') for name in 'xyzw' if name in cells}
    for number, cell in enumerate(cells):
        if cell not in bare:
            found.setdefault(_meaning(cell.partition('[')[0]), (number, _unit(cell)))
    # x, y, z, w without more: the quaternion beside a position that is called tx or px, else the position
    found = {**({f'q{name}': place for name, place in bare.items()} if 'w' in bare else bare), **found}
    if not found.keys() >= {'x', 'y', 'z', 'qx', 'qy', 'qz', 'qw'}:
        return None
    position, quaternion = (tuple(found[name][0] for name in names) for names in (
        ('x', 'y', 'z'), ('qx', 'qy', 'qz', 'qw')))
    if 'seconds' in found and 'nanoseconds' in found:
        return Columns((found['seconds'][0], found['nanoseconds'][0]), position, quaternion, '', len(cells))
    for name in ('stamp', 'time', 'nanoseconds', 'seconds'):
        if name in found:
            number, unit = found[name]
            return Columns((number,), position, quaternion, unit, len(cells))
    return None


def _meaning(name: str) -> str:
    """stamp, time, seconds, nanoseconds, x, y, z, qx, qy, qz or qw; empty for what is none of them."""
    for what, pattern in TIMES.items():
        if re.search(pattern, name):
            return what
    axis = AXIS.fullmatch(name)
    if axis and ORIENTATION.search(axis[1]):
        return 'q' + axis[2]
    return axis[2] if axis and axis[2] != 'w' and POSITION.search(axis[1]) else ''


def _unit(name: str) -> str:
    found = UNIT.search(name)
    if not found:
        return ''
    return next((unit for spelling, unit in SPELLINGS.items() if found[1].startswith(spelling)), found[1])
