"""The displayed status of a worker, in one word, and how many tasks it has. JSON keeps dask's figures. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Snapshot, Thread, Worker
from dasktop.collectors.model.sources import fails
from dasktop.collectors.model.sums import sum_of_known
from dasktop.tui.draw.numbers import UNKNOWN, count

_WORDS = {"closing_gracefully": "retiring"}
"""dask sets ``closing_gracefully`` in ``retire_workers`` and when a job is released."""

WAITS = "waits"
"""The displayed status of a running worker whose threads only wait, as a finding says."""


def status_words(worker: Worker) -> str:
    """Return a worker's status in one word; ``–``: unknown."""
    status = worker.status or UNKNOWN
    return _WORDS.get(status, status)


def statuses(workers: Iterable[Worker]) -> str:
    """Return how many of the workers have which status, the most common first: ``3 running, 1 paused``."""
    return ", ".join(f"{count(number)} {word}" for word, number in Counter(map(status_words, workers)).most_common())


def tasks_processing(worker: Worker) -> int | None:
    """Return how many tasks a worker runs or will run next: those that dask's scheduler calls ``processing``."""
    return None if worker.executing is None or worker.queued is None else worker.executing + worker.queued


def longest_running(threads: Iterable[Thread]) -> Thread | None:
    """Return the thread that has run its task for the longest time; ``None`` if none runs a task."""
    running = [thread for thread in threads if thread.task_key is not None]
    return max(running, key=lambda thread: thread.task_seconds or 0, default=None)


def processing_text(workers: Sequence[Worker]) -> str:
    """Return ``7: 3 running, 4 next in turn`` for the tasks of these workers; unknown: ``–``."""
    known = [worker for worker in workers if tasks_processing(worker) is not None]
    running, following = (
        sum_of_known(worker.executing for worker in known),
        sum_of_known(worker.queued for worker in known),
    )
    if running is None or following is None:
        return UNKNOWN
    parts = f": {count(running)} running, {count(following)} next in turn" if running + following else ""
    return f"{count(running + following)}{parts}"


def with_stale_workers(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with the status of workers set to what findings say: silent, or waits for running ones.

    If the scheduler does not answer, all are stale.
    """
    is_stale = fails(snapshot.sources, "dask")
    silent = {finding.worker for finding in snapshot.findings if finding.code == "worker-silent"}
    waits = {name for finding in snapshot.findings if finding.code == "threads-only-wait" for name in finding.workers}
    if not is_stale and not silent and not waits:
        return snapshot

    def status(worker: Worker) -> str | None:
        if is_stale or worker.name in silent:
            return "stale" if is_stale else "silent"
        return WAITS if worker.name in waits and worker.status == "running" else worker.status

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
