"""The work: what dask computes, how far it is, and what failed. Part of the snapshot; see there for conventions.

A *computation* is what one ``compute``, ``persist`` or ``submit`` asked for; a *task name* is dask's prefix of keys,
such as ``load`` for ``('load-3f2a', 7)``.
"""

from datetime import datetime
from typing import Literal

from dasktop.collectors.model.record import Record

TaskStates = dict[str, int]
"""Tasks by state: ``waiting queued no-worker processing memory released erred``. States without a task are omitted."""

WorkerEndKey = tuple[str | None, datetime | None]
"""The address of a worker that ended, and when."""
FailureKind = Literal["exception", "worker killed", "cancelled dependency", "unknown"]


class LeftOut(Record, frozen=True, kw_only=True):
    """Tasks of one name that an estimate leaves out."""

    task_name: str
    tasks: int


class Eta(Record, frozen=True, kw_only=True):
    """When the rest will be done: a range, since it is an estimate. See `tasks_left_out`."""

    earliest: datetime
    """In the past, if the work could have been done by then and nothing was learnt since."""
    latest: datetime
    based_on: str
    """A text: what the estimate is based on, what it assumes, and which tasks it leaves out."""
    tasks_left_out: int = 0
    """Tasks that will not be done by then: no worker may run them, they wait for these, or their end is unknown."""
    left_out: tuple[LeftOut, ...] = ()
    """These by task name; empty if their names are not known."""


class TaskName(Record, frozen=True, kw_only=True):
    """All tasks of one name that the scheduler knows now."""

    name: str
    states: TaskStates
    seconds_mean: float | None
    """Mean time on a thread, of all that have finished."""
    seconds_max: float | None
    """The longest time on a thread that was seen; running tasks are included."""
    bytes_stored: int | None
    """Estimated size of the results in memory: their number × the mean size."""
    compute_seconds: float | None
    """Time on threads, of all that have finished."""
    transfer_seconds: float | None
    """Time that they waited for their inputs to be transferred."""
    suspicious: int | None
    """How many times a worker ended while it ran or held one of them."""
    finished_total: int | None = None
    """How many have finished since the scheduler started; those that were computed again count again."""
    done: int | None = None
    """Tasks that are done: in memory, released, or forgotten while the current computations have been running."""
    total: int | None = None
    """``done`` and all unfinished or failed ones."""
    held_up: int | None = None
    """Waiting tasks that need the result of a task that no worker may run. At most 1,000 of all names are counted;
    ``None``: unknown."""
    rate_per_second: float | None = None
    """Tasks that finished per second since they began, at most over the last two minutes; ``None``: unknown."""
    eta: Eta | None = None


class Computation(Record, frozen=True, kw_only=True):
    """What one ``compute``, ``persist`` or ``submit`` asked for; dask merges what overlaps in time."""

    id: str
    name: str | None
    """The name that the user gave it (``distributed.span``)."""
    code: tuple[str, ...] | None
    """The user's source lines that started it; ``None`` unless the client sends them."""
    started_at: datetime | None
    ended_at: datetime | None
    states: TaskStates
    task_names: tuple[str, ...]
    progress: float | None
    """The share of tasks that are done, 0 to 1."""
    done: int | None = None
    """Tasks that are in memory, released or forgotten."""
    total: int | None = None
    """All that it has had."""
    eta: Eta | None = None


class RunningTask(Record, frozen=True, kw_only=True):
    """A task that a worker ran at its last heartbeat."""

    key: str
    task_name: str
    worker: str | None
    """Its name, or its address if the name is unknown."""
    address: str | None = None
    job_id: str | None = None
    seconds: float
    """How long it had run when it was read, see `Work.running_at`."""
    typical_seconds: float | None = None
    """Mean of those of its name that have finished."""
    idle_seconds: float | None = None
    """For how long its thread has been seen to wait: it used no CPU, was hardly ever woken, and its worker has no child
    process. ``None``: not asked, since other tasks take as long, or unknown."""


class Attempt(Record, frozen=True, kw_only=True):
    """One attempt to run a task that failed: where, and what ended it."""

    worker: str | None
    """Its name, or its address if the name is unknown."""
    address: str | None = None
    job_id: str | None = None
    node: str | None = None
    """The node that the worker ran on; ``None``: unknown."""
    at: datetime | None
    cause: str | None
    """What ended it; ``None``: unknown."""


class Failure(Record, frozen=True, kw_only=True):
    """A failed task."""

    key: str
    task_name: str
    at: datetime
    kind: FailureKind
    exception: str | None
    """Type and message of the exception, as dask has it."""
    traceback: tuple[str, ...] | None
    """The last lines of the traceback."""
    worker: str | None
    """The worker of the last attempt: its name, or its address if the name is unknown."""
    address: str | None = None
    job_id: str | None = None
    node: str | None = None
    """The node that the worker ran on; ``None``: unknown."""
    attempts: tuple[Attempt, ...] = ()
    """Oldest first; only those that are known."""
    blocks: int | None = None
    """How many other tasks it blocks: they need its result."""


class UnrunnableTask(Record, frozen=True, kw_only=True):
    """A task that no worker may run: no worker meets its restrictions."""

    key: str
    task_name: str
    resources: dict[str, float]
    """What it requires (``resources=``)."""
    workers: tuple[str, ...]
    hosts: tuple[str, ...]
    waiting_seconds: float | None


class TaskActivity(Record, frozen=True, kw_only=True):
    """Time that tasks of one name spent in one activity, such as ``thread-cpu`` or ``disk-read``, since the start."""

    task_name: str
    activity: str
    seconds: float


ActivityKind = Literal["compute", "waiting", "spill", "deserialize", "failed", "other"]
_KINDS: dict[str, ActivityKind] = {
    "thread-cpu": "compute",
    "thread-noncpu": "waiting",
    "deserialize": "deserialize",
    "failed": "failed",
    **dict.fromkeys(("disk-read", "disk-write", "compress", "decompress", "serialize"), "spill"),
}


def activity_kind(activity: str) -> ActivityKind:
    """Return what an activity that distributed measures is called for users; unknown ones are ``other``."""
    return _KINDS.get(activity, "other")


class Progress(Record, frozen=True, kw_only=True):
    """Tasks of the computations that run now, and of those that overlapped them in time; else of the last ones.

    ``total`` does not decrease until all of them have ended, nor does ``done`` unless results are lost.
    """

    done: int
    """Including tasks that the scheduler has released or forgotten."""
    total: int
    failed: int | None
    """Tasks that failed themselves; ``None``: the scheduler does not keep all failures, see ``erred``."""
    blocked: int | None
    """Tasks that need one that failed; ``None`` as for ``failed``."""
    erred: int | None = None
    """Both together; ``None``: unknown."""


class Work(Record, frozen=True, kw_only=True):
    """What dask computes."""

    computations: tuple[Computation, ...]
    """The newest last."""
    task_names: tuple[TaskName, ...]
    """In the order in which the scheduler first saw them."""
    more_task_names: int = 0
    """How many more names there are."""
    forgotten_seconds_mean: float | None = None
    """The longest mean time of a name whose tasks were all forgotten since tasks have been left; ``None``: none."""
    running: tuple[RunningTask, ...] | None = None
    """The longest running ones, as they were at most some polls ago; ``None``: not asked."""
    running_at: datetime | None = None
    """When these were read."""
    failures: tuple[Failure, ...] | None = None
    """The newest last; ``None``: this scheduler does not keep them."""
    unrunnable: tuple[UnrunnableTask, ...] = ()
    unrunnable_total: int = 0
    activities: tuple[TaskActivity, ...] | None = None
    """``None``: not asked, or this scheduler does not measure them."""
    progress: Progress
    eta: Eta | None = None
    rate_per_second: float | None = None
    read_at: datetime | None = None
    """When all of this was read that has no time of its own: in a large cluster not at each poll. ``None``: unknown."""
