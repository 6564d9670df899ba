"""Dask schedulers and workers in their own processes, with their logs. All listen on loopback."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import TracebackType
from typing import Self

from dasktop.collectors.model.readings import DaskReading
from dasktop.collectors.sources.dask.collector import DaskCollector
from tests.support import forked_dask
from tests.support.waiting import PATIENCE_SECONDS, POLL_SECONDS, wait_until

STOP_SECONDS = 10.0


class Forked:
    """A multiprocessing process with the methods of `subprocess.Popen` that are needed here."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        assert process.pid is not None
        self.pid = process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class DaskProcess:
    """``dask scheduler`` or ``dask worker``, running until the ``with`` block ends.

    It is forked from a process that has imported distributed, if dask's configuration there is the same; else it is
    started by its command.

    Parameters
    ----------
    module
        ``distributed.cli.dask_scheduler`` or ``distributed.cli.dask_worker``.
    python
        The Python that runs it, which may have another version of distributed.
    environment
        Variables in addition to those of this process.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        python: str | Path = sys.executable,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._module = module
        self._arguments = arguments
        self._python = str(python)
        self._environment = {**os.environ, **(environment or {})}
        self._folder = tempfile.TemporaryDirectory(prefix="dasktop-test-")
        self.folder = Path(self._folder.name)
        self._log = self.folder / "log"

    def __enter__(self) -> Self:
        can_fork = self._python == sys.executable and forked_dask.can_fork(self._environment)
        self._process = self._fork() if can_fork else self._spawn()
        return self

    def _fork(self) -> "Forked":
        self._log.touch()
        return Forked(forked_dask.fork(self._module, self._arguments, self._environment, self._log))

    def _spawn(self) -> "subprocess.Popen[bytes]":
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [self._python, "-m", self._module, *self._arguments],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self._environment,
                start_new_session=True,
            )

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> list[str]:
        """The lines that it has written so far."""
        return self._log.read_text().splitlines()

    def stop(self) -> None:
        """End the process; if it does not end in time, kill it and its children, which are its session."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until the condition holds; fail with the log if that takes too long, or the process ends."""

        def holds() -> bool:
            if condition():
                return True
            assert self._process.poll() is None, f"the process ended before {what}:\n{self._log.read_text()}"
            return False

        wait_until(holds, lambda: f"{what}:\n{self._log.read_text()}")


class Scheduler(DaskProcess):
    """A scheduler; its address is known when the block begins."""

    def __init__(
        self,
        *arguments: str,
        port: int = 0,
        python: str | Path = sys.executable,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            "distributed.cli.dask_scheduler",
            *("--host", "127.0.0.1", "--port", str(port), "--dashboard-address", "127.0.0.1:0", *arguments),
            python=python,
            environment=environment,
        )

    def __enter__(self) -> Self:
        super().__enter__()
        self.wait_for(lambda: bool(self._addresses()), "the scheduler's address")
        self.address = self._addresses()[0]
        return self

    def wait_until_logged(self, workers: int) -> None:
        """Wait until its log has the last line about so many workers; the workers do not wait for it."""
        self.wait_for(lambda: sum("Starting established" in line for line in self.log) >= workers, "its workers")

    def _addresses(self) -> list[str]:
        return [line.split()[-1] for line in self.log if "Scheduler at:" in line]


class Workers(DaskProcess):
    """``dask worker`` with `count` workers; all have registered when the block begins."""

    def __init__(
        self,
        address: str,
        *arguments: str,
        count: int = 1,
        python: str | Path = sys.executable,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._count = count
        super().__init__(
            "distributed.cli.dask_worker",
            *(address, "--host", "127.0.0.1", "--nworkers", str(count), "--no-dashboard", *arguments),
            python=python,
            environment=environment,
        )

    def __enter__(self) -> Self:
        super().__enter__()
        # The last line that a worker logs while it starts: from then on the log is stable.
        self.wait_for(lambda: sum("Starting established" in line for line in self.log) >= self._count, "the workers")
        return self


def is_complete(scheduler_file: Path) -> bool:
    """Return whether a scheduler has written its whole file; for a moment the file exists and is empty."""
    try:
        json.loads(scheduler_file.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return True


def places_are_read(reading: DaskReading) -> bool:
    """Return whether the environment of all workers was read; a worker that has just started may answer late."""
    return all(worker.place_was_read for worker in reading.workers)


async def read_until(
    collector: DaskCollector, condition: Callable[[DaskReading], bool], threads_of: tuple[str, ...] = ()
) -> DaskReading:
    """Read until a reading fulfils the condition, and return it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition(reading := await collector.read(threads_of)):  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(POLL_SECONDS)
    return reading
