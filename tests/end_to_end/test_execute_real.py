"""Plan execution on a real SLURM, also with limits, other users and het jobs, which the embedded one lacks."""

import os
import subprocess
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.errors import PlanError
from dasktop.collectors.model.plan import Jobs, Release
from dasktop.collectors.runtime.execute import execute
from dasktop.collectors.scaling.plan import plan
from tests.slurm.commands import SlurmCommands
from tests.support.dask_processes import Scheduler
from tests.support.forked_python import forked_python
from tests.support.plan_execution import *  # noqa: F403
from tests.support.scaling_clusters import SbatchWorkers
from tests.support.waiting import PATIENCE_SECONDS

# These depend on dask only, and a cluster on a real SLURM starts slowly.
del test_scale_of_dask_loses_results, test_results_without_other_worker_are_kept  # noqa: F821
del test_workers_resume_after_interrupted_drain, test_second_dasktop_is_refused  # noqa: F821
del test_scheduler_ends_during_the_execution  # noqa: F821


OTHER_USER = "daemon"
"""A user that exists everywhere. Not nobody: it has no account in 26.05."""


@pytest.fixture(scope="module")
def slurm(real_slurm: SlurmCommands) -> Iterator[SlurmCommands]:
    yield real_slurm
    real_slurm.cancel_all()


async def test_limit_of_jobs_ends_the_execution(make):
    cluster = make(1, "processes=2, job_extra_directives=['--qos=few']")
    outcome = await cluster.scale(Jobs(count=4))
    (submitted,) = outcome.submitted
    assert not outcome.done
    assert outcome.message.startswith(f"submitted 1 of 3 jobs ({submitted}), then: sbatch: error: ")
    assert "QOSMaxSubmitJobPerUserLimit" in outcome.message
    # Nothing is half done: the owner counts the existing jobs, and can scale.
    assert set(cluster.job_ids.values()) == set(cluster.slurm.queued())
    assert cluster.notebook.value("len(cluster.worker_spec)") == 2
    # A plan is outdated when workers of a job have registered since.
    cluster.wait_for_workers(2 * 2)
    outcome = await cluster.scale(Jobs(count=1))
    assert outcome.done, outcome.message


@pytest.fixture
def plain(slurm, shared, tmp_path):
    close_all(shared)  # noqa: F405
    with Scheduler() as scheduler:
        yield SbatchWorkers(slurm, scheduler.address, tmp_path)
        slurm.cancel_all()


@pytest.fixture
def job_of_another(plain, tmp_path):
    """A job of another user, and a worker that claims to run in it."""
    slurm = plain.slurm
    slurm.attempt("sacctmgr", "--immediate", "add", "user", OTHER_USER, "account=lab", "defaultaccount=lab")
    # Run as that user, since newer versions refuse sbatch --uid (seen with 24.11).
    command = ["sbatch", "--parsable", "--chdir=/", "--output=/dev/null", "--mem=100", "--wrap=sleep 300"]
    job_id = subprocess.check_output(command, env=slurm.environment, cwd="/", user=OTHER_USER, text=True).strip()
    slurm.wait_for(job_id, "RUNNING")
    command = [forked_python(), "-m", "dask", "worker", plain.address, "--no-nanny", "--no-dashboard"]
    environment = plain.environment | {"SLURM_JOB_ID": job_id, "SLURM_PROCID": "0"}
    worker = subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL)
    yield job_id
    worker.terminate()
    worker.wait(PATIENCE_SECONDS)
    slurm.run("scancel", job_id)


@pytest.mark.skipif(os.getuid() != 0, reason="only root submits jobs for others")
@pytest.mark.parametrize(
    ("user", "why"),
    [
        (None, "is no longer in the queue"),  # only jobs of root are requested
        (OTHER_USER, "does not belong to root"),
    ],
)
async def test_jobs_of_other_users_are_refused(plain, job_of_another, user, why):
    await plain.wait_for_workers(1)
    options = replace(plain.options(), user=user)
    seen = await plain.snapshot(options)
    assert [job.job_id for job in seen.jobs if job.evidence] == [job_of_another]
    release = Release(job_ids=(job_of_another,))
    if user is not None:
        for target in (release, Jobs(count=0), Jobs(count=2)):
            with pytest.raises(
                PlanError, match=f"job {job_of_another} belongs to {OTHER_USER}: dasktop changes only jobs of root"
            ):
                plan(seen, target, "root")
    outcome = await execute(plan(seen, release), plain.address, options, lambda _: None, environment=plain.environment)
    assert (outcome.done, outcome.message) == (False, f"job {job_of_another} {why}; nothing was changed")
    assert plain.slurm.states(job_of_another) == {"RUNNING"}


async def test_one_array_task_is_released_alone(plain):
    """Also the last one, whose raw id is the array's own."""
    worker = f"{forked_python()} -m dask worker {plain.address} --nthreads 1 --no-dashboard --no-nanny"
    array = plain.slurm.submit(f"exec {worker} --name part-$SLURM_ARRAY_TASK_ID", "--array=0-2", "--mem=500")
    await plain.wait_for_workers(3)
    jobs = {(job.array_task_id, job.job_id) for job in (await plain.snapshot()).jobs if job.evidence}
    assert len(jobs) == 3
    last = next(task for task, job_id in jobs if job_id == array)
    outcome = await plain.scale(Release(job_ids=(f"{array}_{last}",)))
    assert outcome.done, outcome.message
    left = plain.slurm.run("squeue", "--noheader", "--format=%i %T").splitlines()
    assert sorted(left) == sorted(f"{array}_{task} RUNNING" for task, _ in jobs if task != last)
    plain.slurm.run("scancel", array)  # 22.05 no longer knows the others by their raw ids


async def test_het_job_component_is_not_released(plain):
    command = f"exec {forked_python()} -m dask worker {plain.address} --nthreads 1 --no-dashboard --no-nanny"
    job_id = plain.slurm.submit(f"#!/bin/sh\n#SBATCH --mem=500\n#SBATCH hetjob\n#SBATCH --mem=500\n{command}\n")
    await plain.wait_for_workers(1)
    outcome = await plain.scale(Release(job_ids=(job_id,)))
    assert not outcome.done
    assert "part of a heterogeneous job, which can only be released as a whole" in outcome.message
    assert plain.slurm.run("squeue", "--noheader", "--format=%T").split() == ["RUNNING", "RUNNING"]
