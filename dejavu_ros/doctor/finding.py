"""One line of an examination."""

import dataclasses
import enum


class Level(enum.IntEnum):
    """How a finding is meant."""

    GOOD = 0
    NOTE = 1  # something does without it
    BAD = 2   # what was asked for will not work


@dataclasses.dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and, unless it is good, what to do."""

    level: Level
    subject: str
    text: str
    advice: str = ''


def good(subject: str, text: str) -> Finding:
    return Finding(Level.GOOD, subject, text)


def note(subject: str, text: str, advice: str) -> Finding:
    return Finding(Level.NOTE, subject, text, advice)


def bad(subject: str, text: str, advice: str) -> Finding:
    return Finding(Level.BAD, subject, text, advice)
