"""Time stamps as text: the unit of a number by its size, and which numbers in file names are times."""

import datetime
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

import numpy as np

SCALES = {'s': 9, 'ms': 6, 'us': 3, 'ns': 0}  # unit -> the power of ten that makes it nanoseconds
LIMIT_NS = 2**62  # year 2116, in either direction
FIRST_S, LAST_S = 631152000, 4102444800  # 1990 and 2100: when a picture with its time in its name was taken
STAMP_DIGITS = 19  # of nanoseconds; with zeros ahead where a clock does not count from 1970, such as a simulated one
FASTEST_NS = 2_000_000  # between two pictures of a camera, at least

# seconds and nanoseconds written apart, a number with a decimal point, or a whole number; no part of 1.2.3
NUMBER = re.compile(r'(?<!\d)(?<!\d\.)(?:(?P<seconds>\d{10})[_-](?P<nanoseconds>\d{9})|\d+\.\d+|\d+)(?!\.?\d)',
                    re.ASCII)
APART = re.compile(r'(?<![\d.])(\d{10}[_-])(\d{1,9})(?!\.?\d)', re.ASCII)  # perhaps without the zeros before it
CALENDAR_HOUR = re.compile(r'(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])')


def parse_stamp(text: str) -> int:
    """Nanoseconds from a number of seconds, milliseconds, microseconds or nanoseconds, as its size tells.

    Numbers below 1e11 are seconds, below 1e14 milliseconds, below 1e17 microseconds, and larger ones nanoseconds: so
    every time between 1973 and 2100 is read in the unit it was written in. Raises ValueError for anything else.
    """
    return parse_stamps([text])[0]


def parse_stamps(texts: Sequence[str], unit: str = '') -> list[int]:
    """Nanoseconds from the numbers of one file, all in the unit that the largest of them is in.

    ``unit`` (s, ms, us or ns) is what the file says of them. It counts for numbers that are no time between 1990 and
    2100 by their size, such as those since a machine was started. Raises ValueError, naming the text, for no number.
    """
    numbers = [_number(text) for text in texts]
    scale = _scale(max(map(abs, numbers), default=Decimal(0)))
    if unit and not any(_is_calendar_time(number) for number in numbers):
        scale = SCALES[unit]
    stamps = [int(number.scaleb(scale).to_integral_value()) for number in numbers]
    for text, stamp in zip(texts, stamps):
        if abs(stamp) > LIMIT_NS:
            raise ValueError(f'{text!r} is no time stamp')
    return stamps


def parse_date(text: str) -> int:
    """Nanoseconds from ``2011-09-26 13:02:25.951199337``, taken as UTC. Raises ValueError."""
    whole, _, fraction = text.strip().partition('.')
    moment = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc)
    if fraction and not fraction.isdecimal():
        raise ValueError(f'{text!r} is no time stamp')
    return int(moment.timestamp()) * 10**9 + int(fraction.ljust(9, '0')[:9])


def stamps_in_names(stems: Sequence[str]) -> list[int] | None:
    """Stamps (ns) out of file names without their suffix; None unless every name holds a time of its own.

    A time is a number of seconds, milliseconds, microseconds or nanoseconds between 1990 and 2100, seconds and
    nanoseconds written apart, nanoseconds of any clock in 19 digits (as the node names the frames that it keeps), or a
    name that is nothing but a number with a decimal point (seconds since any moment).
    Counters that begin with zeros, dates such as 20231007155702, versions, coordinates, and numbers that several
    images share are none.
    """
    if any(len(found[2]) == 9 for stem in stems for found in APART.finditer(stem)):
        stems = [APART.sub(lambda found: found[1] + found[2].zfill(9), stem) for stem in stems]
    rows = [[stamp for found in NUMBER.finditer(stem) if (stamp := _time_in_name(found)) is not None]
            for stem in stems]
    if len({len(row) for row in rows}) == 1:
        for column in reversed(list(zip(*rows))):
            if len(set(column)) == len(column):
                dates = all(any(map(CALENDAR_HOUR.fullmatch, re.findall(r'\d+', stem))) for stem in stems)
                return None if dates else list(column)
    if all(re.fullmatch(r'\d+\.\d+', stem, re.ASCII) for stem in stems):
        stamps = [int(Decimal(stem).scaleb(9)) if len(stem) < 28 else LIMIT_NS for stem in stems]
        apart = np.diff(np.sort(np.array(stamps, object)))
        if max(stamps) < LIMIT_NS and (len(stems) == 1 or apart.min() > 0 and np.median(apart) >= FASTEST_NS):
            return stamps
    return None


def _time_in_name(found: re.Match) -> int | None:
    if found['seconds']:
        stamp = int(found['seconds']) * 10**9 + int(found['nanoseconds'])
        return stamp if FIRST_S * 10**9 <= stamp < LAST_S * 10**9 else None
    text = found[0]
    if len(text) == STAMP_DIGITS and text.isdigit() and int(text) < LIMIT_NS:
        return int(text)
    if len(text.partition('.')[0]) < 10 or text[0] == '0' or len(text) > 30:
        return None
    return parse_stamp(text) if _is_calendar_time(Decimal(text)) else None


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
        if abs(number) < 10**20:  # false for NaN and infinity too, or an error
            return number
    except (InvalidOperation, ValueError):
        pass
    raise ValueError(f'{text!r} is no time stamp')


def _scale(size: Decimal) -> int:
    return 9 if size < 10**11 else 6 if size < 10**14 else 3 if size < 10**17 else 0


def _is_calendar_time(number: Decimal) -> bool:
    seconds = number.scaleb(_scale(abs(number)) - 9)
    return FIRST_S <= seconds < LAST_S
