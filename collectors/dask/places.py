"""Where in SLURM a process runs, from its environment or else its control group. Reads nothing itself."""

import re
from collections.abc import Mapping

from dasktop.collectors.dask.plain import mapping, word
from dasktop.collectors.readings import SlurmPlace
from dasktop.collectors.slurm.values import step_name
from dasktop.collectors.text import clean_or_none

# cgroup v2: …/job_J/step_S/user/task_T; v1: …/slurm/uid_U/job_J/step_S/task_T, on some sites for the freezer only.
_CGROUP = re.compile(
    r"/job_(?P<job>\d+)(?:/step_(?P<step>-?\w+))?(?:/user)?(?:/task_(?P<task>\d+))?(?=/|$)", re.MULTILINE
)


def place_told(answer: object) -> SlurmPlace | None:
    """Return the place of a process that told its ``environment`` and ``cgroup``, as what we ship does."""
    told = mapping(answer)
    environment = {str(name): value for name, value in mapping(told.get("environment")).items() if word(value)}
    return place_from(environment, str(told.get("cgroup") or ""))


def place_from(environment: Mapping[str, str], cgroup: str) -> SlurmPlace | None:
    """Return the place, or ``None`` for a process outside SLURM.

    Parameters
    ----------
    environment
        Its ``SLURM_*`` and ``SLURMD_NODENAME``.
    cgroup
        The text of its ``/proc/self/cgroup``.
    """
    return _from_environment(environment) or _from_cgroup(cgroup)


def _from_environment(environment: Mapping[str, str]) -> SlurmPlace | None:
    # SLURM_JOBID and SLURM_STEPID are the old names, still set.
    job_id = environment.get("SLURM_JOB_ID") or environment.get("SLURM_JOBID") or ""
    if not _is_number(job_id):
        return None
    step = clean_or_none(environment.get("SLURM_STEP_ID") or environment.get("SLURM_STEPID"))
    return SlurmPlace(
        job_id=job_id,
        step_id=step_name(step) if step else "batch",
        task_id=_number(environment.get("SLURM_PROCID")),
        node=clean_or_none(environment.get("SLURMD_NODENAME")),
        task_pid=_number(environment.get("SLURM_TASK_PID")),
    )


def _from_cgroup(cgroup: str) -> SlurmPlace | None:
    found = max(_CGROUP.finditer(cgroup), key=lambda match: len(match[0]), default=None)  # the deepest tells most
    if found is None:
        return None
    return SlurmPlace(job_id=found["job"], step_id=step_name(found["step"] or "batch"), task_id=_number(found["task"]))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _number(text: str | None) -> int | None:
    return int(text) if text and len(text) < 20 and _is_number(text) else None
