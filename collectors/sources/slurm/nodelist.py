"""Expand SLURM's node lists, such as ``nid0[0099,0156-0157]``, as ``scontrol show hostnames`` does.

Pure, and bounded: a malformed or too large list is returned unchanged. Never queries SLURM.
"""

import itertools
import re
from collections.abc import Iterator
from functools import lru_cache

from dasktop.collectors.text.clean import clean

MAX_NODES = 65_536
"""SLURM's own limit for one range (``MAX_RANGE``); here for a whole list."""
MAX_CHARACTERS = 1 << 20
_KEPT_CHARACTERS = 4096
"""Lists up to this length are cached between polls."""

_NO_NODES = frozenset({"", "(null)", "None", "None assigned", "N/A"})
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_RANGE = re.compile(r"([0-9]{1,18})(?:-([0-9]{1,18}))?", re.ASCII)


def expand(text: str) -> tuple[str, ...]:
    """Return the node names in SLURM's order; empty for ``None assigned`` and the like."""
    return _expand_cached(text) if len(text) <= _KEPT_CHARACTERS else _expand(text)


@lru_cache(maxsize=256)
def _expand_cached(text: str) -> tuple[str, ...]:
    return _expand(text)


def _expand(text: str) -> tuple[str, ...]:
    text = text.strip()
    if text in _NO_NODES:
        return ()
    if len(text) > MAX_CHARACTERS:
        return (clean(text),)
    names: list[str] = []
    for item in _items(text):
        names += _expand_item(item, MAX_NODES - len(names)) or [item]
    return tuple(name for name in map(clean, names) if name)


def _items(text: str) -> Iterator[str]:
    """Split at the commas outside brackets."""
    start, depth = 0, 0
    for at, character in enumerate(text):
        depth += {"[": 1, "]": -1}.get(character, 0)
        if character == "," and depth <= 0:
            yield text[start:at]
            start = at + 1
    yield text[start:]


def _expand_item(item: str, room: int) -> list[str] | None:
    """Return an item's names; ``None`` if it is malformed or expands to more than `room` names."""
    literals_and_ranges = _BRACKETS.split(item)
    literals, brackets = literals_and_ranges[::2], literals_and_ranges[1::2]
    if any("[" in literal or "]" in literal for literal in literals):
        return None
    # Count the names before any is made.
    parts, size = [], 1
    for bracket in brackets:
        parts.append(_parts(bracket))
        size *= sum(last - first + 1 for first, last, _ in parts[-1])
        if not 0 < size <= max(room, 1):
            return None
    ranges = [_numbers(bracket) for bracket in parts]
    if not ranges:
        return [item]
    # SLURM's own order (seen with 22.05): the last bracket varies fastest, then the first, the second, …
    slowest_first = [*reversed(range(len(ranges) - 1)), len(ranges) - 1]
    names = []
    for numbers in itertools.product(*(ranges[place] for place in slowest_first)):
        by_place = dict(zip(slowest_first, numbers, strict=True))
        middle = "".join(by_place[place] + literals[place + 1] for place in range(len(ranges)))
        names.append(literals[0] + middle)
    return names


def _parts(bracket: str) -> list[tuple[int, int, int]]:
    """Return first, last and width of each part of ``0099,0156-0157``; empty if one is malformed."""
    parts = []
    for part in bracket.split(","):
        match = _RANGE.fullmatch(part)
        if match is None or int(match[2] or match[1]) < int(match[1]):
            return []
        parts.append((int(match[1]), int(match[2] or match[1]), len(match[1])))
    return parts


def _numbers(parts: list[tuple[int, int, int]]) -> list[str]:
    """Return the numbers of a bracket, padded to the width of each range's first number."""
    return [str(number).zfill(width) for first, last, width in parts for number in range(first, last + 1)]
