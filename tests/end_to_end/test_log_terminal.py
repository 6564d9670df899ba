"""Logs of jobs in a real terminal: of a job that keeps writing, and of a job that fails."""

import sys
from collections.abc import Iterator

import pytest

from tests.slurm.commands import SlurmCommands
from tests.support.dask_processes import Scheduler
from tests.support.dasktop_program import PATIENT
from tests.support.forked_python import forked_python
from tests.support.scaling_clusters import ANY_SLURM, slurm_of
from tests.support.terminal import Terminal


@pytest.fixture(scope="module", params=ANY_SLURM)
def slurm(request: pytest.FixtureRequest) -> Iterator[SlurmCommands]:
    yield from slurm_of(request)


def test_log_is_followed_searched_and_shows_traceback(slurm, tmp_path):
    write, fail = tmp_path / "write", tmp_path / "fail"
    with Scheduler() as scheduler:
        worker = f"{forked_python()} -m dask worker {scheduler.address} --nthreads 1 --no-dashboard"
        job_id = slurm.submit(
            "#!/bin/sh\n"
            "for n in $(seq 500); do echo line $n; done\n"
            f"until [ -e '{write}' ]; do sleep 0.1; done; echo it continues\n"
            f"until [ -e '{fail}' ]; do sleep 0.1; done\n"
            f"{sys.executable} -c 'raise ValueError(6 * 7)' || {{ seq 100; exit 3; }}\n"
            f"{worker}\n",
            *("-o", "%x-%j.out", "-J", "my log", "--mem=500"),
        )
        slurm.wait_for(job_id, "RUNNING")
        command = [*PATIENT, scheduler.address, "--slurm-interval", "5"]
        with Terminal(command, tmp_path, slurm.environment, 80, 24) as terminal:
            terminal.wait_for(f"{job_id} my log")
            terminal.press("T")
            opened = ("line 500", f"{slurm.work}/my log-{job_id}.out"[-60:], "following")
            terminal.wait_for(lambda screen: all(words in screen for words in opened))
            write.touch()
            terminal.wait_for("it continues")
            terminal.press("/", "e", " ", "7", "7", "$", "Enter")
            terminal.wait_for("line 77\n")
            terminal.press("g")
            terminal.wait_for("line 1\n")
            terminal.press("Escape")
            terminal.wait_for("JOB")
            fail.touch()
            terminal.wait_for("FAILED")
            terminal.press("T")
            terminal.wait_for(lambda screen: "last traceback" in screen and "ValueError: 42" in screen)
            terminal.press("G")
            terminal.wait_for("100\n")
            terminal.press("q", "q")
            assert terminal.wait_for_end() == 0
    slurm.cancel_all()
