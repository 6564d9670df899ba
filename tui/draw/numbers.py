"""Quantities for people: few digits in coarse steps, so that most snapshots change nothing. Pure.

Unknown is ``–`` everywhere, never 0.
"""

import math

from dasktop.collectors.text.format import cell_size, slurm_duration

UNKNOWN = "–"


def percent(value: float | None) -> int | None:
    """Return a value rounded to whole percent, halves up; ``None`` if unknown or not finite."""
    return None if value is None or not math.isfinite(value) else max(0, math.floor(value + 0.5))


def share(part: float | None, whole: float | None) -> int | None:
    """Return ``part`` of ``whole`` in whole percent; ``None`` if one is unknown or ``whole`` is 0."""
    return None if part is None or not whole else percent(100 * part / whole)


def percent_text(value: int | None) -> str:
    """Return ``88%``, in at most four cells."""
    return UNKNOWN if value is None else f"{value}%" if value <= 999 else ">999"


def bytes_text(value: float | None) -> str:
    """Return ``6.6G``, ``12G``, ``940M`` (`cell_size`)."""
    return UNKNOWN if value is None else cell_size(value)


def duration(seconds: float | None) -> str:
    """Return ``0:04:10`` or ``1-02:00:00``, as SLURM writes it."""
    return UNKNOWN if seconds is None else slurm_duration(seconds)


def time_left(seconds: float | None) -> str:
    """Return the remaining time of a job, rounded down, in the units that are known: ``1d 2h``, ``5h 33m``, ``41m``.

    In the last ten minutes in steps of ten seconds: ``4m 10s``, ``50s``.
    """
    if seconds is None:
        return UNKNOWN
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if days:
        return f"{days}d {hours % 24}h"
    if hours:
        return f"{hours}h {minutes % 60}m"
    if minutes >= 10:
        return f"{minutes}m"
    return f"{minutes}m {whole % 60 // 10 * 10}s" if minutes else f"{whole // 10 * 10}s"


def count(value: int | None) -> str:
    """Return ``1,204``."""
    return UNKNOWN if value is None else f"{value:,}"


def short_count(value: float | None) -> str:
    """Return ``1,204`` or, if that takes more than six cells, ``1204k``."""
    if value is None:
        return UNKNOWN
    text = count(round(value))
    return text if len(text) <= 6 else f"{value / 1000:.0f}k"


def short_age(seconds: float | None) -> str:
    """Return how long ago a heartbeat was, rounded down: ``<5s``, ``15s``, ``4m``, ``2h``."""
    if seconds is None:
        return UNKNOWN
    if seconds < 60:
        return f"{seconds - seconds % 5:.0f}s" if seconds >= 5 else "<5s"
    return f"{seconds // 60:.0f}m" if seconds < 3600 else f"{min(seconds // 3600, 999):.0f}h"


def ratio(part: int | None, whole: int | None) -> str:
    """Return ``3/12``, in thousands (``1k/2k``) if it takes more than seven cells."""
    text = f"{UNKNOWN if part is None else part}/{UNKNOWN if whole is None else whole}"
    if part is None and whole is None:
        return UNKNOWN
    return text if len(text) <= 7 else f"{_thousands(part)}/{_thousands(whole)}"


def _thousands(value: int | None) -> str:
    if value is None:
        return UNKNOWN
    return str(value) if value < 1000 else f"{value // 1000}k"


def latency(seconds: float | None) -> str:
    """Return ``ok`` or, above half a second, the time rounded up to the next 1, 2 or 5: ``2s``.

    Exact milliseconds would change with each answer and mean nothing.
    """
    if seconds is None:
        return UNKNOWN
    if seconds <= 0.5:
        return "ok"
    for step in (1, 2, 5, 10, 20, 50):
        if seconds <= step:
            return f"{step}s"
    return ">50s"


def seconds_text(seconds: float | None) -> str:
    """Return a duration in at most six cells: ``0.4s``, ``12s``, ``4m10s``, ``2h05m``, ``3d``; unknown: ``–``."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return UNKNOWN
    if seconds < 59.5:
        return f"{seconds:.1f}s" if seconds < 9.95 else f"{seconds:.0f}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m" if whole < 100 * 3600 else f"{min(whole // 86400, 99999)}d"


LONG_FACTOR = 3
"""A task that runs longer than this many times the mean of its name is pointed out."""


def task_time(seconds: float | None, typical: float | None) -> str:
    """Return ``1.1s of ~1.9s``, or for a long one ``24s, 9x the mean``; without a mean the time alone."""
    if seconds is None or not typical:
        return seconds_text(seconds)
    if seconds >= LONG_FACTOR * typical:
        return f"{seconds_text(seconds)}, {short_count(seconds / typical)}x the mean"
    return f"{seconds_text(seconds)} of ~{seconds_text(typical)}"


def is_long(seconds: float | None, typical: float | None) -> bool:
    """Return whether a task has run much longer than the mean of its name."""
    return seconds is not None and bool(typical) and seconds >= LONG_FACTOR * (typical or 0)
