"""What can be done with a row: the ids of the keys that apply to it, in the order of its menu. Pure."""

from collections.abc import Iterator

from dasktop.collectors.model.jobs import has_ended, is_pending, lost_jobs
from dasktop.collectors.model.snapshot import Job, Snapshot
from dasktop.tui.view.rows import (
    AskingRow,
    GoneRow,
    IdleRow,
    JobRow,
    Row,
    TaskRow,
    ThreadRow,
    WorkerRow,
    name_of,
    workers_of_row,
)

_OF_A_JOB = ("anatomy", "job_script")


def keys_for_row(row: Row, snapshot: Snapshot) -> tuple[str, ...]:
    """Return the ids of the keys that apply to a row of the tree."""
    return tuple(_keys(row, snapshot))


def _keys(row: Row, snapshot: Snapshot) -> Iterator[str]:
    yield "details"
    if row.unfolded is not None:
        yield "fold"
    if isinstance(row, WorkerRow | ThreadRow | IdleRow | AskingRow):
        yield from ("call_stack", "profile")
    elif isinstance(row, JobRow | TaskRow) and workers_of_row(row):
        yield "profile"
    job = next((job for job in snapshot.jobs if job.job_id == row.of_job), None)
    if job is not None:
        yield from _keys_of_job(job, snapshot, is_of_a_worker_that_left=isinstance(row, GoneRow))
    if isinstance(row, GoneRow):
        yield "failures"
    if name_of(row) is not None:
        yield "copy"


def _keys_of_job(job: Job, snapshot: Snapshot, *, is_of_a_worker_that_left: bool) -> Iterator[str]:
    if not is_pending(job):
        yield "log"
    yield from _OF_A_JOB
    if not has_ended(job) and not is_of_a_worker_that_left:
        yield from ("mark", "release")
    if any(lost is job for _, lost in lost_jobs(snapshot)):
        yield "replace_lost"


def why_no_job(row: Row | None) -> str:
    """Return why a row belongs to no job, for a key that needs one."""
    match row:
        case None:
            return "no row selected"
        case GoneRow(end=end) if end.job_id:
            return f"job {end.job_id} of this worker is not listed any more"
        case GoneRow():
            return "the job of this worker is unknown"
        case WorkerRow() | ThreadRow() | IdleRow() | AskingRow():
            return "this worker is in no known job"
        case _:
            return "no job selected: select a job or one of its workers"
