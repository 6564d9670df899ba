"""SLURM's short form for lists of nodes: ``n[1-3,5],login2``.

Pure; does not check whether a node exists.
"""

import re
from collections.abc import Iterable
from itertools import pairwise

from dasktop.collectors.embedded_slurm.units import UnreadableError

# A typing error (n[1-99999999999]) must not use up the memory.
_MOST = 100_000


def expand(text: str) -> list[str]:
    """Return the names of a list, in its order, with padding.

    Raises
    ------
    UnreadableError
        Brackets do not match, or a range is invalid.
    """
    names: list[str] = []
    for part in re.findall(r"(?:[^,\[\]]|\[[^\[\]]*\])+|[\[\]]", text):
        if part in "[]":
            raise UnreadableError(text)
        names += _expand_one(part)
    return names


def _expand_one(text: str) -> list[str]:
    before, bracket, rest = text.partition("[")
    if not bracket:
        return [text]
    ranges, _, after = rest.partition("]")
    tails = _expand_one(after)
    return [f"{before}{number}{tail}" for number in _numbers(ranges) for tail in tails]


def _numbers(ranges: str) -> Iterable[str]:
    for part in ranges.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if match is None:
            raise UnreadableError(part)
        first, last = match[1], match[2] or match[1]
        for number in _span(int(first), int(last)):
            yield str(number).zfill(len(first))


def _span(first: int, last: int, step: int = 1) -> range:
    span = range(first, last + 1, step)
    if len(span) > _MOST:
        raise UnreadableError(f"{first}-{last}")
    return span


def compress(names: Iterable[str]) -> str:
    """Return the short form: ``n1 n2 n4 login`` becomes ``login,n[1-2,4]``; one number stays bare."""
    groups: dict[tuple[str, int], list[int]] = {}
    plain: list[str] = []
    for name in names:
        match = re.fullmatch(r"(.*?)(\d+)", name)
        if match is None:
            plain.append(name)
            continue
        # Only padded numbers of one width may share a bracket: n[01-10], but n9,n10 do share n[9-10].
        width = len(match[2]) if match[2].startswith("0") else 0
        groups.setdefault((match[1], width), []).append(int(match[2]))
    short = sorted(plain)
    for (prefix, width), numbers in groups.items():
        ranges = _ranges(sorted(set(numbers)), width)
        short.append(f"{prefix}{ranges}" if ranges.isdigit() else f"{prefix}[{ranges}]")
    return ",".join(short)


def _ranges(numbers: list[int], width: int) -> str:
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(
        f"{first:0{width}}" if first == last else f"{first:0{width}}-{last:0{width}}" for first, last in runs
    )


def write_indexes(indexes: Iterable[int]) -> str:
    """Return the short form of an array's task ids: ``1-3,7``; a constant step is written ``0-8:2``."""
    numbers = sorted(set(indexes))
    steps = {after - before for before, after in pairwise(numbers)}
    if len(numbers) > 2 and len(steps) == 1 and (step := steps.pop()) > 1:
        return f"{numbers[0]}-{numbers[-1]}:{step}"
    return _ranges(numbers, 0)


def read_indexes(text: str) -> list[int]:
    """Read an array's task ids: ``0-9``, ``1,5,7``, ``0-8:2``.

    Raises
    ------
    UnreadableError
        For anything else.
    """
    numbers: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+)(?::(\d+))?)?", part)
        if match is None or match[3] == "0":
            raise UnreadableError(text)
        first = int(match[1])
        numbers.update(_span(first, int(match[2] or first), int(match[3] or 1)))
    if not numbers:
        raise UnreadableError(text)
    return sorted(numbers)
