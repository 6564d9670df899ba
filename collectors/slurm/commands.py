"""Runs SLURM's commands, each with a time-out and a bound on what it may print. Knows nothing of what they mean.

Never through a shell, never the same command twice at the same time, and nothing is left running.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from dataclasses import dataclass

from dasktop.collectors.errors import SourceError, SourceOffError
from dasktop.collectors.text import clean

MAX_OUTPUT_BYTES = 64 << 20
MAX_COMPLAINT_BYTES = 64 << 10
MAX_COMPLAINT_CHARACTERS = 300
# A killed process is gone at once, unless it hangs in the kernel (a dead file server): then it is left to the system.
_REAP_SECONDS = 2.0


@dataclass(frozen=True)
class Printed:
    """What a command printed, and how it ended."""

    program: str
    text: str
    """Its standard output, not cleaned yet; what was not UTF-8 is U+FFFD."""
    complaints: tuple[str, ...]
    """The lines of its standard error, cleaned."""
    status: int

    @property
    def complaint(self) -> str:
        """What it said went wrong, in its own words: the line that calls itself fatal, else the first."""
        if self.complaints:
            fatal = (line for line in self.complaints if "fatal:" in line)
            return next(fatal, self.complaints[0])[:MAX_COMPLAINT_CHARACTERS]
        if self.status < 0:
            return f"{self.program} was killed by signal {-self.status}"
        return f"{self.program} ended with status {self.status} and said nothing"

    def checked(self) -> str:
        """Return the text; `SourceError` with the command's own words if it failed."""
        if self.status != 0:
            raise SourceError(self.complaint)
        return self.text


class _Call:
    """A command under way, and how many wait for it."""

    def __init__(self, task: "asyncio.Task[Printed]") -> None:
        self.task = task
        self.waiting = 0


class Commands:
    """Runs programs in the caller's event loop.

    Parameters
    ----------
    environment
        The whole environment of the programs; its ``PATH`` decides which ones are found.
    timeout_seconds
        After which a program, and all that it has started in its process group, is killed.
    """

    def __init__(self, environment: Mapping[str, str], timeout_seconds: float) -> None:
        self._environment = dict(environment)
        self._timeout_seconds = timeout_seconds
        self._calls: dict[tuple[str, ...], _Call] = {}
        self._pids: set[int] = set()
        self._is_closed = False

    async def run(self, *command: str) -> Printed:
        """Run a program with its arguments; if the very same is under way, share what that one prints.

        Raises
        ------
        SourceOffError
            There is no such program.
        SourceError
            It couldn't be run, took too long or printed too much. (A status other than 0 is for the caller to judge.)
        """
        call = self._calls.get(command)
        if call is None or call.task.done():
            call = self._calls[command] = _Call(asyncio.create_task(self._run(command), name=" ".join(command[:3])))
        call.waiting += 1
        try:
            return await asyncio.shield(call.task)
        finally:
            call.waiting -= 1
            if not call.waiting:
                if self._calls.get(command) is call:
                    del self._calls[command]
                call.task.cancel()  # nobody waits any more; does nothing to one that is done

    def close(self) -> None:
        """Kill what still runs, and start nothing any more. Safe to call from any thread, and more than once."""
        self._is_closed = True
        for pid in tuple(self._pids):
            _kill_group(pid)

    async def _run(self, command: tuple[str, ...]) -> Printed:
        program = command[0]
        if self._is_closed:
            raise SourceError(f"{program} is not run any more")
        path = shutil.which(program, path=self._environment.get("PATH", os.defpath))
        if path is None:
            raise SourceOffError(f"{program} is not on PATH")
        try:
            transport, output = await asyncio.get_running_loop().subprocess_exec(
                _Output,
                path,
                *command[1:],
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=PIPE,
                env=self._environment,
                start_new_session=True,  # a group of its own, so that all of it can be killed; and no terminal
            )
        except (OSError, ValueError) as error:  # ValueError: an argument holds a null character
            raise SourceError(f"{program} cannot be run: {clean(str(error))}") from None
        pid = transport.get_pid()
        self._pids.add(pid)
        if self._is_closed:  # in the meantime, from another thread
            _kill_group(pid)
        try:
            await asyncio.wait_for(asyncio.shield(output.ended), self._timeout_seconds)
        except TimeoutError:
            raise SourceError(f"{program} did not answer within {self._timeout_seconds:g} s") from None
        finally:
            if not output.ended.done() or output.is_too_much:
                # The group may outlive its leader: a child that keeps the pipe open is why an ended command can hang.
                _kill_group(pid)
            self._pids.discard(pid)
            transport.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(output.gone), _REAP_SECONDS)
        if output.is_too_much:
            raise SourceError(f"{program} printed more than {MAX_OUTPUT_BYTES >> 20} MB")
        status = transport.get_returncode()
        if status is None:
            raise SourceError(f"{program} ended, and the system does not tell how")
        return Printed(program, output.text.decode("utf-8", errors="replace"), output.complaints(), status)


class _Output(asyncio.SubprocessProtocol):
    """Gathers what a program prints, up to the bounds."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = loop.create_future()
        """Done when the program has ended and its pipes are closed, or when it has printed too much."""
        self.gone: asyncio.Future[None] = loop.create_future()
        """Done when the program has been reaped and nothing of it is open any more."""
        self.text = bytearray()
        self.is_too_much = False
        self._complaints = bytearray()

    def complaints(self) -> tuple[str, ...]:
        """Return the lines of the standard error, cleaned."""
        return tuple(line for line in map(clean, bytes(self._complaints).split(b"\n")) if line)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Keep standard output up to its bound; of the standard error the beginning, while the rest is let pass."""
        if fd != 1:
            self._complaints += data[: MAX_COMPLAINT_BYTES - len(self._complaints)]
        elif len(self.text) + len(data) > MAX_OUTPUT_BYTES:
            self.is_too_much = True
            self._done(self.ended)
        else:
            self.text += data

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """All is over."""
        self._done(self.ended)
        self._done(self.gone)

    @staticmethod
    def _done(future: "asyncio.Future[None]") -> None:
        if not future.done():
            future.set_result(None)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
