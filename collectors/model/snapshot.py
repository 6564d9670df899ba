"""The snapshot, version 1: one reconciled tree, job → task → worker → thread, at one moment.

These structs are the contract with the screen, the JSON and its readers: adding a field is free, renaming one is not.
They hold what was found and decide nothing.

Conventions: unknown is ``None`` (JSON ``null``), never 0. Units stand in the names. ``cpu_percent`` counts 100 for one
busy core; ``memory_bytes`` is resident memory. Times are aware and in UTC (JSON: RFC 3339).
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

SCHEMA_VERSION = 1

Evidence = Literal["owner", "environment", "job_script", "name", "host"]
"""How we know that a worker belongs to a job; see `EVIDENCE_LADDER`."""

EVIDENCE_LADDER: tuple[Evidence, ...] = ("owner", "environment", "job_script", "name", "host")
"""Best first. The first three are exact, ``name`` is a convention, ``host`` is inferred."""

SourceState = Literal["ok", "stale", "error", "off"]
"""``ok`` answers · ``stale`` its last answer is old, or its first one is awaited · ``error`` it has never answered, and
failed · ``off`` it isn't there, or there was nothing to ask yet."""
Severity = Literal["info", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")
"""The mildest first."""
ThreadRole = Literal["compute", "event loop", "other"]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What all parts of a snapshot share: frozen, built by keyword, equal by value.

    Each class says ``frozen`` and ``kw_only`` again: type checkers do not inherit the one, nor msgspec the other.
    """


class Adaptive(Record, frozen=True, kw_only=True):
    """The bounds, in workers, between which the owner scales by itself."""

    minimum: int
    maximum: int | None


class Owner(Record, frozen=True, kw_only=True):
    """The `SpecCluster` (usually a ``SLURMCluster``) that runs inside the scheduler's own process."""

    class_name: str = msgspec.field(name="class")
    name: str | None
    host: str | None
    pid: int | None
    cores_per_job: int | None
    memory_per_job_bytes: int | None
    processes_per_job: int | None
    adaptive: Adaptive | None
    job_ids: dict[str, str]
    """The owner's name of a job → SLURM's job id."""
    wanted: tuple[str, ...] | None = None
    """The owner's names of all jobs that it wants, submitted or not; ``None``: it isn't told."""
    not_submitted: tuple[str, ...] = ()
    """Those of them whose submission has failed."""
    submit_error: str | None = None
    """What sbatch says of these, in its own words."""


class Cluster(Record, frozen=True, kw_only=True):
    """The dask cluster that is watched."""

    scheduler_address: str | None
    scheduler_id: str | None
    dask_version: str | None
    python_version: str | None = None
    """The scheduler's."""
    scheduler_job_id: str | None = None
    """The SLURM job that the scheduler's own process runs in; ``None`` also where it runs in none."""
    task_counts: dict[str, int] | None
    """Dask tasks by state (``queued processing memory erred …``)."""
    owner: Owner | None


class Source(Record, frozen=True, kw_only=True):
    """One thing that was asked, and how it answered."""

    name: str
    """``dask``, ``slurm.queue``, ``slurm.accounting``, …"""
    state: SourceState
    age_seconds: float | None
    """Since the last good answer."""
    latency_seconds: float | None
    """How long that answer took."""
    error: str | None


class Totals(Record, frozen=True, kw_only=True):
    """Sums over the jobs known to be this cluster's, and over all its workers.

    Where SLURM's figure for a job is clearly larger than that of its workers, the job counts with SLURM's.
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
    """Between two readings; unknown at the first."""
    cpu_seconds: float | None
    task_key: str | None
    """The dask task it runs, if it runs one."""


class Transfers(Record, frozen=True, kw_only=True):
    """Results on their way between a worker and others, at its last heartbeat."""

    incoming_bytes: int | None
    incoming_count: int | None
    incoming_count_total: int | None
    """Since the worker started."""
    outgoing_bytes: int | None
    outgoing_count: int | None
    outgoing_count_total: int | None


class ChildProcess(Record, frozen=True, kw_only=True):
    """A process that a worker's tasks have started, directly or through another one."""

    pid: int
    name: str | None
    """Its command, of which the kernel keeps 15 characters."""
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
    """``None`` also where dask was told to set no limit."""
    memory_bytes: int | None
    managed_bytes: int | None
    spilled_bytes: int | None
    cpu_percent: float | None
    executing: int | None
    queued: int | None
    """Dask tasks assigned to the worker that do not run yet."""
    stored: int | None
    last_seen_seconds: float | None
    evidence: Evidence | None
    dask_version: str | None = None
    python_version: str | None = None
    outside_slurm: bool | None = None
    """``True`` only where the process itself was asked and runs in no job; ``None`` where nobody could tell."""
    inherited_job_id: str | None = None
    """A job that the environment of the process names, although the process does not run in it."""
    place_note: str | None = None
    """Why the worker is not shown where its environment says that it runs."""
    threads: tuple[Thread, ...] = ()
    """Empty unless they were read."""
    children: tuple[ChildProcess, ...] | None = None
    """What runs below it, read together with its threads; ``None`` unless they were read. Dask counts none of it."""
    has_more_children: bool = False
    """Whether there are more, which were not read."""
    transfers: Transfers | None = None


class Task(Record, frozen=True, kw_only=True):
    """A SLURM task: one process that SLURM started, known by (job, step, task id = ``SLURM_PROCID``)."""

    step_id: str | None
    """``batch``, ``0``, …; ``None`` where only the job is known."""
    task_id: int | None
    node: str | None
    pid: int | None
    max_rss_bytes: int | None = None
    """The highest resident memory of any one task of the step, as SLURM's accounting sampled it."""
    cpu_seconds: int | None = None
    """CPU time so far, as SLURM's accounting sampled it; where the step has several tasks, their mean."""
    workers: tuple[Worker, ...] = ()


class Allocated(Record, frozen=True, kw_only=True):
    """What SLURM granted; for a pending job, what was asked for."""

    cpus: int | None
    memory_bytes: int | None
    gpus: int | None


UseSource = Literal["dask", "slurm"]


class Used(Record, frozen=True, kw_only=True):
    """What the job was measured to use: its workers or, where that is clearly more, all of its processes."""

    cpu_percent: float | None
    memory_bytes: int | None
    threads_busy: int | None
    cpu_source: UseSource | None = None
    """``slurm``: to what the workers use is added what other programs used, on average over some minutes."""
    memory_source: UseSource | None = None
    """``slurm``: as SLURM's accounting sampled it, some minutes ago at most."""


class Fate(Record, frozen=True, kw_only=True):
    """How an ended job ended, from accounting."""

    state: str
    exit_code: int | None
    signal: int | None
    ended_at: datetime | None
    max_rss_bytes: int | None
    explanation: str
    cpu_seconds: int | None = None
    """CPU time of all its steps, as far as SLURM's accounting got to know it."""
    cancelled_by: str | None = None
    """Who cancelled it: a user's name or, where nobody knows it, number."""
    released_by: str | None = None
    """What gave the job back, in that user's name: ``dasktop`` or ``cluster object``; ``None``: neither is known to."""
    cause: str | None = None
    """What the last lines of its log say was the matter."""


class Job(Record, frozen=True, kw_only=True):
    """A SLURM job: one allocation of CPUs and memory, for a limited time."""

    job_id: str
    """SLURM's raw id, also for array and het jobs: what ``SLURM_JOB_ID`` says inside the job."""
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
    """Nodes that it insists on (``--nodelist``); empty where it takes any, ``None`` where nobody tells."""
    required_features: str | None = None
    """Features that its nodes must have (``--constraint``), as they were asked for; ``None`` also for none."""
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
    """Every kind found, best first. Empty: nothing ties this job of the user to the cluster."""
    scheduler_unknown: bool = False
    """Whether its script starts dask workers, and nothing tells for which scheduler. It may be this cluster's."""
    fate: Fate | None
    previous_fate: Fate | None = None
    """How its last run ended, where SLURM has put it back into the queue since."""
    tasks: tuple[Task, ...]


class Finding(Record, frozen=True, kw_only=True):
    """One sentence about something wrong or wasteful."""

    code: str
    severity: Severity
    job_id: str | None
    worker: str | None
    """A worker's name, which no other worker of the cluster has."""
    job_ids: tuple[str, ...] = ()
    """All jobs that it is about, `job_id` among them if there is one. Older programs wrote `job_id` only."""
    workers: tuple[str, ...] = ()
    """All workers that it is about, in the same way."""
    message: str
    advice: str | None = None
    """What one can do about it."""
    since: datetime | None


WorkerEventKind = Literal["killed for memory", "died", "removed", "restarted", "closed"]


class WorkerEvent(Record, frozen=True, kw_only=True):
    """What became of a worker, as the scheduler's events tell it."""

    at: datetime
    worker: str | None
    """Its name; ``None`` of one that came and went between two readings."""
    address: str | None = None
    job_id: str | None = None
    kind: WorkerEventKind
    """``killed for memory`` by its nanny · ``removed`` by the scheduler · ``restarted`` by a client."""
    pid: int | None = None
    memory_bytes: int | None = None
    """What it held when it was killed."""
    limit_bytes: int | None = None
    reason: str | None = None
    tasks_interrupted: int | None = None
    results_lost: int | None = None


class Snapshot(Record, frozen=True, kw_only=True):
    """The reconciled tree at one moment: the only thing that the screen and the JSON know."""

    schema_version: int
    taken_at: datetime
    cluster: Cluster
    sources: tuple[Source, ...]
    totals: Totals
    jobs: tuple[Job, ...]
    unplaced_workers: tuple[Worker, ...]
    findings: tuple[Finding, ...]
    worker_events: tuple[WorkerEvent, ...] | None = None
    """Of the last half hour, the oldest first; ``None`` where the scheduler doesn't tell why workers end."""


def to_json(snapshot: Snapshot) -> bytes:
    """Encode as one line of UTF-8 JSON, without the newline."""
    return msgspec.json.encode(snapshot)


def from_json(line: bytes | str) -> Snapshot:
    """Decode what `to_json` wrote.

    Fields added by later programs are ignored.

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
