"""What people read as a worker's status: one word for each, everywhere. JSON keeps dask's own. Pure."""

from collections.abc import Iterable

from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Snapshot, Worker
from dasktop.tui.draw.numbers import UNKNOWN

_WORDS = {"closing_gracefully": "retiring"}
"""dask's name of the status that ``retire_workers`` and a release give to a worker."""


def status_words(worker: Worker) -> str:
    """Return a worker's status in one word, ``–`` if it is not known."""
    status = worker.status or UNKNOWN
    return _WORDS.get(status, status)


def with_stale_workers(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot as it is to be shown: no worker looks alive that is silent, or whose scheduler is."""
    is_stale = any(source.name == "dask" and source.state in ("stale", "error") for source in snapshot.sources)
    silent = {finding.worker for finding in snapshot.findings if finding.code == "worker-silent"}
    if not is_stale and not silent:
        return snapshot

    def status(worker: Worker) -> str | None:
        return "stale" if is_stale else "silent" if worker.name in silent else worker.status

    def told(workers: Iterable[Worker]) -> tuple[Worker, ...]:
        return tuple(replace(worker, status=status(worker)) for worker in workers)

    return replace(
        snapshot,
        jobs=tuple(
            replace(job, tasks=tuple(replace(task, workers=told(task.workers)) for task in job.tasks))
            for job in snapshot.jobs
        ),
        unplaced_workers=told(snapshot.unplaced_workers),
    )
