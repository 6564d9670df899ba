"""dasktop as a program in a pseudo-terminal, and the CPU time of programs."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import psutil

COLUMNS, LINES = 120, 40
END_SECONDS = 5
PATIENCE_SECONDS = 60.0


class Screen:
    """dasktop in a pseudo-terminal.

    Parameters
    ----------
    path
        The PATH with SLURM's commands.
    """

    def __init__(self, address: str, path: str) -> None:
        self.sent = bytearray()
        self._terminal, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        environment = with_bytecode() | {"PATH": path, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dasktop.tui", address],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        self._status = psutil.Process(self._process.pid)

    def read_for(self, seconds: float) -> None:
        """Read the output for so many seconds."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            self._read(left)

    def read_until(self, text: str) -> None:
        """Read the output until it contains a text."""
        until = time.perf_counter() + PATIENCE_SECONDS
        while text.encode() not in self.sent:
            left = until - time.perf_counter()
            assert left > 0, f"timed out waiting for {text}: {bytes(self.sent[-2000:])!r}"
            self._read(left)

    def seconds_until_output(self, keys: bytes) -> float:
        """Press keys; return the seconds until the program writes something, at most `PATIENCE_SECONDS`."""
        began_at = time.perf_counter()
        os.write(self._terminal, keys)
        self._read(PATIENCE_SECONDS)
        return time.perf_counter() - began_at

    def _read(self, seconds: float) -> None:
        if select.select([self._terminal], [], [], seconds)[0]:
            self.sent += os.read(self._terminal, 65536)  # an OSError once the program has ended

    @property
    def cpu_seconds(self) -> float:
        """The CPU time so far, without that of SLURM's commands."""
        times = self._status.cpu_times()
        return float(times.user + times.system)

    @property
    def memory_bytes(self) -> int:
        """Its resident memory."""
        return int(self._status.memory_info().rss)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            os.write(self._terminal, b"q")
            self.read_for(END_SECONDS)
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)


def with_bytecode() -> dict[str, str]:
    """Return the environment in which Python writes bytecode, as after an installation."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def cpu_of(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Run a program to its end; return the CPU seconds of it and its children."""
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    complaint = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    assert process.returncode == 0, complaint
    return used.ru_utime + used.ru_stime
