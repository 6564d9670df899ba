"""Determine where in SLURM a process runs, from its cgroup, its ancestors and its environment. Does no I/O.

The first two come from the kernel. Variables are inherited by all processes that a job's processes start, so
`reconcile` compares them with what SLURM reports.
"""

import re
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from dasktop.collectors.model.readings import SlurmPlace, step_name
from dasktop.collectors.sources.dask.plain_values import as_dict, as_text, as_tuple
from dasktop.collectors.text.clean import clean_or_none

# cgroup v2: …/job_J/step_S/user/task_T; v1: …/slurm/uid_U/job_J/step_S/task_T, on some sites for the freezer only.
_CGROUP = re.compile(
    r"/job_(?P<job>\d+)(?:/step_(?P<step>-?\w+))?(?:/user)?(?:/task_(?P<task>\d+))?(?=/|$)", re.MULTILINE
)


# The title of slurmstepd: ``slurmstepd: [4711.batch]``; for a component of a het job, with the raw id (22.05).
_STEPD = re.compile(r"slurmstepd: \[(?P<job>\d+)\.(?P<step>\w+)\]")


_SET_FOR_EACH_TASK = ("SLURMD_NODENAME", "SLURM_TASK_PID", "SLURM_PROCID")
"""Variables that slurmstepd sets in every task, and salloc does not set in its shell on the submit host."""


def decode_place(answer: object) -> SlurmPlace | None:
    """Return the place of a process from its ``environment``, ``cgroup`` and ``stepds``; see `shipped_place`."""
    process = as_dict(answer)
    environment = {
        str(name): text for name, value in as_dict(process.get("environment")).items() if (text := as_text(value))
    }
    titles = [title for value in as_tuple(process.get("stepds")) if (title := as_text(value))]
    return slurm_place(environment, str(process.get("cgroup") or ""), titles)


def slurm_place(environment: Mapping[str, str], cgroup: str, stepds: Iterable[str] = ()) -> SlurmPlace | None:
    """Return the place; ``None`` if nothing connects the process to SLURM.

    Parameters
    ----------
    environment
        Its ``SLURM_*`` and ``SLURMD_NODENAME``.
    cgroup
        The text of its ``/proc/self/cgroup``.
    stepds
        The titles of the slurmstepd processes among its ancestors, nearest first.
    """
    by_environment = _from_environment(environment)
    by_kernel = _from_cgroup(cgroup) or _from_stepds(stepds)
    if by_kernel is None or by_environment is None:
        return by_kernel or by_environment
    if by_environment.proof == "inherited":
        return by_kernel
    # SLURM sets the variables of a task for every task, so these are correct even if those of the job or the step are
    # not: sbatch within a step passes SLURM_STEP_ID on, and srun --het-group=1 sets the job id of group 0.
    return replace(
        by_kernel,
        task_id=by_environment.task_id if by_kernel.task_id is None else by_kernel.task_id,
        node=by_environment.node,
        task_pid=by_environment.task_pid,
    )


def _from_environment(environment: Mapping[str, str]) -> SlurmPlace | None:
    # SLURM_JOBID and SLURM_STEPID are the old names, still set.
    job_id = environment.get("SLURM_JOB_ID") or environment.get("SLURM_JOBID") or ""
    if not _is_number(job_id):
        return None
    step = clean_or_none(environment.get("SLURM_STEP_ID") or environment.get("SLURM_STEPID"))
    is_a_task = any(environment.get(name) for name in _SET_FOR_EACH_TASK)
    return SlurmPlace(
        job_id=job_id,
        step_id=step_name(step) if step else "batch",
        task_id=_number(environment.get("SLURM_PROCID")),
        node=clean_or_none(environment.get("SLURMD_NODENAME")),
        task_pid=_number(environment.get("SLURM_TASK_PID")),
        proof="environment" if is_a_task else "inherited",
    )


def _from_cgroup(cgroup: str) -> SlurmPlace | None:
    found = max(
        _CGROUP.finditer(cgroup), key=lambda match: len(match[0]), default=None
    )  # the deepest is the most specific
    if found is None:
        return None
    step_id = step_name(found["step"] or "batch")
    return SlurmPlace(job_id=found["job"], step_id=step_id, task_id=_number(found["task"]), proof="kernel")


def _from_stepds(titles: Iterable[str]) -> SlurmPlace | None:
    for title in titles:
        if found := _STEPD.match(title):
            return SlurmPlace(job_id=found["job"], step_id=step_name(found["step"]), proof="kernel")
    return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _number(text: str | None) -> int | None:
    return int(text) if text and len(text) < 20 and _is_number(text) else None
