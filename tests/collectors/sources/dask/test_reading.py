"""What a scheduler's answer tells of its workers, where a heartbeat's figures stand beside the scheduler's own."""

from datetime import UTC, datetime

import pytest

from dasktop.collectors.model.snapshot import Worker
from dasktop.collectors.sources.dask.scheduler_reading import decode
from dasktop.collectors.sources.dask.shipped_scheduler import WORKER_FIELDS

SILENT_SECONDS = 45.0


def told(workers: int = 1, **fields: object) -> Worker:
    """Return the first of so many workers, all alike."""
    row = dict.fromkeys(WORKER_FIELDS) | {"address": "tcp://10.1.0.7:1", "nthreads": 2, "stored": 0} | fields
    return decode({"workers": [list(row.values())] * workers}).workers[0]


@pytest.mark.parametrize("rubbish", [None, "yesterday", -1, 1e300, float("nan"), [], True])
def test_when_the_scheduler_started(rubbish: object) -> None:
    assert decode({"started": 1700000000.5}).started_at == datetime.fromtimestamp(1700000000.5, UTC)
    assert decode({"started": rubbish}).started_at is None


def test_what_runs_is_not_known_without_a_heartbeat_since() -> None:
    """Its tasks hold the GIL: the latest heartbeat is from before it got them."""
    worker = told(executing=0, processing=2, last_seen_seconds=SILENT_SECONDS)
    assert worker.executing is None
    assert worker.queued is None


def test_nor_where_the_age_of_the_heartbeat_is_not_known() -> None:
    assert told(executing=0, processing=2).executing is None


def test_a_fresh_heartbeat_is_believed() -> None:
    worker = told(executing=0, processing=2, last_seen_seconds=0.4)
    assert (worker.executing, worker.queued) == (0, 2)


def test_a_worker_without_tasks_runs_nothing_however_old_its_heartbeat() -> None:
    worker = told(executing=0, processing=0, last_seen_seconds=SILENT_SECONDS)
    assert (worker.executing, worker.queued) == (0, 0)


def test_what_began_and_has_not_ended_still_runs() -> None:
    worker = told(executing=1, processing=2, last_seen_seconds=SILENT_SECONDS)
    assert (worker.executing, worker.queued) == (1, 1)


@pytest.mark.parametrize(("workers", "seconds", "executing"), [(10, 1.0, None), (400, 4.0, 0), (400, 5.0, None)])
def test_many_workers_send_heartbeats_less_often(workers: int, seconds: float, executing: int | None) -> None:
    assert told(workers, executing=0, processing=1, last_seen_seconds=seconds).executing == executing
