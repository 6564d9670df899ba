"""Attach to a scheduler and read it; what remains in its log, and what happens when it ends."""

import asyncio
import gc
import os
import re
import signal
from functools import partial

import pytest
from distributed import Client, Event, LocalCluster, wait
from distributed import Scheduler as SchedulerInProcess

from dasktop.collectors.model.errors import NoSchedulerError, SourceError
from dasktop.collectors.sources.dask.collector import DaskCollector, check
from dasktop.collectors.sources.dask.shipped_scheduler import READING
from tests.support.dask_processes import Scheduler, Workers, places_are_read, read_until
from tests.support.isolated_environment import SPAWN
from tests.support.reserved_ports import reserved_ports
from tests.support.waiting import PATIENCE_SECONDS, until

WITH_NANNIES = ("--nthreads", "3", "--memory-limit", "300MB", "--name", "jo")
Bare = partial(SchedulerInProcess, host="127.0.0.1", port=0, dashboard=False, dashboard_address=":0")
"""A scheduler in the process of the test."""


async def test_reading_of_a_running_cluster() -> None:
    with (
        Scheduler() as scheduler,
        Workers(scheduler.address, *WITH_NANNIES, count=2, environment=SPAWN) as nannies,
        Workers(scheduler.address, "--no-nanny", "--memory-limit", "0", "--name", "17") as lonely,
    ):
        collector = DaskCollector(scheduler.address)
        reading = await read_until(
            collector, lambda seen: places_are_read(seen) and all(w.worker.memory_bytes for w in seen.workers)
        )
        await collector.close()

    cluster = reading.cluster
    assert cluster.scheduler_address == scheduler.address
    assert cluster.scheduler_id
    assert cluster.scheduler_id.startswith("Scheduler-")
    assert re.fullmatch(r"\d{4}\.\d+\.\d+", cluster.dask_version or "")
    assert cluster.task_counts == {}
    assert cluster.owner is None

    workers = {reading.worker.name: reading for reading in reading.workers}
    assert set(workers) == {"jo-0", "jo-1", "17"}
    for name in ("jo-0", "jo-1"):
        worker = workers[name].worker
        assert (worker.nthreads, worker.memory_limit_bytes, worker.status) == (3, 300_000_000, "running")
        assert worker.nanny_pid == nannies.pid
        assert worker.pid not in (None, nannies.pid)
        assert worker.host == os.uname().nodename
        assert (worker.executing, worker.queued, worker.stored) == (0, 0, 0)
        assert worker.last_seen_seconds is not None
    alone = workers["17"].worker
    assert (alone.pid, alone.nanny_pid, alone.memory_limit_bytes) == (lonely.pid, None, None)
    assert all(worker.place_was_read and worker.place is None for worker in reading.workers)


async def test_tasks_are_counted_by_state() -> None:
    async with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=2,
            processes=False,
            protocol="tcp://",
            dashboard_address=":0",
            asynchronous=True,
        ) as cluster,
        Client(cluster, asynchronous=True) as client,
    ):
        done = client.map(abs, range(4))
        await wait(done)
        broken = client.submit(divmod, 1, 0)
        await wait(broken)
        held = client.map(hold, range(5))

        collector = DaskCollector(cluster.scheduler_address)
        reading = await read_until(collector, lambda seen: seen.workers[0].worker.executing == 2)
        worker = reading.workers[0].worker
        counts = reading.cluster.task_counts or {}
        assert (counts["memory"], counts["erred"]) == (4, 1)
        assert counts["processing"] + counts.get("queued", 0) == 5
        assert worker.queued == counts["processing"] - 2
        assert worker.stored == 4
        assert worker.transfers is not None
        assert worker.transfers.incoming_count_total == 0, "there is no other worker to get results from"

        await Event("let go", client=client).set()
        await wait(held)
        await collector.close()


def hold(_number: int) -> None:
    """Hold a worker's thread until the event is set."""
    Event("let go").wait()


async def test_attaching_logs_one_line_polling_none() -> None:
    with (
        Scheduler() as scheduler,
        Workers(scheduler.address, "--no-nanny") as one,
        Workers(scheduler.address, "--no-nanny") as other,
    ):
        scheduler.wait_until_logged(workers=2)
        before, workers_before = len(scheduler.log), [len(worker.log) for worker in (one, other)]
        collector = DaskCollector(scheduler.address)
        reading = await collector.read()
        attached = len(scheduler.log)
        assert len(scheduler.log[before:]) <= 2
        assert any("dasktop_install" in line for line in scheduler.log[before:])

        addresses = [reading.worker.address for reading in reading.workers]
        for _ in range(20):
            await collector.read(threads_of=addresses)
        await collector.close()
        await check(scheduler.address, None, 5)  # one more call, so that its log is complete

        assert scheduler.log[attached:] == []
        for worker, length in zip((one, other), workers_before, strict=True):
            assert len([line for line in worker.log[length:] if "dasktop" in line]) == 1, "one line a worker"


async def test_no_client_is_registered() -> None:
    with Scheduler() as scheduler:
        collector = DaskCollector(scheduler.address)
        await collector.read()
        async with Client(scheduler.address, asynchronous=True) as client:
            seen = await client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.clients))
        await collector.close()
        assert [name for name in seen if name != "fire-and-forget"] == [client.id]


async def test_two_collectors_are_independent() -> None:
    with Scheduler() as scheduler, Workers(scheduler.address, "--no-nanny"):
        one, other = DaskCollector(scheduler.address), DaskCollector(scheduler.address)
        await one.read()
        await read_until(other, places_are_read)
        readings = await asyncio.gather(one.read(), other.read())
        assert {reading.cluster.scheduler_id for reading in readings} == {readings[0].cluster.scheduler_id}
        await one.close()
        assert (await other.read()).workers[0].place_was_read
        await other.close()


async def test_scheduler_restarted_at_the_same_address() -> None:
    with reserved_ports(1) as (port,):
        with Scheduler(port=port) as first:
            collector = DaskCollector(first.address, timeout_seconds=5)
            before = await collector.read()
        with pytest.raises(NoSchedulerError, match="no scheduler at") as failure:
            await collector.read()
        assert first.address in str(failure.value)

        with Scheduler(port=port) as second, Workers(second.address, "--no-nanny"):
            after = await collector.read()
            assert after.cluster.scheduler_id not in (None, before.cluster.scheduler_id)
            assert len(after.workers) == 1
            assert not any("No handler" in line for line in second.log), (
                "it was polled before the handler was installed"
            )
        await collector.close()


async def test_scheduler_restarted_between_two_polls() -> None:
    with reserved_ports(1) as (port,):
        with Scheduler(port=port) as first:
            collector = DaskCollector(first.address)
            await collector.read()
        with Scheduler(port=port):
            assert (await collector.read()).cluster.scheduler_id
        await collector.close()


async def test_removed_handler_is_installed_again() -> None:
    async with Bare() as bare:
        collector = DaskCollector(bare.address)
        await collector.read()
        del bare.handlers[READING]
        assert (await collector.read()).cluster.scheduler_id == bare.id
        assert READING in bare.handlers
        assert collector.refusal is None
        await collector.close()


async def test_hanging_scheduler_is_an_error_then_recovers() -> None:
    with Scheduler() as scheduler:
        collector = DaskCollector(scheduler.address, timeout_seconds=PATIENCE_SECONDS)
        await collector.read()
        os.kill(scheduler.pid, signal.SIGSTOP)
        collector._timeout_seconds = 2.5
        try:
            with pytest.raises(SourceError, match=re.escape(f"{scheduler.address} did not answer within 2.5 s")):
                await collector.read()
            with pytest.raises(NoSchedulerError, match=r"has sent nothing for 2\.5 s"):
                await collector.read()
        finally:
            os.kill(scheduler.pid, signal.SIGCONT)
        collector._timeout_seconds = PATIENCE_SECONDS
        await _read_patiently(collector)
        await collector.close()


async def _read_patiently(collector: DaskCollector) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                await collector.read()
            except SourceError:
                continue
            return


async def test_closing_leaves_no_connection(caplog: pytest.LogCaptureFixture) -> None:
    async with Bare() as bare:
        await asyncio.sleep(0)
        before = asyncio.all_tasks()
        collector = DaskCollector(bare.address)
        await collector.read()
        await collector.close()
        await collector.close()
        await until(lambda: not bare._comms and not asyncio.all_tasks() - before)
        await collector.read()  # it can be used again
        await collector.close()
    del collector
    gc.collect()
    assert [record.message for record in caplog.records if "dangling" in record.message] == []


async def test_collector_works_in_a_thread() -> None:
    with Scheduler() as scheduler, Workers(scheduler.address, "--no-nanny"):

        async def read() -> str | None:
            collector = DaskCollector(scheduler.address)
            reading = await collector.read()
            await collector.close()
            return reading.cluster.scheduler_id

        assert await asyncio.to_thread(asyncio.run, read()) == (await check(scheduler.address, None, 5)).scheduler_id
