"""Tasks that wait are told from tasks that compute: from two readings of their threads, made up and real ones."""

import os
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from distributed import Client, Event, secede
from msgspec.structs import replace

from dasktop.collectors.model.readings import DaskReading, WorkerReading
from dasktop.collectors.model.snapshot import Worker
from dasktop.collectors.model.work import Work
from dasktop.collectors.sources.dask import task_waits
from dasktop.collectors.sources.dask.collector import DaskCollector
from dasktop.collectors.sources.dask.shipped_worker import WAIT_FIELDS, has_children, read_waits
from dasktop.collectors.sources.dask.task_waits import (
    MOST_WASTEFUL,
    MOST_WORKERS,
    SECONDS_BETWEEN,
    SUSPECT_SECONDS,
    TaskWaits,
)
from tests.support.dask_processes import Scheduler, Workers, read_until
from tests.support.snapshots import worker
from tests.support.waiting import until, wait_until
from tests.support.work import running_task, task_name, work

HERE = worker()
FILL = "('fill-1', 0)"


def running(seconds: float = 600.0, mean: float | None = 2.0, **values: object) -> Work:
    """Return work with one task that runs for long, on `HERE`."""
    names = (task_name("load", seconds_mean=mean), task_name("fill", seconds_mean=None, finished_total=0))
    return work(task_names=names, running=(running_task(FILL, task_name="fill", seconds=seconds, **values),))


def answer(at: float, cpu: float = 1.0, wakeups: int = 100, native_id: int = 7, **values: object) -> dict[str, object]:
    """Return what a worker would report about the thread of this task."""
    row = [FILL, native_id, cpu, wakeups]
    assert len(row) == len(WAIT_FIELDS)
    return {"at": at, "tasks": [row], "others": [3.0, 50], "has_children": False} | values


def idle_after(*answers: dict[str, object], pids: tuple[int, ...] = ()) -> float | None:
    """Return for how long the task is known to wait, after these answers."""
    waits = TaskWaits(lambda: 0.0)
    for given, pid in zip(answers, pids or (9,) * len(answers), strict=True):
        waits.note(worker(pid=pid), given)
    [task] = waits.completed(running()).running or ()
    return task.idle_seconds


def test_a_thread_that_does_not_run_waits() -> None:
    assert idle_after(answer(50.0)) is None, "one reading does not tell"
    assert idle_after(answer(50.0), answer(60.0)) == 10.0
    assert idle_after(answer(50.0), answer(60.0), answer(70.0, cpu=1.05, wakeups=140)) == 20.0, "a loop that sleeps"


@pytest.mark.parametrize(
    "later",
    [
        answer(70.0, cpu=1.2),
        answer(70.0, wakeups=160),
        answer(70.0, has_children=True),
    ],
    ids=["computes", "receives data or waits for the GIL", "waits for a program"],
)
def test_a_thread_that_runs_does_not_wait(later: dict[str, object]) -> None:
    assert idle_after(answer(50.0), answer(60.0), later) == 0.0


@pytest.mark.parametrize(
    "later",
    [
        answer(70.0, others=[3.2, 50]),
        answer(70.0, others=[3.0, 120]),
        answer(70.0, others=[2.0, 40]),
        answer(70.0, others=None),
        answer(70.0, has_children=None),
        answer(70.0, native_id=8),
        answer(50.0),
        {"error": "no /proc"},
        {"at": 70.0, "tasks": [[FILL], "x", [FILL, "x", None, -1]], "others": 7, "has_children": False},
    ],
)
def test_unknown_if_something_else_may_work_for_it(later: dict[str, object]) -> None:
    assert idle_after(answer(50.0), answer(60.0), later) is None


def test_unknown_after_a_restart_of_the_worker() -> None:
    assert idle_after(answer(50.0), answer(60.0), pids=(9, 10)) is None


WASTEFUL = worker(nthreads=2, executing=2, cpu_percent=19.0)


def both(at: float, cpu: float = 1.0, wakeups: int = 100, ids: tuple[int, ...] = (7, 8), **values: object) -> object:
    """Return what a worker would report about threads that run one short task after the other."""
    rows = [[f"task-{number}-{at}", number, cpu, wakeups] for number in ids]
    return {"at": at, "tasks": rows, "others": [3.0, 50], "has_children": False} | values


def waiting_after(*answers: object, seen: Worker = WASTEFUL) -> float | None:
    """Return for how long all threads of the worker are known to only wait, after these answers."""
    waits = TaskWaits(lambda: 0.0)
    for given in answers:
        assert isinstance(given, dict)
        waits.note(seen, given)
    [reading] = waits.in_workers((WorkerReading(worker=seen),))
    return reading.worker.waiting_seconds


class TestWorkersWhoseThreadsOnlyWait:
    def test_all_threads_wait(self) -> None:
        assert waiting_after(both(50.0)) is None
        assert waiting_after(both(50.0), both(60.0)) == 10.0
        assert waiting_after(both(50.0), both(60.0), both(70.0, cpu=1.4, wakeups=290)) == 20.0, "dask wakes them"

    def test_a_thread_may_be_between_two_tasks(self) -> None:
        assert waiting_after(both(50.0), both(60.0, ids=(7,)), both(70.0)) == 20.0
        assert waiting_after(both(50.0), both(60.0), seen=replace(WASTEFUL, executing=1, queued=1)) == 10.0

    @pytest.mark.parametrize(
        "later",
        [
            both(70.0, cpu=1.6),
            both(70.0, wakeups=310),
            both(70.0, ids=()),
            both(70.0, ids=(9, 10)),
            both(70.0, has_children=True),
            both(70.0, others=[4.0, 50]),
            both(70.0, others=[3.0, 500]),
            both(70.0, others=None),
        ],
        ids=["compute", "move data", "idle", "new", "wait for programs", "pool", "pool moves data", "unknown"],
    )
    def test_one_that_does_something_ends_it(self, later: dict[str, object]) -> None:
        assert waiting_after(both(50.0), both(60.0), later) is None
        again = [both(at, cpu=9.0, wakeups=900) for at in (80.0, 90.0)]
        assert waiting_after(both(50.0), both(60.0), later, *again) == 10.0

    @pytest.mark.parametrize(
        "values",
        [
            {"cpu_percent": 20.0},
            {"cpu_percent": None},
            {"executing": 0},
            {"queued": 0, "executing": 1},
            {"nthreads": None},
        ],
    )
    def test_other_workers_do_not(self, values: dict[str, object]) -> None:
        seen = replace(WASTEFUL, **values)
        assert waiting_after(both(50.0), both(60.0), seen=seen) is None
        assert TaskWaits(lambda: 0.0).to_ask(running(1.0), [seen]) == frozenset()

    def test_some_of_them_are_asked(self) -> None:
        many = [replace(WASTEFUL, address=str(number)) for number in range(50)]
        asked = TaskWaits(lambda: 0.0).to_ask(running(SUSPECT_SECONDS), many)
        assert asked == {HERE.address, *(str(number) for number in range(MOST_WASTEFUL))}


class TestWhoIsAsked:
    def test_workers_with_tasks_that_run_suspiciously_long(self) -> None:
        assert TaskWaits(lambda: 0.0).to_ask(running(SUSPECT_SECONDS)) == {HERE.address}
        for given in (running(SUSPECT_SECONDS - 1), running(mean=61.0), running(mean=None), running(address=None)):
            assert TaskWaits(lambda: 0.0).to_ask(given) == frozenset()

    def test_only_so_often_and_so_many(self) -> None:
        now = 0.0
        waits = TaskWaits(lambda: now)
        tasks = tuple(running_task(str(number), seconds=900.0, address=str(number)) for number in range(50))
        many = work(running=tasks, task_names=(task_name(seconds_mean=2.0),))
        assert waits.to_ask(many) == {str(number) for number in range(MOST_WORKERS)}
        now = SECONDS_BETWEEN - 1
        assert waits.to_ask(many) == frozenset()
        now = SECONDS_BETWEEN
        assert len(waits.to_ask(many)) == MOST_WORKERS

    def test_workers_that_are_no_longer_asked_are_forgotten(self) -> None:
        now = 0.0
        waits = TaskWaits(lambda: now)
        waits.note(HERE, answer(50.0))
        waits.note(HERE, answer(60.0))
        waits.to_ask(running(1.0))
        assert waits.completed(running()) == running()


def spin(stop: threading.Event) -> None:
    while not stop.is_set():
        pass


def in_pool(stop: threading.Event) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(spin, stop).result()


def for_program(stop: threading.Event) -> None:
    with subprocess.Popen(["sleep", "inf"]) as process:
        stop.wait()
        process.kill()


@pytest.mark.parametrize(
    ("function", "is_expected"),
    [
        (threading.Event.wait, lambda idle: (idle or 0.0) > 0.0),
        (spin, lambda idle: idle == 0.0),
        (for_program, lambda idle: idle == 0.0),
    ],
)
async def test_real_threads(
    function: Callable[[threading.Event], object], is_expected: Callable[[float | None], bool]
) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=function, args=(stop,))
    thread.start()
    this = SimpleNamespace(active_threads_lock=threading.Lock(), active_threads={thread.ident: FILL})
    waits = TaskWaits(lambda: 0.0)

    def idle() -> float | None:
        # Earlier tests may have left threads and processes.
        alone = {"others": [3.0, 50], "has_children": function is for_program and has_children()}
        waits.note(HERE, {"at": time.monotonic(), **read_waits(this), **alone})
        [task] = waits.completed(running()).running or ()
        return task.idle_seconds

    try:
        await until(lambda: is_expected(idle()))
    finally:
        stop.set()
        thread.join()


def test_threads_of_a_pool_count_as_others() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=in_pool, args=(stop,))
    this = SimpleNamespace(active_threads_lock=threading.Lock(), active_threads={})
    thread.start()
    try:
        this.active_threads[thread.ident] = FILL
        wait_until(lambda: read_waits(this)["others"][0] > 0.0, "the pool runs")
        assert [row[0] for row in read_waits(this)["tasks"]] == [FILL]
    finally:
        stop.set()
        thread.join()


def wait_for(event: str) -> None:
    Event(event).wait()


def wait_for_other_tasks(event: str) -> None:
    secede()
    Event(event).wait()


async def test_tasks_of_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that has left its pool waits for other tasks, which is not suspicious."""
    for limit in ("SUSPECT_SECONDS", "SUSPECT_FACTOR", "SECONDS_BETWEEN"):
        monkeypatch.setattr(task_waits, limit, 0.0)
    find_this = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[4]), os.environ.get("PYTHONPATH", "")])}
    one_thread = ("--nthreads", "1")
    with Scheduler(environment=find_this) as scheduler, Workers(scheduler.address, *one_thread, environment=find_this):
        async with Client(scheduler.address, asynchronous=True) as client:
            others = client.submit(time.sleep, 0.01)
            tasks = [client.submit(one, "stop", key=one.__name__) for one in (wait_for, wait_for_other_tasks)]
            collector = DaskCollector(scheduler.address)
            reading = await read_until(collector, lambda seen: (idle_times(seen).get("wait_for") or 0.0) > 0.0)
            assert idle_times(reading).get("wait_for_other_tasks") is None
            await read_until(collector, lambda seen: (seen.workers[0].worker.waiting_seconds or 0.0) > 0.0)
            await Event("stop", client=client).set()
            await client.gather([others, *tasks])
            await collector.close()


def idle_times(reading: DaskReading) -> dict[str, float | None]:
    work = reading.work
    return {task.task_name: task.idle_seconds for task in (work.running if work is not None else None) or ()}
