"""What follows from other columns and need not be written: a job's use is the sum of its workers'. Pure."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

SUMMED = {"used.cpu_percent": "cpu_percent", "used.memory_bytes": "memory_bytes"}
"""Columns of the jobs, and those of the workers that they are the sums of; of fractions, rounded to tenths."""

Columns = Mapping[str, Mapping[str, list[Any]]]


def sums(columns: Columns, field: str) -> list[Any]:
    """Return for each job the sum of what is known of its workers' ``field``; ``None`` where nothing is.

    Raises
    ------
    KeyError
        There is no such column: there are no workers.
    """
    tasks_of: Iterator[int] = iter(columns["tasks"].get("workers", ()))
    cells = iter(columns["workers"][field])
    return [
        _sum([cell for count in islice(tasks_of, tasks) for cell in islice(cells, count)])
        for tasks in columns["jobs"]["tasks"]
    ]


def _sum(cells: list[Any]) -> Any:
    known = [cell for cell in cells if cell is not None]
    if not known:
        return None
    total = sum(known[1:], known[0])
    return round(total, 1) if isinstance(total, float) else total
