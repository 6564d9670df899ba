"""A job that failed before dasktop was started, on a real SLURM: its script names its cluster."""

import asyncio
import time

import pytest

from dasktop.collectors.model.options import Options
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.runtime.poller import Poller
from dasktop.collectors.sources.slurm import outcome_reader
from tests.slurm.commands import SlurmCommands
from tests.support.dask_processes import Scheduler
from tests.support.waiting import PATIENCE_SECONDS


async def first_snapshot(address: str, slurm: SlurmCommands) -> Snapshot:
    poller = Poller(Options(address=address), slurm.environment)
    poller.attach_to(address)
    try:
        await poller.poll_everything()
        return poller.snapshot()
    finally:
        await poller.close()


async def test_job_that_failed_before_is_reported(real_slurm: SlurmCommands) -> None:
    with Scheduler() as scheduler:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            # SLURM has whole seconds: with a second's delay, the job ends later than the scheduler started.
            script = "sleep 1; {}; exit 3".format
            # Of many jobs that have just ended, those named after dask are read first.
            ours, foreign = (
                real_slurm.submit(script(f"dask worker {address} --no-such-option"), "--job-name=dask-worker")
                for address in (scheduler.address, "tcp://127.0.0.1:1")
            )
            for job_id in (ours, foreign):
                await asyncio.to_thread(real_slurm.wait_for_accounting, job_id, "FAILED")
            snapshot = await first_snapshot(scheduler.address, real_slurm)
            jobs = {job.job_id: job for job in snapshot.jobs}
            # slurmctld may have deleted the script by now; then the cluster of the job is unknown.
            if ours in jobs:
                break
            deleted = real_slurm.attempt("scontrol", "write", "batch_script", ours, "-").returncode != 0
            assert deleted, f"not shown: {snapshot}"
            assert time.monotonic() < deadline, "slurmctld deletes scripts before they can be read"
    assert foreign not in jobs
    assert (jobs[ours].state, jobs[ours].evidence) == ("FAILED", ("job_script",))
    fate = jobs[ours].fate
    assert fate is not None
    assert (fate.state, fate.exit_code) == ("FAILED", 3)
    assert ours in {found.job_id for found in snapshot.findings if found.code == "job-failed"}


async def test_script_that_slurmctld_forgot_is_in_accounting(
    real_slurm: SlurmCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "job_script" not in real_slurm.run("scontrol", "show", "config").partition("AccountingStoreFlags")[2][:80]:
        pytest.skip("accounting stores no scripts at this site")
    monkeypatch.setattr(outcome_reader, "KNOWN_SECONDS", 0)  # as if the jobs had ended hours ago
    with Scheduler() as scheduler:
        script = "sleep 1; {}; exit 3".format
        ours, foreign = (
            real_slurm.submit(script(f"dask worker {address} --no-such-option"), "--job-name=dask-worker")
            for address in (scheduler.address, "tcp://127.0.0.1:1")
        )
        for job_id in (ours, foreign):
            await asyncio.to_thread(real_slurm.wait_for_accounting, job_id, "FAILED")
        snapshot = await first_snapshot(scheduler.address, real_slurm)
    jobs = {job.job_id: job for job in snapshot.jobs}
    assert foreign not in jobs
    assert (jobs[ours].state, jobs[ours].evidence) == ("FAILED", ("job_script",))
