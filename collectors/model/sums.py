"""Sums of values of which some may be unknown (``None``). Pure."""

from collections.abc import Iterable
from typing import TypeVar

Number = TypeVar("Number", int, float)


def sum_of_known(values: Iterable[Number | None]) -> Number | None:
    """Return the sum of the known values; ``None`` if none is known."""
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known else None


def sum_if_all_known(values: Iterable[Number | None]) -> Number | None:
    """Return the sum, 0 without values; ``None`` if any value is unknown, as the sum would be too small."""
    total: Number = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total
