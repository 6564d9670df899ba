"""A scheduler whose workers change as a test says, behind connections that may lose answers. No network, no clock."""

import asyncio
import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

from distributed.protocol.core import dumps, loads

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.sources.address import Address
from dasktop.collectors.sources.dask import connection as connection_module
from dasktop.collectors.sources.dask import shipped_scheduler, shipped_workers
from dasktop.collectors.sources.dask.comm import unpacked
from dasktop.collectors.sources.dask.connection import Connection, RemoteError
from dasktop.collectors.sources.dask.shipped_scheduler import ASK_WORKERS, READING
from dasktop.collectors.sources.dask.shipped_workers import TRANSFER_FIELDS
from tests.support.worker_answers import NOW

RUNNING, PAUSED = SimpleNamespace(_name_="running", name="running"), SimpleNamespace(_name_="paused", name="paused")


class Task:
    """A task that runs, as far as a reading looks at it."""

    def __init__(self, name: str) -> None:
        self.key, self.prefix = name, SimpleNamespace(name=name)


class Clock:
    """Stands in for the module `time` in the scheduler."""

    def __init__(self) -> None:
        self.now, self._monotonic = NOW, 50.0

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        self._monotonic += seconds

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self._monotonic


class ChangingScheduler:
    """The scheduler. ``has_ids``: whether its workers have ids, as in all known versions of distributed."""

    def __init__(self, *, has_ids: bool = True) -> None:
        self.clock = Clock()
        self.has_ids = has_ids
        self.refuses = False
        """Whether it does not run functions, so that only its identity can be read."""
        self._refusals: dict[str, str] = {}
        self._numbers = itertools.count()
        self.workers: dict[str, Any] = {}
        self.restart()

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let collectors connect to this scheduler, whatever the address is."""

        async def connect(*_: object) -> ModelConnection:
            return ModelConnection(self)

        with (
            mock.patch.object(Connection, "open", connect),
            mock.patch.object(connection_module, "_REFUSALS", self._refusals),
            mock.patch.object(shipped_workers, "time", self.clock),
            mock.patch.object(shipped_scheduler, "time", self.clock),
        ):
            yield

    def restart(self) -> None:
        """Let another scheduler listen at the address, to which the workers connect anew."""
        self.scheduler = SimpleNamespace(
            id=f"Scheduler-{next(self._numbers)}",
            address="tcp://10.0.0.1:8786",
            workers=self.workers,
            task_prefixes={},
            task_groups={},
            tasks={},
            computations=deque(),
            unrunnable={},
            queued=[],
            events=defaultdict(deque),
            cumulative_worker_metrics={},
            extensions={},
            handlers={},
        )
        for address in self.workers:
            self.start(address)

    def join(self) -> None:
        """Let a worker register at a new address."""
        self.start(f"tcp://10.0.0.2:{next(self._numbers)}")

    def start(self, address: str) -> None:
        """Let a worker register; one that is registered at the address is gone."""
        number = next(self._numbers)
        ids = {"server_id": f"Worker-{number}"} if self.has_ids else {}
        self.workers[address] = SimpleNamespace(
            **ids,
            address=address,
            name=f"w-{number % 3}",
            pid=number,
            nanny=None if number % 2 else "tcp://10.0.0.1:1",
            status=RUNNING,
            nthreads=2,
            memory_limit=0,
            versions={"packages": {"dask": "2026.8.0"}, "host": {"python": "3.11.7.final.0"}},
            metrics={},
            nbytes=0,
            executing={},
            processing={},
            has_what={},
            last_seen=self.clock.now,
        )

    def worker(self, place: int) -> Any:
        """Return one of the workers; there must be one."""
        return list(self.workers.values())[place % len(self.workers)]

    def heartbeat(self, place: int, number: int, nbytes: float, executing: int, *, sends_transfers: bool) -> None:
        """Let a worker send a heartbeat, with values that depend on a number."""
        worker = self.worker(place)
        worker.metrics = {"memory": number, "cpu": number / 2, "spilled_bytes": {"memory": number % 3, "disk": number}}
        if sends_transfers:
            worker.metrics["transfer"] = dict.fromkeys(TRANSFER_FIELDS, number)
        worker.executing = {Task(f"load-{number}"): 1.5 + task for task in range(executing)}
        worker.nbytes, worker.last_seen = nbytes, self.clock.now

    def schedule(self, place: int, processing: int, stored: int) -> None:
        """Assign and end tasks, which the scheduler knows before the next heartbeat."""
        worker = self.worker(place)
        worker.processing, worker.has_what = dict.fromkeys(range(processing)), dict.fromkeys(range(stored))


class ModelConnection:
    """A connection to it, as far as a collector uses it."""

    address = Address("tcp", "10.0.0.1", 8786)

    def __init__(self, model: ChangingScheduler) -> None:
        self._model = model
        self._scheduler = model.scheduler
        self.closed = False
        self.loses_answer = False

    async def call(self, op: str, seconds: float, **arguments: Any) -> Any:
        await asyncio.sleep(0)
        sent = loads(dumps(arguments)) if op == READING else arguments
        answers: dict[str, Callable[[], Any]] = {
            "identity": self._identity,
            "run_function": self._install,
            READING: lambda: self._handler()(**sent),
            ASK_WORKERS: lambda: {address: ["answered", self._place(address)] for address in arguments["addresses"]},
        }
        if op == READING and self._handler() is None:
            return None
        answer = unpacked(loads(dumps(answers[op]())))
        if self.loses_answer:
            self.closed = True
            raise SourceError("it did not answer in time")
        return answer

    async def close(self) -> None:
        self.closed = True

    def _handler(self) -> Any:
        self._scheduler = self._model.scheduler
        return self._scheduler.handlers.get(READING)

    def _install(self) -> dict[str, str]:
        if self._model.refuses:
            raise RemoteError("it does not run functions")
        shipped_scheduler.dasktop_install(self._model.scheduler)
        return {"status": "OK"}

    def _place(self, address: str) -> dict[str, Any]:
        worker = self._model.workers[address]
        return {"pid": worker.pid, "parent_pid": 1, "host": "n1", "environment": {"SLURM_JOB_ID": str(worker.pid % 2)}}

    def _identity(self) -> dict[str, Any]:
        return {
            "type": "Scheduler",
            "id": self._model.scheduler.id,
            "address": self._model.scheduler.address,
            "workers": {
                worker.address: {
                    "name": worker.name,
                    "nthreads": worker.nthreads,
                    "memory_limit": worker.memory_limit,
                    "last_seen": worker.last_seen,
                    "metrics": worker.metrics,
                    "status": worker.status.name,
                    "nanny": worker.nanny,
                }
                for worker in self._model.workers.values()
            },
        }
