"""Decode the answer of our handler in the scheduler into records; `shipped_scheduler` describes it. Does no I/O."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec
from msgspec.structs import replace

from dasktop.collectors.model.jobs import LEFT_HOURS
from dasktop.collectors.model.readings import DepartedWorker, SlurmPlace, WorkerReading
from dasktop.collectors.model.record import Record
from dasktop.collectors.model.snapshot import Adaptive, Cluster, Owner, Worker, WorkerEvent, WorkerEventKind
from dasktop.collectors.sources.dask.longest_tasks import Found, decode_longest
from dasktop.collectors.sources.dask.plain_values import (
    as_datetime,
    as_dict,
    as_int,
    as_number,
    as_text,
    as_tuple,
)
from dasktop.collectors.sources.dask.shipped_scheduler import EVENT_FIELDS
from dasktop.collectors.sources.dask.slurm_place import decode_place
from dasktop.collectors.sources.dask.worker_table import WorkerTable

_LONGEST_SCRIPT = 64 << 10


class Event(Record, frozen=True, kw_only=True):
    """An event of a worker, with the scheduler's time and the worker's address; see `shipped_scheduler`."""

    at: float
    kind: WorkerEventKind
    address: str | None
    pid: int | None
    memory_bytes: int | None
    reason: str | None
    tasks_interrupted: int | None
    results_lost: int | None


class SchedulerReading(Record, frozen=True, kw_only=True):
    """What the scheduler reported at one moment."""

    cluster: Cluster
    workers: tuple[Worker, ...]
    registration: object = None
    """The same object as in the last reading if the same workers are registered; ``None``: unknown."""
    with_nanny: frozenset[str]
    """The addresses of workers that have a nanny."""
    place: SlurmPlace | None = None
    """Where in SLURM the scheduler's process runs, as it reports itself."""
    started_at: datetime | None = None
    """When the scheduler started, by the clock of its host."""
    refused_script: str | None = None
    """See `DaskReading`."""
    now: float | None = None
    """Seconds since 1970 by the scheduler's clock."""
    events: tuple[Event, ...] | None = None
    """Events of workers since the last poll; ``None`` if this scheduler does not report them."""
    departed: tuple[DepartedWorker, ...] = ()
    """Workers that have left and that these events and failures mention, by the scheduler's clock."""
    longest: Found | None = msgspec.field(default_factory=dict)
    """What workers run longest; ``None``: not asked in this poll."""
    silent_seconds: Mapping[str, float] = {}
    """How long before this reading each worker sent its last heartbeat, by address; only if it has running tasks."""
    work: object = None
    """The part of the answer that `WorkReader` decodes."""


def decode(
    answer: dict[str, Any], table: WorkerTable | None = None, taken_at: datetime | None = None
) -> SchedulerReading:
    """Return the records.

    Parameters
    ----------
    answer
        See `shipped_scheduler`.
    table
        The workers of earlier answers; it is updated. ``None``: the answer contains all of them.
    taken_at
        When it was received; ``None``: now.
    """
    table = WorkerTable() if table is None else table
    now = as_number(answer.get("now"))
    work = as_dict(answer.get("work"))
    workers = table.update(answer.get("workers"), now, taken_at or datetime.now(UTC))
    longest = decode_longest(work, table.addresses)
    return SchedulerReading(
        cluster=Cluster(
            scheduler_address=as_text(answer.get("address")),
            scheduler_id=as_text(answer.get("id")),
            dask_version=as_text(answer.get("dask_version")),
            python_version=as_text(answer.get("python_version")),
            task_counts=_task_counts(answer.get("task_counts")),
            owner=_owner(answer.get("owner")),
        ),
        workers=workers,
        registration=table.registered,
        place=decode_place(answer.get("place")),
        started_at=as_datetime(answer.get("started")),
        refused_script=_script(as_dict(answer.get("owner")).get("script")),
        now=now,
        events=_events(answer.get("events")),
        departed=tuple(
            gone for row in as_tuple(answer.get("departed")) if (gone := _departed(as_tuple(row))) is not None
        ),
        longest=longest,
        silent_seconds=table.silent_seconds(now) if longest or work.get("running") else {},
        work=answer.get("work"),
        with_nanny=table.with_nanny,
    )


def _events(answer: object) -> tuple[Event, ...] | None:
    if not isinstance(answer, list | tuple):
        return None
    return tuple(event for row in answer if (event := _event(as_tuple(row))) is not None)


def _event(row: tuple[Any, ...]) -> Event | None:
    if len(row) != len(EVENT_FIELDS):
        return None
    fields = dict(zip(EVENT_FIELDS, row, strict=True))
    at, kind = (
        as_number(fields["at"]),
        next((kind for kind in get_args(WorkerEventKind) if kind == fields["kind"]), None),
    )
    if at is None or kind is None:
        return None
    return Event(
        at=at,
        kind=kind,
        address=as_text(fields["worker"]),
        pid=as_int(fields["pid"]),
        memory_bytes=as_int(fields["memory_bytes"]),
        reason=as_text(fields["reason"]),
        tasks_interrupted=as_int(fields["tasks_interrupted"]),
        results_lost=as_int(fields["results_lost"]),
    )


def _departed(row: tuple[Any, ...]) -> DepartedWorker | None:
    address, name, since, *_ = (*row, None, None, None)
    address, name, registered_at = as_text(address), as_text(name), as_datetime(since)
    if address is None or name is None or registered_at is None:
        return None
    return DepartedWorker(address=address, name=name, registered_at=registered_at)


def _task_counts(counts: object) -> dict[str, int] | None:
    if not isinstance(counts, dict):
        return None
    return {state: number for key, value in counts.items() if (state := as_text(key)) and (number := as_int(value))}


def _owner(answer: object) -> Owner | None:
    owner = as_dict(answer)
    class_name = as_text(owner.get("class"))
    if class_name is None:
        return None
    jobs = as_dict(owner.get("job_ids"))
    return Owner(
        class_name=class_name,
        name=as_text(owner.get("name")),
        host=as_text(owner.get("host")),
        pid=as_int(owner.get("pid")),
        cores_per_job=as_int(owner.get("cores")),
        memory_per_job_bytes=as_int(owner.get("memory")),
        processes_per_job=as_int(owner.get("processes")),
        adaptive=_adaptive(owner.get("adaptive")),
        job_ids={name: job_id for key, value in jobs.items() if (name := as_text(key)) and (job_id := as_text(value))},
        wanted=_names(owner["wanted"]) if "wanted" in owner else None,
        not_submitted=_names(owner.get("not_submitted")),
    )


def _names(answer: object) -> tuple[str, ...]:
    return tuple(name for name in map(as_text, as_tuple(answer)) if name)


def _script(answer: object) -> str | None:
    """Return a script unchanged, not cleaned: it is passed to sbatch and never shown."""
    is_script = isinstance(answer, str) and answer.startswith("#!") and len(answer) <= _LONGEST_SCRIPT
    return str(answer) if is_script else None


def _adaptive(answer: object) -> Adaptive | None:
    bounds = as_dict(answer)
    minimum = as_int(bounds.get("minimum"))
    return None if minimum is None else Adaptive(minimum=minimum, maximum=as_int(bounds.get("maximum")))


KEPT_SECONDS = LEFT_HOURS * 3600.0
MOST_KEPT = 1000
MOST_ADDRESSES = 20_000
MOST_DEPARTED = 1000
_UNKNOWN = (None, None, None)


class WorkerEvents:
    """Keeps the events of the workers of one scheduler."""

    def __init__(self) -> None:
        self._scheduler_id: str | None = None
        self._registration: object = None
        # Address → name, memory limit and pid.
        self._workers: dict[str, tuple[str | None, int | None, int | None]] = {}
        # With the scheduler's time, which the next request refers to.
        self._events: deque[tuple[float, WorkerEvent]] = deque(maxlen=MOST_KEPT)
        self._departed: dict[str, DepartedWorker] = {}
        self._started: dict[str, datetime] = {}

    @property
    def departed(self) -> tuple[DepartedWorker, ...]:
        """The workers that left before they were read, by this host's clock."""
        return tuple(self._departed.values())

    def name_of(self, address: str | None) -> str | None:
        """Return the name of the worker at an address, also if it has left; ``None``: unknown."""
        return self._workers.get(address or "", _UNKNOWN)[0]

    @property
    def since(self) -> float | None:
        """The scheduler's time of the last known event; ``None``: request all events."""
        return self._events[-1][0] if self._events else None

    def after(self, reading: SchedulerReading, taken_at: datetime) -> tuple[WorkerEvent, ...] | None:
        """Add the events of this reading; return those of `KEPT_SECONDS`. ``None``: it does not report events."""
        if reading.cluster.scheduler_id != self._scheduler_id:
            self._events.clear()
            self._workers.clear()
            self._registration = None
            self._departed.clear()
            self._started.clear()
            self._scheduler_id = reading.cluster.scheduler_id
        if reading.registration is None or reading.registration is not self._registration:
            self._remember(reading.workers)
            self._registration = reading.registration
        self._remember_departed(reading, taken_at)
        if reading.events is None or reading.now is None:
            return None
        known_until = self.since  # one event may be about several workers
        for event in reading.events:
            if known_until is not None and event.at <= known_until:
                continue  # requested twice, since the first answer did not arrive
            name, limit_bytes, pid = self._workers.get(event.address or "", _UNKNOWN)
            # The clocks may differ, so the age of the event is used.
            at = taken_at - timedelta(seconds=min(max(0.0, reading.now - event.at), KEPT_SECONDS))
            started_at = self._started.get(event.address or "")
            worker_event = WorkerEvent(
                at=at,
                worker=name,
                address=event.address,
                kind=event.kind,
                pid=event.pid or pid,
                memory_bytes=event.memory_bytes,
                limit_bytes=limit_bytes,
                reason=event.reason,
                tasks_interrupted=event.tasks_interrupted,
                results_lost=event.results_lost,
                started_at=started_at if started_at is not None and started_at <= at else None,
            )
            self._events.append((event.at, worker_event))
        while self._events and reading.now - self._events[0][0] > KEPT_SECONDS:
            self._events.popleft()
        return tuple(worker_event for _, worker_event in self._events)

    def note_starts(self, workers: Iterable[WorkerReading]) -> None:
        """Remember the start times that these workers have reported."""
        for reading in workers:
            if reading.started_at is not None:
                self._started[reading.worker.address] = reading.started_at

    def _remember_departed(self, reading: SchedulerReading, taken_at: datetime) -> None:
        """Remember the workers that left unseen; a nanny's next worker has the same name and limit."""
        unseen = [worker for worker in reading.departed if worker.address not in self._workers]
        if not unseen:
            return
        limits = {worker.name: worker.memory_limit_bytes for worker in reading.workers}
        skew_seconds = 0.0 if reading.now is None else taken_at.timestamp() - reading.now
        room = max(MOST_ADDRESSES, len(reading.workers)) + MOST_DEPARTED - len(self._workers)
        for worker in unseen[: max(0, room)]:
            registered_at = as_datetime(worker.registered_at.timestamp() + skew_seconds)
            if registered_at is None:
                continue
            self._workers[worker.address] = (worker.name, limits.get(worker.name), None)
            self._departed[worker.address] = replace(worker, registered_at=registered_at)
            self._started.setdefault(worker.address, registered_at)
        while len(self._departed) > MOST_DEPARTED:
            del self._departed[next(iter(self._departed))]

    def _remember(self, workers: Sequence[Worker]) -> None:
        for worker in workers:
            self._workers.pop(worker.address, None)  # so that the oldest entries are first in the dictionary
            self._workers[worker.address] = (worker.name, worker.memory_limit_bytes, worker.pid)
        for _ in range(len(self._workers) - max(MOST_ADDRESSES, len(workers))):
            oldest = next(iter(self._workers))
            del self._workers[oldest]
            self._started.pop(oldest, None)
