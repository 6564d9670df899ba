"""The usage report, version 1: the contract of its text, HTML and JSON. Frozen records without behaviour.

Conventions are those of `dasktop.collectors.model.snapshot`: unknown is ``None``, names have units, times are UTC.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

from dasktop.collectors.model.record import Record

REPORT_VERSION = 1

Parameter = Literal["memory", "cores", "processes", "walltime", "jobs"]
"""Arguments of ``SLURMCluster`` in dask-jobqueue; ``jobs``: the number of jobs."""


class Hours(Record, frozen=True, kw_only=True):
    """How the hours of an allocation were used: core-hours or GiB-hours.

    ``granted`` is ``used + idle + waiting_for_first_worker + without_workers + unobserved``, unless more was used than
    granted, or something was used while there was no worker.
    """

    granted: float | None
    used: float | None
    idle: float | None
    """Granted but not used, in observed time with workers. ``None`` if nothing was observed."""
    without_tasks: float | None
    """Granted while there were workers and no task ran: part of ``used`` and ``idle``."""
    waiting_for_first_worker: float | None
    """From the job's start to its first worker. ``None`` if that was before the first snapshot."""
    without_workers: float | None
    """Later time without any worker. ``None`` if nothing was observed."""
    unobserved: float | None
    """Granted in time that was not observed (before the first snapshot, in gaps between snapshots), without what SLURM
    has accounted as used in that time. Whether it was idle, or without workers, is unknown."""


class Peaks(Record, frozen=True, kw_only=True):
    """The highest observed values."""

    workers: int | None = None
    threads: int | None = None
    threads_busy: int | None = None
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    """Sum over all workers at one moment."""
    worker_memory_bytes: int | None = None
    """Highest of any worker process."""
    worker_memory_limit_bytes: int | None = None
    """The limit of that worker."""
    worker_spilled_bytes: int | None = None
    max_rss_bytes: int | None = None
    """Highest of any SLURM task, as sampled by SLURM's accounting."""


class SeveralTasks(Record, frozen=True, kw_only=True):
    """Statistics of worker processes that ran two or more tasks at once."""

    worker_seconds: float
    tasks: float
    """Mean number of tasks at once."""
    cpu_percent: float
    """Mean per process. If it stays near 100 for any number of tasks, the GIL limits them."""


class JobTimeline(Record, frozen=True, kw_only=True):
    """A job's use over time, in the steps of `Series`; ``None`` in steps without workers or observation."""

    first_step: int
    cpu_percent: tuple[float | None, ...]
    with_tasks_percent: tuple[float | None, ...]
    """Share of the time in which tasks ran."""


class JobReport(Record, frozen=True, kw_only=True):
    """One job of the cluster."""

    job_id: str
    array_job_id: str | None
    array_task_id: str | None
    name: str | None
    partition: str | None
    state: str | None
    """State in the last snapshot; for an ended job, its final state."""
    explanation: str | None
    """How it ended, as text."""
    ended_badly: bool
    cpus: int | None
    memory_bytes: int | None
    time_limit_seconds: int | None
    workers_expected: int | None
    submitted_at: datetime | None
    started_at: datetime | None
    """Start of its last run."""
    ended_at: datetime | None
    """``None``: it runs or is pending, or it is unknown."""
    runs: int
    """0: it has not started; more than 1: it was requeued."""
    queue_seconds: float | None
    """From submission to the first start, or to the last snapshot."""
    elapsed_seconds: float | None
    """From start to end or to the last snapshot, summed over all runs."""
    observed_seconds: float
    """The observed part of it."""
    with_workers_seconds: float
    core_hours: Hours
    gib_hours: Hours
    used_core_hours_from: tuple[Literal["dask", "slurm"], ...]
    """Whether the used core-hours are the workers' figure or SLURM's; for several runs, possibly both."""
    slurm_tasks: int | None
    """Number of SLURM tasks at once that SLURM's accounting has sampled."""
    peaks: Peaks
    memory_kills: int | None = None
    """How often a nanny killed one of its workers because of its memory use; ``None``: unknown."""
    several_tasks: SeveralTasks | None
    lane: JobTimeline | None


class Totals(Record, frozen=True, kw_only=True):
    """The cluster: sums over all jobs with known figures, and its peaks at one moment."""

    jobs: int
    jobs_ended_badly: int
    jobs_never_started: int
    jobs_unknown: int
    """Jobs whose allocation is unknown: they are not in the sums of granted hours."""
    jobs_at_once: int
    queue_seconds: float | None
    core_hours: Hours
    gib_hours: Hours
    peaks: Peaks


class Series(Record, frozen=True, kw_only=True):
    """The cluster over time; each value is the mean over a step, ``None``: not observed."""

    begins_at: datetime
    step_seconds: float
    cpus_granted: tuple[float | None, ...]
    cpus_used: tuple[float | None, ...]
    memory_granted_bytes: tuple[float | None, ...]
    memory_used_bytes: tuple[float | None, ...]


class TaskTime(Record, frozen=True, kw_only=True):
    """What all tasks of one name spent their time on, in hours of one thread.

    ``None``: the scheduler does not measure it. `transfer_hours` is not in `total_hours`, since threads run other tasks
    meanwhile.
    """

    task_name: str
    total_hours: float
    compute_hours: float
    """Using the CPU."""
    waiting_hours: float
    """On a thread without using the CPU: for the GIL, files or the network."""
    spill_hours: float
    """Writing results to disk, or reading them back, including compression."""
    deserialize_hours: float
    failed_hours: float
    """In tasks that failed."""
    other_hours: float
    transfer_hours: float | None
    """Waiting for inputs from other workers."""


class LostWork(Record, frozen=True, kw_only=True):
    """What ended with workers."""

    results: int
    """Results that existed nowhere else, so they were computed again if they were still needed."""
    tasks_interrupted: int
    hours_estimate: float | None
    """Hours of one thread to compute both again: their number × the mean time of a task."""


class Advice(Record, frozen=True, kw_only=True):
    """A request that would fit better, and why."""

    parameter: Parameter
    request: str
    """As in the call: ``memory="8GB"``."""
    instead_of: str | None
    """The old value: ``16GB``."""
    evidence: str
    """What was observed."""
    reason: str
    """How the request follows from the evidence."""
    job_ids: tuple[str, ...]


class Report(Record, frozen=True, kw_only=True):
    """The usage report of a cluster."""

    report_version: int
    scheduler_address: str | None
    cluster_name: str | None
    begins_at: datetime
    """Time of the first snapshot. Jobs may have started, or ended, before."""
    ends_at: datetime
    """Time of the last snapshot."""
    snapshots: int
    snapshots_skipped: int
    """Snapshots of the recording that were not read: of a long one, only every second or third is."""
    longest_gap_seconds: float
    """If snapshots are farther apart, the time between is not observed."""
    observed_seconds: float
    totals: Totals
    advice: tuple[Advice, ...]
    jobs: tuple[JobReport, ...]
    """In the order of their start; jobs that have not started come last."""
    series: Series | None
    """``None`` if there is only one moment."""
    task_times: tuple[TaskTime, ...] | None = None
    """By task name, the longest first: of a recording, between its first and last snapshot; of one snapshot, since the
    scheduler started. ``None``: this scheduler does not measure it."""
    lost: LostWork | None = None
    """``None``: unknown."""


def report_json(report: Report) -> bytes:
    """Return the report as one line of UTF-8 JSON, without a newline."""
    return msgspec.json.encode(report)


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a report."""
    schema: dict[str, Any] = msgspec.json.schema(Report)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "dasktop report, version 1"} | schema
