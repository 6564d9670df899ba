"""The kinds of rows of the tree. Pure.

A row refers to what it shows; `cells` computes its columns, only for the rows that are drawn.
"""

from typing import ClassVar, Literal

from msgspec import Struct

from dasktop.collectors.model.jobs import workers_of
from dasktop.collectors.model.snapshot import Job, Task, Thread, Worker, WorkerEvent

Kind = Literal[
    "job", "array", "task", "worker", "thread", "idle", "earlier", "left", "gone", "outside", "others", "asking"
]
Key = tuple[str | int | None, ...]
"""Identifies a row across snapshots; the first item is its kind."""

InJob = tuple[Worker, Task | None, str | None]
"""A worker, its task, and the id of their job."""

EARLIER: Key = ("earlier",)
LEFT: Key = ("left",)
OUTSIDE: Key = ("outside",)
OTHERS: Key = ("others",)

MOST_GONE = 100
"""The number of workers that left to list, the newest first."""


class AnyRow(Struct, frozen=True, kw_only=True, gc=False):
    """What all lines of a tree have."""

    key: Key
    parent: Key | None = None
    """Key of the parent row."""
    depth: int = 0
    unfolded: bool | None = None
    """``None`` where there is nothing to unfold."""


class _TreeRow(AnyRow, frozen=True, kw_only=True):
    """What all lines of the tree of jobs have."""

    kind: ClassVar[Kind]

    @property
    def of_job(self) -> str | None:
        """Id of the job that the row shows or belongs to; ``None`` for groups of jobs and for workers outside jobs."""
        return None


class JobRow(_TreeRow, frozen=True, kw_only=True):
    """A job."""

    kind = "job"
    job: Job

    @property
    def of_job(self) -> str | None:
        """Its id."""
        return self.job.job_id


class TaskRow(_TreeRow, frozen=True, kw_only=True):
    """A SLURM task of a job."""

    kind = "task"
    task: Task
    job: Job

    @property
    def of_job(self) -> str | None:
        """The id of its job."""
        return self.job.job_id


class _InWorker(_TreeRow, frozen=True, kw_only=True):
    """A worker, or a line below it."""

    worker: Worker
    job_id: str | None = None

    @property
    def of_job(self) -> str | None:
        """The id of the worker's job, if it is in one."""
        return self.job_id


class WorkerRow(_InWorker, frozen=True, kw_only=True):
    """A dask worker."""

    kind = "worker"
    task: Task | None = None
    """``None``: it is in no known job."""


class ThreadRow(_InWorker, frozen=True, kw_only=True):
    """A thread of a worker."""

    kind = "thread"
    thread: Thread


class IdleRow(_InWorker, frozen=True, kw_only=True):
    """The idle threads of a worker."""

    kind = "idle"
    threads: tuple[Thread, ...]


class AskingRow(_InWorker, frozen=True, kw_only=True):
    """In place of the threads of a worker, until they have been read."""

    kind = "asking"


class _JobsRow(_TreeRow, frozen=True, kw_only=True):
    """A group of jobs."""

    jobs: tuple[Job, ...]


class ArrayRow(_JobsRow, frozen=True, kw_only=True):
    """Adjacent jobs of one array."""

    kind = "array"


class EarlierRow(_JobsRow, frozen=True, kw_only=True):
    """The jobs of the cluster that ended long ago."""

    kind = "earlier"


class OthersRow(_JobsRow, frozen=True, kw_only=True):
    """The user's jobs that are not matched to the cluster."""

    kind = "others"


class OutsideRow(_TreeRow, frozen=True, kw_only=True):
    """The workers without a known job."""

    kind = "outside"
    workers: tuple[Worker, ...]


class LeftRow(_TreeRow, frozen=True, kw_only=True):
    """The workers that left lately."""

    kind = "left"
    ends: tuple[WorkerEvent, ...]
    """The newest first."""


class GoneRow(_TreeRow, frozen=True, kw_only=True):
    """A worker that left."""

    kind = "gone"
    end: WorkerEvent
    job: Job | None = None
    """``None``: it was in no job that is known."""

    @property
    def of_job(self) -> str | None:
        """The id of its job, if that is known."""
        return self.job.job_id if self.job is not None else None


Row = (
    JobRow
    | ArrayRow
    | TaskRow
    | WorkerRow
    | ThreadRow
    | IdleRow
    | AskingRow
    | EarlierRow
    | LeftRow
    | GoneRow
    | OutsideRow
    | OthersRow
)
"""One line of the tree."""


def name_of(row: Row) -> str | None:
    """Return the text to copy: a job's id, a worker's address, a thread's task key or else its id."""
    match row:
        case JobRow() | TaskRow():
            return row.job.job_id
        case WorkerRow():
            return row.worker.address
        case GoneRow():
            return row.end.address
        case ThreadRow():
            return row.thread.task_key or str(row.thread.native_id)
        case ArrayRow():
            return row.jobs[0].array_job_id
        case _:
            return None


def jobs_of_row(row: Row) -> tuple[Job, ...]:
    """Return the jobs whose figures a row shows."""
    match row:
        case JobRow():
            return (row.job,)
        case ArrayRow():
            return row.jobs
        case _:
            return ()


def workers_of_row(row: Row) -> tuple[Worker, ...]:
    """Return the workers whose figures a row shows."""
    match row:
        case JobRow() | ArrayRow():
            return tuple(worker for job in jobs_of_row(row) for worker in workers_of(job))
        case TaskRow():
            return row.task.workers
        case WorkerRow():
            return (row.worker,)
        case OutsideRow():
            return row.workers
        case _:
            return ()
