"""Formats numbers with nouns, lists, sizes and durations for people. Pure."""

from collections.abc import Sequence

_DECIMAL_UNITS = (("TB", 1000**4), ("GB", 1000**3), ("MB", 1000**2), ("kB", 1000))
_BINARY_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def counted(number: int, noun: str) -> str:
    """Return ``1 job``, ``1,200 jobs``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def memory_words(amount_bytes: int) -> str:
    """Return an amount of memory in the unit in which it was probably given: ``200 GB``, ``16 GiB``.

    An amount that is round in neither decimal nor binary units is rounded, in binary units.
    """
    for unit, size in _DECIMAL_UNITS:
        if size <= amount_bytes < 10_000 * size and amount_bytes * 10 % size == 0:  # 25 GiB are 26,843,545.6 kB
            return f"{amount_bytes / size:,.1f}".removesuffix(".0") + f" {unit}"
    return plain_size(amount_bytes)


def listed(words: Sequence[str], most: int = 3) -> str:
    """Return ``4709, 4710, 4711 and 2 more``."""
    shown = ", ".join(words[:most])
    return f"{shown} and {len(words) - most:,} more" if len(words) > most else shown


def plain_duration(seconds: int) -> str:
    """Return a duration in its one or two largest units: ``1 h``, ``1 h 30 min``, ``2 d``."""
    parts = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        number, seconds = divmod(seconds, length)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2]) or "0 s"


def clock_duration(seconds: int) -> str:
    """Return a duration as in a SLURM request: ``01:30:00``."""
    return f"{seconds // 3600:02}:{seconds % 3600 // 60:02}:{seconds % 60:02}"


def plain_size(size: int) -> str:
    """Return a size in binary units: ``392.8 MiB``."""
    amount = float(size)
    for unit in _BINARY_UNITS:
        if amount < 1024 or unit == _BINARY_UNITS[-1]:
            break
        amount /= 1024
    return f"{amount:.1f}".removesuffix(".0") + f" {unit}"


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
