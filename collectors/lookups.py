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


Question = BatchScript | JobFiles | CallStack


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
    """Of a call stack: the dask task that the thread ran at that moment, in words; ``None``: not told."""
    files: OutputFiles | None = None
    error: str | None = None
    """Why there is none, in one clean line."""
