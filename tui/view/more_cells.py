"""What stands in the columns that show only when they are chosen; worked out then, for rows that are drawn. Pure.

As in `cells`: ``""`` where a row has nothing to say, ``–`` where it is not known.
"""

from collections.abc import Iterable
from typing import Literal, cast

from dasktop.collectors.model.jobs import workers_of
from dasktop.collectors.model.snapshot import Job, Task, Worker
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.numbers import UNKNOWN
from dasktop.tui.view.columns import ColumnName
from dasktop.tui.view.rows import Row

HEARTBEAT_STEP_SECONDS = 5
"""Heartbeats come every second or so: a finer step would change at each tick."""

Amount = Literal["queued", "stored", "spilled", "seen"]


def amount(column: Amount, workers: Iterable[Worker]) -> float | None:
    """Return the sum of what is known or, of heartbeats, the longest ago; ``None`` where nothing is known."""
    known = [value for worker in workers if (value := _of(column, worker)) is not None]
    if not known:
        return None
    return max(known) if column == "seen" else sum(known)


def _of(column: Amount, worker: Worker) -> float | None:
    match column:
        case "queued":
            return worker.queued
        case "stored":
            return worker.stored
        case "spilled":
            return worker.spilled_bytes
        case "seen":
            seconds = worker.last_seen_seconds
            return None if seconds is None else seconds - seconds % HEARTBEAT_STEP_SECONDS


def more_cells(row: Row, columns: Iterable[ColumnName]) -> dict[ColumnName, str]:
    """Return a row's texts for these columns, as far as they are told here."""
    return {column: _text(row, column) for column in columns}


def _text(row: Row, column: ColumnName) -> str:
    match column:
        case "queued" | "stored":
            workers = _workers(row)
            return figures.short_count(amount(column, workers)) if workers else ""
        case "spilled":
            workers = _workers(row)
            return figures.bytes_text(amount(column, workers)) if workers else ""
        case "seen":
            workers = _workers(row)
            return figures.ago(amount(column, workers)) if workers else ""
        case "partition":
            return _same(job.partition for job in _jobs(row))
        case "account":
            return _same(job.account for job in _jobs(row))
        case _:
            return ""


def _workers(row: Row) -> tuple[Worker, ...]:
    """Return the workers that a row stands for."""
    match row.kind:
        case "job" | "array":
            return tuple(worker for job in _jobs(row) for worker in workers_of(job))
        case "task":
            return cast("Task", row.shows).workers
        case "worker":
            return (cast("Worker", row.shows),)
        case "outside":
            return cast("tuple[Worker, ...]", row.shows)
        case _:
            return ()


def _jobs(row: Row) -> tuple[Job, ...]:
    """Return the jobs that a row stands for."""
    match row.kind:
        case "job":
            return (cast("Job", row.shows),)
        case "array":
            return cast("tuple[Job, ...]", row.shows)
        case _:
            return ()


def _same(texts: Iterable[str | None]) -> str:
    """Return what jobs have in common: nothing where there is no job, or where they differ."""
    different = {UNKNOWN if text is None else text for text in texts}
    return different.pop() if len(different) == 1 else ""
