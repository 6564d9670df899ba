"""What a screen may ask beside the snapshots, one thing at a time, and the answer to it. Types, and nothing else."""

from dasktop.collectors.model import Record


class BatchScript(Record, frozen=True, kw_only=True):
    """A job's script, as it was submitted. Answered in `Answer.lines`."""

    job_id: str


class JobFiles(Record, frozen=True, kw_only=True):
    """Where a job's output goes. Answered in `Answer.files`."""

    job_id: str


class CallStack(Record, frozen=True, kw_only=True):
    """What a thread of a worker is doing, innermost call first. Answered in `Answer.lines`."""

    worker_address: str
    thread_native_id: int


class FreeNodes(Record, frozen=True, kw_only=True):
    """Which nodes of a partition have free CPUs. Answered in `Answer.nodes`."""

    partition: str
    """Or several, separated by commas, as a job may name them."""


Question = BatchScript | JobFiles | CallStack | FreeNodes


class FreeNode(Record, frozen=True, kw_only=True):
    """A node on which jobs can start, with its free CPUs and memory."""

    name: str
    cpus: int
    memory_bytes: int | None
    features: str | None = None


class OutputFiles(Record, frozen=True, kw_only=True):
    """A job's files, with absolute paths; ``None`` where SLURM tells none, or none that could be opened.

    Paths are as they are, since only so can they be opened: they may hold control characters, and are to be cleaned
    before they are shown. That a path is told doesn't mean that the file is there (yet, or still), nor that it can be
    read from this host.
    """

    stdout: str | None
    stderr: str | None
    """The same as `stdout` unless the job was told otherwise."""
    work_dir: str | None


class Answer(Record, frozen=True, kw_only=True):
    """What became of one question: every question gets exactly one, unless the feed is stopped before."""

    question: Question
    lines: tuple[str, ...] = ()
    """Clean, without tabs, each as it stood: indented, and none left out."""
    running: str | None = None
    """For a call stack: a description of the dask task that the thread was running; ``None`` if unknown."""
    files: OutputFiles | None = None
    nodes: tuple[FreeNode, ...] = ()
    """Only those with free CPUs."""
    error: str | None = None
    """Why there is none, in one clean line."""
