"""Reading ``identity`` without our handlers, in the formats of all versions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from distributed.core import Server

from dasktop.collectors.model.readings import DaskReading
from dasktop.collectors.model.snapshot import Worker
from dasktop.collectors.scaling.lease import RefusedError, SchedulerLease
from dasktop.collectors.sources.dask.collector import DaskCollector, check
from tests.support.dask_processes import Scheduler, Workers, places_are_read, read_until
from tests.support.reserved_ports import reserved_ports

# A worker as identity() of distributed 2026.8 and 2022.6 has it, without what isn't used.
NEW_WORKER: dict[str, Any] = {
    "type": "Worker",
    "id": "SLURMCluster-0-0",
    "host": "10.0.0.7",
    "name": "SLURMCluster-0-0",
    "nthreads": 3,
    "memory_limit": 4_000_000_000,
    "last_seen": 0.0,
    "metrics": {
        "task_counts": {"executing": 2, "long-running": 1, "ready": 4, "waiting": 1, "memory": 7, "disk": 2},
        "managed_bytes": 500,
        "spilled_bytes": {"memory": 100, "disk": 90},
        "cpu": 187.5,
        "memory": 123_456,
    },
    "status": "running",
    "nanny": "tcp://10.0.0.7:4000",
}
OLD_WORKER: dict[str, Any] = {
    **NEW_WORKER,
    "metrics": {
        "executing": 3,
        "in_memory": 9,
        "ready": 5,
        "in_flight": 0,
        "managed_bytes": 500,
        "spilled_nbytes": {"memory": 100, "disk": 90},
        "cpu": 187.5,
        "memory": 123_456,
    },
}


@pytest.fixture(autouse=True)
def _nobody_has_refused_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Isolate the tests: schedulers of several tests may have the same ids."""
    monkeypatch.setattr("dasktop.collectors.sources.dask.connection._REFUSALS", {})


class FakeScheduler(Server):
    """Answers only ``identity``, like a scheduler of some version that refuses other calls."""

    def __init__(self, workers: dict[Any, Any], default_number: int | None) -> None:
        self.known_workers = workers
        self.default_number = default_number
        takes_a_number = default_number is not None
        super().__init__({"identity": self._identity_of_some if takes_a_number else self._identity_of_all})

    def _identity_of_all(self) -> dict[str, Any]:
        return {
            "type": "Scheduler",
            "id": "Scheduler-1",
            "address": "tcp://10.0.0.1:8786",
            "started": 1700000000.5,
            "workers": self.known_workers,
        }

    def _identity_of_some(self, n_workers: int | None = None) -> dict[str, Any]:
        number = self.default_number if n_workers is None else n_workers
        number = len(self.known_workers) if number == -1 else number
        some = dict(list(self.known_workers.items())[:number])
        return {**self._identity_of_all(), "n_workers": len(self.known_workers), "workers": some}


@asynccontextmanager
async def fake_scheduler(workers: dict[Any, Any], default_number: int | None = None) -> AsyncIterator[FakeScheduler]:
    async with FakeScheduler(workers, default_number) as server:
        await server.listen("tcp://127.0.0.1:0")
        yield server


async def read(address: str, probe: bool = False) -> DaskReading:
    collector = DaskCollector(address, probe=probe)
    reading = await collector.read()
    await collector.close()
    return reading


@pytest.mark.parametrize("worker", [NEW_WORKER, OLD_WORKER])
async def test_fields_of_old_and_new_versions(worker: dict[str, Any]) -> None:
    async with fake_scheduler({"tcp://10.0.0.7:4001": worker}) as scheduler:
        reading = await read(scheduler.address)
    assert reading.cluster.scheduler_id == "Scheduler-1"
    assert reading.cluster.scheduler_address == "tcp://10.0.0.1:8786"
    assert (reading.cluster.owner, reading.cluster.task_counts, reading.cluster.dask_version) == (None, None, None)
    assert reading.scheduler_started_at == datetime.fromtimestamp(1700000000.5, UTC)
    (seen,) = reading.workers
    assert (seen.place, seen.place_was_read) == (None, False)
    assert seen.worker.last_seen_seconds is not None
    expected = Worker(
        name="SLURMCluster-0-0",
        address="tcp://10.0.0.7:4001",
        pid=None,
        nanny_pid=None,
        host="10.0.0.7",
        status="running",
        nthreads=3,
        memory_limit_bytes=4_000_000_000,
        memory_bytes=123_456,
        managed_bytes=400,
        spilled_bytes=90,
        cpu_percent=187.5,
        executing=3,
        queued=5,
        stored=9,
        last_seen_seconds=seen.worker.last_seen_seconds,
        last_seen_at=datetime.fromtimestamp(0.0, UTC),
        evidence=None,
    )
    assert seen.worker == expected


@pytest.mark.parametrize("default_number", [None, -1, 5, 0])
async def test_all_workers_in_every_version(default_number: int | None) -> None:
    workers = {f"tcp://10.0.0.{i}:1": NEW_WORKER for i in range(1, 13)}
    async with fake_scheduler(workers, default_number) as scheduler:
        reading = await read(scheduler.address)
        assert await check(scheduler.address, None, 5) == ("Scheduler-1", 12)
    assert [worker.worker.address for worker in reading.workers] == list(workers)


async def test_invalid_workers() -> None:
    workers = {
        "tcp://10.0.0.1:1": {},
        "tcp://10.0.0.2:1": None,
        "tcp://10.0.0.3:1": {"name": 3, "metrics": {"cpu": float("nan"), "memory": "much", "task_counts": 7}},
        7: {"name": "\x1b[2J"},
        "": NEW_WORKER,
    }
    async with fake_scheduler(workers) as scheduler:
        reading = await read(scheduler.address)
    names = [worker.worker.name for worker in reading.workers]
    assert names == ["tcp://10.0.0.1:1", "tcp://10.0.0.2:1", "3", "[2J"]
    assert {worker.worker.cpu_percent for worker in reading.workers} == {None}
    assert {worker.worker.executing for worker in reading.workers} == {None}


async def test_no_probe_reads_identity_only() -> None:
    with (
        Scheduler() as scheduler,
        Workers(scheduler.address, "--no-nanny", "--name", "it", "--nthreads", "3") as workers,
    ):
        scheduler.wait_until_logged(workers=1)
        before = len(scheduler.log), len(workers.log)
        collector = DaskCollector(scheduler.address, probe=False)
        reading = await read_until(collector, lambda seen: seen.workers[0].worker.memory_bytes is not None)
        assert collector.refusal == "probing is off (--no-probe)"
        (seen,) = reading.workers
        assert (seen.worker.name, seen.worker.nthreads, seen.worker.executing) == ("it", 3, 0)
        assert not seen.place_was_read
        await collector.close()
        assert (len(scheduler.log), len(workers.log)) == before


async def test_refusing_scheduler_is_asked_once() -> None:
    blocked = {"DASK_DISTRIBUTED__SCHEDULER__BLOCKED_HANDLERS": '["run_function"]'}
    with reserved_ports(1) as (port,):
        with Scheduler(port=port, environment=blocked) as scheduler, Workers(scheduler.address, "--no-nanny"):
            collector = DaskCollector(scheduler.address)
            for _ in range(3):
                reading = await collector.read()
                assert len(reading.workers) == 1
                assert not reading.workers[0].place_was_read
            assert "explicitly disallowed" in (collector.refusal or "")
            await collector.close()
            await collector.read()
            another, hold = DaskCollector(scheduler.address), SchedulerLease(scheduler.address, None)
            assert (await another.read()).workers
            assert another.refusal == collector.refusal
            await another.close()
            with pytest.raises(RefusedError, match=r"does not run functions: .*explicitly disallowed"):
                await hold.take((await check(scheduler.address, None, 5)).scheduler_id, "me", "scale")
            await hold.close()
            assert sum("Exception while handling op run_function" in line for line in scheduler.log) == 1
        with Scheduler(port=port) as willing, Workers(willing.address, "--no-nanny"):
            await collector.read()
            await read_until(collector, places_are_read)  # another scheduler may be asked again
            assert collector.refusal is None
        await collector.close()


async def test_scheduler_without_run_function_is_read() -> None:
    async with fake_scheduler({"tcp://10.0.0.7:4001": NEW_WORKER}) as scheduler:
        collector = DaskCollector(scheduler.address)
        assert len((await collector.read()).workers) == 1
        assert collector.refusal == "it does not run functions"
        await collector.close()
