"""Threads of a worker: their roles, their tasks, and their CPU per cent between two readings."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from distributed import Client, Event

from dasktop.collectors.model.snapshot import Thread
from dasktop.collectors.sources.dask.collector import DaskCollector
from dasktop.collectors.sources.dask.shipped_worker import THREAD_FIELDS
from dasktop.collectors.sources.dask.threads import SHORTEST_SPAN_SECONDS, ThreadMeter
from tests.support.dask_processes import Scheduler, Workers, places_are_read, read_until


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client of a cluster with one worker of two threads."""
    find_this = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[4]), os.environ.get("PYTHONPATH", "")])}
    with (
        Scheduler(environment=find_this) as scheduler,
        Workers(scheduler.address, "--no-nanny", "--nthreads", "2", environment=find_this),
    ):
        async with Client(scheduler.address, asynchronous=True) as client:
            yield client


def spin(stop: str) -> None:
    """Use CPU until the file exists."""
    while not Path(stop).exists():
        pass


def wait(event: str) -> None:
    """Block the thread until the event is set."""
    Event(event).wait()


async def test_busy_and_idle_compute_threads(client: Client, tmp_path: Path) -> None:
    stop = tmp_path / "stop"
    spinning, waiting = client.submit(spin, str(stop), key="spin-1"), client.submit(wait, "stop", key=("wait", 2))
    collector = DaskCollector(client.scheduler_info()["address"])
    reading = await read_until(collector, lambda seen: places_are_read(seen) and seen.workers[0].worker.executing == 2)
    worker = reading.workers[0].worker
    assert worker.threads == (), "threads are read only for requested workers"
    assert worker.children is None, "and child processes too"

    reading = await read_until(collector, lambda seen: bool(seen.workers[0].worker.threads), (worker.address,))
    first = reading.workers[0].worker
    assert {thread.cpu_percent for thread in first.threads} == {None}, "CPU per cent needs two readings"
    assert first.children == ()

    (spinner,) = [thread for thread in first.threads if thread.task_key == "spin-1"]
    before = run_and_waited(worker.pid, spinner.native_id)

    def is_busy(threads: tuple[Thread, ...]) -> bool:
        """Return whether the thread uses as much CPU as other processes of the machine allow."""
        run, waited = (
            now - then for now, then in zip(run_and_waited(worker.pid, spinner.native_id), before, strict=True)
        )
        at_best = 100 * run / (run + waited) if run else 100
        # In 0.4 s or more, the clock and the CPU time may be read some hundredths of a second apart.
        return any(
            thread.task_key == "spin-1" and 0.8 * at_best < (thread.cpu_percent or 0) <= 110 for thread in threads
        )

    seen = await read_until(collector, lambda seen: is_busy(seen.workers[0].worker.threads), (worker.address,))
    worker = seen.workers[0].worker
    by_key = {thread.task_key: thread for thread in worker.threads if thread.role == "compute"}
    assert set(by_key) == {"spin-1", "('wait', 2)"}
    assert (by_key["('wait', 2)"].cpu_percent or 0) < 20
    assert {thread.task_name for thread in by_key.values()} == {"spin", "wait"}
    assert all(thread.task_seconds is not None for thread in by_key.values())
    assert all("Dask-Default-Threads" in (thread.name or "") for thread in by_key.values())

    assert [thread.role for thread in worker.threads].count("event loop") == 1
    assert {thread.native_id for thread in worker.threads} <= native_ids(worker.pid)
    assert {thread.name for thread in worker.threads if thread.role == "event loop"} == {"MainThread"}

    stop.touch()
    await Event("stop", client=client).set()
    await client.gather([spinning, waiting])
    idle = await read_until(collector, lambda seen: is_idle(seen.workers[0].worker.threads), (worker.address,))
    assert [thread.role for thread in idle.workers[0].worker.threads].count("compute") == 2
    await collector.close()


def is_idle(threads: tuple[Thread, ...]) -> bool:
    """Return whether the threads of a worker are known and run no task."""
    return bool(threads) and not any(thread.task_key for thread in threads)


def native_ids(pid: int | None) -> set[int]:
    """Return the threads of a process, from the kernel."""
    return {int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()}


def run_and_waited(pid: int | None, native_id: int) -> tuple[int, int]:
    """Return the nanoseconds a thread ran, and those it waited for a core that others had."""
    run, waited, _ = Path(f"/proc/{pid}/task/{native_id}/schedstat").read_text().split()
    return int(run), int(waited)


def answer(at: float, *threads: tuple[int, str, float]) -> dict[str, object]:
    """Return what a worker would report about these threads (id, name, CPU seconds)."""
    rows = [[native_id, name, "compute", cpu_seconds, None, None, None] for native_id, name, cpu_seconds in threads]
    assert all(len(row) == len(THREAD_FIELDS) for row in rows)
    return {"at": at, "threads": rows}


def percents(threads: tuple[Thread, ...]) -> list[float | None]:
    return [thread.cpu_percent for thread in threads]


def test_cpu_percent_between_two_readings() -> None:
    meter = ThreadMeter()
    assert percents(meter.measure("a", 1, answer(10.0, (1, "x", 5.0), (2, "y", 0.0)))) == [None, None]
    assert percents(meter.measure("a", 1, answer(12.0, (1, "x", 7.0), (2, "y", 0.5)))) == [100.0, 25.0]
    assert percents(meter.measure("a", 1, answer(13.0, (1, "x", 7.0), (2, "y", 1.5)))) == [0.0, 100.0]


def test_frequent_readings_use_an_older_sample() -> None:
    meter = ThreadMeter()
    meter.measure("a", 1, answer(10.0, (1, "x", 0.0)))
    for i in range(1, 200):
        at = 10 + i * SHORTEST_SPAN_SECONDS / 10
        ticks = round((at - 10) * 100) / 100  # the kernel counts in steps of 10 ms
        (percent,) = percents(meter.measure("a", 1, answer(at, (1, "x", ticks))))
        assert percent == (None if i < 10 else pytest.approx(100, abs=3))


def test_reused_native_id_starts_again() -> None:
    meter = ThreadMeter()
    meter.measure("a", 1, answer(10.0, (1, "old", 5.0)))
    assert percents(meter.measure("a", 1, answer(11.0, (1, "new", 6.0)))) == [None]
    assert percents(meter.measure("a", 1, answer(12.0, (1, "new", 6.5)))) == [50.0]
    assert percents(meter.measure("a", 1, answer(13.0, (1, "new", 0.1)))) == [None], (
        "a new thread of the same name ran less"
    )


def test_new_process_at_same_address_starts_again() -> None:
    meter = ThreadMeter()
    meter.measure("a", 1, answer(10.0, (1, "x", 5.0)))
    assert percents(meter.measure("a", 2, answer(11.0, (1, "x", 6.0)))) == [None]
    assert percents(meter.measure("b", 2, answer(11.0, (1, "x", 6.0)))) == [None]


def test_clock_set_back_starts_again() -> None:
    meter = ThreadMeter()
    meter.measure("a", 1, answer(10.0, (1, "x", 5.0)))
    assert percents(meter.measure("a", 1, answer(10.0, (1, "x", 6.0)))) == [None]
    assert percents(meter.measure("a", 1, answer(2.0, (1, "x", 6.0)))) == [None]


def test_departed_workers_are_forgotten() -> None:
    meter = ThreadMeter()
    meter.measure("a", 1, answer(10.0, (1, "x", 5.0)))
    meter.measure("b", 1, answer(10.0, (1, "x", 5.0)))
    meter.forget_all_but({"b"})
    assert percents(meter.measure("a", 1, answer(11.0, (1, "x", 5.5)))) == [None]
    assert percents(meter.measure("b", 1, answer(11.0, (1, "x", 5.5)))) == [50.0]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"at": "x", "threads": [[1, "x", "compute", 1.0, None]]},
        {"at": 1.0, "threads": [[1], None, "x", 7]},
        {"at": 1.0, "threads": [["1", 2, 3, 4, 5], [1, "n\x1b[1m", ["?"], float("nan"), "k\u202ey"]]},
    ],
)
def test_invalid_answers_are_tolerated(answer: dict[str, object]) -> None:
    meter = ThreadMeter()
    for _ in range(2):
        for thread in meter.measure("a", 1, answer):
            assert thread.name is None or thread.name.isprintable()
            assert thread.task_key is None or thread.task_key.isprintable()
            assert thread.cpu_percent is None
