"""Convert values of answers, which may be of any type. A value of another type becomes ``None``, or empty."""

import math
from datetime import UTC, datetime
from typing import Any

from dasktop.collectors.text.clean import MAX_CHARACTERS, clean

_LATEST_EPOCH_SECONDS = 1e11  # the year 5138, which a datetime can hold


def as_int(value: object) -> int | None:
    """Return an integer of at least 0; fractions are cut off."""
    if type(value) is int:  # a shortcut that matters with thousands of workers
        return value if value >= 0 else None
    number = as_number(value)
    return None if number is None else int(number)


def as_number(value: object) -> float | int | None:
    """Return a finite number of at least 0."""
    # By type, not isinstance: True is not a number here.
    return value if (type(value) is int or type(value) is float) and 0 <= value < math.inf else None


def as_seconds(value: object) -> float | None:
    """Return a duration in seconds; negative ones, from clocks that differ, become 0."""
    span = as_number(value if not isinstance(value, int | float) else max(0.0, value))
    return None if span is None else round(span, 3)


def as_datetime(value: object) -> datetime | None:
    """Return seconds since 1970 as a datetime."""
    epoch_seconds = as_number(value)
    if epoch_seconds is None or epoch_seconds > _LATEST_EPOCH_SECONDS:
        return None
    return datetime.fromtimestamp(epoch_seconds, UTC)


def as_text(value: object) -> str | None:
    """Return clean, non-empty text; numbers, which are valid worker names in dask, as digits."""
    if isinstance(value, int | float):
        value = str(value)
    if not isinstance(value, str | bytes):
        return None
    if isinstance(value, str) and value.isascii() and value.isprintable() and len(value) <= MAX_CHARACTERS:
        return value.strip() or None  # a shortcut that matters with thousands of workers
    return clean(value) or None


def as_dict(value: object) -> dict[Any, Any]:
    """Return a dictionary; an empty one for other types."""
    return value if isinstance(value, dict) else {}


def as_tuple(value: object) -> tuple[Any, ...]:
    """Return a list as a tuple; an empty one for other types."""
    return tuple(value) if isinstance(value, list | tuple) else ()
