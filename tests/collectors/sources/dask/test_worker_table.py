"""Workers are sent and decoded only if something of them has changed: the result is that of whole answers."""

import itertools
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from distributed.protocol.core import dumps, loads
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Worker
from dasktop.collectors.sources.dask import shipped_workers
from dasktop.collectors.sources.dask.shipped_workers import TRANSFER_FIELDS, read_workers
from dasktop.collectors.sources.dask.worker_table import WorkerTable
from tests.support.worker_answers import NOW, answer_with_news, whole_answer

TAKEN_AT = datetime(2025, 11, 22, 12, tzinfo=UTC)
NUMBERS = st.integers(0, 5)
PLACES = st.integers(0, 100)
SIZES = st.sampled_from([0, 5, 2**70, 0.5])
RUNNING, PAUSED = SimpleNamespace(_name_="running"), SimpleNamespace(_name_="paused")


class Clock:
    """Stands in for the module `time` of the scheduler."""

    def __init__(self) -> None:
        self.now, self._monotonic = NOW, 50.0

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        self._monotonic += seconds

    def monotonic(self) -> float:
        return self._monotonic


def new_worker(address: str, number: int, now: float) -> Any:
    """Return what the scheduler knows of a worker that has just registered."""
    return SimpleNamespace(
        server_id=f"Worker-{number}",
        address=address,
        name=f"w-{number % 3}",
        pid=number,
        nanny=None if number % 2 else "tcp://10.0.0.1:1",
        status=RUNNING,
        nthreads=2,
        memory_limit=0,
        versions={"packages": {"dask": "2026.8.0"}, "host": {"python": "3.11.7.final.0"}},
        metrics={},
        nbytes=0,
        executing={},
        processing={},
        has_what={},
        last_seen=now,
    )


class Scheduler(RuleBasedStateMachine):
    """A scheduler whose workers change. One dasktop polls after each change; another sometimes, and misses answers."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(shipped_workers, "time", self.clock)
        self.workers: dict[str, Any] = {}
        self.numbers = itertools.count()
        self.always, self.sometimes = WorkerTable(), WorkerTable()

    def teardown(self) -> None:
        self.patch.undo()

    @initialize(count=st.integers(0, 4))
    def begin(self, count: int) -> None:
        for _ in range(count):
            self.join()

    @rule()
    def join(self) -> None:
        self.start(f"tcp://10.0.0.1:{next(self.numbers)}")

    @rule(place=PLACES)
    def leave(self, place: int) -> None:
        if self.workers:
            del self.workers[self.at(place).address]

    @rule(place=PLACES)
    def restart(self, place: int) -> None:
        """Let the nanny start a new worker at the address of the old one; only its place may stay the same."""
        if self.workers:
            self.start(self.at(place).address)

    @rule()
    def restart_scheduler(self) -> None:
        """Let another scheduler listen at the address, to which the workers connect anew."""
        for address in self.workers:
            self.start(address)

    @rule(place=PLACES, memory=NUMBERS, spilled=NUMBERS, nbytes=SIZES, executing=NUMBERS, sends_transfers=st.booleans())
    def heartbeat(
        self, place: int, memory: int, spilled: int, nbytes: float, executing: int, sends_transfers: bool
    ) -> None:
        if self.workers:
            worker = self.at(place)
            worker.metrics = {
                "memory": memory,
                "cpu": memory / 2,
                "spilled_bytes": {"memory": spilled, "disk": spilled},
            }
            if sends_transfers:
                worker.metrics["transfer"] = dict.fromkeys(TRANSFER_FIELDS, memory)
            worker.executing = dict.fromkeys(range(executing))
            worker.nbytes, worker.last_seen = nbytes, self.clock.now

    @rule(place=PLACES, processing=NUMBERS, stored=NUMBERS)
    def schedule(self, place: int, processing: int, stored: int) -> None:
        """Assign and end tasks, which the scheduler knows before the next heartbeat."""
        if self.workers:
            worker = self.at(place)
            worker.processing, worker.has_what = dict.fromkeys(range(processing)), dict.fromkeys(range(stored))

    @rule(place=PLACES, status=st.sampled_from([RUNNING, PAUSED]))
    def change_status(self, place: int, status: Any) -> None:
        if self.workers:
            self.at(place).status = status

    @rule(seconds=st.sampled_from([0.0, 0.1, 2.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.clock.pass_by(seconds)

    @rule(seconds=st.sampled_from([-3600.0, -1.0, 1.0, 3600.0]))
    def set_clock(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def miss_answer(self) -> None:
        self.answer(self.sometimes.known)

    @rule()
    def attach_anew(self) -> None:
        self.sometimes = WorkerTable()

    @rule()
    def poll(self) -> None:
        self.check(self.sometimes)

    @invariant()
    def each_change_is_seen(self) -> None:
        self.check(self.always)

    def check(self, one: WorkerTable) -> None:
        """Poll, and compare with what one sees that knew nothing before."""
        now = self.clock.now
        seen = one.update(self.answer(one.known), now, TAKEN_AT)
        whole = WorkerTable()
        expected = whole.update(self.answer(None), now, TAKEN_AT)
        assert list(map(without_time, seen)) == list(map(without_time, expected))
        assert one.silent_seconds(now) == whole.silent_seconds(now)
        assert one.with_nanny == whole.with_nanny

    def start(self, address: str) -> None:
        self.workers[address] = new_worker(address, next(self.numbers), self.clock.now)

    def at(self, place: int) -> Any:
        return list(self.workers.values())[place % len(self.workers)]

    def answer(self, known: Any) -> Any:
        sent = loads(dumps({"known": known}))["known"]
        return loads(dumps(read_workers(SimpleNamespace(workers=self.workers), sent, self.clock.now)))


def without_time(worker: Worker) -> Worker:
    return replace(worker, last_seen_seconds=None, last_seen_at=None)


TestAnySequenceOfChanges = Scheduler.TestCase


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
    clock = Clock()
    monkeypatch.setattr(shipped_workers, "time", clock)
    one = new_worker("tcp://a", 1, clock.now)
    scheduler, table = SimpleNamespace(workers={"tcp://a": one}), WorkerTable()
    table.update(read_workers(scheduler, None, clock.now), clock.now, TAKEN_AT)
    clock.pass_by(0.2)
    if is_set_before_heartbeat:
        clock.now += set_by_seconds
    one.last_seen, one.metrics = clock.now, {"memory": 7}
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
