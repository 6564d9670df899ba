"""Reads the values that SLURM prints: counts, sizes, durations, times, trackable resources.

Pure. What is not told, or cannot be read, is ``None``; nothing here ever raises for any text.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from dasktop.collectors.model.snapshot import Record
from dasktop.collectors.model.sums import sum_of_known
from dasktop.collectors.text.clean import without_controls

_AMOUNT = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)([KMGTPE]?)", re.ASCII)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_DURATION = re.compile(r"(?:([0-9]{1,6})-)?([0-9]{1,6})(?::([0-9]{1,2}))?(?::([0-9]{1,2}))?(?:\.[0-9]*)?", re.ASCII)
_EPOCH = re.compile(r"[0-9]{1,12}", re.ASCII)
_GRES_GPUS = re.compile(r"(?:gres[:/])?gpu(?::[^:,=()]+)?[:=]([0-9]{1,9})(?:\([^)]*\))?", re.ASCII)


MIB = 1 << 20


class Resources(Record, frozen=True, kw_only=True):
    """What a job was granted, or asks for while it waits, over all its nodes."""

    cpus: int | None = None
    memory_bytes: int | None = None
    gpus: int | None = None


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
        gpus = sum_of_known(typed) or None
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
