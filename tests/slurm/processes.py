"""The processes of one SLURM: all descendants of this process, so that none is missed.

It never looks at a process that is not its descendant.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from tests.support.waiting import PATIENCE_SECONDS

PR_SET_CHILD_SUBREAPER = 36
LOG_TAIL_BYTES = 3_000
POLL_SECONDS = 0.05


class StartError(RuntimeError):
    """A daemon of the SLURM under test did not start."""


def adopt_orphans() -> None:
    """Make orphaned descendants our children, as init would; see prctl(2).

    This keeps slurmstepd, which detaches itself from slurmd, and dask's nannies, which start sessions, in our tree.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


class Processes:
    """Start daemons in the foreground, watch them, and end all descendants of this process.

    Parameters
    ----------
    folder
        The working directory of each daemon, and the folder of its log ``NAME.log``.
    environment
        The whole environment of each daemon.
    stop_wanted
        Called while waiting; if it returns True, waiting ends with `StartError`.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], stop_wanted: Callable[[], bool]) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self.stop_wanted = stop_wanted
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str | Path) -> None:
        """Start a daemon that stays in the foreground, in its own session."""
        with self._log(name).open("ab") as log:
            self._daemons[name] = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self, *command: str, blame: str | None = None, timeout_seconds: float = PATIENCE_SECONDS) -> str:
        """Run a command to its end and return its output.

        `StartError` if it fails, with its output and the log of the daemon to blame, if one is given.
        """
        try:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=timeout_seconds,
                check=False,
                text=True,
                errors="replace",
            )
        except subprocess.TimeoutExpired as error:
            raise StartError(f"{command[0]} took more than {timeout_seconds:.0f} s{self._quoted(blame)}") from error
        if done.returncode != 0:
            printed = done.stdout[-LOG_TAIL_BYTES:]
            raise StartError(f"{command[0]} ended with status {done.returncode}:\n{printed}{self._quoted(blame)}")
        return done.stdout

    def wait_until(
        self, condition: Callable[[], bool], what: str, *blame: str, timeout_seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Wait for a condition; `StartError` with the blamed daemon's log if it ends or takes too long."""
        deadline = time.monotonic() + timeout_seconds
        while not condition():
            for name in blame:
                status = self._daemons[name].poll()
                if status is not None:
                    raise StartError(f"{name} ended with status {status} before {what}{self._quoted(name)}")
            if self.stop_wanted():
                raise StartError(f"asked to stop before {what}")
            if time.monotonic() > deadline:
                raise StartError(f"timed out after {timeout_seconds:.0f} s, before {what}{self._quoted(*blame)}")
            time.sleep(POLL_SECONDS)

    def _quoted(self, *names: str | None) -> str:
        """Return the ends of daemons' logs, as the rest of an error message."""
        logs = {name: self._log(name).read_bytes()[-LOG_TAIL_BYTES:] for name in names if name}
        return "".join(f"\n--- {name}'s log ends with:\n{log.decode(errors='replace')}" for name, log in logs.items())

    def reap(self) -> None:
        """Collect the status of children that ended, also adopted ones, so that no zombie is left."""
        with contextlib.suppress(ChildProcessError):  # no child is left
            while os.waitpid(-1, os.WNOHANG)[0] != 0:
                pass

    def end_all(self, *, grace_seconds: float) -> None:
        """End every descendant; the jobs' processes get up to `grace_seconds` to end by themselves.

        They may have files outside our folder, such as the scratch space of a dask worker. The daemons are killed at
        once: their files are removed with the folder, and a running daemon would start the next job.
        """
        for daemon in self._daemons.values():
            daemon.kill()
        for process in self._job_processes():
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + grace_seconds
        while self._job_processes() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        while remaining := psutil.Process().children(recursive=True):
            for process in remaining:
                _signal(process, signal.SIGKILL)
            self.reap()
            time.sleep(POLL_SECONDS)

    def _job_processes(self) -> list[psutil.Process]:
        """Return the running processes of jobs: neither daemons nor slurmstepd."""
        daemons = {process.pid for process in self._daemons.values()}
        others = [process for process in psutil.Process().children(recursive=True) if process.pid not in daemons]
        return [process for process in others if _is_of_a_job(process)]

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


def _is_of_a_job(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.name() != "slurmstepd"
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return  # it has ended
