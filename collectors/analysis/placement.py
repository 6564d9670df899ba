"""Whether SLURM agrees with where a process says that it runs. Pure; the readings of both halves are its input.

Variables such as ``SLURM_JOB_ID`` are inherited by everything that a job's processes start, so they prove nothing
alone: a salloc shell on the submit host has the job's id, an sbatch within a step passes that step's id on, and a tmux
keeps the id of a job that is over. What the kernel says (control group, ancestors) is not doubted.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from dasktop.collectors.model.readings import EndedJob, QueuedJob, SlurmPlace, SlurmReading, Step
from dasktop.collectors.model.snapshot import Record

CLOCKS_DIFFER_SECONDS = 120.0
"""A process that started so long after its job's end, by another clock, may have started before it."""


class Placement(Record, frozen=True, kw_only=True):
    """Where a process runs, as far as the process and SLURM agree."""

    place: SlurmPlace | None = None
    outside_slurm: bool | None = None
    """``True``: in no job. ``None``: nothing can tell, or `place` says where it is."""
    inherited_job_id: str | None = None
    """The job that its environment names, if it doesn't run in it."""
    note: str | None = None
    """Why it isn't believed."""


class PlaceJudge:
    """Compares what processes say with what SLURM says.

    Parameters
    ----------
    queued, ended
        The user's jobs, by id.
    slurm
        For the steps of jobs; ``None``: SLURM isn't asked, so nothing contradicts what a process says.
    """

    def __init__(
        self, queued: Mapping[str, QueuedJob], ended: Mapping[str, EndedJob], slurm: SlurmReading | None
    ) -> None:
        self._queued = queued
        self._ended = ended
        self._steps: dict[str, list[Step]] = defaultdict(list)
        for step in slurm.steps if slurm else ():
            self._steps[step.job_id].append(step)
        self._components: dict[str, list[QueuedJob]] = defaultdict(list)
        for job in queued.values():
            if job.het_job_id is not None:
                self._components[job.het_job_id].append(job)

    def judge(self, place: SlurmPlace | None, started_at: datetime | None = None) -> Placement:
        """Return where a process runs that says to be at this place.

        Parameters
        ----------
        place
            ``None``: it was asked, and nothing ties it to SLURM.
        started_at
            When the process started.
        """
        if place is None:
            return Placement(outside_slurm=True)
        if place.told_by == "kernel":
            return Placement(place=place)
        if place.told_by == "inherited":
            return _refused(place, True, f"its environment names job {place.job_id}, but no step of it started it")
        job = self._queued.get(place.job_id)
        if job is None:
            return self._of_job_that_left(place, started_at)
        if place.node is not None and job.nodes and place.node not in job.nodes:
            return self._on_another_node(place, job)
        return Placement(place=self._in_step(place))

    def _of_job_that_left(self, place: SlurmPlace, started_at: datetime | None) -> Placement:
        end = self._ended.get(place.job_id)
        ended_at = end.ended_at if end is not None else None
        if ended_at is None or started_at is None:
            return Placement(place=place)  # SLURM has not told of it yet, or the process may have outlived its job
        if started_at <= ended_at + timedelta(seconds=CLOCKS_DIFFER_SECONDS):
            return Placement(place=place)
        return _refused(place, True, f"its environment names job {place.job_id}, which had ended before it started")

    def _on_another_node(self, place: SlurmPlace, job: QueuedJob) -> Placement:
        # srun --het-group=1 leaves the id of the first component in SLURM_JOB_ID (22.05).
        others = [other for other in self._components[job.het_job_id or job.job_id] if place.node in other.nodes]
        if len(others) == 1:
            return Placement(place=self._in_step(replace(place, job_id=others[0].job_id)))
        return _refused(
            place, None, f"its environment names job {place.job_id} on node {place.node}, which is not one of that job"
        )

    def _in_step(self, place: SlurmPlace) -> SlurmPlace:
        """Return the place with the step that really is its own, or ``None`` for it where several may be."""
        steps = [step for step in self._steps[place.job_id] if step.step_id != "extern" and _is_on(step, place.node)]
        # An sbatch within a step passes SLURM_STEP_ID on to the batch script; SLURM_TASK_PID is set anew.
        candidates = [step for step in steps if place.task_pid in step.pids]
        candidates = candidates or [step for step in steps if step.step_id == place.step_id] or steps
        if not candidates:
            return place
        if len(candidates) > 1:
            return replace(place, step_id=None, task_id=None)
        return replace(place, step_id=candidates[0].step_id)


def _refused(place: SlurmPlace, outside: bool | None, note: str) -> Placement:
    return Placement(outside_slurm=outside, inherited_job_id=place.job_id, note=note)


def _is_on(step: Step, node: str | None) -> bool:
    return node is None or not step.nodes or node in step.nodes
