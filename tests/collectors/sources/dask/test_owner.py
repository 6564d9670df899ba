"""The owner: the cluster object in the scheduler's own process, its jobs, and its adaptive bounds."""

from collections.abc import AsyncIterator
from typing import Any

import dask.config
import pytest
from dask_jobqueue.slurm import SLURMCluster, SLURMJob
from distributed import LocalCluster, Scheduler, SpecCluster
from distributed.deploy.spec import ProcessInterface

from dasktop.collectors.model.snapshot import Adaptive, Owner
from dasktop.collectors.sources.dask.collector import DaskCollector
from tests.support.dask_processes import read_until


class SubmittedJob(SLURMJob):
    """A job that seems to be submitted, without SLURM."""

    next_id = 4700

    async def _submit_job(self, script_filename: str) -> str:
        SubmittedJob.next_id += 1
        return f"Submitted batch job {SubmittedJob.next_id}"

    @classmethod
    async def _close_job(cls, job_id: str, cancel_command: str) -> None:
        """Do nothing: there is nothing to cancel."""


class SubmittingCluster(SLURMCluster):
    """A SLURMCluster whose jobs are always accepted."""

    job_cls = SubmittedJob


class RefusedJob(SLURMJob):
    """A job that SLURM refuses, unless its number is in `taken`."""

    taken: frozenset[str] = frozenset()

    async def _submit_job(self, script_filename: str) -> str:
        if self.name in self.taken:
            return "Submitted batch job 4711"
        raise RuntimeError("sbatch: error: Invalid directive found in batch script: words")

    @classmethod
    async def _close_job(cls, job_id: str, cancel_command: str) -> None:
        """Do nothing: there is nothing to cancel."""


class RefusedCluster(SLURMCluster):
    """A SLURMCluster with some jobs that are refused."""

    job_cls = RefusedJob


def slurm_cluster(**settings: Any) -> SLURMCluster:
    options = {"host": "127.0.0.1", "dashboard_address": ":0"}
    return SubmittingCluster(asynchronous=True, scheduler_options=options, **settings)


async def owner_of(address: str) -> Owner | None:
    collector = DaskCollector(address)
    reading = await collector.read()
    await collector.close()
    return reading.cluster.owner


async def test_jobs_and_their_size() -> None:
    async with slurm_cluster(cores=12, memory="16GB", processes=4) as cluster:
        cluster.scale(jobs=3)
        await cluster
        owner = await owner_of(cluster.scheduler_address)
        job_ids = {name: job.job_id for name, job in cluster.workers.items()}
    assert owner is not None
    assert (owner.class_name, owner.name) == ("SubmittingCluster", cluster.name)
    assert (owner.cores_per_job, owner.memory_per_job_bytes, owner.processes_per_job) == (12, 16_000_000_000, 4)
    assert owner.job_ids == job_ids
    assert set(owner.wanted or ()) == set(job_ids)
    assert owner.not_submitted == ()
    assert len(job_ids) == 3
    assert all(job_id.isdigit() for job_id in owner.job_ids.values())
    assert owner.host
    assert owner.pid
    assert owner.adaptive is None


async def test_jobs_that_slurm_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RefusedJob, "taken", frozenset({"RefusedCluster-1"}))
    options = {"host": "127.0.0.1", "dashboard_address": ":0"}
    cluster = RefusedCluster(cores=1, memory="1GB", asynchronous=True, scheduler_options=options, job_name="two words")
    async with cluster:
        cluster.scale(jobs=2)
        with pytest.raises(RuntimeError, match="Invalid directive"):
            await cluster._correct_state()
        collector = DaskCollector(cluster.scheduler_address)
        reading = await collector.read()
        await collector.close()
        for name in list(cluster.workers):  # which closing would trip over
            cluster._created.discard(cluster.workers.pop(name))
        cluster.worker_spec.clear()
    owner = reading.cluster.owner
    assert owner is not None
    assert (owner.wanted, owner.not_submitted) == (("RefusedCluster-0", "RefusedCluster-1"), ("RefusedCluster-0",))
    assert owner.job_ids == {"RefusedCluster-1": "4711"}
    assert reading.refused_script is not None
    assert "#SBATCH -J two words\n" in reading.refused_script


async def test_size_from_yaml_before_the_first_job() -> None:
    with dask.config.set({"jobqueue.slurm.cores": 6, "jobqueue.slurm.memory": "3GiB", "jobqueue.slurm.processes": 2}):
        async with slurm_cluster() as cluster:
            owner = await owner_of(cluster.scheduler_address)
    assert owner is not None
    assert (owner.cores_per_job, owner.memory_per_job_bytes, owner.processes_per_job) == (6, 3 * 2**30, 2)
    assert owner.job_ids == {}


async def test_processes_chosen_by_dask_jobqueue() -> None:
    async with slurm_cluster(cores=12, memory="16GB") as cluster:
        owner = await owner_of(cluster.scheduler_address)
    assert owner is not None
    assert owner.processes_per_job == 4


async def test_adaptive_bounds_while_running() -> None:
    async with slurm_cluster(cores=2, memory="1GB") as cluster:
        collector = DaskCollector(cluster.scheduler_address)
        cluster.adapt(minimum=0, maximum=7)
        reading = await read_until(collector, lambda seen: bool(seen.cluster.owner and seen.cluster.owner.adaptive))
        assert reading.cluster.owner
        assert reading.cluster.owner.adaptive == Adaptive(minimum=0, maximum=7)
        cluster.adapt(minimum=2)
        await read_until(collector, lambda seen: _bounds(seen.cluster.owner) == Adaptive(minimum=2, maximum=None))
        cluster._adaptive.stop()
        assert _bounds((await collector.read()).cluster.owner) is None
        await collector.close()


def _bounds(owner: Owner | None) -> Adaptive | None:
    assert owner
    return owner.adaptive


async def test_jobs_that_come_and_go() -> None:
    async with slurm_cluster(cores=1, memory="1GB") as cluster:
        collector = DaskCollector(cluster.scheduler_address)
        for jobs in (1, 3, 0, 2):
            cluster.scale(jobs=jobs)
            await cluster
            await read_until(
                collector,
                lambda seen, jobs=jobs: len(seen.cluster.owner.job_ids) == jobs,  # type: ignore[misc] # bound now
            )
        await collector.close()


@pytest.fixture
async def local_cluster() -> AsyncIterator[LocalCluster]:
    async with LocalCluster(
        n_workers=1, processes=False, protocol="tcp://", dashboard_address=":0", asynchronous=True
    ) as cluster:
        yield cluster


async def test_local_cluster_has_no_jobs(local_cluster: LocalCluster) -> None:
    owner = await owner_of(local_cluster.scheduler_address)
    assert owner is not None
    assert (owner.class_name, owner.job_ids) == ("LocalCluster", {})
    assert owner.wanted is None
    assert (owner.cores_per_job, owner.memory_per_job_bytes, owner.processes_per_job) == (None, None, None)


async def test_cluster_owns_only_its_scheduler(local_cluster: LocalCluster) -> None:
    async with Scheduler(host="127.0.0.1", port=0, dashboard_address=":0") as other:
        assert await owner_of(other.address) is None
        assert (await owner_of(local_cluster.scheduler_address)) is not None


class UnusualJob(ProcessInterface):
    """Similar to a job, with invalid settings."""

    worker_processes = "four"
    worker_cores = float("inf")
    worker_memory = -1
    job_id = "47\x1b[31m11"


async def test_unusual_owner_is_tolerated() -> None:
    async with SpecCluster(
        scheduler={"cls": Scheduler, "options": {"host": "127.0.0.1", "port": 0, "dashboard_address": ":0"}},
        workers={("odd", "\u202ename"): {"cls": UnusualJob}},
        asynchronous=True,
    ) as cluster:
        owner = await owner_of(cluster.scheduler_address)
    assert owner is not None
    assert (owner.cores_per_job, owner.memory_per_job_bytes, owner.processes_per_job) == (None, None, None)
    ((name, job_id),) = owner.job_ids.items()
    assert name.isprintable()
    assert job_id == "47 [31m11"
