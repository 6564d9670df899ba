"""Read where in SLURM this process runs; shipped with `shipped_scheduler` and `shipped_worker`. Interprets nothing.

Must run on Python 3.8 onwards. `slurm_place` decodes what is returned here.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from dasktop.collectors.sources.dask.shipped_values import text

SLURM_VARIABLES = (
    "SLURM_JOB_ID",
    "SLURM_JOBID",
    "SLURM_STEP_ID",
    "SLURM_STEPID",
    "SLURM_PROCID",
    "SLURMD_NODENAME",
    "SLURM_TASK_PID",
)
LONGEST_CGROUP = 8000
LONGEST_MOUNTS = 1_000_000
LONGEST_STAT = 1000
LONGEST_TITLE = 200
MOST_ANCESTORS = 64


def read_place() -> dict[str, Any]:
    """Return the environment, the cgroup and the slurmstepd processes of this process."""
    return {
        "environment": {name: text(os.environ[name]) for name in SLURM_VARIABLES if name in os.environ},
        "cgroup": read_file("/proc/self/cgroup", LONGEST_CGROUP),
        "stepds": read_stepds(),
    }


def read_stepds() -> list[Any]:
    """Return the titles of the slurmstepd processes among this process's ancestors, nearest first.

    Each starts the tasks of one step on one node; its title is ``slurmstepd: [JOB.STEP]``.
    """
    titles = []
    pid = os.getppid()
    for _ in range(MOST_ANCESTORS):
        name, fields = read_stat(pid)
        if name == "slurmstepd":
            titles.append(text(read_file(f"/proc/{pid}/cmdline", LONGEST_TITLE)))
        pid = int(fields[1]) if len(fields) > 1 and fields[1].isdigit() else 0
        if pid <= 0:
            break
    return titles


def read_stat(pid: int) -> tuple[str, list[str]]:
    """Return a process's name and the fields of ``/proc/PID/stat`` after it; empty if the process has ended."""
    status = read_file(f"/proc/{pid}/stat", LONGEST_STAT) or ""
    name, _, rest = status.partition("(")[2].rpartition(")")  # a name may contain parentheses
    return name, rest.split()


def file_system_of(folder: str) -> Any:
    """Return the type of the file system that a folder is on (``nfs4``, ``xfs``); None if unknown."""
    path = os.path.realpath(folder)
    longest, found = -1, None
    for line in (read_file("/proc/self/mounts", LONGEST_MOUNTS) or "").splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[1]).rstrip("/")
        # Of several at one mount point, the last one is visible.
        if len(point) >= longest and (path == point or path.startswith(point + "/")):
            longest, found = len(point), fields[2]
    return text(found)


def read_file(path: str, most_bytes: int) -> Any:
    """Return the start of a file as text, without surrounding white space; None if it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return file.read(most_bytes).decode("utf-8", "replace").strip()
    except OSError:
        return None
