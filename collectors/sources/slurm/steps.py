"""The steps of running jobs, with their processes: what to ask ``sstat``, and how to read its answer.

Pure; runs nothing. sstat is the dearest question of all: it reaches out to each node of each job.
"""

import re
from collections.abc import Iterable

from dasktop.collectors.model.readings import Step, step_name
from dasktop.collectors.sources.slurm.nodelist import expand
from dasktop.collectors.sources.slurm.queue import is_job_id
from dasktop.collectors.sources.slurm.values import duration_seconds, size_bytes, whole_number
from dasktop.collectors.text.clean import clean

_FIELDS = ("JobID", "NTasks", "AveCPU", "MaxRSS", "Nodelist", "Pids", "AveRSS")

# What sstat says, with status 0, of a job that ended in between, waits, or has nothing running at the moment.
# In 24.11 "job 4", in 26.05 "JobId=4".
_ABOUT_ONE_JOB = re.compile(r"no steps running for|couldn't get steps for|StepId=\S+ not found", re.IGNORECASE)
_NOT_YOURS = re.compile(r"invalid user id|permission denied", re.IGNORECASE)


def steps_command(job_ids: Iterable[str]) -> tuple[str, ...]:
    """Return what to run for all steps of these jobs (raw ids)."""
    return ("sstat", "-n", "-P", "-a", "-j", ",".join(job_ids), f"--format={','.join(_FIELDS)}")


def parse_steps(text: str) -> tuple[Step, ...]:
    """Read sstat's answer: one row a step. Rows that don't fit tell nothing."""
    return tuple(step for line in text.split("\n") if (step := _step(line)) is not None)


def real_complaint(complaints: Iterable[str]) -> str | None:
    """Return the first complaint that isn't merely about one of the jobs asked for."""
    return next((line for line in complaints if not _ABOUT_ONE_JOB.search(line)), None)


def is_not_yours(complaint: str) -> bool:
    """Whether sstat refused because the jobs are another user's."""
    return _NOT_YOURS.search(complaint) is not None


def _step(line: str) -> Step | None:
    values = line.split("|")
    if len(values) == len(_FIELDS) - 1:
        values.append("")  # recorded before AveRSS was asked for
    if len(values) != len(_FIELDS):
        return None
    name, tasks, cpu, max_rss, nodes, pids, rss = values
    job_id, dot, step_id = name.partition(".")
    step_id = step_name(clean(step_id))
    if not is_job_id(job_id) or not dot or not step_id:
        return None
    known_pids = (whole_number(pid.strip()) for pid in pids.split(","))
    return Step(
        job_id=job_id,
        step_id=step_id,
        ntasks=whole_number(tasks.strip()) or None,  # 0: sstat has not reached any yet
        nodes=expand(nodes),
        pids=tuple(pid for pid in known_pids if pid is not None),
        max_rss_bytes=size_bytes(max_rss),
        rss_bytes=size_bytes(rss) or None,
        cpu_seconds=duration_seconds(cpu) or None,  # 0 is also what it says where nothing is gathered
    )
