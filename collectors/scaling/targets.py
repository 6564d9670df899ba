"""Targets out of what people type. Imports dask only where an amount of memory has to be read."""

import re

from dasktop.collectors.model.errors import PlanError
from dasktop.collectors.model.snapshot import Adaptive

# The letters at the end; not those of ``2e9`` or ``1_000``.
_UNIT = re.compile(r"[A-Za-z]\s*$")


def count_from(text: str) -> int:
    """Read a number of jobs or cores.

    Raises
    ------
    PlanError
        It is none; the text says what one looks like.
    """
    text = text.strip()
    if not text:
        raise PlanError("a number is missing; one looks like 12")
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise PlanError(f"{text!r} is no whole number from 0 to 999,999,999, such as 12")
    return int(text)


def memory_from(text: str) -> int:
    """Read an amount of memory in bytes, as dask does: ``200GB`` is 200 × 10⁹ bytes, ``200GiB`` 200 × 2³⁰.

    Raises
    ------
    PlanError
        It is none, not above 0, or a number without a unit: dask would take that for bytes, which nobody means.
    """
    if not text.strip():
        raise PlanError("an amount is missing; one looks like 200GB or 64GiB")
    from dask.utils import parse_bytes  # importing dask takes a while

    try:
        # Without a number dask takes one for meant: ``GB`` and nothing at all would be 1 GB and 1 byte.
        amount = int(parse_bytes(text)) if any(map(str.isdigit, text)) else 0
    except (ValueError, OverflowError):
        amount = 0
    if amount > 0 and not _UNIT.search(text):
        raise PlanError(f"{text!r}: a unit is missing; an amount looks like 200GB or 64GiB")
    if amount <= 0:
        raise PlanError(f"{text!r} is no amount of memory; one looks like 200GB or 64GiB")
    return amount


def bounds_from(text: str) -> Adaptive:
    """Read ``MIN:MAX``, in jobs.

    Raises
    ------
    PlanError
        It isn't that, or the minimum exceeds the maximum.
    """
    low, _, high = text.partition(":")
    try:
        bounds = Adaptive(minimum=count_from(low), maximum=count_from(high))
    except PlanError:
        raise PlanError(f"{text!r} is not MIN:MAX, such as 2:10") from None
    if bounds.maximum is not None and bounds.minimum > bounds.maximum:
        raise PlanError(f"the minimum, {bounds.minimum}, exceeds the maximum, {bounds.maximum}")
    return bounds
