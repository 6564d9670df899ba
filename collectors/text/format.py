"""Formats numbers with nouns, lists, sizes and durations for people. Pure.

`tui.draw.numbers` adds how an unknown value is shown.

======================  ===============  ====================================================================
function                example          context
======================  ===============  ====================================================================
`cell_size`             ``6.6G``         columns of the screen: binary units, at most four cells
`plain_size`            ``392.8 MiB``    sentences about what is allocated or used: binary units
`plain_sizes`           ``1,033 MiB``    two of these that are compared
`requested_size`        ``200 GB``       what someone requested, in the unit in which it was probably given
`argument_size`         ``200GB``        the same, as an argument of a call
`decimal_size`          ``1.1 GB``       use beside a request in decimal units, as in recommendations
`plain_duration`        ``1 h 30 min``   sentences
`whole_minutes`         ``1 h 30 min``   current durations in sentences, so that they do not change every second
`slurm_duration`        ``0:04:10``      columns, as ``squeue`` writes it
`clock_duration`        ``01:30:00``     requested time limits
======================  ===============  ====================================================================
"""

from collections.abc import Sequence

GIB = 1 << 30

_DECIMAL_UNITS = (("TB", 1000**4), ("GB", 1000**3), ("MB", 1000**2), ("kB", 1000))
_BINARY_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_SHORT_UNITS = "BKMGTPE"


def counted(number: int, noun: str) -> str:
    """Return ``1 job``, ``1,200 jobs``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(words: Sequence[str], most: int = 3) -> str:
    """Return ``4709, 4710, 4711 and 2 more``."""
    shown = ", ".join(words[:most])
    return f"{shown} and {len(words) - most:,} more" if len(words) > most else shown


def short_host(name: str) -> str:
    """Return a host name without its domain; an IP address unchanged."""
    return name if ":" in name or name.replace(".", "").isdecimal() else name.partition(".")[0]


def cell_size(amount_bytes: float) -> str:
    """Return ``6.6G``, ``12G``, ``940M``: powers of 1024, two or three digits, at most four cells."""
    amount, power = amount_bytes, 0
    while amount >= 999.5 and power < len(_SHORT_UNITS) - 1:
        amount, power = amount / 1024, power + 1
    digits = 1 if power > 0 and amount < 9.95 else 0
    return f"{amount:.{digits}f}{_SHORT_UNITS[power]}"


def plain_size(amount_bytes: float, digits: int = 1) -> str:
    """Return an amount in binary units, with at most this many decimals: ``392.8 MiB``."""
    amount = amount_bytes
    for unit in _BINARY_UNITS:
        if amount < 1024 or unit == _BINARY_UNITS[-1]:
            break
        amount /= 1024
    return f"{_number(amount, digits)} {unit}"


def plain_sizes(size: int, other: int) -> tuple[str, str]:
    """Return two sizes in the same unit, for comparison: ``1,033 MiB`` and ``954 MiB``.

    The unit is the largest in which the smaller size has three digits and in which different sizes look different.
    """
    least = min(size, other) or max(size, other)
    for power in reversed(range(len(_BINARY_UNITS))):
        whole = 1 << 10 * power
        first, second = round(size / whole), round(other / whole)
        if least >= 100 * whole and (first != second or size == other):
            break
    return f"{first:,} {_BINARY_UNITS[power]}", f"{second:,} {_BINARY_UNITS[power]}"


def requested_size(amount_bytes: float) -> str:
    """Return an amount of memory in the unit in which it was probably given: ``200 GB``, ``16 GiB``.

    An amount that is not round in decimal or binary units is rounded to two decimals in binary units, as in dask.
    """
    amount = round(amount_bytes)
    for unit, size in _DECIMAL_UNITS:
        if size <= amount < 10_000 * size and amount * 10 % size == 0:  # 25 GiB are 26,843,545.6 kB
            return f"{_number(amount / size, 1)} {unit}"
    return plain_size(amount, digits=2)


def argument_size(amount_bytes: float) -> str:
    """Return an amount of memory as an argument of a call, as dask parses it: ``16GB``, ``3.73GiB``."""
    return requested_size(amount_bytes).replace(" ", "").replace(",", "")


def decimal_size(amount_bytes: float) -> str:
    """Return ``1.1 GB``, ``12 GB``, ``640 MB``."""
    amount = amount_bytes / 1000**3
    if amount < 1:
        return f"{amount_bytes / 1000**2:.0f} MB"
    return f"{amount:.1f} GB" if amount < 10 else f"{amount:.0f} GB"


def plain_duration(seconds: float) -> str:
    """Return a duration, rounded down, in its one or two largest units: ``1 h``, ``1 h 30 min``, ``2 d``."""
    parts, rest = [], int(max(0, seconds))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        number, rest = divmod(rest, length)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2]) or "0 s"


def whole_minutes(seconds: float) -> str:
    """Return a duration, rounded down to minutes: ``less than a minute``, ``50 min``, ``3 d 4 h``."""
    return plain_duration(seconds // 60 * 60) if seconds >= 60 else "less than a minute"


def slurm_duration(seconds: float) -> str:
    """Return a duration as ``squeue`` writes it: ``0:04:10``, ``1-02:00:00``."""
    minutes, second = divmod(max(0, int(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{days}-{hour:02}:{minute:02}:{second:02}" if days else f"{hour}:{minute:02}:{second:02}"


def clock_duration(seconds: int) -> str:
    """Return a duration as in a SLURM request, without days: ``01:30:00``, ``48:00:00``."""
    return f"{seconds // 3600:02}:{seconds % 3600 // 60:02}:{seconds % 60:02}"


def _number(amount: float, digits: int) -> str:
    """Return a number without zeros at its end: ``1,023.5``, ``16``."""
    text = f"{amount:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
