"""The snapshot, version 1: one reconciled tree, job → task → worker → thread, at one moment.

These records are the contract with the screen, the JSON and its readers: fields may be added, never renamed. They have
no behaviour.

Conventions: unknown is ``None`` (JSON ``null``), never 0. Names end in units. In ``cpu_percent``, 100 is one busy core;
``memory_bytes`` is resident memory. Times are aware and in UTC (JSON: RFC 3339).
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

from dasktop.collectors.model.record import Record
from dasktop.collectors.model.work import Work

SCHEMA_VERSION = 1

Evidence = Literal["owner", "environment", "job_script", "action_log", "name", "host"]
"""How it is known that a worker belongs to a job; see `EVIDENCE_LADDER`."""

EVIDENCE_LADDER: tuple[Evidence, ...] = ("owner", "environment", "job_script", "action_log", "name", "host")
"""Strongest first. The first four are exact, ``name`` is a convention, ``host`` is inferred."""
EXACT_EVIDENCE: frozenset[Evidence] = frozenset(EVIDENCE_LADDER[:4])

SourceState = Literal["ok", "stale", "error", "off"]
"""``ok``: it answers · ``stale``: its last answer is old, or its first one is pending · ``error``: it failed and has
never answered · ``off``: it is not available, or was not needed yet."""
Severity = Literal["info", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")
"""From the least to the most severe."""
ThreadRole = Literal["compute", "event loop", "other"]


class Adaptive(Record, frozen=True, kw_only=True):
    """The bounds of adaptive scaling, in workers."""

    minimum: int
    maximum: int | None


class Owner(Record, frozen=True, kw_only=True):
    """The cluster object: a `SpecCluster`, usually a ``SLURMCluster``, in the scheduler's process."""

    class_name: str = msgspec.field(name="class")
    name: str | None
    host: str | None
    pid: int | None
    cores_per_job: int | None
    memory_per_job_bytes: int | None
    processes_per_job: int | None
    adaptive: Adaptive | None
    job_ids: dict[str, str]
    """The owner's name for a job → SLURM's job id."""
    wanted: tuple[str, ...] | None = None
    """The owner's names for all jobs that it wants, submitted or not; ``None``: unknown."""
    not_submitted: tuple[str, ...] = ()
    """Those whose submission has failed."""
    submit_error: str | None = None
    """The error message of sbatch for these."""


class Cluster(Record, frozen=True, kw_only=True):
    """The dask cluster."""

    scheduler_address: str | None
    scheduler_id: str | None
    dask_version: str | None
    python_version: str | None = None
    """The scheduler's Python version."""
    scheduler_job_id: str | None = None
    """The SLURM job that the scheduler's process runs in; ``None`` also if it runs in none."""
    task_counts: dict[str, int] | None
    """Dask tasks by state (``queued processing memory erred …``)."""
    owner: Owner | None


class Source(Record, frozen=True, kw_only=True):
    """A data source, and how it answered."""

    name: str
    """``dask``, ``slurm.queue``, ``slurm.accounting``, …"""
    state: SourceState
    age_seconds: float | None
    """Time since the last successful answer."""
    latency_seconds: float | None
    """How long that answer took."""
    error: str | None


class Totals(Record, frozen=True, kw_only=True):
    """Sums over the jobs known to belong to this cluster, and over all its workers.

    If SLURM's figure for a job is clearly larger than that of its workers, SLURM's is used.
    """

    jobs_running: int | None
    jobs_pending: int | None
    workers: int | None
    threads: int | None
    """Compute threads, as dask counts them."""
    threads_busy: int | None
    cpus_allocated: int | None
    cpu_percent: float | None
    memory_allocated_bytes: int | None
    memory_bytes: int | None


class Thread(Record, frozen=True, kw_only=True):
    """An operating-system thread inside a worker."""

    native_id: int
    name: str | None
    role: ThreadRole
    cpu_percent: float | None
    """Mean between two readings; ``None`` at the first."""
    cpu_seconds: float | None
    task_key: str | None
    """The key of the dask task that it runs, if any."""
    task_name: str | None = None
    task_seconds: float | None = None
    """How long it has run that task."""
    typical_seconds: float | None = None
    """Mean of the tasks of that name that have finished."""


class Transfers(Record, frozen=True, kw_only=True):
    """Results being transferred between a worker and others, at its last heartbeat."""

    incoming_bytes: int | None
    incoming_count: int | None
    incoming_count_total: int | None
    """Since the worker started."""
    outgoing_bytes: int | None
    outgoing_count: int | None
    outgoing_count_total: int | None


class ChildProcess(Record, frozen=True, kw_only=True):
    """A descendant process of a worker, started by its tasks."""

    pid: int
    name: str | None
    """Its command; the kernel keeps 15 characters."""
    memory_bytes: int | None
    cpu_seconds: float | None


class Worker(Record, frozen=True, kw_only=True):
    """A dask worker process: one scheduler address, one pid."""

    name: str
    address: str
    pid: int | None
    nanny_pid: int | None
    host: str | None
    status: str | None
    nthreads: int | None
    memory_limit_bytes: int | None
    """``None`` also if dask sets no limit."""
    memory_bytes: int | None
    managed_bytes: int | None
    spilled_bytes: int | None
    cpu_percent: float | None
    executing: int | None
    queued: int | None
    """Dask tasks that are assigned to the worker and do not run yet."""
    stored: int | None
    last_seen_seconds: float | None
    """How old its last heartbeat was at a reading: the last one if the heartbeat is late, else one since when this age
    has not grown by more than itself and 5 s. `last_seen_at` is exact."""
    evidence: Evidence | None
    last_seen_at: datetime | None = None
    """When its last heartbeat came, by this host's clock."""
    dask_version: str | None = None
    python_version: str | None = None
    outside_slurm: bool | None = None
    """``True`` only if the process has reported that it runs in no job; ``None``: unknown."""
    inherited_job_id: str | None = None
    """The job that the environment of the process names, although the process does not run in it."""
    local_directory: str | None = None
    """The folder that it spills to."""
    file_system: str | None = None
    """The type of the file system that this folder is on, as Linux names it: ``nfs4``, ``xfs``."""
    place_note: str | None = None
    """Why the worker is not shown in the job that its environment names."""
    threads: tuple[Thread, ...] = ()
    """Empty if they were not read."""
    children: tuple[ChildProcess, ...] | None = None
    """Its descendant processes, read together with its threads; ``None`` if not read. Dask does not count them."""
    has_more_children: bool = False
    """Whether there are more that were not read."""
    transfers: Transfers | None = None
    longest_task_name: str | None = None
    """The task name of the task that it has run longest; ``None`` if it runs none, or that is unknown.

    In clusters of more than 200 workers, this and the time are as they were at most some polls ago."""
    longest_task_seconds: float | None = None
    """How long that task has run."""
    waiting_seconds: float | None = None
    """For how long its threads have been seen to only wait: all run tasks, use hardly any CPU and are hardly ever
    woken, so they move no data; and it has no child process. ``None``: not asked, since it uses its CPUs or has idle
    threads, or unknown."""


class Task(Record, frozen=True, kw_only=True):
    """A SLURM task: one process that SLURM started, known by (job, step, task id = ``SLURM_PROCID``)."""

    step_id: str | None
    """``batch``, ``0``, …; ``None`` if only the job is known."""
    task_id: int | None
    node: str | None
    pid: int | None
    max_rss_bytes: int | None = None
    """The highest resident memory of any task of the step, as sampled by SLURM's accounting."""
    cpu_seconds: int | None = None
    """CPU time so far, as sampled by SLURM's accounting; the mean if the step has several tasks."""
    workers: tuple[Worker, ...] = ()


class Allocated(Record, frozen=True, kw_only=True):
    """What SLURM has allocated; for a pending job, what it requests."""

    cpus: int | None
    memory_bytes: int | None
    gpus: int | None


UseSource = Literal["dask", "slurm"]


class Used(Record, frozen=True, kw_only=True):
    """The measured use of a job: that of its workers or, if clearly more, that of all its processes."""

    cpu_percent: float | None
    memory_bytes: int | None
    threads_busy: int | None
    cpu_source: UseSource | None = None
    """``slurm``: includes what other programs used, as the mean over some minutes."""
    memory_source: UseSource | None = None
    """``slurm``: as sampled by SLURM's accounting, at most some minutes ago."""
    slurm_cpu_percent: float | None = None
    """Of all processes of the job by SLURM's accounting, whether larger or not: the mean over two minutes or more."""
    slurm_memory_bytes: int | None = None
    """The same for memory."""
    slurm_read_at: datetime | None = None
    """When SLURM was asked for these."""


class Fate(Record, frozen=True, kw_only=True):
    """How a job ended, from accounting."""

    state: str
    exit_code: int | None
    signal: int | None
    ended_at: datetime | None
    max_rss_bytes: int | None
    explanation: str
    cpu_seconds: int | None = None
    """CPU time of all its steps, as far as SLURM's accounting knows it."""
    cancelled_by: str | None = None
    """The user who cancelled it, by name, or by uid if the name is unknown."""
    released_by: str | None = None
    """What released the job in that user's name: ``dasktop`` or ``cluster object``; ``None``: neither, or unknown."""
    cause: str | None = None
    """The cause, from the last lines of its log."""


class Job(Record, frozen=True, kw_only=True):
    """A SLURM job: one allocation of CPUs and memory, for a limited time."""

    job_id: str
    """SLURM's raw id, also for array and het jobs: ``SLURM_JOB_ID`` inside the job."""
    array_job_id: str | None
    array_task_id: str | None
    """A number, or for the pending rest of an array its expression, such as ``5-10%2``."""
    het_job_id: str | None
    name: str | None
    user: str | None
    account: str | None
    partition: str | None
    qos: str | None
    state: str | None
    reason: str | None
    nodes: tuple[str, ...]
    required_nodes: tuple[str, ...] | None = None
    """Required nodes (``--nodelist``); empty if it accepts any, ``None``: unknown."""
    required_features: str | None = None
    """Required node features (``--constraint``), as requested; ``None`` also for none."""
    excluded_nodes: tuple[str, ...] | None = None
    """Nodes that it must not get (``--exclude``); ``None``: unknown."""
    licenses: str | None = None
    """As requested (``--licenses``), such as ``matlab:2``; ``None``: none, or unknown."""
    gres: str | None = None
    """Generic resources on each node, as SLURM shows the request: ``gres:gpu:a100:2``; ``None``: none, or unknown."""
    dependency: str | None = None
    """The unfulfilled part of its dependency: ``afterok:4711(unfulfilled)``; ``None``: none, or unknown."""
    reservation: str | None = None
    """The reservation in which it must run; ``None``: none, or unknown."""
    is_exclusive: bool | None = None
    """Whether it shares its nodes with no other job (``--exclusive``); ``None``: unknown."""
    node_count: int | None = None
    """The number of allocated nodes; of a pending job, the minimum number that it requests."""
    cpus_per_node: int | None = None
    """The least number of CPUs that it requests on each node."""
    priority: int | None = None
    """SLURM's priority of a pending job, a larger number first; ``None`` otherwise, or if it is unknown."""
    planned_nodes: tuple[str, ...] = ()
    """Nodes on which SLURM plans to start it; empty if it has no plan yet, or if that is unknown."""
    submitted_at: datetime | None
    started_at: datetime | None
    expected_start_at: datetime | None
    ends_at: datetime | None
    time_limit_seconds: int | None
    """``None`` also for a job without a limit."""
    time_left_seconds: int | None
    allocated: Allocated
    used: Used
    workers_expected: int | None
    evidence: tuple[Evidence, ...]
    """All evidence that was found, strongest first. Empty: nothing links this job to the cluster."""
    scheduler_unknown: bool = False
    """Whether its script starts dask workers for an unknown scheduler. It may belong to this cluster."""
    fate: Fate | None
    previous_fate: Fate | None = None
    """How its previous run ended, if SLURM has requeued it since."""
    tasks: tuple[Task, ...]


class Finding(Record, frozen=True, kw_only=True):
    """One sentence about a problem or an inefficiency."""

    code: str
    severity: Severity
    job_id: str | None
    worker: str | None
    """The name of a worker; names are unique in a cluster."""
    job_ids: tuple[str, ...] = ()
    """All jobs that it is about, including `job_id`. Older versions wrote `job_id` only."""
    workers: tuple[str, ...] = ()
    """All workers that it is about, including `worker`. Older versions wrote `worker` only."""
    task_names: tuple[str, ...] = ()
    """The task names that it is about. Older versions wrote none."""
    message: str
    advice: str | None = None
    """What to do about it."""
    since: datetime | None


WorkerEventKind = Literal["killed for memory", "died", "removed", "restarted", "closed"]


class WorkerEvent(Record, frozen=True, kw_only=True):
    """The end of a worker, as the scheduler's events report it."""

    at: datetime
    worker: str | None
    """Its name; ``None`` if it joined and left between two readings."""
    address: str | None = None
    job_id: str | None = None
    node: str | None = None
    """The node that it ran on; ``None``: unknown."""
    kind: WorkerEventKind
    """``killed for memory`` by its nanny · ``removed`` by the scheduler · ``restarted`` by a client."""
    pid: int | None = None
    memory_bytes: int | None = None
    """Its memory when it was killed."""
    limit_bytes: int | None = None
    reason: str | None = None
    """Of a removal, what ended the worker; ``expected`` or ``unexpected`` if only that is known."""
    tasks_interrupted: int | None = None
    """Tasks that were assigned to it: running, or next in turn. dask runs them elsewhere, except for `tasks_failed`."""
    tasks_failed: int | None = None
    """How many tasks failed because it ended, as far as the newest 100 failed tasks tell; ``None``: unknown."""
    results_lost: int | None = None
    """Results that no other worker had; dask computes them again if it can."""
    started_at: datetime | None = None
    """When its process started or, if that was not read, when it registered with the scheduler."""


class Snapshot(Record, frozen=True, kw_only=True):
    """The reconciled tree at one moment: the only input of the screen and the JSON."""

    schema_version: int
    taken_at: datetime
    cluster: Cluster
    sources: tuple[Source, ...]
    totals: Totals
    jobs: tuple[Job, ...]
    unplaced_workers: tuple[Worker, ...]
    findings: tuple[Finding, ...]
    worker_events: tuple[WorkerEvent, ...] | None = None
    """The events of the last twelve hours, oldest first, at most 1,000; ``None`` if the scheduler does not report why
    workers end. Older versions wrote those of half an hour."""
    work: Work | None = None
    """What dask computes; ``None`` if the scheduler does not report it."""


def to_json(snapshot: Snapshot) -> bytes:
    """Return the snapshot as one line of UTF-8 JSON, without a newline."""
    return msgspec.json.encode(snapshot)


def from_json(line: bytes | str) -> Snapshot:
    """Return a snapshot from the JSON that `to_json` wrote.

    Unknown fields of later versions are ignored.

    Raises
    ------
    msgspec.DecodeError
        Not JSON, or not a snapshot.
    """
    return msgspec.json.decode(line, type=Snapshot)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a snapshot."""
    schema: dict[str, Any] = msgspec.json.schema(Snapshot)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "dasktop snapshot, version 1"} | schema
