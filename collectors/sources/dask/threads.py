"""Read a worker's threads: CPU per cent from two readings, child processes and, only on request, call stacks."""

from collections import deque
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.record import Record
from dasktop.collectors.model.snapshot import ChildProcess, Thread, ThreadRole
from dasktop.collectors.sources.dask.connection import Connection
from dasktop.collectors.sources.dask.plain_values import as_dict, as_int, as_number, as_seconds, as_text, as_tuple
from dasktop.collectors.sources.dask.shipped_scheduler import ASK_WORKERS
from dasktop.collectors.sources.dask.shipped_worker import (
    CHILD_FIELDS,
    FRAME_FIELDS,
    MOST_CHILDREN,
    STACK,
    THREAD_FIELDS,
)

SHORTEST_SPAN_SECONDS = 0.4
"""Shortest time between two readings: the kernel counts in ticks of 10 ms, and over 0.4 s one tick is 2.5 %."""

_ROLES: dict[str | None, ThreadRole] = {"compute": "compute", "event loop": "event loop"}


class _Sample(Record, frozen=True, kw_only=True):
    at: float
    """On the worker's own monotonic clock, so that the time of transmission has no effect."""
    cpu_seconds: dict[tuple[int, str | None], float]
    """By native id and name: a native id may soon belong to another thread."""


class ThreadMeter:
    """Keeps the samples of each worker process that are needed to compute per cent."""

    def __init__(self) -> None:
        self._samples: dict[str, tuple[int | None, deque[_Sample]]] = {}

    def measure(self, address: str, pid: int | None, answer: dict[str, Any]) -> tuple[Thread, ...]:
        """Return the threads of the worker at this address, from its answer; see `shipped_worker` for the form."""
        rows = [
            dict(zip(THREAD_FIELDS, row, strict=True))
            for row in map(as_tuple, as_tuple(answer.get("threads")))
            if len(row) == len(THREAD_FIELDS)
        ]
        at = as_number(answer.get("at"))
        basis = None if at is None else self._remember(address, pid, _sample(at, rows))
        return tuple(thread for row in rows if (thread := _thread(row, basis, at)))

    def forget_all_but(self, addresses: Collection[str]) -> None:
        """Drop the samples of workers that have left."""
        self._samples = {address: kept for address, kept in self._samples.items() if address in addresses}

    def _remember(self, address: str, pid: int | None, sample: _Sample) -> _Sample | None:
        """Keep this sample; return the latest earlier one that is old enough, if any."""
        known_pid, samples = self._samples.get(address, (pid, deque()))
        if known_pid != pid or (samples and sample.at <= samples[-1].at):
            samples = deque()
        self._samples[address] = (pid, samples)
        while len(samples) > 1 and sample.at - samples[1].at >= SHORTEST_SPAN_SECONDS:
            samples.popleft()
        samples.append(sample)
        return samples[0] if sample.at - samples[0].at >= SHORTEST_SPAN_SECONDS else None


def _sample(at: float, rows: list[dict[str, Any]]) -> _Sample:
    times = {(as_int(row["native_id"]), as_text(row["name"])): as_number(row["cpu_seconds"]) for row in rows}
    return _Sample(
        at=at,
        cpu_seconds={
            (native_id, name): cpu_seconds
            for (native_id, name), cpu_seconds in times.items()
            if native_id is not None and cpu_seconds is not None
        },
    )


def _thread(row: dict[str, Any], basis: _Sample | None, at: float | None) -> Thread | None:
    native_id, name, cpu_seconds = as_int(row["native_id"]), as_text(row["name"]), as_number(row["cpu_seconds"])
    if native_id is None:
        return None
    percent = None
    if basis is not None and at is not None and cpu_seconds is not None:
        before = basis.cpu_seconds.get((native_id, name))
        if before is not None and before <= cpu_seconds:
            percent = round(100 * (cpu_seconds - before) / (at - basis.at), 1)
    return Thread(
        native_id=native_id,
        name=name,
        role=_ROLES.get(as_text(row["role"]), "other"),
        cpu_percent=percent,
        cpu_seconds=cpu_seconds,
        task_key=as_text(row["task_key"]),
        task_name=as_text(row["task_name"]),
        task_seconds=_tenths(row["task_seconds"]),
    )


def _tenths(value: object) -> float | None:
    seconds = as_seconds(value)
    return None if seconds is None else round(seconds, 1)


def decode_children(answer: Mapping[str, Any]) -> tuple[ChildProcess, ...] | None:
    """Return the child processes; ``None`` if the worker cannot list them. See `shipped_worker` for the form."""
    rows = answer.get("children")
    if not isinstance(rows, list | tuple):
        return None
    children = [dict(zip(CHILD_FIELDS, row, strict=False)) for row in map(as_tuple, rows[:MOST_CHILDREN])]
    return tuple(
        ChildProcess(
            pid=pid,
            name=as_text(row.get("name")),
            memory_bytes=as_int(row.get("memory_bytes")),
            cpu_seconds=as_number(row.get("cpu_seconds")),
        )
        for row in children
        if (pid := as_int(row.get("pid"))) is not None
    )


_WORKER_SECONDS = 1.0
"""Timeout for the worker: the same as for its threads, since the next reading of the scheduler waits for it."""


class Calls(NamedTuple):
    """The call stack of a thread at one moment."""

    lines: tuple[str, ...]
    """Its calls, innermost first: a line with the position, and one with the source line, if available."""
    running: str | None = None
    """The dask task, or ``no dask task``; ``None``: unknown."""


async def read_call_stack(connection: Connection, address: str, native_id: int, timeout_seconds: float) -> Calls:
    """Return the thread's calls and the task that it runs, both at one moment.

    Parameters
    ----------
    connection
        To a scheduler that has our handler.
    address, native_id
        Of a worker whose threads have been read, and of the thread.
    timeout_seconds
        For the scheduler, in addition to the worker's.

    Raises
    ------
    SourceError
        It is unavailable; the text says why.
    """
    answers = as_dict(
        await connection.call(
            ASK_WORKERS,
            _WORKER_SECONDS + timeout_seconds,
            addresses=[address],
            messages=[{"op": STACK, "native_id": native_id}],
            worker_seconds=_WORKER_SECONDS,
            all_seconds=_WORKER_SECONDS,
            at_once=1,
        )
    )
    outcome, answer = (*as_tuple(answers.get(address)), None, None)[:2]
    if outcome == "answered":
        stack = as_dict(answer)
        if error := as_text(stack.get("error")):
            raise SourceError(error)
        if isinstance(stack.get("frames"), list | tuple):
            lines = tuple(line for frame in as_tuple(stack["frames"]) for line in _lines(as_tuple(frame)))
            # The thread may run another task than at its last reading: this is the one of these calls.
            return Calls(lines, as_text(stack["key"]) or "no dask task" if "key" in stack else None)
    if outcome == "silent":
        raise SourceError(f"the worker did not answer within {_WORKER_SECONDS:g} s: it hangs, or a task holds the GIL")
    raise SourceError(as_text(answer) or "the worker does not return call stacks")


def _lines(frame: tuple[object, ...]) -> list[str]:
    """Return one or two lines for a call."""
    if len(frame) != len(FRAME_FIELDS):
        return []
    call = dict(zip(FRAME_FIELDS, frame, strict=True))
    where = f"{as_text(call['name']) or '?'}  {as_text(call['file']) or '?'}"
    number, source = as_int(call["line"]), as_text(call["source"])
    return [where if number is None else f"{where}:{number}", *([f"    {source}"] if source else [])]
