"""Asking many workers at once: one that hangs, refuses or leaves does not affect the others."""

import os
import signal
from collections.abc import Iterator

import dask
import pytest
from distributed import Client, Nanny, Scheduler, Worker

from dasktop.collectors.model.readings import DaskReading
from dasktop.collectors.sources.dask.collector import DaskCollector
from dasktop.collectors.sources.dask.worker_probe import WorkerProbe
from tests.support.dask_processes import Scheduler as SchedulerProcess
from tests.support.dask_processes import Workers, places_are_read, read_until

BLOCKED = {"DASK_DISTRIBUTED__WORKER__BLOCKED_HANDLERS": '["run"]'}


def known(reading: DaskReading) -> dict[str, bool]:
    return {worker.worker.name: worker.place_was_read for worker in reading.workers}


async def test_hanging_worker_does_not_delay_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dasktop.collectors.sources.dask.worker_probe.FIRST_PAUSE_SECONDS", 1.0)
    with (
        SchedulerProcess() as scheduler,
        Workers(scheduler.address, "--name", "well-0", "--no-nanny"),
        Workers(scheduler.address, "--name", "well-1", "--no-nanny"),
        Workers(scheduler.address, "--name", "hung", "--no-nanny") as hung,
    ):
        before = len(scheduler.log)
        os.kill(hung.pid, signal.SIGSTOP)
        try:
            collector = DaskCollector(scheduler.address)
            reading = await read_until(
                collector, lambda seen: known(seen) == {"well-0": True, "well-1": True, "hung": False}
            )
            addresses = tuple(worker.worker.address for worker in reading.workers)
            await read_until(
                collector,
                lambda seen: {w.worker.name for w in seen.workers if w.worker.threads} == {"well-0", "well-1"},
                addresses,
            )
        finally:
            os.kill(hung.pid, signal.SIGCONT)
        await read_until(collector, lambda seen: all(known(seen).values()))
        await collector.close()
        assert not [line for line in scheduler.log[before:] if "ERROR" in line or "WARNING" in line]


async def test_worker_that_hangs_later_loses_its_threads() -> None:
    with SchedulerProcess() as scheduler, Workers(scheduler.address, "--no-nanny", "--name", "it") as worker:
        collector = DaskCollector(scheduler.address)
        reading = await read_until(collector, places_are_read)
        address = reading.workers[0].worker.address
        os.kill(worker.pid, signal.SIGSTOP)
        try:
            reading = await collector.read([address])
            assert reading.workers[0].worker.threads == ()
            assert reading.workers[0].place_was_read, "its answer is kept"
        finally:
            os.kill(worker.pid, signal.SIGCONT)
        await collector.close()


async def test_refusing_workers_are_asked_once() -> None:
    with (
        SchedulerProcess() as scheduler,
        Workers(scheduler.address, "--no-nanny", environment=BLOCKED) as workers,
    ):
        collector = DaskCollector(scheduler.address)
        for _ in range(3):
            reading = await collector.read()
            assert [worker.place_was_read for worker in reading.workers] == [False]
            assert reading.workers[0].worker.host == "127.0.0.1", "the address is all that is known"
        await collector.close()
        assert sum("Exception while handling op run" in line for line in workers.log) == 1


@pytest.fixture
def spawn() -> Iterator[None]:
    """Let a nanny be the parent of its workers."""
    with dask.config.set({"distributed.worker.multiprocessing-method": "spawn"}):
        yield


@pytest.mark.usefixtures("spawn")
async def test_restarted_worker_is_asked_again() -> None:
    async with (
        Scheduler(host="127.0.0.1", port=0, dashboard_address=":0") as scheduler,
        Nanny(scheduler.address, host="127.0.0.1", nthreads=1, dashboard_address=":0") as nanny,
        Client(scheduler.address, asynchronous=True) as client,
    ):
        collector = DaskCollector(scheduler.address)
        first = (await read_until(collector, places_are_read)).workers[0]
        await client.restart()

        def is_another(seen: DaskReading) -> bool:
            return [w.worker.pid for w in seen.workers] not in ([], [first.worker.pid]) and places_are_read(seen)

        second = (await read_until(collector, is_another)).workers[0]
        assert second.worker.pid == nanny.pid
        assert second.worker.nanny_pid == os.getpid()
        await collector.close()


async def test_workers_not_asked_in_time_are_next() -> None:
    async with (
        Scheduler(host="127.0.0.1", port=0, dashboard_address=":0") as scheduler,
        Worker(scheduler.address, host="127.0.0.1", nthreads=1, dashboard_address=":0"),
    ):
        collector = DaskCollector(scheduler.address)
        collector._worker_probe._seconds = 0.0
        assert not (await collector.read()).workers[0].place_was_read
        collector._worker_probe = WorkerProbe(2.0)
        assert (await collector.read()).workers[0].place_was_read
        await collector.close()


async def test_no_connection_to_workers_stays_open() -> None:
    async with (
        Scheduler(host="127.0.0.1", port=0, dashboard_address=":0") as scheduler,
        Worker(scheduler.address, host="127.0.0.1", nthreads=1, dashboard_address=":0") as worker,
    ):
        before = scheduler.rpc.open
        collector = DaskCollector(scheduler.address)
        [read] = (await collector.read()).workers
        assert read.place_was_read
        assert (read.worker.local_directory, bool(read.worker.file_system)) == (worker.local_directory, True)
        assert scheduler.rpc.open == before
        for _ in range(3):
            assert (await collector.read([worker.address])).workers[0].worker.threads
        assert scheduler.rpc.open <= before + 1
        await collector.close()
