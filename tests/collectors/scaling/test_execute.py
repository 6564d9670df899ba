"""Plans executed on the embedded SLURM, with a `SLURMCluster` in another process."""

import asyncio
import contextlib
import shutil
from collections.abc import Iterator

import pytest

from dasktop.collectors.model.plan import Jobs, Release
from dasktop.collectors.scaling.lease import RefusedError, SchedulerLease
from dasktop.collectors.sources.slurm import outcome_reader as recently_ended_reader
from tests.contract.embedded import EmbeddedCommands
from tests.slurm.missing import missing_programs
from tests.support import plan_execution
from tests.support.scaling_clusters import PROCESSES, SINGLE_PROCESS
from tests.support.waiting import PATIENCE_SECONDS, until

make, notebook, shared = plan_execution.make, plan_execution.notebook, plan_execution.shared

if missing_programs():  # otherwise these run on a real SLURM, in tests/end_to_end/test_execute_real.py
    from tests.support.plan_execution import *  # noqa: F403


@pytest.fixture(scope="module")
def slurm() -> Iterator[EmbeddedCommands]:
    with EmbeddedCommands(kill_wait_seconds=5, min_job_age_seconds=60) as embedded:
        yield embedded


async def test_sbatch_refuses_the_second_job(make, tmp_path):
    cluster = make(1, **SINGLE_PROCESS)
    (tmp_path / "bin").mkdir()
    sbatch = tmp_path / "bin" / "sbatch"
    real = shutil.which("sbatch", path=cluster.environment["PATH"])
    refuse = "echo 'sbatch: error: QOSMaxSubmitJobPerUserLimit' >&2; exit 1"
    sbatch.write_text(f'#!/bin/sh\nif mkdir {tmp_path}/once 2>/dev/null; then exec {real} "$@"; fi\n{refuse}\n')
    sbatch.chmod(0o755)
    cluster.notebook.run(f"import os; os.environ['PATH'] = '{tmp_path}/bin:' + os.environ['PATH']")
    try:
        outcome = await cluster.scale(Jobs(count=3))
    finally:
        cluster.notebook.run("os.environ['PATH'] = os.environ['PATH'].partition(':')[2]")
    (submitted,) = outcome.submitted
    assert not outcome.done
    assert outcome.message == f"submitted 1 of 2 jobs ({submitted}), then: sbatch: error: QOSMaxSubmitJobPerUserLimit"
    assert set(cluster.job_ids.values()) == set(cluster.slurm.queued())
    assert len(cluster.job_ids) == cluster.notebook.value("len(cluster.worker_spec)") == 2


async def test_results_too_large_to_copy_are_kept(make):
    cluster = make(2, **SINGLE_PROCESS)
    holder = min(cluster.job_ids)
    cluster.notebook.run(
        f"w = next(w for w in cluster.scheduler.workers.values() if w.name == {holder!r})\n"
        "futures = client.map(lambda i: bytes(10_000_000), range(9), pure=False, workers=[w.address])\n"
        "wait(futures)\n"
        "limits = {w: w.memory_limit for w in cluster.scheduler.workers.values()}\n"
        "for w in limits: w.memory_limit = 1_000_000"
    )
    try:
        outcome = await cluster.scale(Release(job_ids=(cluster.job_ids[holder],)))
    finally:
        cluster.notebook.run("for w in limits: w.memory_limit = limits[w]\ndel w, limits")
    assert not outcome.done
    assert "9 results" in outcome.message
    assert " free; " in outcome.message
    assert len(cluster.slurm.queued()) == 2


async def test_results_deleted_since_the_plan(make):
    """The plan is based on a snapshot; the scheduler decides."""
    cluster = make(1, **SINGLE_PROCESS)
    cluster.compute(4)
    chosen = await cluster.plan(Jobs(count=0))
    assert chosen.refusal is not None
    assert "4 results" in chosen.refusal
    refused = await cluster.execute(chosen)
    assert not refused.done
    assert "no other worker can take them; nothing was changed" in refused.message
    cluster.release_results()
    assert (await cluster.execute(chosen)).done
    assert not cluster.slurm.queued()


async def test_drain_exceeds_its_timeout(make):
    cluster = make(2)
    cluster.compute(4, seconds=None, wait=False)
    await until(lambda: cluster.started == 4)
    outcome = await cluster.scale(Jobs(count=1), drain_seconds=5)  # meanwhile both workers report what they run
    assert not outcome.done
    assert "2 tasks still running" in outcome.message
    await cluster.wait_until_running(2 * PROCESSES)
    assert len(cluster.slurm.queued()) == len(cluster.job_ids) == 2
    # They do work again: a task that only one of them may run.
    addresses = cluster.notebook.value("list(cluster.scheduler.workers)")
    cluster.end_tasks()
    for address in addresses:
        assert cluster.notebook.value(f"client.submit(abs, -3, pure=False, workers=[{address!r}]).result(60)") == 3


async def test_lock_of_a_killed_dasktop_expires(make):
    cluster = make(2)
    snapshot = await cluster.snapshot()
    gone, other = SchedulerLease(cluster.address, None), SchedulerLease(cluster.address, None)
    assert snapshot.cluster.scheduler_id
    await gone.take(snapshot.cluster.scheduler_id, "somebody", "1 job")
    await gone.stop(tuple(worker.address for job in snapshot.jobs[:1] for task in job.tasks for worker in task.workers))
    assert cluster.statuses.count("closing_gracefully") == PROCESSES
    with pytest.raises(RefusedError, match="somebody has been scaling"):
        await other.take(snapshot.cluster.scheduler_id, "another", "2 jobs")
    await gone.close()
    # Let its lease expire in the scheduler.
    cluster.notebook.run("cluster.scheduler.handlers['dasktop_v1_scale'].held['deadline'] = 0")
    await cluster.wait_until_running(2 * PROCESSES)
    async with asyncio.timeout(PATIENCE_SECONDS):  # the scheduler checks leases at intervals
        while True:
            with contextlib.suppress(RefusedError):
                await other.take(snapshot.cluster.scheduler_id, "another", "2 jobs")
                break
            await asyncio.sleep(0.1)
    with pytest.raises(RefusedError, match="the lock expired"):
        await gone.ask("unfinished")
    await other.ask("end", outcome="done")
    await other.close()
    await gone.close()


async def test_outdated_plan_is_refused(make, monkeypatch):
    def ask(*_: object) -> None:
        raise AssertionError("recently ended jobs do not matter for plans, and each needs a call of slurmctld")

    monkeypatch.setattr(recently_ended_reader, "recently_ended_command", ask)
    cluster = make(2, **SINGLE_PROCESS)
    chosen = await cluster.plan(Jobs(count=1))
    cluster.notebook.run("cluster.scale(jobs=3)")
    await until(lambda: len(cluster.slurm.queued()) == len(cluster.job_ids) == 3)
    outcome = await cluster.execute(chosen)
    assert not outcome.done
    assert "nothing was changed" in outcome.message
    assert len(cluster.slurm.queued()) == 3
