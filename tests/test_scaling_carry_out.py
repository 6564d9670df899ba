"""Plans carried out on the embedded SLURM and the real one, on a `SLURMCluster` that lives in another process."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dasktop.collectors.model import Adaptive
from dasktop.collectors.scaling.hold import Hold, RefusedError
from dasktop.collectors.scaling.model import Adapt, Jobs, Release, ReplaceLost
from tests.notebook import Notebook
from tests.scaling_clusters import (
    BOTH,
    IMPORTS,
    PATIENCE_SECONDS,
    PROCESSES,
    Cluster,
    embedded_only,
    slurm_of,
    until,
)
from tests.slurm.commands import SlurmCommands


@pytest.fixture(scope="module", params=BOTH)
def slurm(request: pytest.FixtureRequest) -> Iterator[SlurmCommands]:
    yield from slurm_of(request)


@pytest.fixture(scope="module")
def notebook(slurm: SlurmCommands, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    with Notebook(slurm.environment, tmp_path_factory.mktemp("notebook")) as notebook:
        notebook.run(IMPORTS)
        yield notebook


@pytest.fixture
def make(slurm: SlurmCommands, notebook: Notebook, tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    made: list[Cluster] = []

    def make(jobs: int, settings: str = f"processes={PROCESSES}") -> Cluster:
        cluster = Cluster(slurm, notebook, tmp_path, jobs, settings)
        made.append(cluster)
        return cluster

    try:
        yield make
    finally:
        for cluster in made:
            cluster.close()
        slurm.cancel_all()


async def test_no_result_is_computed_again(make):
    cluster = make(3)
    cluster.compute(600)
    before = cluster.job_ids
    outcome = await cluster.scale(Jobs(count=1))
    assert outcome.done, outcome.message
    assert cluster.started_twice() == 0
    assert len(cluster.slurm.queued()) == 1
    # The notebook's own object agrees, and scales on.
    (kept,) = cluster.job_ids.items()
    assert cluster.slurm.queued() == [kept[1]]
    assert set(outcome.released) == set(before.values()) - {kept[1]}
    assert cluster.notebook.value("list(cluster.worker_spec)") == [kept[0]]
    assert cluster.notebook.value("cluster.plan == cluster.requested == cluster.observed")
    assert len(cluster.statuses) == PROCESSES
    assert [event["action"] for event in cluster.events] == ["begun", "ended"]
    assert [json.loads(line)["event"] for line in cluster.log.read_text().splitlines()] == ["begun", "done"]


async def test_what_dask_itself_loses(make):
    """Beside the test above: `scale` hands names where addresses are wanted (distributed #4532)."""
    cluster = make(3)
    cluster.compute(600)
    cluster.notebook.run("cluster.scale(jobs=1)")
    cluster.wait_for_workers(PROCESSES)
    lost = cluster.started_twice()
    print(f"stock cluster.scale(jobs=1): {lost} of 600 results computed again")
    assert lost > 0


# Without `processes=`, dask-jobqueue makes as many of 2 cores by itself, and sets no group.
@pytest.mark.parametrize("settings", [f"processes={PROCESSES}", ""], ids=["group", "no group"])
async def test_no_running_task_is_started_twice(make, settings):
    cluster = make(3, settings)
    cluster.compute(200, seconds=0.5, wait=False)
    await until(lambda: len(cluster.runs.read_text().split()) > 10)
    outcome = await cluster.scale(Jobs(count=1))
    assert outcome.done, outcome.message
    assert cluster.started_twice() == 0
    assert cluster.step_was("drain")
    assert len(cluster.slurm.queued()) == len(cluster.job_ids) == 1


@embedded_only
async def test_a_chosen_job_is_the_one_that_goes(make):
    cluster = make(2)
    cluster.compute(50)
    chosen = cluster.job_ids["SLURMCluster-0"]
    outcome = await cluster.scale(Release(job_ids=(chosen,)))
    assert outcome.done, outcome.message
    assert outcome.released == (chosen,)
    assert set(cluster.job_ids) == {"SLURMCluster-1"}
    assert cluster.started_twice() == 0


async def test_growing_through_the_owner(make):
    cluster = make(1)
    outcome = await cluster.scale(Jobs(count=3))
    assert outcome.done, outcome.message
    assert len(outcome.submitted) == 2
    assert set(outcome.submitted) < set(cluster.job_ids.values()) == set(cluster.slurm.queued())
    cluster.wait_for_workers(3 * PROCESSES)


async def test_sbatch_refuses(make):
    cluster = make(1)
    cluster.notebook.run("cluster.new_spec['options']['queue'] = 'nowhere'")
    outcome = await cluster.scale(Jobs(count=2))
    assert not outcome.done
    assert outcome.message.startswith("sbatch: error:")
    assert "partition" in outcome.message
    assert outcome.submitted == ()
    # Nothing half done: the owner counts what there is.
    assert len(cluster.job_ids) == cluster.notebook.value("len(cluster.worker_spec)") == 1


@embedded_only
async def test_sbatch_refuses_the_second(make, tmp_path):
    cluster = make(1)
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


async def test_a_lost_job_is_replaced(make):
    cluster = make(2)
    lost = cluster.job_ids["SLURMCluster-0"]
    cluster.slurm.run("scancel", lost)
    cluster.wait_for_workers(PROCESSES)
    await until(lambda: lost not in cluster.slurm.queued())
    cluster.notebook.run("cluster.scale(jobs=2)")  # which doesn't see it: distributed #9102
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (chosen := await cluster.plan(ReplaceLost())).replace:  # noqa: ASYNC110 - accounting is late
            await asyncio.sleep(0.5)
    assert len(cluster.slurm.queued()) == 1
    outcome = await cluster.carry_out(chosen)
    assert outcome.done, outcome.message
    assert len(cluster.slurm.queued()) == 2
    cluster.wait_for_workers(2 * PROCESSES)
    assert set(cluster.job_ids.values()) == set(cluster.slurm.queued())
    assert cluster.notebook.value("cluster.plan == cluster.requested == cluster.observed")
    # The same plan again doesn't fit any more.
    again = await cluster.carry_out(chosen)
    assert not again.done
    assert len(cluster.slurm.queued()) == 2


async def test_results_that_nobody_else_can_hold_are_kept(make):
    cluster = make(1)
    cluster.compute(20)
    outcome = await cluster.scale(Jobs(count=0))
    assert not outcome.done
    assert "20 results" in outcome.message
    assert "no other worker" in outcome.message
    assert cluster.statuses == ["running"] * PROCESSES
    assert len(cluster.slurm.queued()) == len(cluster.job_ids) == 1
    assert not cluster.step_was("stop new tasks")
    assert cluster.started_twice() == 0
    assert cluster.events[-1]["outcome"] == outcome.message


@embedded_only
async def test_results_too_large_for_the_others_are_kept(make):
    cluster = make(2)
    cluster.notebook.run(
        "w = next(w for w in cluster.scheduler.workers.values() if w.name.startswith('SLURMCluster-0'))\n"
        "futures = client.map(lambda i: bytes(10_000_000), range(9), pure=False, workers=[w.address])\n"
        "wait(futures)\n"
        "for w in cluster.scheduler.workers.values(): w.memory_limit = 1_000_000"
    )
    outcome = await cluster.scale(Release(job_ids=(cluster.job_ids["SLURMCluster-0"],)))
    assert not outcome.done
    assert "9 results" in outcome.message
    assert "room" in outcome.message
    assert len(cluster.slurm.queued()) == 2


@embedded_only
async def test_a_drain_that_takes_too_long(make):
    cluster = make(2)
    cluster.compute(4, seconds=20, wait=False)
    await until(lambda: len(cluster.runs.read_text().split()) == 4)
    outcome = await cluster.scale(Jobs(count=1), drain_seconds=1)
    assert not outcome.done
    assert "2 tasks still running" in outcome.message
    assert cluster.statuses == ["running"] * 2 * PROCESSES
    assert len(cluster.slurm.queued()) == len(cluster.job_ids) == 2
    # They do work again: a task that only one of them may run.
    addresses = cluster.notebook.value("list(cluster.scheduler.workers)")
    cluster.notebook.run("client.cancel(futures)")
    for address in addresses:
        assert cluster.notebook.value(f"client.submit(abs, -3, pure=False, workers=[{address!r}]).result(60)") == 3


async def test_an_interrupted_drain_gives_the_workers_back(make):
    cluster = make(2)
    cluster.compute(4, seconds=5, wait=False)
    await until(lambda: len(cluster.runs.read_text().split()) == 4)
    carrying = asyncio.create_task(cluster.scale(Jobs(count=1)))
    await until(lambda: cluster.step_was("drain"))
    assert "closing_gracefully" in cluster.statuses
    carrying.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await carrying
    assert carrying.cancelled()
    assert cluster.statuses == ["running"] * 2 * PROCESSES
    assert len(cluster.job_ids) == 2
    assert cluster.started_twice() == 0
    assert cluster.events[-1]["outcome"] == "interrupted"
    assert json.loads(cluster.log.read_text().splitlines()[-1])["event"] == "interrupted"
    # The lock is free again.
    assert (await cluster.scale(Jobs(count=1))).done


@embedded_only
async def test_one_at_a_time_also_across_two_dasktops(make):
    cluster = make(2)
    cluster.compute(4, seconds=5, wait=False)
    await until(lambda: len(cluster.runs.read_text().split()) == 4)
    first = asyncio.create_task(cluster.scale(Jobs(count=1)))
    await until(lambda: cluster.step_was("drain"))
    second = await cluster.scale(Jobs(count=3))
    assert not second.done
    assert "is scaling this cluster" in second.message
    assert (await first).done
    assert len(cluster.slurm.queued()) == 1


@embedded_only
async def test_the_lock_of_one_who_has_gone_runs_out(make):
    cluster = make(2)
    snapshot = await cluster.snapshot()
    gone, other = Hold(cluster.address, None), Hold(cluster.address, None)
    assert snapshot.cluster.scheduler_id
    await gone.take(snapshot.cluster.scheduler_id, "somebody", "1 job")
    await gone.stop(tuple(worker.address for job in snapshot.jobs[:1] for task in job.tasks for worker in task.workers))
    assert cluster.statuses.count("closing_gracefully") == PROCESSES
    with pytest.raises(RefusedError, match="somebody is scaling"):
        await other.take(snapshot.cluster.scheduler_id, "another", "2 jobs")
    await gone.close()
    # Its time is over: let the scheduler's clock for it say so.
    cluster.notebook.run("cluster.scheduler.handlers['dasktop_v1_scale'].held['deadline'] = 0")
    await until(lambda: cluster.statuses == ["running"] * 2 * PROCESSES)
    await other.take(snapshot.cluster.scheduler_id, "another", "2 jobs")
    with pytest.raises(RefusedError, match="lock was given up"):
        await gone.ask("unfinished")
    await other.ask("end", outcome="done")
    await other.close()
    await gone.close()


@embedded_only
async def test_a_plan_that_no_longer_fits(make):
    cluster = make(2)
    chosen = await cluster.plan(Jobs(count=1))
    cluster.notebook.run("cluster.scale(jobs=3)")
    await until(lambda: len(cluster.slurm.queued()) == 3)
    outcome = await cluster.carry_out(chosen)
    assert not outcome.done
    assert "nothing was changed" in outcome.message
    assert len(cluster.slurm.queued()) == 3


async def test_adaptive_on_re_bounded_and_off(make):
    cluster = make(1, "")
    assert (await cluster.scale(Adapt(bounds=Adaptive(minimum=2, maximum=3)))).done
    cluster.wait_for_workers(2 * PROCESSES)
    cluster.notebook.run("adaptive = cluster._adaptive")
    assert cluster.notebook.value("(adaptive.minimum, adaptive.maximum)") == [2 * PROCESSES, 3 * PROCESSES]
    # dask-jobqueue set no group, which would let it submit and cancel for ever (dask-jobqueue #498).
    assert cluster.notebook.value("cluster.plan == cluster.requested == cluster.observed")
    assert (await cluster.scale(Adapt(bounds=Adaptive(minimum=1, maximum=None)))).done
    assert cluster.notebook.value("cluster._adaptive is adaptive")
    assert cluster.notebook.value("(adaptive.minimum, adaptive.maximum == float('inf'))") == [PROCESSES, True]
    outcome = await cluster.scale(Adapt(bounds=None))
    assert outcome.done, outcome.message
    assert cluster.notebook.value("adaptive.periodic_callback is None")


@embedded_only
async def test_the_scheduler_goes_away_in_the_middle(make, slurm, tmp_path):
    with Notebook(slurm.environment, tmp_path) as notebook:
        notebook.run(IMPORTS)
        cluster = Cluster(slurm, notebook, tmp_path, 2, f"processes={PROCESSES}")
        cluster.compute(4, seconds=60, wait=False)
        await until(lambda: len(cluster.runs.read_text().split()) == 4)
        carrying = asyncio.create_task(cluster.scale(Jobs(count=1)))
        await until(lambda: cluster.step_was("drain"))
        notebook.kill()
        outcome = await carrying
    assert not outcome.done
    assert "nobody answers" in outcome.message or "closed the connection" in outcome.message
    assert "go back to work by themselves" in outcome.message
    slurm.cancel_all()
