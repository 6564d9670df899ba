"""Read process, place and threads of the workers, through the scheduler.

Never connects to a worker: often only the scheduler can reach them. A worker that hangs delays no other answer.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from msgspec.structs import replace

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.readings import SlurmPlace, WorkerReading
from dasktop.collectors.model.record import Record
from dasktop.collectors.model.snapshot import ChildProcess, Thread, Worker
from dasktop.collectors.sources.dask import shipped_worker
from dasktop.collectors.sources.dask.comm import MOST_VALUES_OF_A_PART, ProtocolError, unpacked
from dasktop.collectors.sources.dask.connection import Connection
from dasktop.collectors.sources.dask.plain_values import as_datetime, as_dict, as_int, as_text, as_tuple
from dasktop.collectors.sources.dask.scheduler_reading import SchedulerReading
from dasktop.collectors.sources.dask.shipped_scheduler import ASK_WORKERS
from dasktop.collectors.sources.dask.shipped_worker import PLACE, THREADS, WAITS
from dasktop.collectors.sources.dask.shipping import packed
from dasktop.collectors.sources.dask.slurm_place import decode_place
from dasktop.collectors.sources.dask.threads import ThreadMeter, decode_children
from dasktop.collectors.system.backoff import Backoff, Clock

FIRST_PAUSE_SECONDS = 5.0


class RegisteredWorker(Record, frozen=True, kw_only=True):
    """What a worker reported about its process."""

    pid: int | None
    parent_pid: int | None
    host: str | None
    place: SlurmPlace | None
    started_at: datetime | None = None
    local_directory: str | None = None
    file_system: str | None = None


Process = tuple[str, int | None]
"""A worker's address and pid: a nanny may start a new worker at the address of the old one."""


def process_of(worker: Worker) -> Process:
    """Return what identifies this worker's process among all, earlier and later ones included."""
    return worker.address, worker.pid


class WorkerRegistry:
    """The known workers, and those that do not answer.

    Parameters
    ----------
    clock
        A monotonic clock, in seconds.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[Process, RegisteredWorker] = {}
        self._silent: dict[Process, Backoff] = {}

    def of(self, worker: Worker) -> RegisteredWorker | None:
        """Return what the worker reported; ``None`` if it has not yet."""
        return self._known.get(process_of(worker))

    def due(self, workers: Iterable[Worker]) -> list[Worker]:
        """Return the workers that are not registered and may be asked now."""
        return [worker for worker in workers if process_of(worker) not in self._known and self.may_ask(worker)]

    def may_ask(self, worker: Worker) -> bool:
        """Return whether the worker may be asked now: one that did not answer is not asked for a while."""
        pause = self._silent.get(process_of(worker))
        return pause is None or pause.is_over

    def register(self, worker: Worker, answer: object) -> None:
        """Record what the worker reported; see `shipped_worker` for the form."""
        fields = as_dict(answer)
        self._known[process_of(worker)] = RegisteredWorker(
            pid=as_int(fields.get("pid")),
            parent_pid=as_int(fields.get("parent_pid")),
            host=as_text(fields.get("host")),
            place=decode_place(fields),
            started_at=as_datetime(fields.get("started_at")),
            local_directory=as_text(fields.get("local_directory")),
            file_system=as_text(fields.get("file_system")),
        )
        self._silent.pop(process_of(worker), None)

    def note_answered(self, worker: Worker) -> None:
        """Record that the worker answered."""
        self._silent.pop(process_of(worker), None)

    def note_silent(self, worker: Worker) -> None:
        """Record that the worker did not answer; the next pause is twice as long."""
        self._pause_of(worker).after_failure()

    def note_refused(self, worker: Worker) -> None:
        """Record that the worker refuses to run our code. It is never asked again: each call is an error in its log."""
        self._pause_of(worker).pause_forever()

    def forget_all_but(self, workers: Iterable[Worker]) -> None:
        """Drop the workers that have left."""
        here = {process_of(worker) for worker in workers}
        self._known = {process: known for process, known in self._known.items() if process in here}
        self._silent = {process: pause for process, pause in self._silent.items() if process in here}

    def _pause_of(self, worker: Worker) -> Backoff:
        return self._silent.setdefault(process_of(worker), Backoff(FIRST_PAUSE_SECONDS, clock=self._clock))


_AT_ONCE = 64
_HIDDEN_AT_ONCE = 4
"""How many workers are asked at a poll for threads that nobody sees now, to be at hand when they come into sight."""
_HIDDEN_FIRST = 40
"""The same, of workers whose threads have not been read yet."""
_WORKER_SECONDS = 1.0
"""Timeout for one worker. A healthy one takes milliseconds, unless a task holds the GIL."""


class _Processes(NamedTuple):
    """The threads and child processes of a worker."""

    threads: tuple[Thread, ...] = ()
    children: tuple[ChildProcess, ...] | None = None
    has_more_children: bool = False


_NOT_READ = _Processes()


class _Completed(NamedTuple):
    """A worker and its reading."""

    worker: Worker
    reading: WorkerReading
    is_final: bool
    """Whether the reading stays the same as long as the worker is the same object and its threads are not requested."""


class WorkerProbe:
    """Completes what the scheduler reports about the workers with what they report themselves.

    Parameters
    ----------
    seconds
        Timeout for all workers together. Those not asked by then are asked at the next poll.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._registry = WorkerRegistry()
        self._meter = ThreadMeter()
        self._completed: dict[str, _Completed] = {}
        self._processes: dict[Process, _Processes] = {}
        """Of the workers whose threads are watched, those that were read longest ago first."""

    async def complete(
        self,
        connection: Connection,
        reading: SchedulerReading,
        threads_of: Collection[str],
        hidden: Collection[str] = (),
    ) -> tuple[WorkerReading, ...]:
        """Register new workers, and read the threads of those at the addresses ``threads_of``.

        Those that are also ``hidden`` are read in turn, first those that were not read yet; in between, the last
        reading is kept.
        The reading of a worker of which nothing has changed stays the same object.
        """
        before, self._completed = self._completed, {}
        others = []
        for worker in reading.workers:
            last = before.get(worker.address)
            if last is not None and last.worker is worker and last.is_final and worker.address not in threads_of:
                self._completed[worker.address] = last
            else:
                others.append(worker)
        if any(_is_another(worker, before) for worker in others) or len(reading.workers) < len(before):
            self._registry.forget_all_but(reading.workers)
            self._meter.forget_all_but({worker.address for worker in reading.workers})
        await self._register_new(connection, self._registry.due(others))
        watched = [worker for worker in others if worker.address in threads_of]
        await self._read_processes(connection, watched, hidden)
        for worker in others:
            has_nanny = worker.address in reading.with_nanny
            read = self._processes.get(process_of(worker), _NOT_READ)
            self._completed[worker.address] = _completed(worker, self._registry.of(worker), has_nanny, read)
        return tuple([self._completed[worker.address].reading for worker in reading.workers])

    async def read_waits(
        self, connection: Connection, workers: Iterable[Worker]
    ) -> list[tuple[Worker, dict[Any, Any]]]:
        """Return how much the threads of tasks have run, by worker; see `shipped_worker` for the form."""
        askable = [worker for worker in workers if self._registry.of(worker) and self._registry.may_ask(worker)]
        return await self._ask(connection, askable, [{"op": WAITS}])

    async def _register_new(self, connection: Connection, workers: Sequence[Worker]) -> None:
        messages: list[dict[str, Any]] = [
            {"op": "run", "function": packed(shipped_worker.__name__)},
            # Otherwise the scheduler would keep a connection to each worker open.
            {"op": PLACE, "close": True},
        ]
        for worker, answer in await self._ask(connection, workers, messages):
            self._registry.register(worker, answer)

    async def _read_processes(self, connection: Connection, watched: Sequence[Worker], hidden: Collection[str]) -> None:
        places = {process: place for place, process in enumerate(self._processes)}
        in_sight = [worker for worker in watched if worker.address not in hidden]
        out_of_sight = [worker for worker in watched if worker.address in hidden]
        unread = [worker for worker in out_of_sight if process_of(worker) not in places]
        known = [worker for worker in out_of_sight if process_of(worker) in places]
        known.sort(key=lambda worker: places[process_of(worker)])
        kept = {process_of(worker): self._processes[process_of(worker)] for worker in known[_HIDDEN_AT_ONCE:]}
        due = [*in_sight, *unread[:_HIDDEN_FIRST], *known[:_HIDDEN_AT_ONCE]]
        askable = [worker for worker in due if self._registry.of(worker) and self._registry.may_ask(worker)]
        answers = await self._ask(connection, askable, [{"op": THREADS}])
        self._processes = kept | {
            process_of(worker): _Processes(
                self._meter.measure(worker.address, worker.pid, answer),
                decode_children(answer),
                answer.get("more_children") is True,
            )
            for worker, answer in answers
        }

    async def _ask(
        self, connection: Connection, workers: Sequence[Worker], messages: list[dict[str, Any]]
    ) -> list[tuple[Worker, dict[Any, Any]]]:
        """Return the workers that answered, each with its answer; record those that were silent or refused."""
        if not workers or connection.closed:
            return []
        try:
            answers = as_dict(
                await connection.call(
                    ASK_WORKERS,
                    self._seconds + 2 * _WORKER_SECONDS,  # time for the last worker, and for the scheduler
                    addresses=[worker.address for worker in workers],
                    messages=messages,
                    worker_seconds=_WORKER_SECONDS,
                    all_seconds=self._seconds,
                    at_once=_AT_ONCE,
                )
            )
        except SourceError:
            return []  # the scheduler's own reading is valid; the next one shows whether it has a problem
        answered = []
        for worker in workers:
            outcome, packed_answer = (*as_tuple(answers.get(worker.address)), None, None)[:2]
            answer = _unpacked(packed_answer)
            if outcome == "answered" and isinstance(answer, dict) and "error" not in answer:
                self._registry.note_answered(worker)
                answered.append((worker, answer))
            elif outcome == "silent":
                self._registry.note_silent(worker)
            elif outcome in ("refused", "answered"):
                self._registry.note_refused(worker)
        return answered


def _unpacked(answer: object) -> object:
    """Return the answer of a worker; ``None`` if it is invalid."""
    try:
        return unpacked(answer, MOST_VALUES_OF_A_PART)
    except ProtocolError:
        return None


def _is_another(worker: Worker, before: Mapping[str, _Completed]) -> bool:
    """Return whether this process is new, or at the address of an earlier one."""
    last = before.get(worker.address)
    return last is None or last.worker.pid != worker.pid


def _completed(worker: Worker, known: RegisteredWorker | None, has_nanny: bool, processes: _Processes) -> _Completed:
    if known is None:
        return _Completed(worker, WorkerReading(worker=worker), is_final=False)
    whole = replace(
        worker,
        pid=known.pid or worker.pid,
        nanny_pid=known.parent_pid if has_nanny else None,
        host=known.host or worker.host,
        local_directory=known.local_directory,
        file_system=known.file_system,
        threads=processes.threads,
        children=processes.children,
        has_more_children=processes.has_more_children,
    )
    reading = WorkerReading(worker=whole, place=known.place, place_was_read=True, started_at=known.started_at)
    return _Completed(worker, reading, is_final=processes is _NOT_READ)
