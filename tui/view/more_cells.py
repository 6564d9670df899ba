"""What stands in the columns that show only when they are chosen; worked out then, for rows that are drawn. Pure.

As in `cells`: ``""`` where a row has nothing to say, ``–`` where it is not known.
"""

from collections.abc import Iterable
from typing import cast

from dasktop.collectors.model.jobs import workers_of
from dasktop.collectors.model.snapshot import Job, Task, Worker
from dasktop.tui.draw.numbers import UNKNOWN
from dasktop.tui.view.columns import COLUMNS, ColumnName
from dasktop.tui.view.rows import Row


def amount(column: ColumnName, workers: Iterable[Worker]) -> float | None:
    """Return a column's value for several workers together; ``None`` where none is known, or it has no such value."""
    of_worker = COLUMNS[column].of_worker
    if of_worker is None:
        return None
    known = [value for worker in workers if (value := of_worker(worker)) is not None]
    return COLUMNS[column].combine(known) if known else None


def more_cells(row: Row, columns: Iterable[ColumnName]) -> dict[ColumnName, str]:
    """Return a row's texts for the columns of `columns` that have a value or a text of their own."""
    return {column: _text(row, column) for column in columns}


def _text(row: Row, column: ColumnName) -> str:
    definition = COLUMNS[column]
    if definition.of_job is not None:
        return _same(definition.of_job(job) for job in _jobs(row))
    workers = _workers(row) if definition.of_worker is not None else ()
    return definition.text(amount(column, workers)) if workers else ""


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
