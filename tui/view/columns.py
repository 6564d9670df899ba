"""The columns beside the tree: one record each, with its head, meaning, value and text. Pure.

The columns ``state`` to ``left`` share their width and their words with others; `cells` and `layout` draw these.
"""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from dasktop.collectors.model.snapshot import Job, Worker
from dasktop.tui.draw.numbers import ago, bytes_text, short_count
from dasktop.tui.draw.text_width import Align

HEARTBEAT_STEP_SECONDS = 5
"""Resolution of the age of a heartbeat: heartbeats come about every second, and a finer step would always change."""

ColumnName = Literal[
    "state", "node", "cpu", "memory", "busy", "left", "queued", "stored", "spilled", "seen", "partition", "account"
]
SortName = Literal["name"] | ColumnName
"""What rows can be sorted by; ``name`` is what stands in the tree itself."""


class Column(NamedTuple):
    """One column."""

    head: str
    meaning: str
    align: Align = "left"
    cells: int = 0
    """How wide; 0 where that goes by the room there is."""
    largest_first: bool = False
    """Whether sorting by it begins with the largest."""
    of_worker: Callable[[Worker], float | None] | None = None
    """Its value for a worker, ``None`` where unknown; rows of several workers show `combine` of these."""
    combine: Callable[[Iterable[float]], float] = sum
    text: Callable[[float | None], str] = short_count
    of_job: Callable[[Job], str | None] | None = None
    """Its text for a job, where it is about jobs only."""


def _heartbeat_age(worker: Worker) -> float | None:
    seconds = worker.last_seen_seconds
    return None if seconds is None else seconds - seconds % HEARTBEAT_STEP_SECONDS


COLUMNS: dict[ColumnName, Column] = {
    "state": Column("STATE", "of a job, a worker or a thread"),
    "node": Column("NODE", "where it runs"),
    "cpu": Column("CPU", "of a job's CPUs (S: by SLURM), a worker's threads, one core", largest_first=True),
    "memory": Column("MEM", "resident, of a job's memory (S: by SLURM), a worker's limit", largest_first=True),
    "busy": Column("BUSY", "threads that run a dask task, of all there are for that", "right", largest_first=True),
    "left": Column("LEFT", "time until SLURM ends the job, rounded down", "right"),
    "queued": Column(
        "QUEUED",
        "dask tasks that wait in workers",
        align="right",
        cells=7,
        largest_first=True,
        of_worker=lambda worker: worker.queued,
    ),
    "stored": Column(
        "STORED",
        "results that workers hold",
        align="right",
        cells=7,
        largest_first=True,
        of_worker=lambda worker: worker.stored,
    ),
    "spilled": Column(
        "SPILL",
        "results that workers have written to disk",
        align="right",
        cells=6,
        largest_first=True,
        of_worker=lambda worker: worker.spilled_bytes,
        text=bytes_text,
    ),
    "seen": Column(
        "SEEN",
        "time since the last heartbeat; of a job, its longest",
        align="right",
        cells=5,
        largest_first=True,
        of_worker=_heartbeat_age,
        combine=max,
        text=ago,
    ),
    "partition": Column("PARTITION", "partition of a job", cells=10, of_job=lambda job: job.partition),
    "account": Column("ACCOUNT", "account that a job is charged to", cells=10, of_job=lambda job: job.account),
}
"""Where there is no room for all, those of fixed width give way first, the last of them before the others."""

DEFAULT_COLUMNS: tuple[ColumnName, ...] = ("state", "node", "cpu", "memory", "busy", "left")
