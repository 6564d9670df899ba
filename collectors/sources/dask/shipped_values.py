"""Conversion of any object to plain values that msgpack can encode. Precedes the other shipped modules.

Must run on Python 3.8 onwards. Never raises.
"""

from __future__ import annotations

from typing import Any

LONGEST_TEXT = 1000
PACKED = "packed"
LARGEST_INTEGER = 2**63 - 1


def plain(value: Any) -> Any:
    """Return the value as a number or text that msgpack can encode; None for infinity and not-a-number."""
    if (type(value) is float or type(value) is int) and -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
        return value  # a shortcut: there may be hundreds
    if value is None or isinstance(value, (str, bytes)):
        return text(value)
    try:
        number = int(value) if int(value) == value else float(value)
    except (TypeError, ValueError, OverflowError):  # not a number; or infinity, for which int() raises OverflowError
        return None if isinstance(value, float) else text(value)
    return number if abs(number) <= LARGEST_INTEGER else float(number)


def text(value: Any, longest: int = LONGEST_TEXT) -> Any:
    """Return the value as text that msgpack can encode, truncated to so many characters; None stays None."""
    if value is None or (type(value) is str and len(value) <= longest and value.isascii()):
        return value  # a shortcut: there may be thousands
    try:
        value = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    except Exception:  # noqa: BLE001 - the object may be of any class of the user's
        value = type(value).__name__
    return value[:longest].encode("utf-8", "replace").decode("utf-8")


def workers_of_scheduler(scheduler: Any) -> list[Any]:
    """Return all workers, in the same order as long as the same ones are registered."""
    workers = scheduler.workers
    # A SortedDict, whose own `values` takes ten times as long.
    return list(dict.values(workers) if isinstance(workers, dict) else workers.values())


def pack_answer(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the answer as one value: distributed walks through all others to estimate the size of a message.

    If it has a value that msgpack cannot encode, return the answer itself.
    """
    import msgpack

    try:
        return {PACKED: msgpack.packb(answer, use_bin_type=True)}
    except Exception:  # noqa: BLE001 - the user's types raise anything; distributed encodes them in its own way
        return answer
