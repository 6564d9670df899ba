"""Asks the workers, through the scheduler, who they are and what their threads do.

Never connects to a worker itself: often only the scheduler can reach them. One that hangs costs its own answer alone.
"""

import time
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.readings import WorkerReading
from dasktop.collectors.model.snapshot import ChildProcess, Thread, Worker
from dasktop.collectors.sources.dask.children import children_told
from dasktop.collectors.sources.dask.connection import Connection
from dasktop.collectors.sources.dask.introductions import WorkerRegistry
from dasktop.collectors.sources.dask.plain import mapping, sequence
from dasktop.collectors.sources.dask.scheduler_reading import SchedulerReading
from dasktop.collectors.sources.dask.shipped_scheduler import ASK_WORKERS
from dasktop.collectors.sources.dask.shipped_worker import PLACE, THREADS
from dasktop.collectors.sources.dask.shipping import packed
from dasktop.collectors.sources.dask.threads import ThreadMeter

_AT_ONCE = 64
_WORKER_SECONDS = 1.0
"""For one worker to answer. A healthy one takes milliseconds, unless a task holds the GIL."""


class _Inside(NamedTuple):
    """What was read of the inside of a worker."""

    threads: tuple[Thread, ...] = ()
    children: tuple[ChildProcess, ...] | None = None
    has_more_children: bool = False


NOT_READ = _Inside()


class WorkerProbe:
    """Completes the scheduler's view of the workers by what they tell themselves.

    Parameters
    ----------
    seconds
        For all that is asked in one go. Who wasn't asked by then is asked the next time.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._introductions = WorkerRegistry()
        self._meter = ThreadMeter()

    async def complete(
        self, connection: Connection, reading: SchedulerReading, threads_of: Collection[str]
    ) -> tuple[WorkerReading, ...]:
        """Ask the workers that are new who they are, and those at ``threads_of`` for their threads."""
        workers = reading.workers
        self._introductions.forget_all_but(workers)
        self._meter.forget_all_but({worker.address for worker in workers})
        await self._get_to_know(connection, self._introductions.due(workers, time.monotonic()))
        inside = await self._look_inside(connection, [worker for worker in workers if worker.address in threads_of])
        return tuple(
            self._complete(worker, worker.address in reading.with_nanny, inside.get(worker.address, NOT_READ))
            for worker in workers
        )

    def _complete(self, worker: Worker, has_nanny: bool, inside: _Inside) -> WorkerReading:
        told = self._introductions.of(worker)
        if told is None:
            return WorkerReading(worker=worker)
        nanny_pid = told.parent_pid if has_nanny else None
        worker = replace(
            worker,
            pid=told.pid or worker.pid,
            nanny_pid=nanny_pid,
            host=told.host or worker.host,
            threads=inside.threads,
            children=inside.children,
            has_more_children=inside.has_more_children,
        )
        return WorkerReading(worker=worker, place=told.place, place_was_read=True, started_at=told.started_at)

    async def _get_to_know(self, connection: Connection, workers: Sequence[Worker]) -> None:
        messages: list[dict[str, Any]] = [
            {"op": "run", "function": packed("shipped_worker")},
            # Else the scheduler would keep a connection to each worker open.
            {"op": PLACE, "close": True},
        ]
        for worker, answer in await self._ask(connection, workers, messages):
            self._introductions.introduce(worker, answer)

    async def _look_inside(self, connection: Connection, workers: Sequence[Worker]) -> dict[str, _Inside]:
        now = time.monotonic()
        askable = [
            worker for worker in workers if self._introductions.of(worker) and self._introductions.may_ask(worker, now)
        ]
        answers = await self._ask(connection, askable, [{"op": THREADS}])
        return {
            worker.address: _Inside(
                self._meter.measure(worker.address, worker.pid, answer),
                children_told(answer),
                answer.get("more_children") is True,
            )
            for worker, answer in answers
        }

    async def _ask(
        self, connection: Connection, workers: Sequence[Worker], messages: list[dict[str, Any]]
    ) -> list[tuple[Worker, dict[Any, Any]]]:
        """Return the workers that answered, each with its answer; note who was silent and who refused."""
        if not workers or connection.closed:
            return []
        try:
            answers = mapping(
                await connection.call(
                    ASK_WORKERS,
                    self._seconds + 2 * _WORKER_SECONDS,  # the last to be asked has its time, and the scheduler some
                    addresses=[worker.address for worker in workers],
                    messages=messages,
                    worker_seconds=_WORKER_SECONDS,
                    all_seconds=self._seconds,
                    at_once=_AT_ONCE,
                )
            )
        except SourceError:
            return []  # the scheduler's own reading is good; the next one tells if it is in trouble
        answered = []
        for worker in workers:
            how, answer = (*sequence(answers.get(worker.address)), None, None)[:2]
            if how == "answered" and isinstance(answer, dict) and "error" not in answer:
                self._introductions.note_answered(worker)
                answered.append((worker, answer))
            elif how == "silent":
                self._introductions.note_silent(worker, time.monotonic())
            elif how in ("refused", "answered"):
                self._introductions.note_refused(worker)
        return answered
