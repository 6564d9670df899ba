"""Workers on a real SLURM whose environment variables are misleading are matched to the right job."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from dasktop.collectors.analysis.findings import Thresholds
from dasktop.collectors.model.jobs import workers_with_jobs
from dasktop.collectors.model.options import Options
from dasktop.collectors.model.snapshot import Snapshot, Worker
from dasktop.collectors.runtime.poller import Poller
from tests.slurm.commands import SlurmCommands
from tests.support.dask_processes import PATIENCE_SECONDS, Scheduler

NAMES = {"salloc", "passed-on", "het"}


class Seen(NamedTuple):
    snapshot: Snapshot
    passed_on_job: str
    salloc_job: str

    def placement(self, name: str) -> tuple[str | None, str | None, Worker]:
        """Return the job and the step of a worker, and the worker."""
        steps = {
            worker.address: task.step_id for job in self.snapshot.jobs for task in job.tasks for worker in task.workers
        }
        (found,) = [(job, worker) for job, worker in workers_with_jobs(self.snapshot) if worker.name == name]
        job, worker = found
        return job.job_id if job is not None else None, steps.get(worker.address), worker


@pytest.fixture(scope="module")
def scene(real_slurm: SlurmCommands, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scheduler, Path]]:
    """Three workers: in a salloc shell, in an sbatch job submitted from a step, in component 1 of a het job."""
    folder = tmp_path_factory.mktemp("places")
    with Scheduler() as scheduler:
        worker = f"{sys.executable} -m dask worker {scheduler.address} --no-nanny --no-dashboard --nthreads 1"
        inner = folder / "inner.sh"
        inner.write_text(f"#!/bin/sh\necho $SLURM_JOB_ID > {folder}/inner\nexec {worker} --name passed-on\n")
        shell = f"echo $SLURM_JOB_ID > {folder}/salloc; exec {worker} --name salloc"
        het = f"srun --het-group=1 {worker} --name het"
        started = [
            subprocess.Popen(
                command,
                cwd=real_slurm.work,
                env=real_slurm.environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for command in (
                ("salloc", "--cpus-per-task=4", "sh", "-c", shell),
                ("salloc", "--ntasks=1", ":", "--ntasks=1", "sh", "-c", het),
                ("srun", "--ntasks=1", "sbatch", f"--output={folder}/inner.log", str(inner)),
            )
        ]
        try:
            yield scheduler, folder
        finally:
            scheduler.stop()  # ends its workers, for which salloc waits
            # Before the jobs are cancelled: if its command ends just when its job does, salloc 22.05 waits forever.
            for process in started:
                process.wait(PATIENCE_SECONDS)
            real_slurm.cancel_all()


@pytest.fixture
async def seen(real_slurm: SlurmCommands, scene: tuple[Scheduler, Path]) -> Seen:
    scheduler, folder = scene
    poller = Poller(Options(address=scheduler.address, thresholds=Thresholds()), real_slurm.environment)
    poller.attach_to(scheduler.address)
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            await poller.poll_everything()
            snapshot = poller.snapshot()
            placed = {
                w.name for _, w in workers_with_jobs(snapshot) if w.evidence is not None or w.outside_slurm is not None
            }
            if placed >= NAMES:
                break
            assert time.monotonic() < deadline, f"timed out waiting for {NAMES - placed}"
    finally:
        await poller.close()
    return Seen(snapshot, (folder / "inner").read_text().strip(), (folder / "salloc").read_text().strip())


async def test_worker_in_salloc_shell_is_outside_slurm(seen: Seen) -> None:
    job_id, _, worker = seen.placement("salloc")
    assert (job_id, worker.outside_slurm, worker.inherited_job_id) == (None, True, seen.salloc_job)
    (finding,) = [one for one in seen.snapshot.findings if one.code == "worker-outside-slurm"]
    assert finding.job_id == seen.salloc_job
    assert "outside SLURM, although its environment names job" in finding.message


async def test_inherited_step_id_is_ignored(seen: Seen) -> None:
    assert seen.placement("passed-on")[:2] == (seen.passed_on_job, "batch")


async def test_worker_of_het_component_has_its_job(seen: Seen) -> None:
    job_id, step_id, _ = seen.placement("het")
    (job,) = [job for job in seen.snapshot.jobs if job.job_id == job_id]
    assert (job.het_job_id not in (None, job.job_id), step_id) == (True, "0")
