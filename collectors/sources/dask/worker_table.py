"""Decode the workers in an answer of the scheduler, and keep those that have not changed. Does no I/O.

`shipped_workers` describes the answer. A worker of which nothing has changed stays the same object: what is derived
from it can be kept, too.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from dasktop.collectors.model.snapshot import Transfers, Worker
from dasktop.collectors.sources.address import host_of
from dasktop.collectors.sources.dask.plain_values import (
    as_datetime,
    as_dict,
    as_int,
    as_number,
    as_seconds,
    as_text,
    as_tuple,
)
from dasktop.collectors.sources.dask.shipped_workers import (
    CURRENT_FIELDS,
    HEARTBEAT_FIELDS,
    REGISTERED_FIELDS,
    TRANSFER_FIELDS,
    USUAL_STATUS,
)

# If a heartbeat is late by more than this many intervals, the worker is too busy to send one.
_LATE_INTERVALS = 1.5
# The age of a heartbeat is updated without a new one if it has more than doubled, and grown by this.
_AGE_STEP_SECONDS = 5.0


class _Registered(NamedTuple):
    """What never changes while a worker is registered."""

    name: str
    address: str
    pid: int | None
    has_nanny: bool
    host: str | None
    nthreads: int | None
    memory_limit_bytes: int | None
    dask_version: str | None
    python_version: str | None


class _Heartbeat(NamedTuple):
    """What came with the last heartbeat of a worker."""

    memory_bytes: int | None = None
    managed_bytes: int | None = None
    spilled_bytes: int | None = None
    cpu_percent: float | None = None
    executing: int | None = None
    at: float | None = None
    """By the scheduler's clock, in seconds since 1970."""
    transfers_sent: tuple[Any, ...] = ()
    transfers: Transfers | None = None
    """What was sent, decoded."""


class WorkerTable:
    """The workers of one scheduler, in the order of their registration."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self.known: tuple[Any, ...] | None = None
        """What the next request says that is known, as the last answer states it; ``None``: nothing."""
        self.registered: tuple[_Registered | None, ...] = ()
        """The same object as long as the same workers are registered."""
        self._heartbeats: list[_Heartbeat] = []
        self._current: tuple[tuple[Any, ...], ...] = ((), ())
        self._statuses: dict[int, str | None] = {}
        self._now: float | None = None
        self._due_at: list[float] = []
        """By the scheduler's clock: when to make a worker anew although nothing of it has changed."""
        self._workers: list[Worker | None] = []
        self.with_nanny: frozenset[str] = frozenset()
        """The addresses of workers that have a nanny."""

    @property
    def addresses(self) -> tuple[str | None, ...]:
        """The addresses, in the order of the answer; ``None``: invalid."""
        return tuple(worker and worker.address for worker in self.registered)

    def silent_seconds(self, now: float | None) -> dict[str, float]:
        """Return how long ago each worker sent its last heartbeat, by address; ``now``: see `update`."""
        pairs = zip(self.registered, self._heartbeats, strict=True)
        return {
            worker.address: max(0.0, (now or 0.0) - heartbeat.at)
            for worker, heartbeat in pairs
            if worker is not None and heartbeat.at is not None
        }

    def update(self, answer: object, now: float | None, taken_at: datetime) -> tuple[Worker, ...]:
        """Return the workers according to this answer and the earlier ones.

        A worker without an address cannot be identified and is omitted. If the answer is invalid, all are, and the next
        request asks for everything.

        Parameters
        ----------
        answer
            See `shipped_workers.read_workers`.
        now
            The scheduler's time of the answer, in seconds since 1970.
        taken_at
            This host's time.
        """
        fields = as_dict(answer)
        changed = self._take(fields)
        if changed is None:
            self._forget()
            return ()
        self.known = _known(as_tuple(fields.get("known")))
        if now is None or self._now is None or now < self._now:  # the clock was set back
            changed = set(range(len(self._workers)))
        else:
            changed.update([place for place, due_at in enumerate(self._due_at) if due_at <= now])
        self._now = now
        for place in changed:
            self._workers[place] = self._worker(place, now, taken_at)
        return tuple(worker for worker in self._workers if worker is not None)

    def _take(self, fields: dict[Any, Any]) -> set[int] | None:
        """Take over what is new; return the places of the workers that changed. ``None``: the answer is invalid."""
        is_whole = fields.get("registered") is not None
        if is_whole:
            self._register(as_dict(fields["registered"]))
        count = len(self.registered)
        places = range(count) if fields.get("places") is None else as_tuple(fields["places"])
        heartbeats = _columns(fields.get("heartbeats"), HEARTBEAT_FIELDS, len(places))
        current = _columns(fields.get("current"), CURRENT_FIELDS, count)
        if heartbeats is None or current is None:
            return None
        if not all(type(place) is int and 0 <= place < count for place in places):
            return None
        changed = set(places)
        for place, row in zip(places, zip(*heartbeats, strict=True), strict=True):
            self._heartbeats[place] = _heartbeat(row, self._heartbeats[place])
        if not is_whole:
            changed.update(*map(_differences, self._current, current))
        statuses = dict(_statuses(fields.get("statuses"), count))
        changed.update(place for place, _ in statuses.items() ^ self._statuses.items())
        self._current, self._statuses = current, statuses
        return changed

    def _register(self, registered: dict[Any, Any]) -> None:
        versions = [_versions(as_tuple(pair)) for pair in as_tuple(registered.get("versions"))]
        columns = tuple(map(as_tuple, as_tuple(registered.get("columns"))))
        is_valid = len(columns) == len(REGISTERED_FIELDS) and len(set(map(len, columns))) == 1
        rows = zip(*columns, strict=True) if is_valid else ()
        self._forget()
        self.registered = tuple(_registered(row, versions) for row in rows)
        self._heartbeats = [_Heartbeat()] * len(self.registered)
        self._workers = [None] * len(self.registered)
        self._due_at = [-math.inf] * len(self.registered)
        self.with_nanny = frozenset(worker.address for worker in self.registered if worker and worker.has_nanny)

    def _worker(self, place: int, now: float | None, taken_at: datetime) -> Worker | None:
        registered, heartbeat = self.registered[place], self._heartbeats[place]
        if registered is None:
            return None
        processing, stored = (as_int(column[place]) for column in self._current)
        executing = heartbeat.executing
        if executing is not None and processing is not None:
            executing = min(executing, processing)  # tasks that have ended since the heartbeat are not in `processing`
        seconds = None if now is None or heartbeat.at is None else as_seconds(now - heartbeat.at)
        late_seconds = _LATE_INTERVALS * _heartbeat_seconds(len(self.registered))
        if executing == 0 and processing != 0 and (seconds is None or seconds > late_seconds):
            executing = None  # the heartbeat may be older than its tasks; if these hold the GIL, it sends no other
        if heartbeat.at is not None and seconds is not None:
            self._due_at[place] = heartbeat.at + min(late_seconds, 2 * seconds + _AGE_STEP_SECONDS)
        return Worker(
            name=registered.name,
            address=registered.address,
            pid=registered.pid,
            nanny_pid=None,
            host=registered.host,
            status=self._statuses.get(place, USUAL_STATUS),
            nthreads=registered.nthreads,
            memory_limit_bytes=registered.memory_limit_bytes,
            memory_bytes=heartbeat.memory_bytes,
            managed_bytes=heartbeat.managed_bytes,
            spilled_bytes=heartbeat.spilled_bytes,
            cpu_percent=heartbeat.cpu_percent,
            executing=executing,
            queued=None if executing is None or processing is None else max(0, processing - executing),
            stored=stored,
            last_seen_seconds=seconds,
            last_seen_at=None if seconds is None else as_datetime(taken_at.timestamp() - seconds),
            evidence=None,
            transfers=heartbeat.transfers,
            dask_version=registered.dask_version,
            python_version=registered.python_version,
        )


def _columns(answer: object, fields: Sequence[str], length: int) -> tuple[tuple[Any, ...], ...] | None:
    """Return one column of this length for each of the fields; ``None`` if the answer has others."""
    columns = tuple(map(as_tuple, as_tuple(answer)))
    return columns if len(columns) == len(fields) and all(len(column) == length for column in columns) else None


def _differences(before: Sequence[object], after: Sequence[object]) -> Iterator[int]:
    """Yield the places at which two columns differ."""
    if before != after:
        yield from (place for place, (old, new) in enumerate(zip(before, after, strict=True)) if old != new)


def _statuses(answer: object, count: int) -> Iterator[tuple[int, str | None]]:
    for pair in map(as_tuple, as_tuple(answer)):
        if len(pair) == 2 and type(pair[0]) is int and 0 <= pair[0] < count:
            yield pair[0], as_text(pair[1])


def _known(values: tuple[Any, ...]) -> tuple[Any, ...] | None:
    return values if len(values) == 3 and all(type(value) in (int, float) for value in values) else None


def _registered(row: Sequence[object], versions: Sequence[tuple[str | None, str | None]]) -> _Registered | None:
    fields = dict(zip(REGISTERED_FIELDS, row, strict=True))
    address = as_text(fields["address"])
    if address is None:
        return None
    number = as_int(fields["versions"])
    dask, python = versions[number] if number is not None and number < len(versions) else (None, None)
    return _Registered(
        name=as_text(fields["name"]) or address,
        address=address,
        pid=as_int(fields["pid"]),
        has_nanny=bool(fields["has_nanny"]),
        host=host_of(address),
        nthreads=as_int(fields["nthreads"]),
        memory_limit_bytes=as_int(fields["memory_limit"]) or None,  # 0 means no limit
        dask_version=dask,
        python_version=python,
    )


def _versions(pair: Sequence[object]) -> tuple[str | None, str | None]:
    dask, python, *_ = (*map(as_text, pair), None, None)
    return dask, ".".join(python.split(".")[:3]) if python else None  # sent as ``3.11.7.final.0``


def _heartbeat(row: Sequence[Any], before: _Heartbeat) -> _Heartbeat:
    memory, nbytes, spilled_from, spilled, cpu, executing, at, transfers = row
    sent, size = as_tuple(transfers), as_int(nbytes)
    return _Heartbeat(
        memory_bytes=as_int(memory),
        # As WorkerState.memory has it; negative if the two are from different times.
        managed_bytes=None if size is None else max(0, size - (as_int(spilled_from) or 0)),
        spilled_bytes=as_int(spilled),
        cpu_percent=as_number(cpu),
        executing=as_int(executing),
        at=None if as_datetime(at) is None else as_number(at),
        transfers_sent=sent,
        transfers=before.transfers if sent == before.transfers_sent else as_transfers(sent),
    )


def as_transfers(counts: tuple[Any, ...]) -> Transfers | None:
    """Return transfers in the order of ``TRANSFER_FIELDS``; ``None`` if these are something else."""
    if len(counts) != len(TRANSFER_FIELDS):
        return None
    incoming_bytes, incoming, incoming_total, outgoing_bytes, outgoing, outgoing_total = map(as_int, counts)
    return Transfers(
        incoming_bytes=incoming_bytes,
        incoming_count=incoming,
        incoming_count_total=incoming_total,
        outgoing_bytes=outgoing_bytes,
        outgoing_count=outgoing,
        outgoing_count_total=outgoing_total,
    )


def _heartbeat_seconds(workers: int) -> float:
    """Return the heartbeat interval for this number of workers, as distributed's ``scheduler.heartbeat_interval``."""
    if workers <= 10:
        return 0.5
    if workers < 200:
        return 1.0 if workers < 50 else 2.0
    return workers / 200 + 1
