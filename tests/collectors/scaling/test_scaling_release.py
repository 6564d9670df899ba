"""Release jobs of a cluster in this process, without SLURM: what the release waits for, and what refuses it."""

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
    """Run as a task: a stopped worker does not start tasks that it has received."""
    started.set()
    return bool(go_on.wait())


async def until_draining(release: JobRelease, running: asyncio.Task[None]) -> None:
    """Wait until the release waits for running tasks; raise its error if it ended before."""
    while "drain" not in release.steps:
        if running.done():
            await running
            raise AssertionError(f"nothing was waited for: {release.steps}")
        await asyncio.sleep(0.01)


async def refused(release: JobRelease, cluster: LocalCluster, words: str) -> None:
    """Expect that the release is refused with this message, and nothing was changed."""
    with pytest.raises(RefusedError, match=words):
        await release.run()
    await until(lambda: statuses(cluster) == {"running"})  # each confirms after a while
    assert len(cluster.scheduler.workers) == 4
    assert release.slurm.cancelled == []


async def test_results_on_two_released_workers_are_copied(
    cluster: LocalCluster, client: Client, going: list[str]
) -> None:
    """dask considers results on two workers safe, even if both workers are to leave."""
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


async def test_running_shuffle_refuses_the_release(
    cluster: LocalCluster, release: JobRelease, going: list[str]
) -> None:
    shuffles: dict[str, Any] = cluster.scheduler.extensions["shuffle"].active_shuffles
    shuffles["one"] = SimpleNamespace(participating_workers={going[0]})
    await refused(release, cluster, "1 shuffle running on job 7 would restart: .*; nothing was changed")
    shuffles["one"] = SimpleNamespace(participating_workers=set(cluster.scheduler.workers) - set(going))
    await release.run()
    assert release.slurm.cancelled == ["7"]


async def test_actor_refuses_the_release(
    cluster: LocalCluster, client: Client, release: JobRelease, going: list[str]
) -> None:
    actor = await client.submit(list, actor=True, workers=going)
    await refused(release, cluster, "1 actor on job 7 would be lost: actors cannot be moved; nothing was changed")
    del actor


async def test_pinned_tasks_refuse_the_release(
    cluster: LocalCluster, client: Client, release: JobRelease, going: list[str]
) -> None:
    started, go_on = Event(client=client), Event(client=client)
    first = client.submit(wait_for, started, go_on, key="first", workers=going[:1])
    await started.wait()
    bound = client.submit(str, first, key="bound", workers=going)
    refusing = asyncio.create_task(refused(release, cluster, rf"1 task can only run on job 7 \(bound\); {BACK}"))
    await until_draining(release, refusing)
    await go_on.set()
    await refusing
    assert await bound == "True"


async def test_seceded_task_is_waited_for(
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
    await until_draining(release, running)
    await go_on.set()
    await running
    assert await future == "all of it"
    assert release.slurm.cancelled == ["7"]


async def test_new_worker_refuses_the_release(cluster: LocalCluster, release: JobRelease, going: list[str]) -> None:
    """For example restarted by a nanny: only the worker itself reports its job."""
    old = [snapshots.worker(str(number), address=address) for number, address in enumerate(going)]
    release.seen = snapshots.snapshot([snapshots.job("7", [snapshots.task([*old, snapshots.worker("late")])])])
    await refused(release, cluster, f"worker late joined job 7 during the release; {BACK}")
    release.seen = snapshots.snapshot([snapshots.job("7", [snapshots.task(old)])])
    await release.run()


async def test_restarted_worker_refuses_the_release(
    cluster: LocalCluster, release: JobRelease, going: list[str]
) -> None:
    def restart(progress: Progress) -> None:
        if progress.step == "release":
            cluster.scheduler.workers[going[0]].status = Status.running

    with pytest.raises(RefusedError, match=f"the worker at {going[0]} has been restarted since"):
        await release.run(restart)
    assert len(cluster.scheduler.workers) == 4
    assert release.slurm.cancelled == []


async def test_failed_scancel_is_reported(release: JobRelease, monkeypatch: pytest.MonkeyPatch) -> None:
    async def cancel(job_ids: Iterable[str]) -> None:
        raise SourceError("scancel: error: Kill job error on job id 7: Access denied")

    monkeypatch.setattr(release.slurm, "cancel", cancel)
    with pytest.raises(
        RefusedError, match="the workers of job 7 have left, but not every job was cancelled: scancel: error: Kill"
    ):
        await release.run()


async def test_busy_worker_gets_the_handler_later(tmp_path: Path) -> None:
    """A task may hold the GIL for seconds; then the handler is installed later."""
    begun = tmp_path / "begun"

    def hold_the_lock(begun: Path) -> str:
        import ctypes

        begun.touch()
        ctypes.PyDLL(None).sleep(4)
        return "all of it"

    with Scheduler() as scheduler, Workers(scheduler.address, "--nthreads", "1", count=2):
        async with Client(scheduler.address, asynchronous=True) as client:
            identity = await client.scheduler.identity(n_workers=-1)
            busy, _ = identity["workers"]
            future = client.submit(hold_the_lock, begun, workers=[busy], allow_other_workers=True)
            await until(begun.exists)
            await JobRelease(scheduler.address, identity["id"], [busy]).run()
            assert await future == "all of it"
