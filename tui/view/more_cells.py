"""The cells of optional columns, computed only for the rows that are drawn. Pure.

As in `cells`: ``""`` if a column does not apply, ``–`` if the value is unknown.
"""

from collections.abc import Iterable

from dasktop.collectors.model.snapshot import Worker
from dasktop.tui.draw.numbers import UNKNOWN
from dasktop.tui.view.columns import COLUMNS, ColumnName
from dasktop.tui.view.rows import Row, jobs_of_row, workers_of_row


def amount(column: ColumnName, workers: Iterable[Worker]) -> float | None:
    """Return a column's value for several workers; ``None`` if none is known or the column has no such value."""
    of_worker = COLUMNS[column].of_worker
    if of_worker is None:
        return None
    known = [value for worker in workers if (value := of_worker(worker)) is not None]
    return COLUMNS[column].combine(known) if known else None


def more_cells(row: Row, columns: Iterable[ColumnName]) -> dict[ColumnName, str]:
    """Return a row's texts for these columns; ``""`` for columns that `cells` fills."""
    return {column: _text(row, column) for column in columns}


def _text(row: Row, column: ColumnName) -> str:
    definition = COLUMNS[column]
    if definition.of_job is not None:
        return _same(definition.of_job(job) for job in jobs_of_row(row))
    workers = workers_of_row(row) if definition.of_worker is not None else ()
    return definition.text(amount(column, workers)) if workers else ""


def _same(texts: Iterable[str | None]) -> str:
    """Return the value that all jobs share, or ``""`` if there is no job or they differ."""
    different = {UNKNOWN if text is None else text for text in texts}
    return different.pop() if len(different) == 1 else ""
