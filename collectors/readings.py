"""What the collectors saw, each at one moment: the input of `reconcile`.

All text in here is already clean (see `text.clean`); what a source did not tell is ``None``.
"""

from datetime import datetime
from typing import Literal

from dasktop.collectors.model import Cluster, Record, Worker, WorkerEvent
from dasktop.collectors.slurm.last_words import LastWords


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
    """``None`` where SLURM says ``None``."""
    nodes: tuple[str, ...] = ()
    submitted_at: datetime | None = None
    started_at: datetime | None = None
    expected_start_at: datetime | None = None
    ends_at: datetime | None = None
    time_limit_seconds: int | None = None
    required_nodes: tuple[str, ...] | None = None
    """Nodes that it insists on (``--nodelist``)."""
    required_features: str | None = None
    """Features that its nodes must have (``--constraint``), as they were asked for: ``a100&(rome|milan)``."""
    cpus: int | None = None
    memory_bytes: int | None = None
    """Of the whole job, over all its nodes."""
    gpus: int | None = None


class EndedJob(Record, frozen=True, kw_only=True):
    """A job that has left the queue, as accounting (or ``scontrol``, for a while) tells it."""

    job: QueuedJob
    """With the state it ended in, such as ``CANCELLED``; nodes and times where they are known."""
    exit_code: int | None = None
    signal: int | None = None
    ended_at: datetime | None = None
    max_rss_bytes: int | None = None
    """The highest of any one task of any step."""
    cpu_seconds: int | None = None
    """Of all its steps together."""
    cancelled_by_uid: int | None = None
    cancelled_by: str | None = None
    """The name of that user, where somebody knows it."""
    step_signals: tuple[int, ...] = ()
    """Signals that ended its steps: without cgroups a memory kill shows only there."""
    last_words: LastWords = LastWords()
    """What its log says at its end, where that was read."""
    output_files: tuple[str, ...] = ()
    """Where its output was to go, as far as SLURM told in time."""


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
    """Of a task now, on average."""
    cpu_seconds: int | None = None
    """Of a task so far, on average."""
    read_at: datetime | None = None
    """When SLURM was asked."""


class JobScript(Record, frozen=True, kw_only=True):
    """What a job's batch script says of dask, with what the job itself tells filled in."""

    job_id: str
    job_name: str | None = None
    """As the queue tells it."""
    user: str | None = None
    """Whose job it is, as the queue tells it."""
    scheduler_addresses: tuple[str, ...] = ()
    """Where its workers look for their scheduler, with ``tcp://`` where no scheme is named."""
    scheduler_files: tuple[str, ...] = ()
    """Whole paths of the files in which its workers look, or its scheduler writes, where that is."""
    other_addresses: tuple[str, ...] = ()
    """Those that other programs of it are told of, such as a client. They show no job to be the cluster's."""
    other_files: tuple[str, ...] = ()
    worker_names: tuple[str, ...] = ()
    """What stands behind ``--name``."""
    workers_expected: int | None = None
    """How many workers it starts, where that leaves no doubt."""
    starts_workers: bool = False
    has_unknown_scheduler: bool = False
    """Whether it starts workers of which only running it tells for which scheduler."""
    tls_ca_file: str | None = None
    """The certificates that its workers use, as whole paths, where all use the same."""
    tls_cert: str | None = None
    tls_key: str | None = None


class EndedLately(Record, frozen=True, kw_only=True):
    """A job of the user's that ended before SLURM was first asked for this cluster, and its batch script."""

    end: EndedJob
    script: JobScript


class SlurmReading(Record, frozen=True, kw_only=True):
    """The SLURM half at one moment."""

    taken_at: datetime
    jobs: tuple[QueuedJob, ...] = ()
    """All of the user's jobs in the queue, dask or not."""
    ended: tuple[EndedJob, ...] = ()
    requeued: tuple[EndedJob, ...] = ()
    """How the last run of jobs ended that are in the queue again."""
    steps: tuple[Step, ...] = ()
    scripts: tuple[JobScript, ...] = ()
    ended_lately: tuple[EndedLately, ...] = ()
    """Jobs that may belong to this cluster or to another; only their scripts can show which."""


PlaceProof = Literal["kernel", "environment", "inherited"]
"""How a process's place is known: ``kernel`` its control group, or the slurmstepd that it descends from ·
``environment`` variables that SLURM sets for each task, and that a later process may have inherited ·
``inherited`` variables of a job without those of a task: as in the shell of salloc on the submit host."""


class SlurmPlace(Record, frozen=True, kw_only=True):
    """Where in SLURM a process runs, as far as the process itself can tell."""

    job_id: str
    step_id: str | None
    """``batch`` where the environment names a job but no step; ``None`` where the step is not known."""
    task_id: int | None = None
    node: str | None = None
    task_pid: int | None = None
    told_by: PlaceProof = "environment"


class WorkerReading(Record, frozen=True, kw_only=True):
    """A worker as dask sees it, and the place it told us it runs in."""

    worker: Worker
    """With its threads, if they were asked for, and without evidence."""
    place: SlurmPlace | None = None
    place_was_read: bool = False
    """Whether the worker could be asked: if so and `place` is ``None``, it runs outside SLURM."""
    started_at: datetime | None = None
    """When its process started, by the clock of its host."""


class Released(Record, frozen=True, kw_only=True):
    """What gave a job back, which accounting knows as cancelled by its user."""

    by: str
    """As in `Fate.released_by`."""
    detail: str = ""
    """Who or what let it, in words."""
    not_before: datetime | None = None
    """The job was still wanted then: one that had ended before was ended by somebody else."""


class DaskReading(Record, frozen=True, kw_only=True):
    """The dask half at one moment."""

    taken_at: datetime
    cluster: Cluster
    workers: tuple[WorkerReading, ...] = ()
    scheduler_place: SlurmPlace | None = None
    """Where the scheduler's own process says it runs."""
    scheduler_started_at: datetime | None = None
    """When the scheduler started, by the clock of its host."""
    refused_script: str | None = None
    """The script of one of the owner's jobs whose submission has failed."""
    worker_events: tuple[WorkerEvent, ...] | None = None
    """What became of workers lately; ``None`` where the scheduler doesn't tell."""
