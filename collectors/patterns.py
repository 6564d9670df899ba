"""What a user types to look for. Pure; knows nothing of what is looked through."""

import re
from typing import NamedTuple

_FEW = 5
"""A group that is repeated so often at most may hold other repeats: addresses are written like that."""
_TOKEN = re.compile(
    r"""
    \\.
  | \[ \^? \]? (?: \\. | [^\]\\] )* \]
  | \( \?\# [^)]* \)
  | (?P<opens> \( (?: \? (?: P?<[^>=!]+> | <?[=!] | (?P<atomic> > ) | [A-Za-z-]*: ) )? )
  | (?P<closes> \) )
  | (?P<repeat> [*+?] | \{ (?P<least> \d* ) (?P<comma> ,? ) (?P<most> \d* ) \} ) (?P<possessive> \+? ) \??
  | .
    """,
    re.VERBOSE | re.DOTALL,
)


def compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern as a user means it: bad as a regular expression, or one to wait for, it is plain text.

    Capitals matter if there are any.
    """
    flags = re.NOFLAG if any(map(str.isupper, pattern)) else re.IGNORECASE
    if not may_take_for_ever(pattern):
        try:
            return re.compile(pattern, flags)
        except (re.error, OverflowError, RecursionError):  # {99999999999}, or hundreds of brackets
            pass
    return re.compile(re.escape(pattern), flags)


def remark(pattern: str) -> str:
    """Return what to say behind a pattern that found nothing: that it was not taken for what it looks like."""
    return " (as text: a repeat within a repeat could take for ever)" if may_take_for_ever(pattern) else ""


def may_take_for_ever(pattern: str) -> bool:
    r"""Tell whether a repeat is repeated, as in ``(\w+\s*)+:``.

    There are so many ways to share out a text among both that Python tries them until the end of time, and nothing
    can interrupt it. Atomic groups and possessive repeats, ``(?>…)`` and ``*+``, have one way only.
    """
    groups = [_Group()]
    varies = False  # whether what came last may take more of a text, or less
    for token in _TOKEN.finditer(pattern):
        if token["opens"]:
            groups.append(_Group(is_atomic=token["atomic"] is not None))
            varies = False
        elif token["closes"]:
            group = groups.pop() if len(groups) > 1 else _Group()
            varies = group.varies and not group.is_atomic
        elif token["repeat"]:
            least, most = _bounds(token)
            if varies and (most is None or most > _FEW):
                return True
            varies = varies or (least != most and not token["possessive"])
        else:
            varies = False
        if varies:
            groups[-1] = groups[-1]._replace(varies=True)
    return False


class _Group(NamedTuple):
    is_atomic: bool = False
    varies: bool = False


def _bounds(token: re.Match[str]) -> tuple[int, int | None]:
    """Return how often a repeat may be at least and at most."""
    match token["repeat"]:
        case "*":
            return 0, None
        case "+":
            return 1, None
        case "?":
            return 0, 1
    least = _number(token["least"]) or 0
    return least, (_number(token["most"]) if token["comma"] else least)


def _number(digits: str) -> int | None:
    return int(digits[:9]) if digits else None
