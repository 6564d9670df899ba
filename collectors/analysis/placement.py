"""Decides whether SLURM confirms where a process says that it runs. Pure: compares dask's reading with SLURM's.

Variables such as ``SLURM_JOB_ID`` are inherited by child processes, so they prove nothing alone: the shell of salloc on
the submit host has the job's id, sbatch within a step passes that step's id on, and tmux keeps the id of a job that has
ended. What the kernel reports (control group, ancestors) is trusted.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from dasktop.collectors.model.readings import EndedJob, QueuedJob, SlurmPlace, Step
from dasktop.collectors.model.record import Record

CLOCKS_DIFFER_SECONDS = 120.0
"""How far SLURM's clock and the clocks of hosts may differ. A process that seems to have started up to this long after
its job's end may belong to the job; a worker that left at most this long before its job's end was lost with the job."""


class VerifiedPlace(Record, frozen=True, kw_only=True):
    """Where a process runs, as far as the process and SLURM agree."""

    place: SlurmPlace | None = None
    outside_slurm: bool | None = None
    """``True``: in no job. ``None``: unknown, or `place` is known."""
    inherited_job_id: str | None = None
    """The job that its environment names, if the process does not run in it."""
    note: str | None = None
    """Why the environment is ignored."""


class PlaceVerifier:
    """Checks what processes report about their place against what SLURM reports.

    Parameters
    ----------
    queued, ended
        The user's jobs, by id.
    steps
        The steps of jobs. Without any of these, as if SLURM is not read, nothing contradicts a process.
    """

    def __init__(self, queued: Mapping[str, QueuedJob], ended: Mapping[str, EndedJob], steps: Iterable[Step]) -> None:
        self._queued = queued
        self._ended = ended
        self._steps: dict[str, list[Step]] = defaultdict(list)
        for step in steps:
            self._steps[step.job_id].append(step)
        self._components: dict[str, list[QueuedJob]] = defaultdict(list)
        for job in queued.values():
            if job.het_job_id is not None:
                self._components[job.het_job_id].append(job)

    def verify(self, place: SlurmPlace | None, started_at: datetime | None = None) -> VerifiedPlace:
        """Return where a process runs that reports this place.

        Parameters
        ----------
        place
            ``None``: the process was asked, and nothing links it to SLURM.
        started_at
            When the process started.
        """
        if place is None:
            return VerifiedPlace(outside_slurm=True)
        if place.proof == "kernel":
            return VerifiedPlace(place=place)
        if place.proof == "inherited":
            return _rejected(
                place, True, f"its environment names job {place.job_id}, but no step of that job started it"
            )
        job = self._queued.get(place.job_id)
        if job is None:
            return self._in_unqueued_job(place, started_at)
        if place.node is not None and job.nodes and place.node not in job.nodes:
            return self._on_another_node(place, job)
        return VerifiedPlace(place=self._in_step(place))

    def _in_unqueued_job(self, place: SlurmPlace, started_at: datetime | None) -> VerifiedPlace:
        end = self._ended.get(place.job_id)
        ended_at = end.ended_at if end is not None else None
        if ended_at is None or started_at is None:
            return VerifiedPlace(place=place)  # not yet known to SLURM, or the process may have outlived its job
        if started_at <= ended_at + timedelta(seconds=CLOCKS_DIFFER_SECONDS):
            return VerifiedPlace(place=place)
        return _rejected(
            place, True, f"its environment names job {place.job_id}, which had ended before the process started"
        )

    def _on_another_node(self, place: SlurmPlace, job: QueuedJob) -> VerifiedPlace:
        # srun --het-group=1 leaves the id of the first component in SLURM_JOB_ID (22.05).
        others = [other for other in self._components[job.het_job_id or job.job_id] if place.node in other.nodes]
        if len(others) == 1:
            return VerifiedPlace(place=self._in_step(replace(place, job_id=others[0].job_id)))
        return _rejected(
            place,
            None,
            f"its environment names job {place.job_id} on node {place.node}, which is not a node of that job",
        )

    def _in_step(self, place: SlurmPlace) -> SlurmPlace:
        """Return the place with the step of the process; the step is ``None`` if there are several candidates."""
        steps = [step for step in self._steps[place.job_id] if step.step_id != "extern" and _is_on(step, place.node)]
        # sbatch within a step passes SLURM_STEP_ID on to the batch script; SLURM_TASK_PID is set again.
        candidates = [step for step in steps if place.task_pid in step.pids]
        candidates = candidates or [step for step in steps if step.step_id == place.step_id] or steps
        if not candidates:
            return place
        if len(candidates) > 1:
            return replace(place, step_id=None, task_id=None)
        return replace(place, step_id=candidates[0].step_id)


def _rejected(place: SlurmPlace, outside: bool | None, note: str) -> VerifiedPlace:
    return VerifiedPlace(outside_slurm=outside, inherited_job_id=place.job_id, note=note)


def _is_on(step: Step, node: str | None) -> bool:
    return node is None or not step.nodes or node in step.nodes
