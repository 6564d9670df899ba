"""Run SLURM's commands, each with a timeout and a bound on its output, and find their error messages.

Sites put wrappers and login messages around the commands: a banner, a warning or a hint may come before, between or
after the command's own output, on either stream. Parsers recognize the command's own lines by their form; this module
recognizes errors. Never uses a shell, never runs the same command twice at the same time, and leaves no process behind.
"""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from subprocess import DEVNULL, PIPE

from dasktop.collectors.model.errors import SourceError, SourceOffError
from dasktop.collectors.text.clean import clean

MAX_OUTPUT_BYTES = 64 << 20
MAX_STDERR_BYTES = 64 << 10
MAX_MESSAGE_CHARACTERS = 300
# A killed process ends immediately, unless it hangs in a system call (a dead file server): then it is left alone.
_REAP_SECONDS = 2.0
# ``squeue: error: x``, ``slurm_load_jobs error: x``, ``job script retrieval failed: x``, ``allocation failure: x``.
_FATAL = re.compile(r"\bfatal: ")
_ERROR = re.compile(r"\b(?:error|failed|failure): ")
# Such as ``Slurm accounting storage is disabled``: an error in a command that fails, else perhaps part of a banner.
_LIKE_AN_ERROR = re.compile(
    r"\b(?:invalid|unable|denied|disabled|refused|unknown|cannot|couldn't|no such|not (?:found|allowed))\b",
    re.IGNORECASE,
)
_NOT_AN_ERROR = re.compile(r"\b(?:warning|info|debug\d?): ", re.IGNORECASE)
_MAX_LINES_SEARCHED = 200
PERMISSION_ERROR = re.compile(r"invalid user id|permission denied", re.IGNORECASE)
"""SLURM's error if a job belongs to another user."""
_POLL_SECONDS = 0.005


@dataclass(frozen=True)
class CommandOutput:
    """The output of a command, and its exit status."""

    program: str
    stdout: str
    """Not cleaned; invalid UTF-8 is U+FFFD."""
    stderr_lines: tuple[str, ...]
    """Cleaned."""
    status: int

    @property
    def errors(self) -> tuple[str, ...]:
        """The lines of its standard error that are errors, without banners, warnings and hints."""
        return tuple(line for line in self.stderr_lines if _is_error(line))

    @property
    def error_message(self) -> str:
        """Its error message: the first ``fatal:`` line, else the first ``error:`` line.

        Without such a line, the first that reads like an error, else the last: banners come first.
        """
        # Some wrappers merge both streams.
        lines = (*self.stderr_lines, *map(clean, self.stdout.split("\n", _MAX_LINES_SEARCHED)[:_MAX_LINES_SEARCHED]))
        candidates = (
            *(line for line in self.errors if _FATAL.search(line)),
            *self.errors,
            *(line for line in lines if self.status and _is_error(line)),
            *(line for line in self.stderr_lines if _LIKE_AN_ERROR.search(line) and not _NOT_AN_ERROR.search(line)),
            *(line for line in reversed(self.stderr_lines) if not _NOT_AN_ERROR.search(line)),
            *self.stderr_lines,
        )
        if candidates:
            return candidates[0][:MAX_MESSAGE_CHARACTERS]
        if self.status < 0:
            return f"{self.program} was killed by signal {-self.status}"
        return f"{self.program} failed with exit status {self.status} and printed no error"

    def stderr_matches(self, pattern: re.Pattern[str]) -> bool:
        """Return whether a line of its standard error matches."""
        return any(pattern.search(line) for line in self.stderr_lines)

    def checked(self) -> str:
        """Return the standard output; raise `SourceError` with the command's message if it failed."""
        if self.status != 0:
            raise SourceError(self.error_message)
        return self.stdout


def batches(items: Iterable[str], size: int) -> Iterator[tuple[str, ...]]:
    """Yield the items, at most `size` at a time: command lines have a maximum length."""
    kept = tuple(items)
    for start in range(0, len(kept), size):
        yield kept[start : start + size]


def _is_error(line: str) -> bool:
    return (_FATAL.search(line) or _ERROR.search(line)) is not None and _NOT_AN_ERROR.search(line) is None


class _RunningCommand:
    """A running command, and the number of callers that wait for it."""

    def __init__(self, task: "asyncio.Task[CommandOutput]") -> None:
        self.task = task
        self.callers = 0


class Commands:
    """Runs programs in the caller's event loop.

    Parameters
    ----------
    environment
        The complete environment of the programs; they are looked up in its ``PATH``.
    timeout_seconds
        After this, the program and its process group are killed.
    """

    def __init__(self, environment: Mapping[str, str], timeout_seconds: float) -> None:
        self._environment = dict(environment)
        self._timeout_seconds = timeout_seconds
        self._running: dict[tuple[str, ...], _RunningCommand] = {}
        self._pids: set[int] = set()
        self._is_closed = False

    async def run(self, *command: str) -> CommandOutput:
        """Run a program with its arguments; if the same command is running, share its output.

        Raises
        ------
        SourceOffError
            There is no such program.
        SourceError
            It could not be run, took too long or printed too much. (Callers check the exit status.)
        """
        running = self._running.get(command)
        if running is None or running.task.done():
            running = self._running[command] = _RunningCommand(
                asyncio.create_task(self._run(command), name=" ".join(command[:3]))
            )
        running.callers += 1
        try:
            return await asyncio.shield(running.task)
        finally:
            running.callers -= 1
            if not running.callers:
                if self._running.get(command) is running:
                    del self._running[command]
                if not running.task.cancelling():  # a second time would interrupt its cleanup
                    running.task.cancel()  # no caller waits for it; no effect on a finished task

    def close(self) -> None:
        """Kill running commands, and start no more. Safe to call from any thread, and more than once."""
        self._is_closed = True
        for pid in tuple(self._pids):
            _kill_group(pid)

    async def _run(self, command: tuple[str, ...]) -> CommandOutput:
        program = command[0]
        if self._is_closed:
            raise SourceError(f"{program} is not run: dasktop is closing")
        path = shutil.which(program, path=self._environment.get("PATH", os.defpath))
        if path is None:
            raise SourceOffError(f"{program} is not on PATH")
        try:
            # Not asyncio's: if cancelled while it starts a program, that kills it but not its group.
            process = subprocess.Popen(  # noqa: ASYNC220 - asyncio starts programs in the same way
                [path, *command[1:]],
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=PIPE,
                env=self._environment,
                start_new_session=True,  # a group of its own, so that all of it can be killed; and no terminal
            )
        except (OSError, ValueError) as error:  # ValueError: an argument contains a null character
            raise SourceError(f"{program} cannot be run: {clean(str(error))}") from None
        self._pids.add(process.pid)
        if self._is_closed:  # in the meantime, from another thread
            _kill_group(process.pid)
        output = _Output()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await output.gather(process)
        except TimeoutError:
            raise SourceError(f"{program} did not answer within {self._timeout_seconds:g} s") from None
        finally:
            # The pid is not reused until the process is reaped, which happens after its pipes are closed.
            if process.returncode is None:
                # The group may outlive its leader: if a child keeps the pipe open, an ended command seems to hang.
                _kill_group(process.pid)
            self._pids.discard(process.pid)
            output.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_REAP_SECONDS):
                    await _wait_until_ended(process)
        if output.is_too_much:
            raise SourceError(f"{program} printed more than {MAX_OUTPUT_BYTES >> 20} MB")
        if process.returncode is None:
            raise SourceError(f"{program} ended, but its exit status is unknown")
        return CommandOutput(
            program, output.stdout.decode("utf-8", errors="replace"), output.stderr_lines(), process.returncode
        )


class _Output:
    """Collects the output of a program, up to the bounds."""

    def __init__(self) -> None:
        self.stdout = bytearray()
        self.is_too_much = False
        self._stderr = bytearray()
        self._pipes: list[_Pipe] = []

    def stderr_lines(self) -> tuple[str, ...]:
        """Return the lines of the standard error, cleaned."""
        return tuple(line for line in map(clean, bytes(self._stderr).split(b"\n")) if line)

    async def gather(self, process: "subprocess.Popen[bytes]") -> None:
        """Read until the program has ended and its pipes are closed, or until it has printed too much."""
        loop = asyncio.get_running_loop()
        for file, take in ((process.stdout, self._take_stdout), (process.stderr, self._take_stderr)):
            pipe = _Pipe(take)
            self._pipes.append(pipe)
            await loop.connect_read_pipe(lambda pipe=pipe: pipe, file)  # type: ignore[misc]
        for pipe in self._pipes:
            await pipe.closed.wait()
        if not self.is_too_much:
            await _wait_until_ended(process)

    def close(self) -> None:
        """Read no more."""
        for pipe in self._pipes:
            pipe.close()

    def _take_stdout(self, data: bytes) -> None:
        if len(self.stdout) + len(data) > MAX_OUTPUT_BYTES:
            self.is_too_much = True
            self.close()
        else:
            self.stdout += data

    def _take_stderr(self, data: bytes) -> None:
        """Keep the beginning, and discard the rest."""
        self._stderr += data[: MAX_STDERR_BYTES - len(self._stderr)]


class _Pipe(asyncio.Protocol):
    """The reading end of a pipe."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self.closed = asyncio.Event()
        self._take = take
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        self._take(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Record that no process has the other end open."""
        self.closed.set()

    def close(self) -> None:
        """Read no more."""
        if self._transport is not None:
            self._transport.close()


async def _wait_until_ended(process: "subprocess.Popen[bytes]") -> None:
    """Wait until a program has ended; usually at once, since its pipes are closed."""
    while process.poll() is None:  # noqa: ASYNC110 - no portable event for it
        await asyncio.sleep(_POLL_SECONDS)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


# Users and sites set these in profiles. Each changes what a command prints, requests or affects: with
# SCANCEL_STATE=PENDING, scancel ignores a running job without an error (22.05).
_SLURM_PREFIXES = ("SACCT_", "SCANCEL_", "SCONTROL_", "SINFO_", "SLURM_", "SQUEUE_", "SSTAT_")

KEPT_VARIABLES = frozenset(
    {"SLURM_CLUSTERS", "SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT", "SLURM_SACK_JWKS", "SLURM_SACK_KEY"}
)
"""Variables that select the SLURM cluster: without SLURM_CLUSTERS, a user of another cluster would see no jobs."""

_SETTINGS = {
    "LC_ALL": "C",
    # Local times have no time zone, and are ambiguous for an hour each year. TZ is kept: if a wrapper removes this
    # variable, SLURM prints local times, and they are parsed in the same time zone.
    "SLURM_TIME_FORMAT": "%s",
    # The task ids of an array's line; otherwise truncated after 64 characters, with ``...`` (squeue's manual, 22.05).
    "SLURM_BITSTR_LEN": "0",
}


def command_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return a copy of `environment` in which SLURM's commands print what dasktop parses."""
    kept = {
        name: value
        for name, value in environment.items()
        if name in KEPT_VARIABLES or not name.startswith(_SLURM_PREFIXES)
    }
    return kept | _SETTINGS
