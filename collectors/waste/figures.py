"""What of a snapshot's figures is to be believed. Pure.

Recordings come from anywhere: one that was edited may hold anything that JSON can.
"""

from collections.abc import Iterable

_MOST = 1e18
"""More than any machine has of anything: an exabyte."""


def figure(value: float | None) -> float | None:
    """Return the figure; what is negative, or beyond anything there is, is unknown."""
    return value if value is not None and 0 <= value < _MOST else None


def count(value: int | None) -> int | None:
    """Do the same for a whole number."""
    return value if value is not None and 0 <= value < _MOST else None


def highest(values: Iterable[float | None]) -> float | None:
    """Return the highest that is known."""
    return max((value for value in values if value is not None), default=None)


def total(values: Iterable[float | None]) -> float | None:
    """Return the sum of what is known; ``None`` where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None
