"""Format and parse times, time limits and memory sizes as SLURM does. Pure; the time is an argument."""

import re
import time

UNLIMITED = "UNLIMITED"
# SLURM stores minutes in 32 bits; the largest numbers have special meanings.
_NO_SUCH_MINUTES = 2**32 - 2
_MEGABYTES = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024 * 1024}


class UnreadableError(ValueError):
    """A text that SLURM cannot parse."""


def parse_minutes(text: str) -> int | None:
    """Read a time limit.

    Parameters
    ----------
    text
        ``minutes``, ``minutes:seconds``, ``hours:minutes:seconds``, ``days-hours``, ``days-hours:minutes``,
        ``days-hours:minutes:seconds``, or ``UNLIMITED``.

    Returns
    -------
    int or None
        Minutes, rounded up as SLURM does (``00:00:10`` is 1); None for no limit.

    Raises
    ------
    UnreadableError
        The text is invalid.
    """
    if text.upper() in {UNLIMITED, "INFINITE", "-1"}:
        return None
    match = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", text)
    if match is None:
        raise UnreadableError(text)
    days, *rest = match.groups()
    numbers = [int(part) for part in rest if part is not None]
    if days is not None:
        hours, minutes, seconds = [*numbers, 0, 0][:3]
        hours += 24 * int(days)
    elif len(numbers) == 3:
        hours, minutes, seconds = numbers
    else:
        hours, (minutes, seconds) = 0, [*numbers, 0][:2]
    total = hours * 60 + minutes + (seconds + 59) // 60
    if total >= _NO_SUCH_MINUTES:
        raise UnreadableError(text)
    return total


def duration(seconds: float | None, *, padded: bool = False) -> str:
    """Write a duration: ``1-02:03:04``, ``3:04`` below an hour, or ``00:03:04`` if padded (sacct)."""
    if seconds is None:
        return UNLIMITED
    minutes, second = divmod(max(0, int(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}-{hour:02}:{minute:02}:{second:02}"
    if hour or padded:
        return f"{hour:02}:{minute:02}:{second:02}" if padded else f"{hour}:{minute:02}:{second:02}"
    return f"{minute}:{second:02}"


def cpu_time(seconds: float) -> str:
    """Write a CPU time as sacct does: milliseconds only below an hour (``00:01.234``)."""
    if seconds >= 3600:
        return duration(seconds, padded=True)
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes):02}:{int(rest):02}.{int(rest % 1 * 1000):03}"


def timestamp(epoch_seconds: float | None, time_format: str | None, missing: str) -> str:
    """Write a time in local time, without a zone, or in SLURM_TIME_FORMAT (``%s``: epoch seconds)."""
    if epoch_seconds is None:
        return missing
    if time_format is None or time_format == "standard":
        time_format = "%Y-%m-%dT%H:%M:%S"
    return time.strftime(time_format, time.localtime(int(epoch_seconds)))


def parse_timestamp(text: str, now: float) -> float:
    """Read a time as ``-S`` and ``-E`` take it: ISO, a date, ``HH:MM``, ``now-2hours``, ``today``, ``midnight``.

    Raises
    ------
    UnreadableError
        The text is invalid.
    """
    if match := re.fullmatch(r"now(?:([+-]\d+)(seconds?|minutes?|hours?|days?|weeks?)?)?", text):
        unit = (match[2] or "seconds").rstrip("s")
        return now + int(match[1] or 0) * {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}[unit]
    today = time.localtime(now)
    if text in {"today", "midnight"}:
        return time.mktime((today.tm_year, today.tm_mon, today.tm_mday, 0, 0, 0, 0, 0, -1))
    if re.fullmatch(r"\d{9,}", text):
        return float(text)
    for pattern in ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"):
        try:
            return time.mktime(time.strptime(text, pattern))
        except ValueError:
            continue
    if match := re.fullmatch(r"(\d\d?):(\d\d)(?::(\d\d))?", text):
        hour, minute, second = (int(part or 0) for part in match.groups())
        return time.mktime((today.tm_year, today.tm_mon, today.tm_mday, hour, minute, second, 0, 0, -1))
    raise UnreadableError(text)


def parse_megabytes(text: str) -> int:
    """Read a memory size (``4000``, ``8G``, ``512K``; megabytes by default), rounded up.

    Raises
    ------
    UnreadableError
        The text is invalid.
    """
    match = re.fullmatch(r"(\d+)([KMGT]?)B?", text.upper())
    if match is None:
        raise UnreadableError(text)
    return -int(-int(match[1]) * _MEGABYTES[match[2] or "M"] // 1)


def size(number: float, units: str = "MGTP") -> str:
    """Write a memory size as SLURM does: the largest unit with a whole or half number (``8G``, ``62.50G``).

    Quirk: SLURM's ``convert_num_unit2`` divides by 1024 as long as 512 divides the number, so a mean over tasks
    may stay in bytes, and then has no unit (seen in sstat's AveRSS).

    Parameters
    ----------
    number
        In the first of `units`.
    units
        One letter each, a blank for bytes.
    """
    for unit in units:
        if number < 1024 or int(number) % 512 or unit == units[-1]:
            break
        number /= 1024
    text = f"{number:.0f}" if float(number).is_integer() else f"{number:.2f}"
    return f"{text}{unit}".strip() if number else "0"


def measured(size_bytes: float) -> str:
    """Write a measured memory size as sacct and sstat do (``402256K``; bytes have no unit)."""
    return size(int(size_bytes), " KMGTP")
