"""Read the dask part of a snapshot: attach to a scheduler, query it and its workers.

Only reads: never starts, stops or moves anything. Imports dask, which takes a tenth of a second.
"""

import asyncio
import time
from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple

from msgspec.structs import replace

from dasktop.collectors.model.errors import NoSchedulerError, SourceError
from dasktop.collectors.model.queries import Profile
from dasktop.collectors.model.readings import DaskReading, WorkerReading
from dasktop.collectors.model.work import Work
from dasktop.collectors.sources.address import parse_address
from dasktop.collectors.sources.dask import shipped_scheduler
from dasktop.collectors.sources.dask.connection import (
    Connection,
    ConnectionClosedError,
    RemoteError,
    TlsFiles,
    any_refusal_known,
    note_refusal,
    refusal_of,
)
from dasktop.collectors.sources.dask.identity import identify, read_identity, worker_count
from dasktop.collectors.sources.dask.longest_tasks import LongestTasks
from dasktop.collectors.sources.dask.plain_values import as_dict, as_text
from dasktop.collectors.sources.dask.profile_reading import read_profiles
from dasktop.collectors.sources.dask.scheduler_reading import SchedulerReading, WorkerEvents, decode
from dasktop.collectors.sources.dask.server_logs import read_scheduler_log, read_worker_logs
from dasktop.collectors.sources.dask.shipped_scheduler import READING
from dasktop.collectors.sources.dask.shipping import packed
from dasktop.collectors.sources.dask.task_waits import TaskWaits
from dasktop.collectors.sources.dask.threads import Calls, read_call_stack
from dasktop.collectors.sources.dask.work_reading import WorkReader
from dasktop.collectors.sources.dask.worker_probe import WorkerProbe
from dasktop.collectors.sources.dask.worker_table import WorkerTable

__all__ = ["DaskCollector", "TlsFiles", "check"]

_SHARE_FOR_WORKERS = 0.4
"""Fraction of the timeout for probing new workers, and again for reading threads."""


class DaskCollector:
    """Reads one scheduler repeatedly, in one event loop. Attaches, and attaches again when needed.

    Parameters
    ----------
    address
        Of the scheduler, such as ``tcp://10.1.2.3:8786``; without a scheme, ``tcp://``.
    tls
        Certificates; what is ``None`` is left to dask's configuration.
    probe
        Whether to install handlers in scheduler and workers. Without them, only ``identity`` is read.
    timeout_seconds
        For each of: connecting, the scheduler's answer, and the answers of all workers.
    """

    def __init__(
        self, address: str, *, tls: TlsFiles | None = None, probe: bool = True, timeout_seconds: float = 5.0
    ) -> None:
        self.address = address
        self.refusal: str | None = None if probe else "probing is off (--no-probe)"
        """Why our handlers are not in the scheduler; ``None`` while nothing is known to prevent them."""
        self._tls = tls
        self._probe = probe
        self._timeout_seconds = timeout_seconds
        self._connection: Connection | None = None
        self._installed_over: Connection | None = None
        self._refused_by: str | None = None
        self._refused_over: Connection | None = None
        """The connection over which the scheduler has just refused, while its id is still to be read."""
        self._events = WorkerEvents()
        self._work = WorkReader(time.monotonic)
        self._worker_table = WorkerTable()
        self._longest_tasks = LongestTasks()
        self._workers = 0
        self._waits = TaskWaits(time.monotonic)
        self._worker_probe = WorkerProbe(_SHARE_FOR_WORKERS * timeout_seconds)

    async def read(self, threads_of: Collection[str] = (), hidden: Collection[str] = ()) -> DaskReading:
        """Return the current state of the scheduler and its workers.

        Parameters
        ----------
        threads_of
            Addresses of the workers whose threads are read too.
        hidden
            Those of them whose threads nobody sees now: these are read only sometimes.

        Raises
        ------
        NoSchedulerError
            There is no scheduler at the address, or attaching failed.
        SourceError
            It did not answer, or sent an invalid answer.
        """
        try:
            connection, reading = await self._read_scheduler()
        except NoSchedulerError:
            await self.close()
            raise
        taken_at = datetime.now(UTC)
        worker_events = self._events.after(reading, taken_at)
        scheduler_id = reading.cluster.scheduler_id
        workers_with_tasks = self._longest_tasks.completed(
            reading.longest, scheduler_id, reading.workers, reading.silent_seconds
        )
        reading = replace(reading, workers=workers_with_tasks)
        self._workers = len(reading.workers)
        work = self._work.after(
            reading.work, scheduler_id, reading.now, taken_at, self._events.name_of, reading.silent_seconds
        )
        if self.refusal is None:
            workers = await self._worker_probe.complete(connection, reading, threads_of, hidden)
            self._events.note_starts(workers)
            work = await self._with_waits(connection, reading, work)
            workers = self._waits.in_workers(workers)
        else:
            workers = tuple(WorkerReading(worker=worker) for worker in reading.workers)
        return DaskReading(
            taken_at=taken_at,
            cluster=reading.cluster,
            workers=workers,
            scheduler_place=reading.place,
            scheduler_started_at=reading.started_at,
            refused_script=reading.refused_script,
            worker_events=worker_events,
            departed=self._events.departed,
            work=work,
        )

    async def _with_waits(self, connection: Connection, reading: SchedulerReading, work: Work | None) -> Work | None:
        """Return the work with how long tasks have been seen to wait that run suspiciously long."""
        if work is None:
            return None
        if addresses := self._waits.to_ask(work, reading.workers):
            asked = [worker for worker in reading.workers if worker.address in addresses]
            for worker, answer in await self._worker_probe.read_waits(connection, asked):
                self._waits.note(worker, answer)
        return self._waits.completed(work)

    async def call_stack(self, worker: str, native_id: int) -> Calls:
        """Return what a thread of the worker at this address is doing.

        Raises
        ------
        SourceError
            It is unavailable; the text says why.
        """
        return await read_call_stack(self._connected(to_workers=True), worker, native_id, self._timeout_seconds)

    async def server_logs(self, workers: Collection[str]) -> tuple[str, ...]:
        """Return the last log messages of the workers at these addresses and their nannies, oldest first.

        Without addresses: those of the scheduler.

        Raises
        ------
        SourceError
            They are unavailable; the text says why.
        """
        connection = self._connected(to_workers=bool(workers))
        if not workers:
            return await read_scheduler_log(connection, self._timeout_seconds)
        names = {address: self._events.name_of(address) or address for address in workers}
        return await read_worker_logs(connection, names, self._timeout_seconds)

    async def profile(self, workers: Collection[str], task_name: str | None) -> Profile:
        """Return what the tasks of the workers at these addresses spent their time on, or only those of one name.

        Raises
        ------
        SourceError
            It is unavailable; the text says why.
        """
        connection = self._connected(to_workers=True)
        names = {address: self._events.name_of(address) or address for address in workers}
        return await read_profiles(connection, names, task_name, self._timeout_seconds)

    def _connected(self, *, to_workers: bool) -> Connection:
        """Return the connection; raise `SourceError` if there is none, or workers cannot be asked."""
        if to_workers and self.refusal is not None:
            raise SourceError(f"cannot query the workers: {self.refusal}")
        if self._connection is None or self._connection.closed:
            raise SourceError("the scheduler is not connected")
        return self._connection

    async def close(self) -> None:
        """Close the connection. The handlers stay installed: they cost nothing while they are not called."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _read_scheduler(self) -> tuple[Connection, SchedulerReading]:
        connection = self._connection
        if connection is not None and not connection.closed:
            try:
                return connection, await self._read_over(connection)
            except ConnectionClosedError:
                pass  # the scheduler has ended, and may have been restarted
        connection = await Connection.open(parse_address(self.address), self._tls, self._timeout_seconds)
        self._connection = connection
        return connection, await self._read_over(connection)

    async def _read_over(self, connection: Connection) -> SchedulerReading:
        if self.refusal is None and self._installed_over is not connection and any_refusal_known():
            scheduler_id = as_text((await identify(connection, self._timeout_seconds)).get("id"))
            self.refusal = refusal_of(scheduler_id)
            self._refused_by = scheduler_id if self.refusal else None
        if self.refusal is None and (reading := await self._read_by_handler(connection)):
            return reading
        reading = await read_identity(connection, self._timeout_seconds)
        scheduler_id = reading.cluster.scheduler_id
        if self._refused_over is connection:
            self._refused_by = scheduler_id
            if scheduler_id and self.refusal:
                note_refusal(scheduler_id, self.refusal)
        elif self._probe and self._refused_by != scheduler_id:
            self.refusal = self._refused_by = None  # this is another scheduler; the next reading tries again
        self._refused_over = None
        return reading

    async def _read_by_handler(self, connection: Connection) -> SchedulerReading | None:
        """Return the answer of our handler in the scheduler; ``None`` if it cannot be installed, and remember why."""
        try:
            request = {
                "events_since": self._events.since,
                "work": self._work.request(self._workers),
                "known_workers": self._worker_table.known,
            }
            answer = None
            if self._installed_over is connection:
                answer = await connection.call(READING, self._timeout_seconds, **request)
            if answer is None:  # not installed yet, or gone: another scheduler behind the same connection
                await self._install(connection)
                answer = await connection.call(READING, self._timeout_seconds, **request)
        except RemoteError as error:
            self.refusal, self._refused_over = str(error), connection
            return None
        if isinstance(answer, dict) and "error" not in answer:
            return decode(answer, self._worker_table)
        self.refusal = as_text(as_dict(answer).get("error")) or "the installed handler is gone"
        return None

    async def _install(self, connection: Connection) -> None:
        """Add our handlers to the scheduler. This writes one line to its log; calling them writes none.

        Raises
        ------
        RemoteError
            It does not run functions, or is not a scheduler.
        """
        answer = await connection.call(
            "run_function", self._timeout_seconds, function=packed(shipped_scheduler.__name__)
        )
        if as_dict(answer).get("status") != "OK":
            raise RemoteError(as_text(as_dict(answer).get("exception_text")) or "it does not run functions")
        self._installed_over = connection


class Identity(NamedTuple):
    """A scheduler's id and size."""

    scheduler_id: str
    """Equal for two addresses of the same scheduler."""
    workers: int


async def check(address: str, tls: TlsFiles | None, timeout_seconds: float) -> Identity:
    """Return the identity of the scheduler at the address.

    Raises
    ------
    NoSchedulerError
        Nothing listens there, it is not a scheduler, only one side uses TLS, or it does not answer in time.
    """
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    connection = await Connection.open(parse_address(address), tls, timeout_seconds)
    try:
        left = max(timeout_seconds / 10, started_at + timeout_seconds - loop.time())
        answer = await identify(connection, left)
    except NoSchedulerError:
        raise
    except SourceError as error:
        raise NoSchedulerError(str(error)) from error
    finally:
        await connection.close()
    scheduler_id = as_text(answer.get("id"))
    if scheduler_id is None:
        raise NoSchedulerError(f"{address} does not send its scheduler id")
    return Identity(scheduler_id, worker_count(answer))
