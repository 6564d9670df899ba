"""Questions that a screen may ask besides the snapshots, and their answers. Types only."""

from dasktop.collectors.model.record import Record


class BatchScript(Record, frozen=True, kw_only=True):
    """A job's batch script, as it was submitted. Answered in `Answer.lines`."""

    job_id: str


class JobFiles(Record, frozen=True, kw_only=True):
    """Where a job's output goes. Answered in `Answer.files`."""

    job_id: str


class CallStack(Record, frozen=True, kw_only=True):
    """The call stack of a worker's thread, innermost call first. Answered in `Answer.lines`."""

    worker_address: str
    thread_native_id: int


class ServerLogs(Record, frozen=True, kw_only=True):
    """The last log messages that dask's processes keep in memory. Answered in `Answer.lines`, oldest first."""

    worker_addresses: tuple[str, ...]
    """Workers, which are asked together with their nannies; empty: the scheduler."""


class ProfileOf(Record, frozen=True, kw_only=True):
    """What the tasks of some workers spent their time on. Answered in `Answer.profile`."""

    worker_addresses: tuple[str, ...]
    task_name: str | None = None
    """Only tasks of this name."""


class FreeNodes(Record, frozen=True, kw_only=True):
    """The nodes of a partition that have free CPUs. Answered in `Answer.nodes`."""

    partition: str
    """One or several, separated by commas, as in a job."""


class QueuePosition(Record, frozen=True, kw_only=True):
    """Where a pending job comes among the pending jobs of its partition. Answered in `Answer.place`."""

    job_id: str
    partition: str
    """As in `FreeNodes`."""


Question = BatchScript | JobFiles | CallStack | ServerLogs | ProfileOf | FreeNodes | QueuePosition


class FreeNode(Record, frozen=True, kw_only=True):
    """A node on which jobs can start, with its unallocated CPUs and memory."""

    name: str
    cpus: int
    memory_bytes: int | None
    features: str | None = None
    gpus: int | None = None
    is_idle: bool | None = None
    """Whether no job has a part of it."""
    is_planned: bool = False
    """Whether SLURM plans to start a pending job on it; until then, others may run there if they end early enough."""


class QueuePlace(Record, frozen=True, kw_only=True):
    """The place of a pending job by priority, from 1, and how many jobs are pending there.

    Both are ``None`` if they are unknown. Each job that is pending counts, also those of an array, held ones and those
    with a dependency.
    """

    number: int | None = None
    of: int | None = None
    remark: str = ""
    """Why it is unknown."""


class ProfiledCall(Record, frozen=True, kw_only=True):
    """A function on the call stack of some samples."""

    name: str
    """The name of the function; at the top and without a file, the task name."""
    file: str | None
    line: int | None
    samples: int | None
    """``None``: few, or among the ``own_samples`` of its caller, since dask does not tell them apart."""
    own_samples: int
    """Those in which it ran itself, rather than a Python function of ``calls`` with known samples."""
    calls: tuple["ProfiledCall", ...] = ()
    """Most samples first; those with few are left out."""


class Profile(Record, frozen=True, kw_only=True):
    """Samples of the threads that ran tasks. A worker takes one per thread every 10 ms, by default."""

    seconds: float
    """The time from the first of them until now, at most ten minutes; if there are none, this time."""
    workers: int
    """How many answered."""
    samples: int
    calls: tuple[ProfiledCall, ...]
    problems: tuple[str, ...] = ()
    """Workers that are missing, and why."""


class OutputFiles(Record, frozen=True, kw_only=True):
    """A job's files, as absolute paths; ``None`` if SLURM reports none, or none that could be opened.

    The paths are not cleaned, since they have to be opened: clean them before they are shown. The file may
    not exist yet, may have been removed, or may not be readable from this host.
    """

    stdout: str | None
    stderr: str | None
    """The same as `stdout` unless the job sets its own."""
    work_dir: str | None


class Answer(Record, frozen=True, kw_only=True):
    """The answer to one question. Each question gets exactly one, unless the feed is stopped before."""

    question: Question
    lines: tuple[str, ...] = ()
    """All lines, cleaned, with their indentation and without tabs."""
    running: str | None = None
    """For a call stack: the dask task that the thread was running, as text; ``None``: unknown."""
    files: OutputFiles | None = None
    nodes: tuple[FreeNode, ...] = ()
    """Only nodes with free CPUs."""
    place: QueuePlace | None = None
    profile: Profile | None = None
    error: str | None = None
    """Why there is no answer, in one clean line."""
