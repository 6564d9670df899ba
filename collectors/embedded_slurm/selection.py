"""Job and step ids as users write them: ``12``, ``12_3``, ``12_[1-3]``, ``12.batch``, ``12_3.0``.

Pure: returns which jobs and steps are selected.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dasktop.collectors.embedded_slurm.hostlist import read_indexes
from dasktop.collectors.embedded_slurm.records import Job, State, Step
from dasktop.collectors.embedded_slurm.units import UnreadableError


@dataclass(frozen=True, slots=True)
class Selector:
    """A job or a whole array (`tasks` None), some tasks of an array, or one step."""

    job_id: int
    tasks: tuple[int, ...] | None = None
    step: str | None = None

    def covers(self, job: Job) -> bool:
        """Whether it selects this job, or a part of this record of an array."""
        if self.tasks is None:
            return self.job_id in {job.id, job.array_job_id}
        mine = job.array_rest or (job.array_task_id,)
        return job.array_job_id == self.job_id and any(task in self.tasks for task in mine)

    def covers_step(self, job: Job, step: Step) -> bool:
        """Whether it selects this step, or its whole job."""
        return self.covers(job) and self.step in {None, str(step.id)}


def parse(text: str) -> Selector:
    """Read one id.

    Raises
    ------
    UnreadableError
        It is not an id.
    """
    match = re.fullmatch(r"(\d+)(?:_(?:(\d+)|\[([\d,:-]+)(?:%\d+)?\]))?(?:\+0)?(?:\.(\d+|batch|extern))?", text)
    if match is None:
        raise UnreadableError(text)
    job, task, tasks_text, step = match.groups()
    tasks = None if task is None and tasks_text is None else tuple(read_indexes(tasks_text or task))
    return Selector(int(job), tasks, step)


def parse_list(text: str) -> list[Selector]:
    """Read ids separated by commas; brackets may contain commas too.

    Raises
    ------
    UnreadableError
        One of them is not an id.
    """
    return [parse(part) for part in re.findall(r"(?:[^,\[]|\[[^\]]*\])+", text)]


def chosen(jobs: Iterable[Job], selectors: Sequence[Selector] | None) -> list[Job]:
    """Return the jobs that any of the selectors selects; None: all."""
    return [job for job in jobs if selectors is None or any(selector.covers(job) for selector in selectors)]


def parse_states(names: Iterable[str]) -> set[str]:
    """Read long or short names of states, in any case; ``all`` means all states.

    Returns
    -------
    set of str
        Long names, ``COMPLETING`` too.

    Raises
    ------
    UnreadableError
        There is no such state.
    """
    short = {state.value: state.name for state in State} | {"CG": "COMPLETING"}
    # States of SLURM that no job of the embedded one has.
    short |= {"S": "SUSPENDED", "NF": "NODE_FAIL", "PR": "PREEMPTED", "BF": "BOOT_FAIL", "CF": "CONFIGURING"}
    short |= {"DL": "DEADLINE"}
    states: set[str] = set()
    for name in names:
        upper = name.upper()
        if upper == "ALL":
            states.update(short.values())
        elif upper in short:
            states.add(short[upper])
        elif upper in short.values():
            states.add(upper)
        else:
            raise UnreadableError(name)
    return states


def shown_states(job: Job) -> set[str]:
    """Return the states that a job counts as: its own, and COMPLETING while its processes end."""
    return {job.state.name, "COMPLETING"} if job.completing else {job.state.name}
