"""Workers are sent and decoded only if something of them has changed; see also `test_changes`."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from dasktop.collectors.model.snapshot import Worker
from dasktop.collectors.sources.dask import shipped_workers, worker_table
from dasktop.collectors.sources.dask.shipped_workers import read_workers
from dasktop.collectors.sources.dask.worker_table import WorkerTable
from tests.support.changing_scheduler import ChangingScheduler
from tests.support.worker_answers import NOW, answer_with_news, whole_answer

TAKEN_AT = datetime(2025, 11, 22, 12, tzinfo=UTC)
BUSY = {"address": "tcp://a", "nthreads": 2, "memory": 5, "executing": 1, "processing": 2, "last_seen": NOW - 0.1}
WORKERS = tuple(BUSY | {"address": f"tcp://10.0.0.1:{number}"} for number in range(3))


def table_of(*workers: dict[str, Any]) -> tuple[WorkerTable, tuple[Worker, ...]]:
    table = WorkerTable()
    return table, table.update(whole_answer(*workers), NOW, TAKEN_AT)


def test_worker_of_which_nothing_has_changed_stays_the_same_object() -> None:
    table, before = table_of(*WORKERS)
    news = [WORKERS[0], WORKERS[1] | {"memory": 6, "last_seen": NOW}, WORKERS[2] | {"stored": 1}]
    first, second, third = table.update(answer_with_news([1], *news), NOW + 0.2, TAKEN_AT)
    assert first is before[0]
    assert (second.memory_bytes, third.memory_bytes, third.stored) == (6, 5, 1)


def test_status_changes_without_a_heartbeat() -> None:
    table, (before,) = table_of(BUSY)
    assert before.status == "running"
    (paused,) = table.update(answer_with_news([], BUSY | {"status": "paused"}), NOW, TAKEN_AT)
    (runs,) = table.update(answer_with_news([], BUSY), NOW, TAKEN_AT)
    assert (paused.status, runs.status) == ("paused", "running")


def test_age_of_a_late_heartbeat_is_counted_on() -> None:
    table, _ = table_of(BUSY)
    (soon,) = table.update(answer_with_news([], BUSY), NOW + 0.5, TAKEN_AT)
    (late,) = table.update(answer_with_news([], BUSY), NOW + 2.0, TAKEN_AT)
    (later,) = table.update(answer_with_news([], BUSY), NOW + 3.0, TAKEN_AT)
    assert [one.last_seen_seconds for one in (soon, late, later)] == [0.1, 2.1, 3.1]


def test_age_of_a_heartbeat_is_never_more_than_doubled_and_5_s_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_table, "_heartbeat_seconds", lambda _: 100.0)
    table, (before,) = table_of(BUSY)
    for seconds in range(1, 200):
        (worker,) = table.update(answer_with_news([], BUSY), NOW + seconds, TAKEN_AT)
        assert worker.last_seen_seconds is not None
        assert seconds + 0.1 < 2 * worker.last_seen_seconds + 5.0
        assert (worker is before) == (seconds + 0.1 < min(2 * (before.last_seen_seconds or 0) + 5.0, 150.0))
        before = worker
    assert worker.last_seen_seconds == 199.1, "exact if it is late"


@pytest.mark.parametrize(
    "changes",
    [
        {"places": [1]},
        {"places": [-1]},
        {"places": ["0"]},
        {"places": [0, 1]},
        {"heartbeats": []},
        {"current": [[1]]},
        {"current": [[1, 1], [1, 1]]},
        {"registered": {"columns": [["tcp://a"], []]}},
    ],
)
def test_after_an_invalid_answer_everything_is_requested(changes: dict[str, Any]) -> None:
    table, _ = table_of(BUSY)
    assert table.known is not None
    assert table.update(answer_with_news([0], BUSY) | changes, NOW, TAKEN_AT) == ()
    assert table.known is None


@pytest.mark.parametrize("known", [None, (), (1, 2), (1, "now", 3), (1, 2, 3, 4), "1", 7])
def test_scheduler_whose_workers_have_no_ids_sends_everything(known: Any) -> None:
    table = WorkerTable()
    table.update(whole_answer(BUSY, known=known), NOW, TAKEN_AT)
    assert table.known is None


@pytest.mark.parametrize("set_by_seconds", [-3600.0, -1.0, 0.0, 1.0, 3600.0])
@pytest.mark.parametrize("is_set_before_heartbeat", [True, False])
def test_clock_of_the_scheduler_may_be_set(
    monkeypatch: pytest.MonkeyPatch, set_by_seconds: float, *, is_set_before_heartbeat: bool
) -> None:
    model, table = ChangingScheduler(), WorkerTable()
    clock, scheduler = model.clock, model.scheduler
    monkeypatch.setattr(shipped_workers, "time", clock)
    model.join()
    table.update(read_workers(scheduler, None, clock.now), clock.now, TAKEN_AT)
    clock.pass_by(0.2)
    if is_set_before_heartbeat:
        clock.now += set_by_seconds
    model.heartbeat(0, 7, 0, 0, sends_transfers=False)
    clock.pass_by(1.9)
    if not is_set_before_heartbeat:
        clock.now += set_by_seconds
    answer = read_workers(scheduler, table.known, clock.now)
    (worker,) = table.update(answer, clock.now, TAKEN_AT)
    assert (answer["places"], worker.memory_bytes) == ([0], 7)


def test_worker_is_not_late_any_more_if_the_clock_was_set_back() -> None:
    one = BUSY | {"executing": 0}
    table, _ = table_of(one)
    (late,) = table.update(answer_with_news([], one), NOW + 3600.0, TAKEN_AT)
    (again,) = table.update(answer_with_news([], one), NOW, TAKEN_AT)
    assert (late.executing, again.executing) == (None, 0)


@pytest.mark.parametrize("known", [7, [], [1, 2], [None, NOW, 1.0], ["1", NOW, 1.0]])
def test_unknown_requests_get_everything(known: Any) -> None:
    scheduler = SimpleNamespace(workers={})
    assert read_workers(scheduler, known, NOW)["registered"] is not None


def test_worker_without_address_is_omitted() -> None:
    table, workers = table_of(BUSY | {"address": None}, BUSY)
    assert [worker.address for worker in workers] == ["tcp://a"]
    assert table.addresses == (None, "tcp://a")
