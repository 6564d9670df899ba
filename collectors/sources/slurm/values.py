"""Parse the values that SLURM prints: counts, sizes, durations, times, trackable resources (TRES).

Pure. Missing and invalid values are ``None``; no text makes a function here raise.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from dasktop.collectors.model.record import Record
from dasktop.collectors.model.sums import sum_of_known
from dasktop.collectors.text.clean import without_controls

_AMOUNT = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)([KMGTPE]?)", re.ASCII)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_DURATION = re.compile(r"(?:([0-9]{1,6})-)?([0-9]{1,6})(?::([0-9]{1,2}))?(?::([0-9]{1,2}))?(?:\.[0-9]*)?", re.ASCII)
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII)
_EPOCH = re.compile(r"[0-9]{1,12}", re.ASCII)
_GRES_GPUS = re.compile(r"(?:gres[:/])?gpu(?::[^:,=()]+)?[:=]([0-9]{1,9})(?:\([^)]*\))?", re.ASCII)


MIB = 1 << 20


class Resources(Record, frozen=True, kw_only=True):
    """The resources that a job was allocated, or requests while it is pending, over all its nodes."""

    cpus: int | None = None
    memory_bytes: int | None = None
    gpus: int | None = None


def fields(names: Sequence[str], row: str, separator: str) -> dict[str, str] | None:
    """Return a row's fields by name, without control characters; ``None`` if it has too few.

    The last field may contain the separator. No field is truncated: a node list may be long.
    """
    values = row.split(separator, len(names) - 1)
    if len(values) != len(names):
        return None
    return dict(zip(names, map(without_controls, values), strict=True))


def size_bytes(text: str, default_unit: str = "") -> int | None:
    """Parse ``402256K``, ``62.50G``, ``0``, … in bytes: SLURM's units are powers of 1024.

    A bare number is in `default_unit` (``""``: bytes, ``"M"``: MiB).
    """
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        return None
    return round(float(match[1]) * (1 << 10 * _POWERS[match[2] or default_unit]))


def count(text: str) -> int | None:
    """Parse a number of CPUs or nodes: SLURM abbreviates 1024 to ``1K``."""
    return size_bytes(text)


def whole_number(text: str) -> int | None:
    """Parse a plain, unsigned decimal number."""
    return int(text) if _EPOCH.fullmatch(text) else None


def requested_memory_bytes(text: str, nodes: int | None, cpus: int | None) -> int | None:
    """Parse a memory request (``%m`` of squeue, ``ReqMem`` of sacct up to 20.11) into bytes for the whole job.

    It is per node (``4000M``, ``4000Mn``) or per CPU (``2Gc``). 0 requests all memory of a node: unknown here.
    """
    text = text.strip()
    times = cpus if text.endswith("c") else nodes
    each = size_bytes(text.removesuffix("c").removesuffix("n"), default_unit="M")
    return each * times if each and times else None


def duration_seconds(text: str) -> int | None:
    """Parse ``1-02:03:04``, ``02:03:04`` or ``03:04`` (minutes and seconds). ``UNLIMITED`` is ``None``."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or (match[1] is None and match[3] is None):
        return None
    days, first, second, third = (int(part or 0) for part in match.groups())
    if match[1] is None and match[4] is None:
        return first * 60 + second
    return ((days * 24 + first) * 60 + second) * 60 + third


def moment(text: str) -> datetime | None:
    """Parse a time: seconds since 1970 or, if a wrapper removed ``SLURM_TIME_FORMAT``, ``2026-03-04T12:00:00``.

    The latter is local time; an ambiguous or skipped time at a clock change is ``None``, and so are ``N/A``,
    ``Unknown``, ``None`` and 0.
    """
    text = text.strip()
    try:
        if _EPOCH.fullmatch(text):
            return datetime.fromtimestamp(int(text), UTC) if int(text) else None
        return _local(datetime.fromisoformat(text)) if _ISO.fullmatch(text) else None
    except (ValueError, OverflowError, OSError):
        return None


def _local(time: datetime) -> datetime | None:
    first, second = time.replace(fold=0).astimezone(UTC), time.replace(fold=1).astimezone(UTC)
    return first if first == second else None


def resources(tres: str) -> Resources:
    """Parse trackable resources, such as ``cpu=4,mem=62.50G,node=2,gres/gpu=2,gres/gpu:a100=2``.

    GPUs are listed as a total and, at some sites, also by type: the types are summed only if the total is missing.
    """
    amounts: dict[str, str] = {}
    for part in tres.strip().split(","):
        name, _, amount = part.partition("=")
        amounts.setdefault(name, amount)
    gpus = count(amounts.get("gres/gpu", ""))
    if gpus is None:
        typed = [count(amount) for name, amount in amounts.items() if name.startswith("gres/gpu:")]
        gpus = sum_of_known(typed) or None
    # A job whose resources include no GPU has none; without any resources, the number is unknown.
    if gpus is None and "cpu" in amounts:
        gpus = 0
    return Resources(
        cpus=count(amounts.get("cpu", "")), memory_bytes=size_bytes(amounts.get("mem", ""), "M"), gpus=gpus
    )


def gpus_per_node(gres: str) -> int | None:
    """Parse the GPUs in ``%b``: ``gpu:2``, ``gres:gpu:a100:2(S:0)``, ``gres/gpu=1``. ``None`` if there are none."""
    found = [int(match[1]) for part in gres.split(",") if (match := _GRES_GPUS.fullmatch(part.strip()))]
    return sum(found) if found else None
