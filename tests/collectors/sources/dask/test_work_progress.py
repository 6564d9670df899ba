"""How many tasks are done: by hand-made counts, and at random moments of a real scheduler."""

import asyncio
import operator
import random
import threading
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any

import dask
import pytest
from distributed import Client, Scheduler, Worker, span
from distributed.diagnostics.plugin import SchedulerPlugin

from dasktop.collectors.analysis.work import completed_work
from dasktop.collectors.model.work import Work
from dasktop.collectors.sources.dask import shipped_work, work_progress
from dasktop.collectors.sources.dask.shipped_work import read_work
from dasktop.collectors.sources.dask.work_progress import (
    ComputationCounts,
    NameCounts,
    ProgressTracker,
    Tally,
    overlapping,
)
from dasktop.collectors.sources.dask.work_reading import WorkReader
from tests.support.waiting import PATIENCE_SECONDS, until

MOMENTS = 100


def names(ever: int = 0, **counts: int) -> dict[str, NameCounts]:
    return {"load": NameCounts(counts=counts, forgotten_ever=ever)} if counts else {}


def computation(
    number: str = "c1",
    is_done: bool | None = False,
    times: tuple[float | None, float | None] = (None, None),
    **counts: int,
) -> dict[str, ComputationCounts]:
    began, ended = times
    return {number: ComputationCounts(counts=counts, is_done=is_done, began=began, ended=ended)}


def test_forgotten_tasks_are_done() -> None:
    tracker = ProgressTracker()
    of_names, whole = update(tracker, names(2, memory=1, forgotten=2, waiting=3), computation(memory=1, waiting=3))
    assert (of_names["load"].done, of_names["load"].total) == (3, 6)
    assert (whole.done, whole.total) == (1, 4), "those of the computation"


def test_a_group_that_is_gone_still_counts() -> None:
    tracker = ProgressTracker()
    update(tracker, names(10, memory=4, waiting=1), computation(memory=4, waiting=1))
    of_names, whole = update(tracker, names(14, waiting=1), computation(forgotten=4, waiting=1))
    assert (of_names["load"].done, of_names["load"].total) == (4, 5)
    assert (whole.done, whole.total) == (4, 5)


def test_overlapping_computations_are_counted_together() -> None:
    tracker = ProgressTracker()
    first, second = computation("a", waiting=2), computation("b", waiting=3)
    assert update(tracker, names(waiting=2), first)[1].total == 2
    assert update(tracker, names(waiting=5), first | second)[1].total == 5
    first = computation("a", is_done=True, memory=2)
    assert update(tracker, names(memory=2, waiting=3), first | second)[1] == Tally(done=2, total=5)
    second, third = computation("b", is_done=True, memory=3), computation("c", waiting=7)
    assert update(tracker, names(memory=5, waiting=7), first | second | third)[1] == Tally(done=0, total=7)


def test_a_computation_between_two_readings_is_the_current_one() -> None:
    tracker = ProgressTracker()
    first = computation("a", is_done=True, memory=2)
    assert update(tracker, names(memory=2), first)[1] == Tally(done=2, total=2)
    second = computation("b", is_done=True, memory=3, erred=4)
    for _ in range(2):
        assert update(tracker, names(memory=5, erred=4), first | second)[1] == Tally(done=3, erred=4, total=7)
    assert update(tracker, names(memory=2), first)[1].total == 7, "not an earlier one again"


def test_the_last_computation_remains_until_forgotten() -> None:
    tracker = ProgressTracker()
    ended = computation("a", is_done=True, memory=2) | computation("b", is_done=True, memory=1, erred=1)
    assert update(tracker, names(memory=3, erred=1), ended)[1] == Tally(done=1, erred=1, total=2)
    assert update(tracker, names(3, forgotten=1), ended)[1] == Tally()


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ((10, 20), {"a", "b", "c"}),  # it ended before the running one began, but overlapped one that overlapped it
        ((1, 4), {"b", "c"}),
        ((4, 14.9), {"a", "b", "c"}),
        ((4, 5.1), {"b", "c"}),  # within the error of clocks
        ((5.1, 5.1), {"a", "b", "c"}),
        ((6, None), {"a", "b", "c"}),
        ((None, None), {"b", "c"}),
    ],
)
def test_computations_that_overlapped_are_together(times: tuple[float, float], expected: set[str]) -> None:
    known = computation("a", True, times) | computation("b", True, (5, 31)) | computation("c", False, (30, None))
    assert overlapping(known, ["c"]) == expected


def test_first_reading_counts_what_overlapped() -> None:
    ended = computation("a", True, (1, 9), memory=2) | computation("b", True, (10, 19), memory=5, erred=1)
    running = computation("c", False, (12, 0), processing=3)
    _, whole = update(ProgressTracker(), names(memory=7, erred=1, processing=3), ended | running)
    assert whole == Tally(done=5, erred=1, total=9)


@pytest.mark.parametrize("is_done", [None, False])
def test_names_count_where_computations_are_incomplete(is_done: bool | None) -> None:
    tracker = ProgressTracker()
    update(tracker, names(waiting=9), computation(is_done=None, waiting=4))
    later = {} if is_done is not None else computation(is_done=None, waiting=2)
    _, whole = update(tracker, names(5, waiting=4, memory=1), later)
    assert (whole.done, whole.total) == (6, 10)


def update(
    tracker: ProgressTracker, of_names: dict[str, NameCounts], computations: dict[str, ComputationCounts]
) -> tuple[dict[str, Tally], Tally]:
    return tracker.update(of_names, computations, sum(one.forgotten_ever or 0 for one in of_names.values()))


class Witness(SchedulerPlugin):
    """Remembers all keys, independently of the scheduler's counts."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.keys: set[Any] = set()

    def transition(self, key: Any, *args: Any, **kwargs: Any) -> None:
        self.keys.add(key)

    def compare(self, work: Work) -> None:
        """Compare what was read with all tasks of the scheduler."""
        by_name: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for task in self.scheduler.tasks.values():
            by_name[task.prefix.name][task.state] += 1
        assert {name.name: name.states for name in work.task_names if name.states} == by_name
        states = [task.state for key in self.keys if (task := self.scheduler.tasks.get(key)) is not None]
        left = sum(state in ("waiting", "no-worker", "queued", "processing") for state in states)
        erred = states.count("erred")
        progress = work.progress
        assert (progress.total, progress.done) == (len(self.keys), len(self.keys) - left - erred)
        assert progress.erred == erred


@pytest.mark.parametrize("most_groups", [shipped_work.MOST_GROUPS, 5])
async def test_agrees_with_a_scheduler_at_random_moments(most_groups: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything runs in one event loop, so nothing changes while the scheduler is read and compared."""
    monkeypatch.setattr(shipped_work, "MOST_GROUPS", most_groups)
    chance = random.Random(12)
    settings = {"distributed.scheduler.allowed-failures": 0, "distributed.diagnostics.nvml": False}
    with dask.config.set(settings):
        async with (
            Scheduler(port=0, dashboard_address=":0") as scheduler,
            Worker(scheduler.address, nthreads=2, dashboard_address=":0"),
            Client(scheduler.address, asynchronous=True) as client,
        ):
            witness, reader, held = Witness(scheduler), WorkReader(lambda: 0.0), []
            scheduler.add_plugin(witness)

            def read() -> Work:
                answer = read_work(scheduler, reader.request())
                work = reader.after(answer, scheduler.id, None, datetime.now(UTC), lambda address: address)
                assert work is not None
                return work

            def submit() -> None:
                held.append(client.submit(pow, chance.random(), 2, pure=False))

            def fan_out() -> None:
                held.extend(client.map(abs, range(chance.randrange(1, 20)), pure=False))

            def chain() -> None:
                held.append(client.submit(sum, client.map(operator.neg, range(5), pure=False), pure=False))

            def fail() -> None:
                bad = client.submit(divmod, 1, 0, pure=False)
                held.append(client.submit(str, bad, pure=False))

            def drop() -> None:
                del held[: chance.randrange(4)]

            held_back = client.submit(hex, 7, resources={"none": 1}, pure=False)  # keeps the computation from ending
            await until(lambda: bool(witness.keys))
            for _ in range(MOMENTS):
                witness.compare(read())
                chance.choice((submit, fan_out, chain, fail, drop, drop))()
                for _ in range(chance.randrange(30)):
                    await asyncio.sleep(0)
            await until(lambda: len(witness.keys) > MOMENTS)  # some may arrive after the last moment
            witness.compare(read())
            del held_back


GO = threading.Event()


def divide_later(by: int) -> float:
    GO.wait(PATIENCE_SECONDS)
    return 1 / by


@pytest.mark.parametrize("successes", [5, 0])
async def test_first_reading_agrees_with_earlier_ones(successes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two computations that overlap, one ends with failures; the reader that saw both run agrees with a new one."""
    monkeypatch.setattr(work_progress, "CLOCK_ERROR_SECONDS", 0.0)  # the test may take less time than this
    GO.clear()
    async with (
        Scheduler(port=0, dashboard_address=":0") as scheduler,
        Worker(scheduler.address, nthreads=2, dashboard_address=":0"),
        Client(scheduler.address, asynchronous=True) as client,
    ):

        def read(reader: WorkReader) -> Work:
            answer = read_work(scheduler, reader.request())
            work = reader.after(answer, scheduler.id, None, datetime.now(UTC), lambda address: address)
            assert work is not None
            return work

        first = WorkReader(lambda: 0.0)
        with span("climate"):
            bad = client.map(divide_later, [0, 0, 0], pure=False)
            climate = [*client.map(abs, range(successes), pure=False), *bad, *client.map(str, bad, pure=False)]
        await until(lambda: read(first).progress.total == successes + 6)
        with span("train"):
            train = client.submit(hex, 7, resources={"none": 1}, pure=False)
        await until(lambda: read(first).progress.total == successes + 7)
        GO.set()
        await until(lambda: all(future.status in ("finished", "error") for future in climate))
        await until(lambda: [one.ended_at is not None for one in read(first).computations] == [True, False])
        old, new = read(first), read(WorkReader(lambda: 0.0))
        assert old.progress == new.progress
        assert (new.progress.done, new.progress.erred) == (successes, 6)
        completed = completed_work(new, {}, lambda _: None)
        assert completed is not None
        assert (completed.progress.failed, completed.progress.blocked) == (3, 3)
        assert train.status == "pending"
