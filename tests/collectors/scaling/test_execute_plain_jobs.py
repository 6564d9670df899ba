"""Plans executed without a cluster object: workers from plain ``sbatch`` scripts, and errors of SLURM's commands."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from distributed import Client

from dasktop.collectors.model.errors import PlanError
from dasktop.collectors.model.plan import Jobs, Outcome, Progress, Release, ScalePlan
from dasktop.collectors.runtime.execute import execute
from dasktop.collectors.scaling.plan import plan
from dasktop.collectors.sources.dask.scheduler_file import address_from_scheduler_file
from tests.slurm.commands import SlurmCommands
from tests.support.dask_processes import Scheduler, is_complete
from tests.support.scaling_clusters import ANY_SLURM, SbatchWorkers, embedded_only, slurm_of
from tests.support.waiting import PATIENCE_SECONDS, until


@pytest.fixture(scope="module", params=ANY_SLURM)
def slurm(request: pytest.FixtureRequest) -> Iterator[SlurmCommands]:
    yield from slurm_of(request)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[Scheduler]:
    with Scheduler() as scheduler:
        yield scheduler


@pytest.fixture
async def plain(slurm: SlurmCommands, scheduler: Scheduler, tmp_path: Path) -> AsyncIterator[SbatchWorkers]:
    plain = SbatchWorkers(slurm, scheduler.address, tmp_path)
    yield plain
    await plain.cancel_all()


async def test_plain_jobs_scale_up_and_down(plain):
    first = plain.submit("mine")
    async with Client(plain.address, asynchronous=True) as client:
        await client.wait_for_workers(1, PATIENCE_SECONDS)
        outcome = await plain.scale(Jobs(count=3))
        assert outcome.done, outcome.message
        assert {first, *outcome.submitted} == set(plain.slurm.queued())
        assert len(outcome.submitted) == 2
        await client.wait_for_workers(3, PATIENCE_SECONDS)
        shown = plain.slurm.run("squeue", "--noheader", "--format=%j %m")
        assert set(shown.splitlines()) == {"plain 500M"}  # options of sbatch that are not in the script
        futures = await plain.compute(client)
        outcome = await plain.scale(Jobs(count=1))
        assert outcome.done, outcome.message
        assert len(plain.slurm.queued()) == 1
        assert await client.gather(futures) == list(range(50))
        assert len(plain.runs.read_text().split()) == 50


@embedded_only
async def test_interrupted_release_is_finished(plain):
    plain.submit("7", "--no-nanny")  # to dask a number, as the names that dask-jobqueue's runners give
    plain.submit("dask-worker--$SLURM_JOB_ID---0")  # as dask-jobqueue named workers up to 0.6
    async with Client(plain.address, asynchronous=True) as client:
        await client.wait_for_workers(2, PATIENCE_SECONDS)
        futures = await plain.compute(client)

        def interrupt(progress: Progress) -> None:
            if progress.step == "release":
                executing.cancel()

        executing = asyncio.create_task(plain.scale(Jobs(count=1), interrupt))
        await asyncio.wait([executing])
        assert executing.cancelled(), executing.result()
        await until(lambda: len(plain.slurm.queued()) == 1)
        assert await client.gather(futures) == list(range(50))
        assert len(plain.runs.read_text().split()) == 50


async def test_failing_sbatch_and_squeue(plain):
    job_id = plain.submit("mine", "--no-nanny")
    await plain.wait_for_workers(1)
    up, down = await plain.plan(Jobs(count=3)), await plain.plan(Jobs(count=0))

    async def carried_out(plan: ScalePlan, environment: dict[str, str], patience: float = 20.0) -> Outcome:
        options = plain.options(patience)
        return await execute(plan, plain.address, options, lambda _: None, environment=environment)

    outcome = await carried_out(down, plain.with_fake_command("squeue", "sleep 60"), 1.0)
    assert (outcome.done, outcome.message) == (
        False,
        "the jobs in the queue are unknown: squeue did not answer within 1 s; nothing was changed",
    )
    # SLURM's other commands do answer, but may have to wait for a core.
    outcome = await carried_out(up, plain.with_fake_command("sbatch", "sleep 60"), 10.0)
    assert (outcome.done, outcome.message) == (
        False,
        "sbatch did not answer within 10 s; check with squeue whether the job was submitted",
    )
    assert plain.slurm.queued() == [job_id]

    # It takes one, and refuses the next.
    once = plain.runs.parent / "once"
    sbatch = shutil.which("sbatch", path=plain.environment["PATH"])
    refuse = "echo 'sbatch: error: QOSMaxSubmitJobPerUserLimit' >&2; exit 1"
    outcome = await carried_out(
        up, plain.with_fake_command("sbatch", f'mkdir {once} 2>/dev/null && exec {sbatch} "$@"; {refuse}')
    )
    (submitted,) = outcome.submitted
    assert outcome.message == f"submitted 1 of 2 jobs ({submitted}), then: sbatch: error: QOSMaxSubmitJobPerUserLimit"
    assert set(plain.slurm.queued()) == {job_id, submitted}


async def test_job_of_the_scheduler_stays(slurm, tmp_path):
    """A script that starts a scheduler and its workers: releasing it would end all, a second one is another cluster."""
    file = tmp_path / "scheduler.json"
    dask = f"{sys.executable} -m dask"
    start = f"{dask} scheduler --host 127.0.0.1 --port 0 --no-dashboard --scheduler-file {file} &"
    job_id = slurm.submit(
        f"{start}\nexec {dask} worker --scheduler-file {file} --nthreads 1 --no-dashboard", "--mem=500"
    )
    await until(lambda: is_complete(file))
    plain = SbatchWorkers(slurm, address_from_scheduler_file(str(file)), tmp_path)
    await plain.wait_for_workers(1)
    seen = await plain.snapshot()
    for target in (Release(job_ids=(job_id,)), Jobs(count=0), Jobs(count=2)):
        with pytest.raises(PlanError, match=f"job {job_id} runs the scheduler itself"):
            plan(seen, target)
    slurm.cancel_all()


@embedded_only
async def test_unwritable_log_is_reported(plain, tmp_path):
    plain.submit("mine", "--no-nanny")
    async with Client(plain.address, asynchronous=True) as client:
        await client.wait_for_workers(1, PATIENCE_SECONDS)
        (tmp_path / "state").write_text("not a folder")
        outcome = await plain.scale(Jobs(count=2))
        assert outcome.done
        assert "actions.log: Not a directory" in outcome.message
