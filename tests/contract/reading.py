"""How the contract tests read SLURM's tables, and wait for what they expect to read."""

import getpass
from collections.abc import Callable
from typing import TypeVar

from tests.slurm.commands import SlurmCommands
from tests.waiting import wait_until

SEPARATOR = "\x1f"
Read = TypeVar("Read")
Row = dict[str, str]


def until(read: Callable[[], Read], good: Callable[[Read], bool]) -> Read:
    """Read again and again until it is good, and return it; AssertionError with what was read last if it never is."""
    latest: list[Read] = []

    def is_good() -> bool:
        latest[:] = [read()]
        return good(latest[0])

    wait_until(is_good, lambda: latest[0], every=0.35)
    return latest[0]


def queue(slurm: SlurmCommands, letters: str, *arguments: str) -> list[Row]:
    """Ask squeue for some fields, separated by a control character, of all of this user's jobs."""
    form = SEPARATOR.join(f"%{letter}" for letter in letters)
    told = slurm.run("squeue", "-h", "-u", getpass.getuser(), "-o", form, *arguments)
    return [dict(zip(letters, line.split(SEPARATOR), strict=True)) for line in told.splitlines()]


def accounts(slurm: SlurmCommands, fields: str, job_ids: str) -> dict[str, Row]:
    """Ask sacct for some fields of jobs, by job or step id."""
    names = ["JobID", *fields.split(",")]
    told = slurm.run("sacct", "-n", "-P", f"--delimiter={SEPARATOR}", "-j", job_ids, f"--format={','.join(names)}")
    rows = [dict(zip(names, line.split(SEPARATOR), strict=True)) for line in told.splitlines()]
    return {row.pop("JobID"): row for row in rows}


def kilobytes(text: str) -> float:
    """Read a size; a mean that is no whole number of KiB stands in bytes, without a unit."""
    return float(text[:-1]) * {"K": 1, "M": 1024}[text[-1]] if text[-1].isalpha() else float(text) / 1024


def printed(slurm: SlurmCommands, job_id: str) -> str:
    """Return what a job printed so far; nothing, if it did not come to that yet."""
    path = slurm.work / f"slurm-{job_id}.out"
    return slurm.output(job_id) if path.exists() else ""
