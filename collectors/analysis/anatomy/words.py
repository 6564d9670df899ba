"""Amounts, and what several workers have together, in words. Pure."""

from collections.abc import Callable, Sequence

from dasktop.collectors.model.snapshot import Worker
from dasktop.collectors.text.format import memory_words

Read = Callable[[Worker], int | None]
"""Reads one figure of a worker."""
Say = Callable[[int], str]


def nthreads(worker: Worker) -> int | None:
    """Read a worker's compute threads."""
    return worker.nthreads


def memory_limit(worker: Worker) -> int | None:
    """Read a worker's memory limit in bytes."""
    return worker.memory_limit_bytes


def each(workers: Sequence[Worker] | None, read: Read, say: Say) -> str | None:
    """Return ``3 each``, or ``2 to 4`` where the workers differ; ``None`` where nothing is known."""
    found = sorted({value for worker in workers or () if (value := read(worker)) is not None})
    if not found:
        return None
    return f"{say(found[0])} each" if len(found) == 1 else f"{say(found[0])} to {say(found[-1])}"


def times(workers: Sequence[Worker] | None, read: Read, say_each: Say, say_sum: Say) -> str | None:
    """Return ``4 × 3 = 12 threads``, or the sum alone where the workers differ; ``None`` where one is unknown."""
    found = [read(worker) for worker in workers or ()]
    total = sum_of(found)
    if total is None:
        return None
    if len(found) == 1 or len(set(found)) > 1:
        return say_sum(total)
    return f"{len(found)} × {say_each(found[0] or 0)} = {say_sum(total)}"


def sum_of(values: Sequence[int | None]) -> int | None:
    """Return the sum if there is anything, and all of it is known."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def size(amount_bytes: float, *, binary: bool = False) -> str:
    """Say an amount as it was probably meant; what is round in no decimal unit, with two decimals, as dask does."""
    words = memory_words(round(amount_bytes))
    if not binary and not words.endswith("iB"):
        return words
    power = next((power for power in (4, 3, 2, 1) if amount_bytes >= 1024**power), 0)
    number = f"{amount_bytes / 1024**power:,.2f}".removesuffix("0").removesuffix(".0")
    return f"{number} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"


def compact(amount_bytes: int) -> str:
    """Return ``16GB``, as one writes it in a call."""
    return size(amount_bytes).replace(" ", "").replace(",", "")
