"""A dask scheduler with workers that do not exist, in a process of its own, on loopback.

It is distributed's own scheduler with any number of `WorkerState`. Their metrics are those of a real worker, and change
as often as heartbeats would: above 200 workers, dask spreads them over ``workers / 200 + 1`` seconds. Names and tasks
are those of a `SLURMCluster` that computes. Run as ``python -m tests.benchmarks.stand_in_scheduler OPTIONS``.
"""

import asyncio
import copy
import itertools
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import distributed.comm.tcp
from distributed import Client, Scheduler, Worker
from distributed.core import Status
from distributed.deploy.spec import SpecCluster
from distributed.scheduler import TaskGroup, TaskPrefix, WorkerState

from dasktop.collectors.model.record import Record
from dasktop.collectors.sources.dask.shipped_worker import PLACE
from tests.benchmarks.stand_in_slurm import FIRST_JOB

ADVANCE, COSTS = "bench_advance", "bench_costs"
ACTIVITIES = ("deserialize", "disk-read", "executor", "other", "thread-cpu", "thread-noncpu", "transfer")
THREADS_OF_A_WORKER = 3
BEAT_SECONDS = 0.25
LONGEST_LIFE_SECONDS = 900


class Options(Record, frozen=True, kw_only=True):
    """What a stand-in has."""

    workers: int
    workers_of_a_job: int = 4
    task_names: int = 60
    beats: bool = False
    """Whether heartbeats come by themselves; else `StandInScheduler` asks for them (`ADVANCE`)."""
    addresses: tuple[str, ...] = ()
    """Addresses of the workers that can be asked over the network; see `stand_in_workers`. Others answer here."""


class StandInScheduler:
    """The process; its address is known when the block begins, and it ends with the block."""

    def __init__(self, **options: Any) -> None:
        self._options = Options(**options)
        self.address = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                __name__,
                json.dumps({f: getattr(self._options, f) for f in Options.__struct_fields__}),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        assert self.address, "the stand-in did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate("")  # it ends when its input ends
        assert self._process.returncode == 0, "the stand-in has failed"


class StandInJob:
    """A job of the cluster object, as far as a reading looks at it."""

    worker_cores, worker_memory = 12, 16 << 30

    def __init__(self, name: str, job_id: str, processes: int) -> None:
        self.name, self.job_id, self.worker_processes = name, job_id, processes


class SLURMCluster:
    """A cluster object, as far as a reading looks at it. Submits nothing."""

    name = "SLURMCluster"
    job_cls = StandInJob
    _adaptive = None

    def __init__(self, scheduler: Scheduler, jobs: int, processes: int) -> None:
        self.scheduler = scheduler
        self.workers = {
            f"SLURMCluster-{number}": StandInJob(f"SLURMCluster-{number}", str(FIRST_JOB + number), processes)
            for number in range(jobs)
        }
        self.worker_spec = dict.fromkeys(self.workers)
        self._lock = asyncio.Lock()
        self._correct_state_waiting = None
        self._created = set(self.workers.values())


class SimpleTask:
    """A task that runs, as far as a reading looks at it."""

    def __init__(self, key: str, prefix: TaskPrefix) -> None:
        self.key = key
        self.prefix = prefix


class Workers:
    """The workers of a stand-in."""

    def __init__(self, scheduler: Scheduler, options: Options, metrics: dict[str, Any]) -> None:
        self._scheduler = scheduler
        self._metrics = metrics
        self._beats_due = 0.0
        self._numbers = itertools.count()
        self.states = [self._state(number, options) for number in range(options.workers)]
        self._next = itertools.cycle(self.states)
        self.prefixes = [self._prefix(number) for number in range(options.task_names)]
        for state in self.states:
            self._run_others(state)

    def _state(self, number: int, options: Options) -> WorkerState:
        host = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        address = options.addresses[number] if number < len(options.addresses) else f"tcp://{host}:40000"
        job, index = divmod(number, options.workers_of_a_job)
        state = WorkerState(
            address=address,
            status=Status.running,
            pid=4000 + number,
            name=f"SLURMCluster-{job}-{index}" if options.workers_of_a_job > 1 else f"SLURMCluster-{job}",
            nthreads=THREADS_OF_A_WORKER,
            memory_limit=4 << 30,
            local_directory="/tmp/dask-worker-space",
            nanny=f"tcp://{host}:41000",
            server_id=f"Worker-{number}",
            scheduler=self._scheduler,
        )
        state.metrics = {**copy.deepcopy(self._metrics), "cpu": 280.0, "memory": 1 << 30}
        state.last_seen = time.time()
        self._scheduler.workers[address] = state
        return state

    def _prefix(self, number: int) -> TaskPrefix:
        prefix = TaskPrefix(f"task-{number:03}")
        prefix.states["memory"], prefix.states["processing"], prefix._size = 500, 60, 560
        group = TaskGroup(prefix.name, prefix)
        group.states |= prefix.states
        self._scheduler.task_prefixes[prefix.name] = prefix
        self._scheduler.task_groups[prefix.name] = group
        for activity in ACTIVITIES:
            self._scheduler.cumulative_worker_metrics["execute", prefix.name, activity, "seconds"] = number + 0.5
        spans = self._scheduler.extensions["spans"].spans
        next(iter(spans.values())).groups.add(group)
        return prefix

    def advance(self, seconds: float) -> None:
        """Receive the heartbeats of so many seconds. The values of these workers change."""
        count = len(self.states)
        interval = count / 200 + 1 if count >= 200 else 2.0 if count >= 50 else 1.0 if count > 10 else 0.5
        self._beats_due += count * seconds / interval
        beats, self._beats_due = int(self._beats_due), self._beats_due % 1
        for state in itertools.islice(self._next, min(beats, count)):
            number = next(self._numbers)
            metrics = state.metrics = dict(state.metrics)
            metrics["cpu"] = 100.0 + number * 37 % 2000 / 10
            metrics["memory"] = (1 << 30) + number * 4097 % (1 << 30)
            state.nbytes += 1000 * (number % 7)
            state.last_seen = time.time()
            if number % 4 == 0:
                self._run_others(state)
        for prefix in self.prefixes[: 5 if beats else 0]:
            prefix.states["memory"] += 7
            prefix.state_counts["memory"] += 7

    def _run_others(self, state: WorkerState) -> None:
        tasks = [self._task() for _ in range(THREADS_OF_A_WORKER)]
        state.executing = {task: 1.0 + index for index, task in enumerate(tasks)}
        state.processing = set(tasks)

    def _task(self) -> SimpleTask:
        number = next(self._numbers)
        prefix = self.prefixes[number % len(self.prefixes)]
        return SimpleTask(f"('{prefix.name}-8a7f0d5e2c41', {number})", prefix)


class WorkerComm:
    """A connection to a worker that does not exist; `place` is its answer."""

    def __init__(self, place: dict[str, Any]) -> None:
        self._place = place
        self._op = ""

    async def write(self, message: dict[str, Any], **_: Any) -> int:
        self._op = message["op"]
        return 0

    async def read(self, **_: Any) -> dict[str, Any]:
        if self._op == "run":
            return {"status": "OK"}
        return self._place if self._op == PLACE else {}

    async def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


def place_of(number: int, workers_of_a_job: int) -> dict[str, Any]:
    """Return what the process of a worker reports of itself; see `shipped_worker`."""
    job = number // workers_of_a_job
    environment = {
        "SLURM_JOB_ID": str(FIRST_JOB + job),
        "SLURM_PROCID": "0",
        "SLURMD_NODENAME": f"n{job:05}",
        "SLURM_TASK_PID": str(FIRST_JOB + job),
    }
    process = {"pid": 4000 + number, "parent_pid": 3000, "host": f"n{job:05}", "started_at": time.time() - 60}
    folder = {"local_directory": f"/scratch/dask/worker-{number}", "file_system": "xfs"}
    return {
        **process,
        **folder,
        "environment": environment,
        "cgroup": "0::/",
        "stepds": [f"slurmstepd: [{FIRST_JOB + job}.batch]"],
    }


def count_bytes() -> Callable[[], int]:
    """Count what is sent over TCP from now on, and return a function that returns the number so far."""
    sent = 0
    write = distributed.comm.tcp.TCP.write

    async def counted(self: Any, *arguments: Any, **options: Any) -> int:
        nonlocal sent
        number = await write(self, *arguments, **options)
        sent += number
        return number

    distributed.comm.tcp.TCP.write = counted
    return lambda: sent


@contextmanager
def registered(owner: Any) -> Iterator[None]:
    """Register a cluster object, as distributed does."""
    SpecCluster._instances.add(owner)
    yield
    SpecCluster._instances.discard(owner)


async def metrics_of_a_worker(scheduler: Scheduler) -> dict[str, Any]:
    """Return the metrics of a real worker that has run tasks."""
    async with (
        Worker(
            scheduler.address, nthreads=THREADS_OF_A_WORKER, dashboard_address="127.0.0.1:0", host="127.0.0.1"
        ) as worker,
        Client(scheduler.address, asynchronous=True) as client,
    ):
        await client.gather(client.map(str, range(20)))
        await worker.heartbeat()
        (state,) = scheduler.workers.values()
        return copy.deepcopy(state.metrics)


async def serve(options: Options) -> None:
    """Serve until the input ends."""
    async with Scheduler(port=0, dashboard_address="127.0.0.1:0", host="127.0.0.1") as scheduler:
        workers = Workers(scheduler, options, await metrics_of_a_worker(scheduler))
        scheduler._broker._topics.clear()  # else the end of that worker is an event to explain
        numbers = {state.address: number for number, state in enumerate(workers.states)}
        connect, reuse = scheduler.rpc.connect, scheduler.rpc.reuse

        async def connect_to(address: str, *arguments: Any, **others: Any) -> Any:
            if address in options.addresses or address not in numbers:
                return await connect(address, *arguments, **others)
            return WorkerComm(place_of(numbers[address], options.workers_of_a_job))

        def reuse_one(address: str, comm: Any) -> None:
            if not isinstance(comm, WorkerComm):
                reuse(address, comm)

        scheduler.rpc.connect, scheduler.rpc.reuse = connect_to, reuse_one
        sent = count_bytes()
        # Its own periodic work, such as work stealing, would be measured as if dasktop had caused it.
        for periodic in scheduler.periodic_callbacks.values():
            periodic.stop()

        def advance(comm: Any = None, span: float = 0.0) -> str:
            workers.advance(span)
            return "OK"

        def costs(comm: Any = None) -> list[float]:
            return [time.thread_time(), sent()]

        scheduler.handlers[ADVANCE], scheduler.handlers[COSTS] = advance, costs
        jobs = -(-options.workers // options.workers_of_a_job)
        with registered(SLURMCluster(scheduler, jobs, options.workers_of_a_job)):
            print(scheduler.address, flush=True)
            ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
            until = time.monotonic() + LONGEST_LIFE_SECONDS
            while not ended.done() and time.monotonic() < until:
                await asyncio.wait([ended], timeout=BEAT_SECONDS if options.beats else None)
                if options.beats:
                    workers.advance(BEAT_SECONDS)
        scheduler.workers.clear()


if __name__ == "__main__":
    logging.disable()
    asyncio.run(serve(Options(**json.loads(sys.argv[1]))))
