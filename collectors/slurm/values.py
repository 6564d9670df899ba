"""Reads the values that SLURM prints: counts, sizes, durations, times, trackable resources.

Pure. What is not told, or cannot be read, is ``None``; nothing here ever raises for any text.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from dasktop.collectors.model import Record
from dasktop.collectors.text import without_controls

_AMOUNT = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)([KMGTPE]?)", re.ASCII)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_DURATION = re.compile(r"(?:([0-9]{1,6})-)?([0-9]{1,6})(?::([0-9]{1,2}))?(?::([0-9]{1,2}))?(?:\.[0-9]*)?", re.ASCII)
_EPOCH = re.compile(r"[0-9]{1,12}", re.ASCII)
_GRES_GPUS = re.compile(r"(?:gres[:/])?gpu(?::[^:,=()]+)?[:=]([0-9]{1,9})(?:\([^)]*\))?", re.ASCII)

_SPECIAL_STEPS = {-4: "extern", -5: "batch", -6: "interactive"}
"""slurm.h: SLURM_EXTERN_CONT, SLURM_BATCH_SCRIPT, SLURM_INTERACTIVE_STEP, as signed numbers of 32 bits."""
_STEP_NUMBER = re.compile(r"-?[0-9]{1,10}", re.ASCII)

MIB = 1 << 20
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class Resources(Record, frozen=True, kw_only=True):
    """What a job was granted, or asks for while it waits, over all its nodes."""

    cpus: int | None = None
    memory_bytes: int | None = None
    gpus: int | None = None


def step_name(text: str) -> str:
    """Return the name of a step that may stand there as its number; any other text as it is.

    ``SLURM_STEP_ID`` of a batch script is unset, or ``4294967291``, and ``-5`` in 26.05; sstat and sacct call
    the same step ``batch``.
    """
    if _STEP_NUMBER.fullmatch(text) is None:
        return text
    number = int(text)
    return _SPECIAL_STEPS.get(number if number < 1 << 31 else number - (1 << 32), text)


def fields(names: Sequence[str], row: str, separator: str) -> dict[str, str] | None:
    """Return a row's fields by name, none with control characters in it; ``None`` if it has too few.

    The last one may hold the separator. None is cut: a list of nodes may be long.
    """
    values = row.split(separator, len(names) - 1)
    if len(values) != len(names):
        return None
    return dict(zip(names, map(without_controls, values), strict=True))


def size_bytes(text: str, default_unit: str = "") -> int | None:
    """Read ``402256K``, ``62.50G``, ``0``, … in bytes: SLURM's units are powers of 1024.

    A bare number counts in `default_unit` (``""``: bytes, ``"M"``: MiB).
    """
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        return None
    return round(float(match[1]) * (1 << 10 * _POWERS[match[2] or default_unit]))


def count(text: str) -> int | None:
    """Read a number of CPUs or nodes: SLURM shortens 1024 to ``1K``."""
    return size_bytes(text)


def whole_number(text: str) -> int | None:
    """Read a plain, unsigned decimal number."""
    return int(text) if _EPOCH.fullmatch(text) else None


def requested_memory_bytes(text: str, nodes: int | None, cpus: int | None) -> int | None:
    """Read a request for memory (``%m`` of squeue, ``ReqMem`` of sacct up to 20.11) as the whole job's.

    It is a node's (``4000M``, ``4000Mn``) or a CPU's (``2Gc``). 0 asks for all that a node has: unknown here.
    """
    text = text.strip()
    times = cpus if text.endswith("c") else nodes
    each = size_bytes(text.removesuffix("c").removesuffix("n"), default_unit="M")
    return each * times if each and times else None


def duration_seconds(text: str) -> int | None:
    """Read ``1-02:03:04``, ``02:03:04`` or ``03:04`` (minutes and seconds). No limit (``UNLIMITED``) is ``None``."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or (match[1] is None and match[3] is None):
        return None
    days, first, second, third = (int(part or 0) for part in match.groups())
    if match[1] is None and match[4] is None:
        return first * 60 + second
    return ((days * 24 + first) * 60 + second) * 60 + third


def moment(text: str) -> datetime | None:
    """Read a time: seconds since 1970 or, of a command that lost ``SLURM_TIME_FORMAT``, ``2026-03-04T12:00:00``.

    The latter is local time; where the clocks are put back, what may be two times is none. ``N/A``, ``Unknown``,
    ``None`` and 0 are no time.
    """
    text = text.strip()
    try:
        if _EPOCH.fullmatch(text):
            return datetime.fromtimestamp(int(text), UTC) if int(text) else None
        return _local(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S"))
    except (ValueError, OverflowError, OSError):
        return None


def _local(time: datetime) -> datetime | None:
    first, second = time.replace(fold=0).astimezone(UTC), time.replace(fold=1).astimezone(UTC)
    return first if first == second else None


def resources(tres: str) -> Resources:
    """Read trackable resources, such as ``cpu=4,mem=62.50G,node=2,gres/gpu=2,gres/gpu:a100=2``.

    GPUs stand there once in all and, at some sites, once a type: the types are summed only where the sum is missing.
    """
    amounts: dict[str, str] = {}
    for part in tres.strip().split(","):
        name, _, amount = part.partition("=")
        amounts.setdefault(name, amount)
    gpus = count(amounts.get("gres/gpu", ""))
    if gpus is None:
        typed = [count(amount) for name, amount in amounts.items() if name.startswith("gres/gpu:")]
        gpus = sum(known for known in typed if known is not None) if any(typed) else None
    # A job with resources but no GPU among them has none; without any resources we know nothing.
    if gpus is None and "cpu" in amounts:
        gpus = 0
    return Resources(
        cpus=count(amounts.get("cpu", "")), memory_bytes=size_bytes(amounts.get("mem", ""), "M"), gpus=gpus
    )


def gpus_per_node(gres: str) -> int | None:
    """Read the GPUs of ``%b``: ``gpu:2``, ``gres:gpu:a100:2(S:0)``, ``gres/gpu=1``. Where none is named, ``None``."""
    found = [int(match[1]) for part in gres.split(",") if (match := _GRES_GPUS.fullmatch(part.strip()))]
    return sum(found) if found else None


def plain_duration(seconds: int) -> str:
    """Say a duration for people, in its one or two largest units: ``1 h``, ``1 h 30 min``, ``2 d``."""
    parts = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        number, seconds = divmod(seconds, length)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2]) or "0 s"


def clock_duration(seconds: int) -> str:
    """Write a duration as one does in a request: ``01:30:00``."""
    return f"{seconds // 3600:02}:{seconds % 3600 // 60:02}:{seconds % 60:02}"


def plain_size(size: int) -> str:
    """Say a size for people: ``392.8 MiB``."""
    amount = float(size)
    for unit in _UNITS:
        if amount < 1024 or unit == _UNITS[-1]:
            break
        amount /= 1024
    return f"{amount:.1f}".removesuffix(".0") + f" {unit}"


def plain_sizes(size: int, other: int) -> tuple[str, str]:
    """Say two sizes that are to be compared: ``1,033 MiB`` and ``954 MiB``.

    Both in the largest unit in which the smaller one has three digits, and in which they differ if they do.
    """
    least = min(size, other) or max(size, other)
    for power in reversed(range(len(_UNITS))):
        whole = 1 << 10 * power
        first, second = round(size / whole), round(other / whole)
        if least >= 100 * whole and (first != second or size == other):
            break
    return f"{first:,} {_UNITS[power]}", f"{second:,} {_UNITS[power]}"
