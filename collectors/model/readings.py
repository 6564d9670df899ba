"""What the collectors read, each at one moment: the input of `reconcile`.

All text is already cleaned (see `text.clean`); what a source did not report is ``None``.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from dasktop.collectors.model.record import Record
from dasktop.collectors.model.snapshot import Cluster, Worker, WorkerEvent
from dasktop.collectors.model.work import Work, WorkerEndKey


class QueuedJob(Record, frozen=True, kw_only=True):
    """A job as ``squeue`` shows it."""

    job_id: str
    """The raw id (``%A``)."""
    array_job_id: str | None = None
    array_task_id: str | None = None
    het_job_id: str | None = None
    name: str | None = None
    user: str | None = None
    account: str | None = None
    partition: str | None = None
    qos: str | None = None
    state: str | None = None
    reason: str | None = None
    """``None`` if SLURM gives no reason."""
    nodes: tuple[str, ...] = ()
    submitted_at: datetime | None = None
    started_at: datetime | None = None
    expected_start_at: datetime | None = None
    ends_at: datetime | None = None
    time_limit_seconds: int | None = None
    required_nodes: tuple[str, ...] | None = None
    """Required nodes (``--nodelist``)."""
    required_features: str | None = None
    """Required node features (``--constraint``), as requested: ``a100&(rome|milan)``."""
    excluded_nodes: tuple[str, ...] | None = None
    licenses: str | None = None
    gres: str | None = None
    dependency: str | None = None
    reservation: str | None = None
    is_exclusive: bool | None = None
    node_count: int | None = None
    cpus_per_node: int | None = None
    priority: int | None = None
    planned_nodes: tuple[str, ...] = ()
    cpus: int | None = None
    memory_bytes: int | None = None
    """Memory of the whole job, over all nodes."""
    gpus: int | None = None


class FailureCause(Record, frozen=True, kw_only=True):
    """The cause of a failure, as the end of the log gives it."""

    cause: str | None = None
    out_of_memory: bool = False
    """Whether the log contains SLURM's message that it killed the job for its memory."""


class EndedJob(Record, frozen=True, kw_only=True):
    """A job that has left the queue, as accounting (or ``scontrol``, for some minutes) reports it."""

    job: QueuedJob
    """The job with its final state, such as ``CANCELLED``; nodes and times if they are known."""
    exit_code: int | None = None
    signal: int | None = None
    ended_at: datetime | None = None
    max_rss_bytes: int | None = None
    """The highest of any task of any step."""
    cpu_seconds: int | None = None
    """CPU time of all steps."""
    cancelled_by_uid: int | None = None
    cancelled_by: str | None = None
    """The name of that user, if known."""
    step_signals: tuple[int, ...] = ()
    """Signals that ended its steps: without cgroups, only these show a memory kill."""
    failure_cause: FailureCause = FailureCause()
    """What the end of its log says, if it was read."""
    output_files: tuple[str, ...] = ()
    """Its output files, as far as SLURM still reported them."""


class Step(Record, frozen=True, kw_only=True):
    """A step of a running job, as ``sstat`` shows it."""

    job_id: str
    step_id: str
    """``batch``, ``extern``, ``interactive`` or a number."""
    ntasks: int | None = None
    nodes: tuple[str, ...] = ()
    pids: tuple[int, ...] = ()
    max_rss_bytes: int | None = None
    rss_bytes: int | None = None
    """Current mean over the tasks."""
    cpu_seconds: int | None = None
    """Mean over the tasks, since their start."""
    read_at: datetime | None = None
    """When SLURM was asked."""


class JobScript(Record, frozen=True, kw_only=True):
    """What a job's batch script says about dask, completed from the job itself."""

    job_id: str
    job_name: str | None = None
    """From the queue."""
    user: str | None = None
    """The job's user, from the queue."""
    scheduler_addresses: tuple[str, ...] = ()
    """Scheduler addresses of its workers, with ``tcp://`` if they have no scheme."""
    scheduler_files: tuple[str, ...] = ()
    """Absolute paths of the scheduler files that its workers read or its scheduler writes."""
    other_addresses: tuple[str, ...] = ()
    """Addresses passed to other programs, such as a client. They are no evidence for the job."""
    other_files: tuple[str, ...] = ()
    worker_names: tuple[str, ...] = ()
    """Values of ``--name``."""
    workers_expected: int | None = None
    """How many workers it starts, if that is certain."""
    starts_workers: bool = False
    has_unknown_scheduler: bool = False
    """Whether it starts workers whose scheduler is known only when the script runs."""
    tls_ca_file: str | None = None
    """Absolute paths of the certificates of its workers, if all use the same."""
    tls_cert: str | None = None
    tls_key: str | None = None


class RecentlyEnded(Record, frozen=True, kw_only=True):
    """A job of the user that had ended when SLURM was first read for this cluster."""

    end: EndedJob
    script: JobScript | None = None
    """What its batch script says; ``None``: nothing about dask, or SLURM has forgotten it."""


class SlurmReading(Record, frozen=True, kw_only=True):
    """What SLURM reported at one moment."""

    taken_at: datetime
    jobs: tuple[QueuedJob, ...] = ()
    """All jobs of the user in the queue, dask or not."""
    ended: tuple[EndedJob, ...] = ()
    requeued: tuple[EndedJob, ...] = ()
    """How the previous run of requeued jobs ended."""
    steps: tuple[Step, ...] = ()
    scripts: tuple[JobScript, ...] = ()
    recently_ended: tuple[RecentlyEnded, ...] = ()
    """Jobs of any cluster: only their scripts, and dasktop's log of actions, show of which one."""


PlaceProof = Literal["kernel", "environment", "inherited"]
"""How a process's place is known: ``kernel``: its control group, or its ancestor slurmstepd ·
``environment``: variables that SLURM sets for each task, which other processes may have inherited ·
``inherited``: variables of a job but not those of a task, as in the shell of salloc on the submit host."""


class SlurmPlace(Record, frozen=True, kw_only=True):
    """Where in SLURM a process runs, as it reports itself."""

    job_id: str
    step_id: str | None
    """``batch`` if the environment names a job but no step; ``None``: unknown."""
    task_id: int | None = None
    node: str | None = None
    task_pid: int | None = None
    proof: PlaceProof = "environment"


class WorkerReading(Record, frozen=True, kw_only=True):
    """A worker as dask reports it, and the place that its process reports."""

    worker: Worker
    """With its threads if they were requested; without evidence."""
    place: SlurmPlace | None = None
    place_was_read: bool = False
    """Whether the worker has reported its place: if so and `place` is ``None``, it runs outside SLURM."""
    started_at: datetime | None = None
    """When its process started, by the clock of its host."""


class DepartedWorker(Record, frozen=True, kw_only=True):
    """A worker that left before it was read, by the scheduler's log."""

    address: str
    name: str
    registered_at: datetime


class FoundInLogs(Record, frozen=True, kw_only=True):
    """What the logs of jobs say about workers that have left."""

    ends: Mapping[WorkerEndKey, str]
    """Why they ended, in words, by address and time."""
    jobs: Mapping[str, str]
    """The job that a worker was in, by address."""


class Released(Record, frozen=True, kw_only=True):
    """What released a job; for accounting, its user cancelled it."""

    by: str
    """As in `Fate.released_by`."""
    detail: str = ""
    """Further description, such as the host and process."""
    not_before: datetime | None = None
    """When the job was still wanted: a job that had ended before was not released by this."""


class DaskReading(Record, frozen=True, kw_only=True):
    """What dask reported at one moment."""

    taken_at: datetime
    cluster: Cluster
    workers: tuple[WorkerReading, ...] = ()
    scheduler_place: SlurmPlace | None = None
    """The place that the scheduler's process reports."""
    scheduler_started_at: datetime | None = None
    """When the scheduler started, by the clock of its host."""
    refused_script: str | None = None
    """The script of one of the owner's jobs that could not be submitted."""
    worker_events: tuple[WorkerEvent, ...] | None = None
    """Recent worker events; ``None`` if the scheduler does not report them."""
    departed: tuple[DepartedWorker, ...] = ()
    """Workers in these events or in failures that left before they were read."""
    work: Work | None = None
    """What the scheduler computes; without job ids, rates and estimates."""


_SPECIAL_STEPS = {-4: "extern", -5: "batch", -6: "interactive"}
"""slurm.h: SLURM_EXTERN_CONT, SLURM_BATCH_SCRIPT, SLURM_INTERACTIVE_STEP, as signed 32-bit numbers."""


_STEP_NUMBER = re.compile(r"-?[0-9]{1,10}", re.ASCII)


def step_name(text: str) -> str:
    """Return the name of a special step given by its number; any other text unchanged.

    In a batch script ``SLURM_STEP_ID`` is unset or ``4294967291``, or ``-5`` in SLURM 26.05; sstat and sacct call this
    step ``batch``.
    """
    if _STEP_NUMBER.fullmatch(text) is None:
        return text
    number = int(text)
    return _SPECIAL_STEPS.get(number if number < 1 << 31 else number - (1 << 32), text)
