"""Amounts and jobs in the words of those who ask for them. Pure.

Memory is told as dask-jobqueue takes it: in GB of 10⁹ bytes.
"""

from math import ceil

from dasktop.collectors.analysis.usage.kinds import JobGroup
from dasktop.collectors.text.format import counted

_GB, _MB = 10**9, 10**6
_STEPS = ((4 * _GB, _GB), (_GB, _GB // 2), (0, 100 * _MB))
"""From so much on, memory is asked for in steps of so much."""


def rounded_memory(amount_bytes: float) -> int:
    """Return an amount that one would ask for, and that is not less."""
    step = next(step for least, step in _STEPS if amount_bytes >= least)
    return max(step, ceil(amount_bytes / step) * step)


def memory_request(amount_bytes: float) -> str:
    """Return ``8GB``, ``1.5GB``, ``600MB``."""
    amount = round(amount_bytes / _MB)
    return f"{amount}MB" if amount < 1000 else f"{amount / 1000:.1f}".removesuffix(".0") + "GB"


def size(amount_bytes: float) -> str:
    """Return ``1.1 GB``, ``12 GB``, ``640 MB``."""
    if amount_bytes < _GB:
        return f"{amount_bytes / _MB:.0f} MB"
    return f"{amount_bytes / _GB:.1f} GB" if amount_bytes < 10 * _GB else f"{amount_bytes / _GB:.0f} GB"


def part(amount_bytes: float, whole_bytes: float | None) -> str:
    """Return ``1.1 of 4.0 GB``."""
    if whole_bytes is None:
        return size(amount_bytes)
    amount, whole = size(amount_bytes), size(whole_bytes)
    unit = whole[-3:]
    return f"{amount.removesuffix(unit)} of {whole}"


def in_each(kind: JobGroup) -> str:
    """Return ``in each of 8 jobs``; ``in job 4709`` of one."""
    return f"in each of {len(kind.jobs):,} jobs" if len(kind.jobs) > 1 else f"in job {kind.jobs[0].job_id}"


def some_of(number: int, kind: JobGroup) -> str:
    """Return ``2 of 8 jobs``; ``the only job`` of one."""
    return f"{number:,} of {counted(len(kind.jobs), 'job')}" if len(kind.jobs) > 1 else f"job {kind.jobs[0].job_id}"


def process_words(number: int) -> str:
    """Return ``1 process``, ``4 processes``."""
    return "1 process" if number == 1 else f"{number:,} processes"
