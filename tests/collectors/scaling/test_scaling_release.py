"""Release jobs, on a cluster in this process and without a SLURM: what it waits for, and what makes it refuse."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from distributed import Client, Event, LocalCluster, Status, secede, wait

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.plan import Progress
from dasktop.collectors.scaling.lease import RefusedError
from dasktop.collectors.scaling.shipped_results import unreplicated_results
from dasktop.collectors.scaling.shipped_scaling import ScaleHandler
from tests.support import snapshots
from tests.support.dask_processes import Scheduler, Workers
from tests.support.job_release import JobRelease
from tests.support.own_environment import IMPORTS_ONCE
from tests.support.waiting import until

BACK = "the workers resume"


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
def release(cluster: LocalCluster, going: list[str]) -> JobRelease:
    return JobRelease(cluster.scheduler_address, cluster.scheduler.id, going)


def statuses(cluster: LocalCluster) -> set[str]:
    return {worker.status.name for worker in cluster.scheduler.workers.values()}


def wait_for(started: Event, go_on: Event) -> bool:
    """Run as a task: a worker that has been told of one, but hasn't begun it, begins it no more once it is to go."""
    started.set()
    return bool(go_on.wait())


async def once_draining(release: JobRelease, running: asyncio.Task[None]) -> None:
    """Wait until it waits for what runs; or raise what made it end before."""
    while "drain" not in release.steps:
        if running.done():
            await running
            raise AssertionError(f"nothing was waited for: {release.steps}")
        await asyncio.sleep(0.01)


async def refused(release: JobRelease, cluster: LocalCluster, words: str) -> None:
    """See it refused in these words, with all as it was."""
    with pytest.raises(RefusedError, match=words):
        await release.run()
    await until(lambda: statuses(cluster) == {"running"})  # each says so when it comes to it
    assert len(cluster.scheduler.workers) == 4
    assert release.slurm.cancelled == []


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
    await ScaleHandler(scheduler, {}).move(going)
    assert unreplicated_results(scheduler, going)["results"] == 0
    await go_on.set()
    await wait(blocking)
    del waiting


async def test_a_shuffle_would_start_over(cluster: LocalCluster, release: JobRelease, going: list[str]) -> None:
    shuffles: dict[str, Any] = cluster.scheduler.extensions["shuffle"].active_shuffles
    shuffles["one"] = SimpleNamespace(participating_workers={going[0]})
    await refused(release, cluster, "1 shuffle running on job 7 would restart: .*; nothing was changed")
    shuffles["one"] = SimpleNamespace(participating_workers=set(cluster.scheduler.workers) - set(going))
    await release.run()
    assert release.slurm.cancelled == ["7"]


async def test_an_actor_cannot_move(
    cluster: LocalCluster, client: Client, release: JobRelease, going: list[str]
) -> None:
    actor = await client.submit(list, actor=True, workers=going)
    await refused(release, cluster, "1 actor on job 7 would be lost: actors cannot be moved; nothing was changed")
    del actor


async def test_tasks_that_may_run_nowhere_else(
    cluster: LocalCluster, client: Client, release: JobRelease, going: list[str]
) -> None:
    started, go_on = Event(client=client), Event(client=client)
    first = client.submit(wait_for, started, go_on, key="first", workers=going[:1])
    await started.wait()
    bound = client.submit(str, first, key="bound", workers=going)
    refusing = asyncio.create_task(refused(release, cluster, rf"1 task can only run on job 7 \(bound\); {BACK}"))
    await once_draining(release, refusing)
    await go_on.set()
    await refusing
    assert await bound == "True"


async def test_a_task_that_has_seceded_is_waited_for(
    cluster: LocalCluster, client: Client, release: JobRelease, going: list[str]
) -> None:
    go_on = Event(client=client)

    def leave_the_pool(at: Event) -> str:
        secede()
        at.wait()
        return "all of it"

    future = client.submit(leave_the_pool, go_on, workers=going[:1], allow_other_workers=True)
    await until(lambda: cluster.scheduler.workers[going[0]].long_running)
    running = asyncio.create_task(release.run())
    await once_draining(release, running)
    await go_on.set()
    await running
    assert await future == "all of it"
    assert release.slurm.cancelled == ["7"]


async def test_a_worker_that_comes_meanwhile(cluster: LocalCluster, release: JobRelease, going: list[str]) -> None:
    """As when a nanny starts one anew: no owner tells whose it is, only the worker itself."""
    old = [snapshots.worker(str(number), address=address) for number, address in enumerate(going)]
    release.seen = snapshots.snapshot([snapshots.job("7", [snapshots.task([*old, snapshots.worker("late")])])])
    await refused(release, cluster, f"worker late has joined job 7 meanwhile; {BACK}")
    release.seen = snapshots.snapshot([snapshots.job("7", [snapshots.task(old)])])
    await release.run()


async def test_a_worker_that_is_started_anew_at_the_same_address(
    cluster: LocalCluster, release: JobRelease, going: list[str]
) -> None:
    def start_anew(progress: Progress) -> None:
        if progress.step == "release":
            cluster.scheduler.workers[going[0]].status = Status.running

    with pytest.raises(RefusedError, match=f"the worker at {going[0]} was restarted meanwhile"):
        await release.run(start_anew)
    assert len(cluster.scheduler.workers) == 4
    assert release.slurm.cancelled == []


async def test_slurm_fails_when_the_workers_have_left(release: JobRelease, monkeypatch: pytest.MonkeyPatch) -> None:
    async def cancel(job_ids: Iterable[str]) -> None:
        raise SourceError("scancel: error: Kill job error on job id 7: Access denied")

    monkeypatch.setattr(release.slurm, "cancel", cancel)
    with pytest.raises(
        RefusedError, match="the workers of job 7 have left, but not every job was cancelled: scancel: error: Kill"
    ):
        await release.run()


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
            await JobRelease(scheduler.address, told["id"], [busy]).run()
            assert await future == "all of it"
