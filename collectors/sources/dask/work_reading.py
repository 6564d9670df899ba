"""Request and decode what the scheduler computes; see `shipped_work` for the form of the answer. Does no I/O."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from dasktop.collectors.model.work import (
    Attempt,
    Computation,
    Failure,
    FailureKind,
    Progress,
    RunningTask,
    TaskActivity,
    TaskName,
    TaskStates,
    UnrunnableTask,
    Work,
)
from dasktop.collectors.sources.dask.plain_values import (
    as_datetime,
    as_dict,
    as_int,
    as_number,
    as_seconds,
    as_text,
    as_tuple,
)
from dasktop.collectors.sources.dask.shipped_work import (
    ATTEMPT_FIELDS,
    COMPUTATION_FIELDS,
    FAILURE_FIELDS,
    MOST_COMPUTATIONS,
    NAME_FIELDS,
    RUNNING_FIELDS,
    STATES,
    UNRUNNABLE_FIELDS,
)
from dasktop.collectors.sources.dask.work_progress import ComputationCounts, NameCounts, ProgressTracker, Tally, tally
from dasktop.collectors.text.clean import clean_lines

MOST_FAILURES = 100
MOST_NAMES = 1000
"""Names whose mean times are kept."""
LEFT_STATES = frozenset(("waiting", "no-worker", "queued", "processing"))
READINGS_BETWEEN_RUNNING = 5
MOST_SMALL = 200
"""Of a cluster of up to this number of workers, the work and what each worker runs are read at each poll."""
SECONDS_BETWEEN_IF_LARGE = 3.0
"""In a larger one, the work is read at the first poll after this time: every other one, if they come every 2 s."""
SECONDS_BETWEEN_ACTIVITIES = 30.0

NameOf = Callable[[str | None], str | None]
"""Returns the name of the worker at an address, also of one that has left; ``None``: unknown."""


class _Kept:
    """What is kept of one scheduler's answers."""

    def __init__(self, scheduler_id: str | None) -> None:
        self.scheduler_id = scheduler_id
        self.failed_until: float | None = None
        self.failures: deque[Failure] | None = None
        self.code: dict[str, tuple[str, ...] | None] = {}
        self.running: tuple[RunningTask, ...] | None = None
        self.running_at: datetime | None = None
        self.activities: tuple[TaskActivity, ...] | None = None
        self.activities_at: float | None = None
        self.progress = ProgressTracker()
        self.means: dict[str, float] = {}
        self.work: Work | None = None
        self.work_at: float | None = None
        """By the clock of `WorkReader`."""

    def longest_forgotten(self, names: Iterable[TaskName]) -> float | None:
        """Return the longest mean time of the names that are not listed any more, since tasks have been left."""
        listed = {name.name: name for name in names}
        if not any(name.states.keys() & LEFT_STATES for name in listed.values()):
            self.means.clear()
            return None
        means = {name.name: name.seconds_mean for name in listed.values() if name.seconds_mean is not None}
        self.means |= means
        while len(self.means) > MOST_NAMES:
            del self.means[next(iter(self.means))]
        return max((mean for name, mean in self.means.items() if name not in listed), default=None)


class WorkReader:
    """Requests only what is due or new, and keeps the rest of one scheduler's work.

    Parameters
    ----------
    clock
        A monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._readings = 0
        self._is_due = True
        self._kept = _Kept(None)

    def request(self, workers: int = 0) -> dict[str, Any]:
        """Return the request for the next reading, in the form that `shipped_work.read_work` expects.

        ``workers``: how many the cluster had at the last reading.
        """
        is_large = workers > MOST_SMALL
        now = self._clock()
        work_at = self._kept.work_at
        self._is_due = not is_large or work_at is None or now - work_at >= SECONDS_BETWEEN_IF_LARGE
        if not self._is_due:
            return {"is_due": False}
        self._readings += 1
        wants_running = self._readings % READINGS_BETWEEN_RUNNING == 1
        wants_activities = (
            self._kept.activities_at is None or now - self._kept.activities_at >= SECONDS_BETWEEN_ACTIVITIES
        )
        return {
            "failures_since": self._kept.failed_until,
            "known_code": [number for number, code in self._kept.code.items() if code],
            "running": wants_running,
            "longest": wants_running or not is_large,
            "activities": wants_activities,
        }

    def after(
        self,
        answer: object,
        scheduler_id: str | None,
        now: float | None,
        taken_at: datetime,
        worker_name: NameOf,
        silent_seconds: Mapping[str, float] = MappingProxyType({}),
    ) -> Work | None:
        """Return the work according to an answer and earlier ones; ``None`` if the scheduler does not report it.

        ``now`` is the scheduler's time in seconds since 1970, and ``taken_at`` that of this host. ``silent_seconds``:
        how long ago each worker sent its last heartbeat, by address.
        """
        if scheduler_id != self._kept.scheduler_id:
            self._kept = _Kept(scheduler_id)
        kept = self._kept
        fields = as_dict(answer)
        if "names" not in fields:
            # The scheduler answers so if the work was not requested; it may also not answer at all from now on.
            return kept.work if "longest" in fields and not self._is_due else None
        skew = timedelta() if now is None else taken_at - (as_datetime(now) or taken_at)
        of_names, whole = kept.progress.update(
            _counts_of_names(fields), _counts_of_computations(fields), as_int(fields.get("forgotten_total")) or 0
        )
        held_up = _held_up(fields)
        names = tuple(
            replace(name, held_up=None if held_up is None else held_up.get(name.name, 0))
            for row in _rows(fields["names"], NAME_FIELDS)
            if (name := _task_name(row, of_names))
        )
        typical = {name.name: name.seconds_mean for name in names}
        self._add_failures(fields, skew, worker_name)
        if fields.get("running") is not None:
            rows = _rows(fields["running"], RUNNING_FIELDS)
            kept.running = tuple(task for row in rows if (task := _running(row, worker_name, silent_seconds)))
            kept.running_at = taken_at
        if fields.get("activities") is not None:
            kept.activities = tuple(_activities(fields["activities"]))
        if fields.get("activities") is not None or kept.activities_at is None:
            kept.activities_at = self._clock()
        failures = None if kept.failures is None else tuple(kept.failures)
        running = kept.running
        kept.work_at = self._clock()
        kept.work = Work(
            computations=self._computations(fields, skew),
            task_names=names,
            more_task_names=as_int(fields.get("more_names")) or 0,
            forgotten_seconds_mean=kept.longest_forgotten(names),
            running=None
            if running is None
            else tuple(replace(task, typical_seconds=typical.get(task.task_name)) for task in running),
            running_at=kept.running_at,
            failures=failures,
            unrunnable=tuple(
                waiting for row in _rows(fields.get("unrunnable"), UNRUNNABLE_FIELDS) if (waiting := _unrunnable(row))
            ),
            unrunnable_total=as_int(fields.get("unrunnable_total")) or 0,
            activities=kept.activities,
            # `completed_work` tells failed and blocked ones apart.
            progress=Progress(done=whole.done, total=whole.total, failed=None, blocked=None, erred=whole.erred),
            read_at=taken_at,
        )
        return kept.work

    def _add_failures(self, fields: Mapping[str, Any], skew: timedelta, worker_name: NameOf) -> None:
        if fields.get("failures") is None:
            return
        if self._kept.failures is None:
            self._kept.failures = deque(maxlen=MOST_FAILURES)
        known = {(failure.key, failure.at) for failure in self._kept.failures}
        for row in _rows(fields["failures"], FAILURE_FIELDS):
            failure = _failure(row, skew, worker_name)
            if failure is not None and (failure.key, failure.at) not in known:
                self._kept.failures.append(failure)
        self._kept.failed_until = as_number(fields.get("failed_until")) or self._kept.failed_until

    def _computations(self, fields: Mapping[str, Any], skew: timedelta) -> tuple[Computation, ...]:
        found = []
        for row in _rows(fields.get("computations"), COMPUTATION_FIELDS):
            number = as_text(row["id"])
            if number is None:
                continue
            code = self._kept.code.get(number) or _lines(row["code"])
            self._kept.code[number] = code
            found.append(_computation(number, code, row, skew))
        while len(self._kept.code) > MOST_COMPUTATIONS:
            del self._kept.code[next(iter(self._kept.code))]
        return tuple(found)


def _rows(answer: object, fields: tuple[str, ...]) -> Iterable[dict[str, Any]]:
    """Return rows as dictionaries, without those of another form."""
    rows = map(as_tuple, as_tuple(answer))
    return (dict(zip(fields, row, strict=True)) for row in rows if len(row) == len(fields))


def _states(counts: object) -> TaskStates:
    """Return the tasks that exist, by state."""
    return {state: number for state, number in _all_counts(counts).items() if state != "forgotten"}


def _all_counts(counts: object) -> dict[str, int]:
    """Return the number of tasks by state, including ``forgotten``."""
    numbers = map(as_int, as_tuple(counts))
    return {state: number for state, number in zip(STATES, numbers, strict=False) if number}


def _counts_of_names(fields: Mapping[str, Any]) -> dict[str, NameCounts]:
    return {
        name: NameCounts(counts=_all_counts(row["states"]), forgotten_ever=as_int(row["forgotten_total"]))
        for row in _rows(fields["names"], NAME_FIELDS)
        if (name := as_text(row["name"])) is not None
    }


def _counts_of_computations(fields: Mapping[str, Any]) -> dict[str, ComputationCounts]:
    return {
        number: ComputationCounts(
            counts=_all_counts(row["states"]),
            is_done=row["is_done"] if isinstance(row["is_done"], bool) else None,
            began=as_number(row["enqueued"]) or as_number(row["started"]),
            ended=as_number(row["stopped"]) or None,
        )
        for row in _rows(fields.get("computations"), COMPUTATION_FIELDS)
        if (number := as_text(row["id"])) is not None
    }


def _held_up(fields: Mapping[str, Any]) -> dict[str, int] | None:
    """Return how many tasks wait for tasks that no worker may run, by name; ``None`` if unknown."""
    if not isinstance(fields.get("held_up"), (list, tuple)):
        return None
    pairs = (row for row in map(as_tuple, as_tuple(fields["held_up"])) if len(row) == 2)
    return {name: number for of, count in pairs if (name := as_text(of)) and (number := as_int(count)) is not None}


def _task_name(row: dict[str, Any], of_names: Mapping[str, Tally]) -> TaskName | None:
    name = as_text(row["name"])
    if name is None:
        return None
    counts, states = _all_counts(row["states"]), _states(row["states"])
    compute_seconds, finished = as_number(row["compute_seconds"]), as_int(row["finished_total"])
    mean = round(compute_seconds / finished, 6) if compute_seconds and finished else None
    nbytes = as_int(row["nbytes_total"])
    measured = tally(counts).done
    stored = states.get("memory", 0)
    return TaskName(
        name=name,
        states=states,
        seconds_mean=mean,
        seconds_max=as_number(row["seconds_max"]),  # -1 while unknown
        bytes_stored=None if nbytes is None else nbytes * stored // measured if measured else 0,
        compute_seconds=compute_seconds,
        transfer_seconds=as_number(row["transfer_seconds"]),
        suspicious=as_int(row["suspicious"]),
        finished_total=finished,
        done=of_names[name].done,
        total=of_names[name].total,
    )


def _computation(number: str, code: tuple[str, ...] | None, row: dict[str, Any], skew: timedelta) -> Computation:
    states, tasks = _states(row["states"]), tally(_all_counts(row["states"]))
    return Computation(
        id=number,
        name=as_text(row["name"]),
        code=code,
        started_at=_moment(row["started"] or row["enqueued"], skew),
        ended_at=_moment(row["stopped"], skew) if row["is_done"] is True else None,
        states=states,
        task_names=tuple(name for name in map(as_text, as_tuple(row["task_names"])) if name),
        progress=round(tasks.done / tasks.total, 4) if tasks.total else None,
        done=tasks.done,
        total=tasks.total,
    )


def _moment(epoch_seconds: object, skew: timedelta) -> datetime | None:
    """Return a time of the scheduler's clock by that of this host; ``None`` for 0, which means never."""
    at = as_datetime(epoch_seconds)
    return at + skew if at is not None and epoch_seconds else None


def _lines(text: object) -> tuple[str, ...] | None:
    """Return clean lines; ``None`` if there are none."""
    return clean_lines(text) or None if isinstance(text, str) else None


def _failure(row: dict[str, Any], skew: timedelta, worker_name: NameOf) -> Failure | None:
    key, at = as_text(row["key"]), _moment(row["at"], skew)
    if key is None or at is None:
        return None
    addresses = [address for address in map(as_text, as_tuple(row["workers"])) if address]
    exception = as_text(row["exception"])
    attempts = tuple(
        Attempt(worker=worker_name(address) or address, address=address, at=_moment(ended["at"], skew), cause=None)
        for ended in _rows(row["killed_under"], ATTEMPT_FIELDS)
        if (address := as_text(ended["worker"]))
    )
    kind: FailureKind = "exception" if exception else "worker killed" if attempts or addresses else "unknown"
    last = addresses[-1] if addresses else None
    return Failure(
        key=key,
        task_name=as_text(row["name"]) or key,
        at=at,
        kind=kind,
        exception=exception,
        traceback=_lines(row["traceback"]),
        worker=worker_name(last) or last,
        address=last,
        attempts=attempts,
        blocks=as_int(row["blocks"]),
    )


def _unrunnable(row: dict[str, Any]) -> UnrunnableTask | None:
    key = as_text(row["key"])
    if key is None:
        return None
    resources = {
        name: float(amount)
        for resource, value in as_dict(row["resources"]).items()
        if (name := as_text(resource)) and (amount := as_number(value)) is not None
    }
    return UnrunnableTask(
        key=key,
        task_name=as_text(row["name"]) or key,
        resources=resources,
        workers=tuple(text for text in map(as_text, as_tuple(row["workers"])) if text),
        hosts=tuple(text for text in map(as_text, as_tuple(row["hosts"])) if text),
        waiting_seconds=as_seconds(row["waiting_seconds"]),
    )


def _running(row: dict[str, Any], worker_name: NameOf, silent: Mapping[str, float]) -> RunningTask | None:
    """Return a running task. Workers report times by heartbeat: ``silent`` has how long ago that was, by address."""
    key, seconds, address = as_text(row["key"]), as_seconds(row["seconds"]), as_text(row["worker"])
    if key is None or seconds is None:
        return None
    return RunningTask(
        key=key,
        task_name=as_text(row["name"]) or key,
        worker=worker_name(address) or address,
        address=address,
        seconds=round(seconds + silent.get(address or "", 0.0), 3),
    )


def _activities(answer: object) -> Iterable[TaskActivity]:
    for row in map(as_tuple, as_tuple(answer)):
        if len(row) == 3 and (name := as_text(row[0])) and (activity := as_text(row[1])):
            seconds = as_number(row[2])
            if seconds is not None:
                yield TaskActivity(task_name=name, activity=activity, seconds=round(seconds, 3))
