"""What a report tells, version 1: the contract with the text, the page and the JSON. Frozen; decides nothing.

Conventions are those of `dasktop.collectors.model.snapshot`: unknown is ``None``, names have units, times are UTC.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

from dasktop.collectors.model.snapshot import Record

REPORT_VERSION = 1

Parameter = Literal["memory", "cores", "processes", "walltime", "jobs"]
"""What of a request: the arguments of ``SLURMCluster``, as dask-jobqueue calls them; ``jobs``: how many of them."""


class Hours(Record, frozen=True, kw_only=True):
    """Where the hours of an allocation went: core-hours, or GiB-hours.

    ``granted`` is ``used + idle + waiting_for_first_worker + without_workers + unobserved``, except where more was
    used than granted, or was used while there was no worker.
    """

    granted: float | None
    used: float | None
    idle: float | None
    """Granted and not used while workers were there and somebody looked. ``None`` where nobody ever did."""
    without_tasks: float | None
    """Granted while workers were there and no task ran: part of ``used`` and ``idle``."""
    waiting_for_first_worker: float | None
    """From the job's start to its first worker. ``None`` where that was before the first snapshot."""
    without_workers: float | None
    """Without any worker later: between two of them, or after the last one. ``None`` where nobody ever looked."""
    unobserved: float | None
    """Granted while nobody looked (before the first snapshot, in gaps between snapshots), but for what SLURM has
    accounted as used in that time. Whether it was idle, or there was no worker, nobody knows."""


class Peaks(Record, frozen=True, kw_only=True):
    """The highest values that were seen."""

    workers: int | None = None
    threads: int | None = None
    threads_busy: int | None = None
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    """Of all workers together, at one moment."""
    worker_memory_bytes: int | None = None
    """Of any one worker process."""
    worker_memory_limit_bytes: int | None = None
    """The limit of that worker."""
    worker_spilled_bytes: int | None = None
    max_rss_bytes: int | None = None
    """Of any one SLURM task, as SLURM's accounting sampled it."""


class SeveralTasks(Record, frozen=True, kw_only=True):
    """How worker processes did that ran two tasks or more at a time."""

    worker_seconds: float
    tasks: float
    """How many at a time, on average."""
    cpu_percent: float
    """Of such a process, on average. Near 100, however many tasks: they wait for Python's interpreter lock."""


class JobTimeline(Record, frozen=True, kw_only=True):
    """A job's use over time, in the steps of `Series`; ``None`` in a step without workers, or not observed."""

    first_step: int
    cpu_percent: tuple[float | None, ...]
    with_tasks_percent: tuple[float | None, ...]
    """In how much of the time tasks ran."""


class JobReport(Record, frozen=True, kw_only=True):
    """One job of the cluster."""

    job_id: str
    array_job_id: str | None
    array_task_id: str | None
    name: str | None
    partition: str | None
    state: str | None
    """In the last snapshot; of an ended job, how it ended."""
    explanation: str | None
    """How it ended, in words."""
    ended_badly: bool
    cpus: int | None
    memory_bytes: int | None
    time_limit_seconds: int | None
    workers_expected: int | None
    submitted_at: datetime | None
    started_at: datetime | None
    """Of its last run."""
    ended_at: datetime | None
    """``None``: it runs, or waits, or nobody knows."""
    runs: int
    """0: it has not started; more than 1: SLURM put it back into the queue in between."""
    queue_seconds: float | None
    """From its submission to its first start, or to the last snapshot."""
    elapsed_seconds: float | None
    """From its start to its end or to the last snapshot, all runs together."""
    observed_seconds: float
    """How much of that was seen."""
    with_workers_seconds: float
    core_hours: Hours
    gib_hours: Hours
    used_core_hours_from: tuple[Literal["dask", "slurm"], ...]
    """Whether the workers measured what was used, or SLURM's accounting told more. Of several runs, perhaps both."""
    slurm_tasks: int | None
    """How many SLURM tasks it had at a time, of those that SLURM's accounting has seen."""
    peaks: Peaks
    several_tasks: SeveralTasks | None
    lane: JobTimeline | None


class Totals(Record, frozen=True, kw_only=True):
    """The cluster: sums over all jobs of which the figure is known, and its highest values at one moment."""

    jobs: int
    jobs_ended_badly: int
    jobs_never_started: int
    jobs_unknown: int
    """Of which SLURM told too little for what was granted: they are in no sum of it."""
    jobs_at_once: int
    queue_seconds: float | None
    core_hours: Hours
    gib_hours: Hours
    peaks: Peaks


class Series(Record, frozen=True, kw_only=True):
    """The cluster over time, each value the mean over a step; ``None``: not observed."""

    begins_at: datetime
    step_seconds: float
    cpus_granted: tuple[float | None, ...]
    cpus_used: tuple[float | None, ...]
    memory_granted_bytes: tuple[float | None, ...]
    memory_used_bytes: tuple[float | None, ...]


class Advice(Record, frozen=True, kw_only=True):
    """What a better-fitting request would be, and why."""

    parameter: Parameter
    request: str
    """As one writes it: ``memory="8GB"``."""
    instead_of: str | None
    """What it was: ``16GB``."""
    evidence: str
    """What was seen."""
    reason: str
    """How the request follows from it."""
    job_ids: tuple[str, ...]


class Report(Record, frozen=True, kw_only=True):
    """Where the hours of a cluster went."""

    report_version: int
    scheduler_address: str | None
    cluster_name: str | None
    begins_at: datetime
    """When the first snapshot was taken. Jobs may have started, or ended, before."""
    ends_at: datetime
    """The last one."""
    snapshots: int
    snapshots_skipped: int
    """So many more are in the recording; of a long one, only each second or third is read."""
    longest_gap_seconds: float
    """Snapshots that are farther apart leave a gap of which nothing is known."""
    observed_seconds: float
    totals: Totals
    advice: tuple[Advice, ...]
    jobs: tuple[JobReport, ...]
    """In the order of their starts; those that have not started, last."""
    series: Series | None
    """``None`` where there is only one moment."""


def report_json(report: Report) -> bytes:
    """Encode as one line of UTF-8 JSON, without the newline."""
    return msgspec.json.encode(report)


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a report."""
    schema: dict[str, Any] = msgspec.json.schema(Report)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "dasktop report, version 1"} | schema
