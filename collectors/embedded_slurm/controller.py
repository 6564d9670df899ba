"""The controller: the process that owns all jobs and files of an embedded SLURM (`python -m …controller FOLDER`).

It runs until its standard input is closed; then it ends all processes and removes all files.
"""

import asyncio
import os
import shutil
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from dasktop.collectors.embedded_slurm.client import SOCKET_NAME
from dasktop.collectors.embedded_slurm.processes import adopt_orphans, end_processes, reap
from dasktop.collectors.embedded_slurm.session import CommandSession
from dasktop.collectors.embedded_slurm.settings import Settings
from dasktop.collectors.embedded_slurm.workload import Workload

TICK_SECONDS = 0.25
MEASURE_SECONDS = 1.0
# From SIGTERM to SIGKILL when the controller ends.
END_SECONDS = 2.0


class Controller:
    """Serves commands, advances the workload, and notifies sessions of changes."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.workload = Workload(settings, folder)
        self._changed = asyncio.Event()
        self._due = asyncio.Event()
        self._stop = asyncio.Event()
        self._sessions: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until standard input is closed, or a signal arrives."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGCHLD, self.check_soon)
        loop.add_reader(sys.stdin.fileno(), self._stop.set)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.setblocking(False)
        # Relative to the controller's working directory: the path of a socket is limited to about 100 bytes.
        listener.bind(SOCKET_NAME)
        listener.listen(128)
        print("ready", flush=True)
        tasks = [asyncio.create_task(self._accept(listener)), asyncio.create_task(self._tick())]
        stopped = asyncio.create_task(self._stop.wait())
        done, _ = await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
        listener.close()
        for task in (*tasks, stopped, *self._sessions):
            task.cancel()
        for task in done:
            task.result()

    def check_soon(self) -> None:
        """Advance the workload in the next round, once even if many processes end at the same time."""
        self._due.set()

    async def changed(self) -> None:
        """Wait for the next change."""
        await self._changed.wait()

    async def _tick(self) -> None:
        measured_at = 0.0
        while True:
            now = time.time()
            if abs(now - measured_at) >= MEASURE_SECONDS:
                measured_at = now
                self.workload.runner.measure(now)
            self._step(now)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), TICK_SECONDS)
            self._due.clear()

    def _step(self, now: float) -> None:
        """Collect ended processes, advance the workload, and wake all waiting sessions."""
        for pid, (status, cpu_seconds) in reap().items():
            self.workload.runner.ended(pid, status, cpu_seconds, now)
        self.workload.advance(now)
        self._changed.set()
        self._changed = asyncio.Event()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(listener)
            connection.setblocking(False)
            task = asyncio.create_task(CommandSession(self, connection).serve())
            self._sessions.add(task)
            task.add_done_callback(self._sessions.discard)


def main(folder: Path) -> None:
    """Run a controller in `folder`; at the end, remove all its processes and files."""
    os.chdir(folder)
    adopt_orphans()
    settings = Settings.read(folder)
    try:
        asyncio.run(Controller(settings, folder).run())
    finally:
        end_processes(settings.token, END_SECONDS, [os.getpid()])
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
