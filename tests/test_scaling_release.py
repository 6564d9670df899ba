"""Giving jobs back, on a cluster in this process and without a SLURM: what it waits for, and what makes it refuse."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from distributed import Client, Event, LocalCluster, Status, secede, wait

from dasktop.collectors.errors import SourceError
from dasktop.collectors.scaling.hold import RefusedError
from dasktop.collectors.scaling.model import Progress
from dasktop.collectors.scaling.shipped_results import alone
from dasktop.collectors.scaling.shipped_scaling import Desk
from tests import snapshots
from tests.dask_processes import Scheduler, Workers
from tests.giving_back import Giving
from tests.own_environment import IMPORTS_ONCE
from tests.waiting import until

BACK = "the workers go back to work"


@pytest.fixture
async def cluster() -> AsyncIterator[LocalCluster]:
    async with LocalCluster(
        n_workers=4,
        threads_per_worker=1,
        processes=False,
        protocol="tcp://",
        dashboard_address=":0",
        asynchronous=True,
    ) as cluster:
        yield cluster


@pytest.fixture
async def client(cluster: LocalCluster) -> AsyncIterator[Client]:
    async with Client(cluster, asynchronous=True) as client:
        yield client


@pytest.fixture
def going(cluster: LocalCluster) -> list[str]:
    """The addresses of the workers in job 7; two stay."""
    return list(cluster.scheduler.workers)[:2]


@pytest.fixture
def giving(cluster: LocalCluster, going: list[str]) -> Giving:
    return Giving(cluster.scheduler_address, cluster.scheduler.id, going)


def statuses(cluster: LocalCluster) -> set[str]:
    return {worker.status.name for worker in cluster.scheduler.workers.values()}


def wait_for(started: Event, go_on: Event) -> bool:
    """Run as a task: a worker that has been told of one, but hasn't begun it, begins it no more once it is to go."""
    started.set()
    return bool(go_on.wait())


async def once_draining(giving: Giving, giving_back: asyncio.Task[None]) -> None:
    """Wait until it waits for what runs; or raise what made it end before."""
    while "drain" not in giving.steps:
        if giving_back.done():
            await giving_back
            raise AssertionError(f"nothing was waited for: {giving.steps}")
        await asyncio.sleep(0.01)


async def refused(giving: Giving, cluster: LocalCluster, words: str) -> None:
    """See it refused in these words, with all as it was."""
    with pytest.raises(RefusedError, match=words):
        await giving.back()
    await until(lambda: statuses(cluster) == {"running"})  # each says so when it comes to it
    assert len(cluster.scheduler.workers) == 4
    assert giving.slurm.cancelled == []


async def test_results_that_two_of_its_workers_hold_are_copied(
    cluster: LocalCluster, client: Client, going: list[str]
) -> None:
    """To dask what two workers hold is safe, even where both are to go and it may not drop either copy yet."""
    results = client.map(lambda number: bytes(1_000_000), range(20), pure=False, workers=going[:1])
    await wait(results)
    await client.replicate(results, workers=going)
    go_on = Event(client=client)
    blocking = [client.submit(lambda at: at.wait(), go_on, workers=[one], pure=False) for one in going]
    waiting = [client.submit(len, result, workers=[one], pure=False) for result in results for one in going]
    scheduler = cluster.scheduler
    await until(lambda: all(len(scheduler.workers[one].processing) > len(results) for one in going))
    await Desk(scheduler, {}).move(going)
    assert alone(scheduler, going)["results"] == 0
    await go_on.set()
    await wait(blocking)
    del waiting


async def test_a_shuffle_would_start_over(cluster: LocalCluster, giving: Giving, going: list[str]) -> None:
    shuffles: dict[str, Any] = cluster.scheduler.extensions["shuffle"].active_shuffles
    shuffles["one"] = SimpleNamespace(participating_workers={going[0]})
    await refused(giving, cluster, "1 shuffle under way on job 7 would start over: .*; nothing was touched")
    shuffles["one"] = SimpleNamespace(participating_workers=set(cluster.scheduler.workers) - set(going))
    await giving.back()
    assert giving.slurm.cancelled == ["7"]


async def test_an_actor_cannot_move(cluster: LocalCluster, client: Client, giving: Giving, going: list[str]) -> None:
    actor = await client.submit(list, actor=True, workers=going)
    await refused(giving, cluster, "1 actor on job 7 would be lost: they can't move; nothing was touched")
    del actor


async def test_tasks_that_may_run_nowhere_else(
    cluster: LocalCluster, client: Client, giving: Giving, going: list[str]
) -> None:
    started, go_on = Event(client=client), Event(client=client)
    first = client.submit(wait_for, started, go_on, key="first", workers=going[:1])
    await started.wait()
    bound = client.submit(str, first, key="bound", workers=going)
    refusing = asyncio.create_task(refused(giving, cluster, rf"1 task may only run on job 7 \(bound\); {BACK}"))
    await once_draining(giving, refusing)
    await go_on.set()
    await refusing
    assert await bound == "True"


async def test_a_task_that_has_seceded_is_waited_for(
    cluster: LocalCluster, client: Client, giving: Giving, going: list[str]
) -> None:
    go_on = Event(client=client)

    def leave_the_pool(at: Event) -> str:
        secede()
        at.wait()
        return "all of it"

    future = client.submit(leave_the_pool, go_on, workers=going[:1], allow_other_workers=True)
    await until(lambda: cluster.scheduler.workers[going[0]].long_running)
    giving_back = asyncio.create_task(giving.back())
    await once_draining(giving, giving_back)
    await go_on.set()
    await giving_back
    assert await future == "all of it"
    assert giving.slurm.cancelled == ["7"]


async def test_a_worker_that_comes_meanwhile(cluster: LocalCluster, giving: Giving, going: list[str]) -> None:
    """As when a nanny starts one anew: no owner tells whose it is, only the worker itself."""
    old = [snapshots.worker(str(number), address=address) for number, address in enumerate(going)]
    giving.seen = snapshots.snapshot([snapshots.job("7", [snapshots.task([*old, snapshots.worker("late")])])])
    await refused(giving, cluster, f"worker late has come to job 7 meanwhile; {BACK}")
    giving.seen = snapshots.snapshot([snapshots.job("7", [snapshots.task(old)])])
    await giving.back()


async def test_a_worker_that_is_started_anew_at_the_same_address(
    cluster: LocalCluster, giving: Giving, going: list[str]
) -> None:
    def start_anew(progress: Progress) -> None:
        if progress.step == "hand back":
            cluster.scheduler.workers[going[0]].status = Status.running

    with pytest.raises(RefusedError, match=f"the worker at {going[0]} was started anew meanwhile"):
        await giving.back(start_anew)
    assert len(cluster.scheduler.workers) == 4
    assert giving.slurm.cancelled == []


async def test_slurm_fails_when_the_workers_have_left(giving: Giving, monkeypatch: pytest.MonkeyPatch) -> None:
    async def cancel(job_ids: Iterable[str]) -> None:
        raise SourceError("scancel: error: Kill job error on job id 7: Access denied")

    monkeypatch.setattr(giving.slurm, "cancel", cancel)
    with pytest.raises(
        RefusedError, match="the workers of job 7 have left, but not every job was cancelled: scancel: error: Kill"
    ):
        await giving.back()


async def test_a_worker_that_was_too_busy_to_listen(tmp_path: Path) -> None:
    """A task may hold the interpreter's lock for seconds: what it was to learn meanwhile is told once more."""
    begun = tmp_path / "begun"

    def hold_the_lock(begun: Path) -> str:
        import ctypes

        begun.touch()
        ctypes.PyDLL(None).sleep(4)
        return "all of it"

    with Scheduler() as scheduler, Workers(scheduler.address, "--nthreads", "1", count=2, environment=IMPORTS_ONCE):
        async with Client(scheduler.address, asynchronous=True) as client:
            told = await client.scheduler.identity(n_workers=-1)
            busy, _ = told["workers"]
            future = client.submit(hold_the_lock, begun, workers=[busy], allow_other_workers=True)
            await until(begun.exists)
            await Giving(scheduler.address, told["id"], [busy]).back()
            assert await future == "all of it"
