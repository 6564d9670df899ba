"""Run dasktop: as a program or in this process, with long timeouts, or limited to some schedulers."""

import functools
import os
import subprocess
import sys
from collections.abc import Collection, Iterator
from typing import NamedTuple
from unittest import mock

from click.testing import CliRunner

from dasktop.collectors.sources import discover
from dasktop.collectors.sources.discover import AddressHint
from dasktop.tui.cli import options
from dasktop.tui.cli import snapshot as headless
from dasktop.tui.cli.main import command
from tests.support.waiting import PATIENCE_SECONDS

DASKTOP = (sys.executable, "-m", "dasktop.tui")

PATIENTLY = f"""
import functools, sys
from dasktop.tui.cli import snapshot as headless, options
headless.SLURM_TIMEOUT_SECONDS = {PATIENCE_SECONDS}
options.Options = functools.partial(
    options.Options, dask_timeout_seconds={PATIENCE_SECONDS}, slurm_timeout_seconds={PATIENCE_SECONDS}
)
from dasktop.tui.cli.main import main
"""
PATIENT = (sys.executable, "-c", f"{PATIENTLY}main()")
"""dasktop with long timeouts for its sources, which may be slow on a busy machine."""


class Result(NamedTuple):
    """The result of a command."""

    returncode: int
    stdout: str
    stderr: str


def dasktop(*arguments: str, path: str | None = None, **environment: str) -> Result:
    """Run the command in this process: to start another takes a second of CPU time, mostly for imports."""
    result = CliRunner(env=environment | ({"PATH": path} if path is not None else {})).invoke(
        command, arguments, prog_name="dasktop"
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Result(result.exit_code, result.stdout, result.stderr)


def patient_dasktop(*arguments: str, pids: Collection[int] | None = None, **environment: str) -> Result:
    """Run the command in this process with the timeouts of `PATIENT`, and the limit of `dasktop_limited_to`.

    Parameters
    ----------
    pids
        The processes in which it may search for a scheduler; None for all.
    """
    limits = {"dask_timeout_seconds": PATIENCE_SECONDS, "slurm_timeout_seconds": PATIENCE_SECONDS}
    all_hints = discover.hints_from_processes

    def hints(protocol: str = "tcp") -> Iterator[AddressHint]:
        origins = None if pids is None else {f"process {pid}" for pid in pids}
        return (hint for hint in all_hints(protocol) if origins is None or hint.origin in origins)

    with (
        mock.patch.object(headless, "SLURM_TIMEOUT_SECONDS", PATIENCE_SECONDS),
        mock.patch.object(options, "Options", functools.partial(options.Options, **limits)),
        mock.patch.object(discover, "CHECK_TIMEOUT_SECONDS", PATIENCE_SECONDS),
        mock.patch.object(discover, "hints_from_processes", hints),
    ):
        return dasktop(*arguments, **environment)


def dasktop_program(*arguments: str, path: str | None = None, **environment: str) -> Result:
    """Run the program in its own process, to its end."""
    done = subprocess.run(
        [*DASKTOP, *arguments],
        env=os.environ | environment | ({"PATH": path} if path is not None else {}),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def one_line(text: str) -> str:
    lines = text.splitlines()
    assert len(lines) == 1, text
    return lines[0]


# The user of this machine may run other schedulers here; only the given processes are searched.
LIMITED = f"""{PATIENTLY}
from dasktop.collectors.sources import discover
discover.CHECK_TIMEOUT_SECONDS = {PATIENCE_SECONDS}
pids, all_hints = sys.argv.pop(1).split(","), discover.hints_from_processes
discover.hints_from_processes = lambda protocol: (
    hint for hint in all_hints(protocol) if hint.origin.removeprefix("process ") in pids
)
main()
"""


def dasktop_limited_to(*pids: int) -> tuple[str, ...]:
    return (sys.executable, "-c", LIMITED, ",".join(map(str, pids)))
