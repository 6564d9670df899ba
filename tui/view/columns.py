"""The columns beside the tree: one record each, with its head, meaning, value and text. Pure.

The columns ``state`` to ``left`` depend on each other for width and text; `cells` and `layout` make them. `more_cells`
makes the cells of the optional ones: ``""`` if a column does not apply, ``–`` if the value is unknown.
"""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from dasktop.collectors.model.snapshot import Job, Worker
from dasktop.tui.draw.numbers import UNKNOWN, bytes_text, short_age, short_count
from dasktop.tui.draw.text_width import Align
from dasktop.tui.view.now import age_step
from dasktop.tui.view.rows import Row, jobs_of_row, workers_of_row
from dasktop.tui.view.workers import tasks_processing

HEARTBEAT_STEP_SECONDS = 5
"""Resolution of a heartbeat's age: with a finer step the cell would change at each snapshot."""

ColumnName = Literal[
    "state",
    "node",
    "cpu",
    "memory",
    "busy",
    "now",
    "left",
    "processing",
    "stored",
    "spilled",
    "seen",
    "partition",
    "account",
]
SortName = Literal["name"] | ColumnName
"""Sort keys; ``name`` is the label in the tree itself."""


class Column(NamedTuple):
    """One column."""

    head: str
    meaning: str
    align: Align = "left"
    cells: int = 0
    """Width; 0: depends on the width of the screen."""
    largest_first: bool = False
    """Whether sorting starts with the largest value."""
    of_worker: Callable[[Worker], float | None] | None = None
    """Returns the value for a worker, or ``None`` if unknown; rows of several workers show `combine` of these."""
    combine: Callable[[Iterable[float]], float] = sum
    text: Callable[[float | None], str] = short_count
    of_job: Callable[[Job], str | None] | None = None
    """Returns the text for a job, in a column about jobs only."""


def _heartbeat_age(worker: Worker) -> float | None:
    seconds = worker.last_seen_seconds
    return None if seconds is None else seconds - seconds % HEARTBEAT_STEP_SECONDS


def _age(worker: Worker) -> float | None:
    seconds = worker.longest_task_seconds
    return None if seconds is None else age_step(seconds)


COLUMNS: dict[ColumnName, Column] = {
    "state": Column("STATE", "state of a job, worker or thread"),
    "node": Column("NODE", "node of a job, host of a worker"),
    "cpu": Column("CPU", "% of the job's CPUs (S: SLURM), worker's threads or one core", largest_first=True),
    "memory": Column("MEM", "% resident of the job's memory (S: SLURM) or worker's limit", largest_first=True),
    "busy": Column("BUSY", "threads that run a dask task / all compute threads", "right", largest_first=True),
    "now": Column(
        "NOW",
        "task that runs longest, its age (▲: much longer than usual)",
        largest_first=True,
        of_worker=_age,
        combine=max,
        text=short_age,
    ),
    "left": Column("LEFT", "time until SLURM ends the job, rounded down", "right"),
    "processing": Column(
        "PROC",
        "dask tasks that workers run, or will run next",
        align="right",
        cells=6,
        largest_first=True,
        of_worker=tasks_processing,
    ),
    "stored": Column(
        "STORED",
        "results held by workers",
        align="right",
        cells=7,
        largest_first=True,
        of_worker=lambda worker: worker.stored,
    ),
    "spilled": Column(
        "SPILL",
        "results spilled to disk by workers",
        align="right",
        cells=6,
        largest_first=True,
        of_worker=lambda worker: worker.spilled_bytes,
        text=bytes_text,
    ),
    "seen": Column(
        "SEEN",
        "time since the last heartbeat (job: longest of its workers)",
        align="right",
        cells=5,
        largest_first=True,
        of_worker=_heartbeat_age,
        combine=max,
        text=short_age,
    ),
    "partition": Column("PARTITION", "SLURM partition of a job", cells=10, of_job=lambda job: job.partition),
    "account": Column("ACCOUNT", "SLURM account that the job is charged to", cells=10, of_job=lambda job: job.account),
}
"""If the screen is too narrow, columns of fixed width are left out first, starting with the last one."""

RENAMED: dict[str, ColumnName] = {"queued": "processing", "task": "now"}
"""Former names, which configuration files may have."""

DEFAULT_COLUMNS: tuple[ColumnName, ...] = ("state", "node", "cpu", "memory", "busy", "now", "left")


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
    workers = workers_of_row(row) if definition.of_worker is not None and definition.cells else ()
    return definition.text(amount(column, workers)) if workers else ""


def _same(texts: Iterable[str | None]) -> str:
    """Return the value that all jobs share, or ``""`` if there is no job or they differ."""
    different = {UNKNOWN if text is None else text for text in texts}
    return different.pop() if len(different) == 1 else ""
