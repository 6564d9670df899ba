"""Parse scaling targets that users type. Imports dask only to parse an amount of memory."""

import re

from dasktop.collectors.model.errors import PlanError
from dasktop.collectors.model.snapshot import Adaptive

# The letters at the end; not those of ``2e9`` or ``1_000``.
_UNIT = re.compile(r"[A-Za-z]\s*$")


def count_from(text: str) -> int:
    """Parse a number of jobs or cores.

    Raises
    ------
    PlanError
        It is not a number; the text gives an example.
    """
    text = text.strip()
    if not text:
        raise PlanError("a number is missing, such as 12")
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise PlanError(f"{text!r} is not a whole number from 0 to 999,999,999, such as 12")
    return int(text)


def memory_from(text: str) -> int:
    """Parse an amount of memory and return bytes, as dask does: ``200GB`` is 200 × 10⁹ bytes, ``200GiB`` 200 × 2³⁰.

    Raises
    ------
    PlanError
        It is not an amount, not above 0, or has no unit: dask would read it as bytes, which is probably not intended.
    """
    if not text.strip():
        raise PlanError("an amount is missing, such as 200GB or 64GiB")
    from dask.utils import parse_bytes  # importing dask takes a while

    try:
        # Without a number dask assumes 1: ``GB`` and an empty text would be 1 GB and 1 byte.
        amount = int(parse_bytes(text)) if any(map(str.isdigit, text)) else 0
    except (ValueError, OverflowError):
        amount = 0
    if amount > 0 and not _UNIT.search(text):
        raise PlanError(f"{text!r} has no unit; write an amount such as 200GB or 64GiB")
    if amount <= 0:
        raise PlanError(f"{text!r} is not an amount of memory, such as 200GB or 64GiB")
    return amount


def bounds_from(text: str) -> Adaptive:
    """Parse ``MIN:MAX``, in jobs.

    Raises
    ------
    PlanError
        It has another form, or the minimum exceeds the maximum.
    """
    low, _, high = text.partition(":")
    try:
        bounds = Adaptive(minimum=count_from(low), maximum=count_from(high))
    except PlanError:
        raise PlanError(f"{text!r} is not MIN:MAX, such as 2:10") from None
    if bounds.maximum is not None and bounds.minimum > bounds.maximum:
        raise PlanError(f"the minimum, {bounds.minimum}, exceeds the maximum, {bounds.maximum}")
    return bounds
