"""What a job's anatomy is made from: what was asked, what the script says, and what is there. Pure."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from dasktop.collectors.analysis.anatomy.implied import implied_memory
from dasktop.collectors.analysis.anatomy.words import compact
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import has_ended, workers_of
from dasktop.collectors.model.snapshot import Job, Owner, Snapshot, Worker
from dasktop.collectors.sources.slurm.script_request import Figure, ScriptRequest, parse_request


class Asked(NamedTuple):
    """What the owner was told or, without one, what the script looks as if it had been told."""

    cores: int | None
    memory_bytes: int | None
    processes: int | None
    time_limit_seconds: int | None
    """An owner doesn't tell it."""


class Facts(NamedTuple):
    """All that is known of one job."""

    asked: Asked
    owner: Owner | None
    """That of the job, if it tells what one job of it has."""
    script: ScriptRequest
    job: Job
    workers: tuple[Worker, ...] | None
    """``None``: not known, or none to be expected now."""

    @property
    def processes(self) -> int | None:
        """Workers to be expected."""
        return value_of(self.script.processes) or self.asked.processes

    @property
    def is_complete(self) -> bool:
        """Whether all workers are there, so that sums over them mean something."""
        return bool(self.workers) and self.processes in (None, len(self.workers or ()))

    @property
    def call(self) -> str | None:
        """The call that makes such a job; ``None`` where nothing of it is known."""
        arguments = {
            "cores": self.asked.cores,
            "memory": None if self.asked.memory_bytes is None else f'"{compact(self.asked.memory_bytes)}"',
            "processes": self.asked.processes,
        }
        known = [f"{name}={value}" for name, value in arguments.items() if value is not None]
        name = self.owner.class_name if self.owner is not None else "SLURMCluster"
        return f"{name}({', '.join(known)})" if known else None


def facts_of(snapshot: Snapshot, job: Job, script: Sequence[str]) -> Facts:
    """Gather what is known of a job of this snapshot, whose script has these lines."""
    request = parse_request("\n".join(script), _step_tasks(job))
    owner = _owner_of(snapshot, job)
    asked = _told(owner) if owner is not None else _implied(request, _memory_of_others(snapshot, job))
    return Facts(asked, owner, request, job, _workers(snapshot, job))


def _step_tasks(job: Job) -> int | None:
    """Return how many tasks the job's only ``srun`` has started."""
    counts = Counter(task.step_id for task in job.tasks if task.step_id is not None and task.step_id.isdecimal())
    return next(iter(counts.values())) if len(counts) == 1 else None


def value_of(figure: Figure | None) -> int | None:
    """Return the value of what a script may state."""
    return figure.value if figure is not None else None


def _owner_of(snapshot: Snapshot, job: Job) -> Owner | None:
    owner = snapshot.cluster.owner
    if owner is None or job.job_id not in owner.job_ids.values():
        return None
    told = (owner.cores_per_job, owner.memory_per_job_bytes, owner.processes_per_job)
    return owner if any(told) else None


def _told(owner: Owner) -> Asked:
    # 0 is nothing told.
    cores, memory_bytes = owner.cores_per_job or None, owner.memory_per_job_bytes or None
    return Asked(cores, memory_bytes, owner.processes_per_job or None, None)


def _implied(script: ScriptRequest, memory_of_others: int | None) -> Asked:
    memory_bytes = implied_memory(script, memory_of_others)
    return Asked(value_of(script.cpus), memory_bytes, value_of(script.processes), value_of(script.time_limit))


def _memory_of_others(snapshot: Snapshot, job: Job) -> int | None:
    """Return what the owner tells of the jobs that it counts now; one that it has replaced was probably asked the same.

    It tells nothing of a job of another cluster.
    """
    owner = snapshot.cluster.owner
    return owner.memory_per_job_bytes if owner is not None and job.evidence else None


def _workers(snapshot: Snapshot, job: Job) -> tuple[Worker, ...] | None:
    """Return the job's workers, where these are known to be all."""
    dask_answered = snapshot.cluster.scheduler_id is not None
    runs = read_state(job.state).is_running and not has_ended(job)
    return tuple(workers_of(job)) if dask_answered and runs and job.evidence else None
