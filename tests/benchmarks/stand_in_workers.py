"""Workers that answer what dasktop asks of a worker, and do nothing else; all in one process of its own, on loopback.

Run as ``python -m tests.benchmarks.stand_in_workers COUNT WORKERS_OF_A_JOB``.
"""

import asyncio
import logging
import subprocess
import sys
import time
from types import TracebackType
from typing import Any, Self

from distributed.core import Server

from dasktop.collectors.sources.dask.shipped_values import pack_answer
from dasktop.collectors.sources.dask.shipped_worker import PLACE, THREAD_FIELDS, THREADS, WAITS
from tests.benchmarks.stand_in_scheduler import LONGEST_LIFE_SECONDS, THREADS_OF_A_WORKER, place_of

OTHER_THREADS = 9


class StandInWorkers:
    """The process; the addresses are known when the block begins, and it ends with the block."""

    def __init__(self, count: int, workers_of_a_job: int) -> None:
        self._arguments = [str(count), str(workers_of_a_job)]
        self.addresses: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.addresses = tuple(self._process.stdout.readline().split())
        assert self.addresses, "the stand-ins did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate("")  # it ends when its input ends
        assert self._process.returncode == 0, "the stand-ins have failed"


class _Worker:
    def __init__(self, number: int, workers_of_a_job: int) -> None:
        self._number = number
        self._place = place_of(number, workers_of_a_job)
        self._began_at = time.monotonic()

    def run(self, comm: Any = None, **_: Any) -> dict[str, Any]:
        return {"status": "OK"}

    def place(self, comm: Any = None) -> dict[str, Any]:
        return self._place

    def threads(self, comm: Any = None) -> dict[str, Any]:
        now = time.monotonic()
        seconds = now - self._began_at
        rows = [
            self._row(native_id, seconds, is_compute=native_id < THREADS_OF_A_WORKER)
            for native_id in range(THREADS_OF_A_WORKER + OTHER_THREADS)
        ]
        return pack_answer({"at": now, "threads": rows, "children": [], "more_children": False})

    def waits(self, comm: Any = None) -> dict[str, Any]:
        return {"at": time.monotonic(), "has_children": False, "tasks": [], "others": [0.0, 0]}

    def _row(self, native_id: int, seconds: float, *, is_compute: bool) -> list[Any]:
        values: dict[str, Any] = {
            "native_id": 100 * self._number + native_id,
            "name": f"SLURMCluster-0-{self._number}-Dask-Default-Threads-4000-{native_id}",
            "role": "compute" if is_compute else "other",
            "cpu_seconds": seconds if is_compute else 0.01,
            "task_key": f"('task-001-8a7f0d5e2c41', {native_id})" if is_compute else None,
            "task_name": "task-001" if is_compute else None,
            "task_seconds": seconds if is_compute else None,
        }
        return [values[field] for field in THREAD_FIELDS]


async def serve(count: int, workers_of_a_job: int) -> None:
    """Serve until the input ends."""
    servers = []
    for number in range(count):
        worker = _Worker(number, workers_of_a_job)
        server = Server({"run": worker.run, PLACE: worker.place, THREADS: worker.threads, WAITS: worker.waits})
        await server.listen("tcp://127.0.0.1:0")
        servers.append(server)
    print(*(server.address for server in servers), flush=True)
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await asyncio.wait([ended], timeout=LONGEST_LIFE_SECONDS)
    await asyncio.gather(*(server.close() for server in servers))


if __name__ == "__main__":
    logging.disable()
    asyncio.run(serve(*map(int, sys.argv[1:])))
