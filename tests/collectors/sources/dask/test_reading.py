"""Workers in the answer of the scheduler: numbers of the last heartbeat and of the scheduler."""

from datetime import UTC, datetime
from typing import Any

import pytest

from dasktop.collectors.model.snapshot import Worker
from dasktop.collectors.sources.dask.scheduler_reading import decode
from tests.support.worker_answers import NOW, whole_answer

SILENT_SECONDS = 45.0


def first_worker(workers: int = 1, **fields: Any) -> Worker:
    """Return the first of this number of equal workers."""
    silent_seconds = fields.pop("last_seen_seconds", None)
    one = {"address": "tcp://10.1.0.7:1", "nthreads": 2, "stored": 0} | fields
    one["last_seen"] = None if silent_seconds is None else NOW - silent_seconds
    return decode({"now": NOW, "workers": whole_answer(*[one] * workers)}).workers[0]


@pytest.mark.parametrize("rubbish", [None, "yesterday", -1, 1e300, float("nan"), [], True])
def test_start_of_the_scheduler(rubbish: object) -> None:
    assert decode({"started": 1700000000.5}).started_at == datetime.fromtimestamp(1700000000.5, UTC)
    assert decode({"started": rubbish}).started_at is None


def test_running_tasks_unknown_without_recent_heartbeat() -> None:
    """Its tasks hold the GIL: the last heartbeat is older than the tasks."""
    worker = first_worker(executing=0, processing=2, last_seen_seconds=SILENT_SECONDS)
    assert worker.executing is None
    assert worker.queued is None


def test_running_tasks_unknown_without_heartbeat_age() -> None:
    assert first_worker(executing=0, processing=2).executing is None


def test_recent_heartbeat_is_used() -> None:
    worker = first_worker(executing=0, processing=2, last_seen_seconds=0.4)
    assert (worker.executing, worker.queued) == (0, 2)


def test_worker_without_tasks_runs_none() -> None:
    worker = first_worker(executing=0, processing=0, last_seen_seconds=SILENT_SECONDS)
    assert (worker.executing, worker.queued) == (0, 0)


def test_started_task_still_runs() -> None:
    worker = first_worker(executing=1, processing=2, last_seen_seconds=SILENT_SECONDS)
    assert (worker.executing, worker.queued) == (1, 1)


@pytest.mark.parametrize(("workers", "seconds", "executing"), [(10, 1.0, None), (400, 4.0, 0), (400, 5.0, None)])
def test_large_clusters_have_longer_heartbeat_intervals(workers: int, seconds: float, executing: int | None) -> None:
    assert first_worker(workers, executing=0, processing=1, last_seen_seconds=seconds).executing == executing
