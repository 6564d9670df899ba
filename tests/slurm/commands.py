"""Use a SLURM through its commands: run, submit, wait, cancel.

Every command runs in an environment that names one SLURM, and with a timeout.
"""

import abc
import getpass
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.waiting import PATIENCE_SECONDS

POLL_SECONDS = 0.35
FINAL_STATES = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "TIMEOUT",
    }
)


class CommandError(RuntimeError):
    """A SLURM command ended with a status other than 0."""


class SlurmCommands(abc.ABC):
    """The operations of tests on any SLURM."""

    @property
    @abc.abstractmethod
    def environment(self) -> dict[str, str]:
        """The whole environment of a process whose SLURM commands use this SLURM only."""

    @property
    @abc.abstractmethod
    def work(self) -> Path:
        """The folder in which commands run, and to which jobs write their output: ``slurm-JOBID.out``."""

    @abc.abstractmethod
    def cancel_all(self) -> None:
        """Cancel all jobs that tests may cancel here, and wait until they have left the queue."""

    def attempt(self, *command: str, input: str | None = None) -> subprocess.CompletedProcess[str]:  # noqa: A002 - subprocess's own word
        """Run a command and return its status and its output."""
        return subprocess.run(
            command,
            cwd=self.work,
            env=self.environment,
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="surrogateescape",  # job names may hold any bytes
            timeout=PATIENCE_SECONDS,
        )

    def run(self, *command: str, check: bool = True, input: str | None = None) -> str:  # noqa: A002 - subprocess's own word
        """Run a command and return its standard output; `CommandError` with its standard error if it fails."""
        done = self.attempt(*command, input=input)
        if check and done.returncode != 0:
            raise CommandError(f"{' '.join(command)}: status {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def submit(self, script: str, *sbatch_arguments: str) -> str:
        """Submit a job script and return the job id; ``#!/bin/sh`` is prepended if the script has no such line."""
        if not script.startswith("#!"):
            script = f"#!/bin/sh\n{script}\n"
        return self.run("sbatch", "--parsable", *sbatch_arguments, input=script).strip().partition(";")[0]

    def output(self, job_id: str) -> str:
        """Return the output of a job that has the default output file."""
        return (self.work / f"slurm-{job_id}.out").read_text(errors="replace")

    def states(self, job_id: str) -> set[str]:
        """Return the states of a job, or of all tasks of an array: from the queue, else from accounting."""
        asked = self.attempt("squeue", "--noheader", "--states=all", "--jobs", job_id, "--format=%T")
        if asked.returncode == 0 and asked.stdout.strip():
            return set(asked.stdout.split())
        return self.accounted_states(job_id)

    def accounted_states(self, job_id: str) -> set[str]:
        """Return the states of a job in accounting, the first word only: ``CANCELLED``, not ``CANCELLED by 1000``.

        A row named ``allocation`` does not count: slurmdbd writes it when it receives the end of a job before its
        start, and completes it within seconds (seen with 22.05).
        """
        output = self.run("sacct", "-n", "-P", "--allocations", "--jobs", job_id, "--format=State,JobName")
        rows = [line.partition("|") for line in output.splitlines()]
        return {state.split()[0] for state, _, name in rows if name != "allocation"}

    def wait_for(self, job_id: str, state: str, timeout: float = PATIENCE_SECONDS) -> None:
        """Wait until a job (all tasks of an array) is in this state.

        Raises
        ------
        AssertionError
            If it ended in another state, or after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while (seen := self.states(job_id)) != {state}:
            found = ", ".join(sorted(seen)) or "unknown to SLURM"
            if seen and seen <= FINAL_STATES:
                raise AssertionError(f"job {job_id} ended: {found}, not {state}")
            if time.monotonic() > deadline:
                raise AssertionError(f"job {job_id} is {found}, not {state}, after {timeout:.0f} s")
            time.sleep(POLL_SECONDS)

    def wait_for_accounting(self, job_id: str, state: str, timeout: float = PATIENCE_SECONDS) -> None:
        """Wait until accounting has this state too, which it gets a moment later; `AssertionError` if it does not."""
        deadline = time.monotonic() + timeout
        while (seen := self.accounted_states(job_id)) != {state}:
            if time.monotonic() > deadline:
                found = ", ".join(sorted(seen)) or "nothing"
                raise AssertionError(f"accounting has {found} for job {job_id}, not {state}, after {timeout:.0f} s")
            time.sleep(POLL_SECONDS)

    def wait_for_reason(self, job_id: str, reason: str, timeout: float = PATIENCE_SECONDS) -> None:
        """Wait until SLURM gives this reason for a pending job; `AssertionError` if it does not."""
        deadline = time.monotonic() + timeout
        while (seen := self.run("squeue", "--noheader", "--jobs", job_id, "--format=%r").strip()) != reason:
            if time.monotonic() > deadline:
                raise AssertionError(f"job {job_id} waits for {seen}, not {reason}, after {timeout:.0f} s")
            time.sleep(POLL_SECONDS)

    def queued(self) -> list[str]:
        """Return the ids of this user's jobs that have not ended."""
        return self.run("squeue", "--noheader", "--user", getpass.getuser(), "--format=%A").split()

    def _cancel(self, remaining: Callable[[], list[str]]) -> None:
        """Cancel jobs until none remains."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while job_ids := remaining():
            self.attempt("scancel", *job_ids)  # fails if a job has ended in the meantime
            if time.monotonic() > deadline:
                raise AssertionError(f"still queued {PATIENCE_SECONDS:.0f} s after scancel: {' '.join(job_ids)}")
            time.sleep(POLL_SECONDS)
