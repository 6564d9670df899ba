"""The jobs of the embedded SLURM: submitted, started when resources are free, cancelled, kept for accounting.

Does no I/O itself; the time is an argument.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from dasktop.collectors.embedded_slurm import scheduler
from dasktop.collectors.embedded_slurm.records import Job, Request, State
from dasktop.collectors.embedded_slurm.runner import Runner
from dasktop.collectors.embedded_slurm.settings import Settings

_REPLAN_SECONDS = 5.0
# Limited, so that the controller still answers commands and detects ended jobs while a thousand jobs are to start.
_STARTS_AT_ONCE = 32


class Workload:
    """All jobs of one embedded SLURM, by their raw ids."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.runner = Runner(settings, folder)
        self.jobs: dict[int, Job] = {}
        self._next_id = 1
        self._planned_at: float | None = None

    # Requests

    def submit(self, request: Request, now: float, *, held: bool = False) -> Job:
        """Add a job, or a whole array as one record."""
        job = Job(self._take_id(), request, now, request.time_limit_minutes, held=held)
        if request.array:
            job.array_job_id, job.array_rest = job.id, request.array
        self.jobs[job.id] = job
        self.replan()
        return job

    def cancel(self, job: Job, uid: int, now: float) -> None:
        """Cancel a job; an ended one is not changed."""
        if job.state is State.PENDING:
            job.state, job.reason, job.ended_at, job.done_at, job.cancelled_by = State.CANCELLED, "None", now, now, uid
            job.expected_start_at = None
        elif not job.state.ended:
            job.cancelled_by = uid
            self.runner.end(job, State.CANCELLED, "None", now, "CANCELLED AT {}")
        self.replan()

    def cancel_array_tasks(self, job: Job, indexes: Iterable[int], uid: int, now: float) -> None:
        """Cancel some of an array's tasks that have not started."""
        for index in indexes:
            if index in job.array_rest:
                self.cancel(self._split(job, index), uid, now)

    def set_held(self, job: Job, held: bool) -> None:
        """Hold or release a pending job."""
        job.held = held
        job.reason = "JobHeldUser" if held else "None"
        self.replan()

    def set_time_limit(self, job: Job, minutes: int | None) -> None:
        """Change a job's time limit; for a running job it counts from its start."""
        job.time_limit_minutes = minutes
        if job.started_at is not None:
            job.ends_at = None if minutes is None else job.started_at + minutes * self.settings.minute_seconds
        self.replan()

    def replan(self) -> None:
        """Make the next `advance` check which jobs can start."""
        self._planned_at = None

    # Queries

    def visible(self, now: float) -> list[Job]:
        """Return the jobs that squeue and scontrol show: those that have not ended, or only recently."""
        oldest = now - self.settings.min_job_age_seconds
        return [job for job in self.jobs.values() if job.done_at is None or job.done_at >= oldest]

    # Scheduling

    def advance(self, now: float) -> None:
        """End jobs that exceed their time limit, close jobs without processes, start jobs that fit."""
        before = len(self.runner.active)
        self.runner.watch(now)
        if len(self.runner.active) != before or self._planned_at is None or now - self._planned_at > _REPLAN_SECONDS:
            self._planned_at = now
            started = 0
            while started < _STARTS_AT_ONCE and (more := self._start_some(now)):
                started += more
            if started >= _STARTS_AT_ONCE:
                self.replan()
        self._forget(now)

    def _start_some(self, now: float) -> int:
        waiting = self._eligible()
        taken = [
            scheduler.Reservation(job.started_at or now, self._busy_until(job, now), job.allocation)
            for job in self.runner.active
        ]
        queue = [
            scheduler.PendingJob(job.id, job.request.needs, self._seconds(job), job.request.partition)
            for job in waiting
        ]
        plan = scheduler.plan(now, queue, taken, self.settings.node_resources)
        for job in waiting:
            job.expected_start_at = plan.expected.get(job.id)
            job.reason = plan.reasons.get(job.id, job.reason)
        for job_id, placement in plan.starts.items():
            self._start(self.jobs[job_id], placement, now)
        return len(plan.starts)

    def _eligible(self) -> list[Job]:
        """Return the pending jobs that may start, in order of submission; set the reason of the others."""
        running = self.runner.active
        in_qos = Counter(job.request.qos for job in running)
        in_array = Counter(job.array_job_id for job in running)
        eligible = []
        pending = [job for job in self.jobs.values() if job.state is State.PENDING]
        for job in sorted(pending, key=lambda job: (job.array_job_id or job.id, job.id)):
            reason = self._obstacle(job, in_qos, in_array)
            if reason is not None:
                job.reason, job.expected_start_at = reason, None
                continue
            eligible.append(job)
            in_qos[job.request.qos] += 1
            in_array[job.array_job_id] += 1
        return eligible

    def _obstacle(self, job: Job, in_qos: "Counter[str]", in_array: "Counter[int | None]") -> str | None:
        """Return SLURM's reason why a job may not start even if resources are free."""
        request = job.request
        partition = self.settings.partition(request.partition)
        most_minutes = partition.max_minutes if partition else None
        most_jobs = self.settings.qos.get(request.qos)
        if job.held:
            return "JobHeldUser"
        if most_minutes is not None and (job.time_limit_minutes is None or job.time_limit_minutes > most_minutes):
            return "PartitionTimeLimit"
        if request.needs.least_nodes > self.settings.nodes:
            return "PartitionNodeLimit"
        if scheduler.place(request.needs, self.settings.node_resources) is None:
            return "PartitionConfig"
        if request.array_throttle and in_array[job.array_job_id] >= request.array_throttle:
            return "JobArrayTaskLimit"
        if most_jobs is not None and in_qos[request.qos] >= most_jobs:
            return "QOSMaxJobsPerUserLimit"
        return None

    def _start(self, job: Job, placement: scheduler.Placement, now: float) -> None:
        if job.array_rest:
            job = self._split(job, job.array_rest[0])
        job.state, job.reason, job.started_at, job.expected_start_at = State.RUNNING, "None", now, None
        job.allocation, job.tasks_by_node = placement.shares, placement.tasks
        self.set_time_limit(job, job.time_limit_minutes)
        if job.request.script is None:
            self.runner.hold_allocation(job)
        else:
            self.runner.start_batch(job, now)

    def _split(self, job: Job, index: int) -> Job:
        """Make one task of an array a separate job.

        As in SLURM it gets a new id, and the record of the rest keeps the array's; the last task keeps that too.
        """
        rest = tuple(other for other in job.array_rest if other != index)
        if not rest:
            job.array_rest, job.array_task_id = (), index
            return job
        task = replace(job, id=self._take_id(), array_rest=(), array_task_id=index, steps=[])
        job.array_rest = rest
        self.jobs[task.id] = task
        return task

    def _take_id(self) -> int:
        job_id, self._next_id = self._next_id, self._next_id + 1
        return job_id

    def _seconds(self, job: Job) -> float:
        limit = job.time_limit_minutes
        return math.inf if limit is None else limit * self.settings.minute_seconds

    def _busy_until(self, job: Job, now: float) -> float:
        # A job that exceeds its time limit still holds its nodes, for an unknown time.
        return math.inf if job.ends_at is None else max(job.ends_at, now + 1)

    def _forget(self, now: float) -> None:
        """Drop scripts and environments of jobs that only sacct still shows."""
        oldest = now - self.settings.min_job_age_seconds
        for job in self.jobs.values():
            if job.done_at is not None and job.done_at < oldest and job.request.environment:
                job.request = replace(job.request, environment={}, script=job.request.script and "")
