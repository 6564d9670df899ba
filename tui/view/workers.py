"""The displayed status of a worker, in one word. JSON keeps dask's status. Pure."""

from collections.abc import Iterable

from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Snapshot, Worker
from dasktop.collectors.model.sources import fails
from dasktop.tui.draw.numbers import UNKNOWN

_WORDS = {"closing_gracefully": "retiring"}
"""dask sets ``closing_gracefully`` in ``retire_workers`` and when a job is released."""


def status_words(worker: Worker) -> str:
    """Return a worker's status in one word; ``–``: unknown."""
    status = worker.status or UNKNOWN
    return _WORDS.get(status, status)


def with_stale_workers(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with the status of workers set to silent, or to stale if the scheduler does not answer."""
    is_stale = fails(snapshot.sources, "dask")
    silent = {finding.worker for finding in snapshot.findings if finding.code == "worker-silent"}
    if not is_stale and not silent:
        return snapshot

    def status(worker: Worker) -> str | None:
        return "stale" if is_stale else "silent" if worker.name in silent else worker.status

    def with_status(workers: Iterable[Worker]) -> tuple[Worker, ...]:
        return tuple(replace(worker, status=status(worker)) for worker in workers)

    return replace(
        snapshot,
        jobs=tuple(
            replace(job, tasks=tuple(replace(task, workers=with_status(task.workers)) for task in job.tasks))
            for job in snapshot.jobs
        ),
        unplaced_workers=with_status(snapshot.unplaced_workers),
    )
