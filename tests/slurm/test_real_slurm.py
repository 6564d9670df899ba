"""The SLURM of the tests: it has nodes, steps and accounting, and enforces its limits."""

import getpass
import os
import sys
from collections import Counter

import pytest

from tests.slurm.commands import CommandError
from tests.slurm.site import SiteSlurm
from tests.support.waiting import wait_until

UNITS = {"K": 1024, "M": 1024**2}  # sacct uses the larger unit where it is exact
FILL_400_MB = f"exec {sys.executable} -c 'import time; block = bytearray(400_000_000); time.sleep(600)'"


@pytest.fixture
def slurm(real_slurm):
    if isinstance(real_slurm, SiteSlurm):
        pytest.skip("tests the SLURM that the tests start, not that of the site")
    real_slurm.cancel_all()
    yield real_slurm
    real_slurm.cancel_all()


def test_four_nodes_are_idle(slurm):
    def nodes() -> list[str]:
        return slurm.run("sinfo", "--noheader", "--Node", "--partition=debug", "--format=%N %T %c %m").splitlines()

    # A node stays "planned" for a moment after a pending job was cancelled.
    wait_until(lambda: nodes() == [f"n{number} idle 16 64000" for number in (1, 2, 3, 4)], nodes)


def test_job_runs_and_is_in_accounting(slurm):
    job_id = slurm.submit("echo on $SLURMD_NODENAME; exit 3", "--job-name=three", "--nodelist=n2")
    with pytest.raises(AssertionError, match="ended: FAILED, not COMPLETED"):
        slurm.wait_for(job_id, "COMPLETED")
    slurm.wait_for_accounting(job_id, "FAILED")
    output = slurm.run("sacct", "-n", "-P", "-X", "-j", job_id, "--format=JobID,JobName,User,Account,ExitCode,NodeList")
    assert output == f"{job_id}|three|{getpass.getuser()}|lab|3:0|n2\n"
    assert slurm.output(job_id) == "on n2\n"


def test_step_has_tasks_on_two_nodes(slurm):
    job_id = slurm.submit("srun -n 4 sh -c 'echo $SLURM_STEP_ID $SLURMD_NODENAME'", "-N2", "-n4", "--nodelist=n[1-2]")
    slurm.wait_for(job_id, "COMPLETED")
    tasks = Counter(slurm.output(job_id).splitlines())
    assert tasks.total() == 4
    assert set(tasks) == {"0 n1", "0 n2"}


def test_job_above_its_memory_is_killed(slurm):
    job_id = slurm.submit(FILL_400_MB, "--mem=100M")
    slurm.wait_for(job_id, "FAILED")
    slurm.wait_for_accounting(job_id, "FAILED")
    batch_step = slurm.run("sacct", "-n", "-P", "-j", f"{job_id}.batch", "--format=State,ExitCode,MaxRSS").strip()
    state, exit_code, max_rss = batch_step.split("|")
    assert (state, exit_code) == (f"CANCELLED by {os.getuid()}", "0:9")
    assert int(max_rss[:-1]) * UNITS[max_rss[-1]] > 100 * UNITS["M"]
    assert "exceeded memory limit" in slurm.output(job_id)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--partition=short", "--time=2"), "PartitionTimeLimit"),
        (("--qos=capped",), "QOSMaxJobsPerUserLimit"),
        (("--hold",), "JobHeldUser"),
    ],
)
def test_limits_keep_jobs_pending(slurm, arguments, reason):
    running = slurm.submit("sleep 600", "--qos=capped")
    slurm.wait_for(running, "RUNNING")
    waiting = slurm.submit("sleep 600", *arguments)
    slurm.wait_for(waiting, "PENDING")
    slurm.wait_for_reason(waiting, reason)


def test_wait_for_waits_for_all_array_tasks(slurm):
    job_id = slurm.submit("exit $SLURM_ARRAY_TASK_ID", "--array=0-1")
    with pytest.raises(AssertionError, match="ended: COMPLETED, FAILED, not COMPLETED"):
        slurm.wait_for(job_id, "COMPLETED")


def test_cancel_all_empties_the_queue(slurm):
    for _ in range(3):
        slurm.submit("sleep 600", "--nodes=2", "--exclusive")
    slurm.cancel_all()
    assert slurm.queued() == []


def test_failing_command_raises_its_error(slurm):
    with pytest.raises(CommandError, match=r"status 1: .*Invalid job id specified"):
        slurm.run("scontrol", "show", "job", "999999")
    assert slurm.run("scontrol", "show", "job", "999999", check=False) == ""


def test_waiting_for_an_unknown_job_fails(slurm):
    with pytest.raises(AssertionError, match="job 999999 is unknown to SLURM"):
        slurm.wait_for("999999", "RUNNING", timeout=0)
