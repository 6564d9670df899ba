"""Read the tables that SLURM's commands print, and wait until they have the expected content."""

import getpass
from collections.abc import Callable
from typing import TypeVar

from tests.slurm.commands import SlurmCommands
from tests.support.waiting import wait_until

SEPARATOR = "\x1f"
Read = TypeVar("Read")
Row = dict[str, str]


def until(read: Callable[[], Read], good: Callable[[Read], bool]) -> Read:
    """Call `read` until its result is `good`, and return the result; AssertionError with the last result on timeout."""
    latest: list[Read] = []

    def is_good() -> bool:
        latest[:] = [read()]
        return good(latest[0])

    wait_until(is_good, lambda: latest[0], every=0.35)
    return latest[0]


def queue(slurm: SlurmCommands, letters: str, *arguments: str) -> list[Row]:
    """Return some fields of all jobs of this user, from squeue with a control character as separator."""
    form = SEPARATOR.join(f"%{letter}" for letter in letters)
    output = slurm.run("squeue", "-h", "-u", getpass.getuser(), "-o", form, *arguments)
    return [dict(zip(letters, line.split(SEPARATOR), strict=True)) for line in output.splitlines()]


def accounts(slurm: SlurmCommands, fields: str, job_ids: str) -> dict[str, Row]:
    """Return some fields of jobs and their steps, from sacct, by job or step id."""
    names = ["JobID", *fields.split(",")]
    output = slurm.run("sacct", "-n", "-P", f"--delimiter={SEPARATOR}", "-j", job_ids, f"--format={','.join(names)}")
    rows = [dict(zip(names, line.split(SEPARATOR), strict=True)) for line in output.splitlines()]
    return {row.pop("JobID"): row for row in rows}


def kilobytes(text: str) -> float:
    """Return a size in KiB; SLURM prints a mean that is not a whole number of KiB in bytes, without a unit."""
    return float(text[:-1]) * {"K": 1, "M": 1024}[text[-1]] if text[-1].isalpha() else float(text) / 1024


def printed(slurm: SlurmCommands, job_id: str) -> str:
    """Return the output of a job so far; empty if it has no output file yet."""
    path = slurm.work / f"slurm-{job_id}.out"
    return slurm.output(job_id) if path.exists() else ""
