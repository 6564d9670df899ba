"""An embedded SLURM leaves no process and no file, however its program ends and whatever is killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from dasktop.collectors.embedded_slurm import EmbeddedSlurm
from dasktop.collectors.embedded_slurm.processes import ProcessTable
from tests.support.slurm_output import until
from tests.support.waiting import PATIENCE_SECONDS

# Starts a SLURM in the given folder, with one job that ignores SIGTERM; prints its pids; then does the given thing.
HOLDER = """
import json, os, signal, subprocess, sys, time
from pathlib import Path
import psutil
from dasktop.collectors.embedded_slurm import EmbeddedSlurm

JOB = '''#!/bin/bash
trap "" TERM
sleep 600 &
setsid sleep 600 &
(env -i setsid sh -c "trap : TERM; echo \\$\\$ >> pids; while true; do sleep 1; done" &)
echo $$ >> pids
echo $! >> pids
srun sh -c 'echo $$ >> pids; exec sleep 600' &
while true; do sleep 1; done
'''

slurm = EmbeddedSlurm(folder=sys.argv[1]).__enter__()
work = slurm.folder / "work"
subprocess.run(["sbatch"], input=JOB, text=True, env=slurm.environment, cwd=work, check=True, stdout=subprocess.DEVNULL)
while not (work / "pids").exists() or len((work / "pids").read_text().split()) < 4:
    time.sleep(0.05)
(supervisor,) = psutil.Process().children()
(controller,) = (child for child in supervisor.children() if "controller" in " ".join(child.cmdline()))
everyone = [process.pid for process in [supervisor, *supervisor.children(recursive=True)]]
print(json.dumps({"token": slurm.settings.token, "folder": str(slurm.folder), "supervisor": supervisor.pid,
                  "controller": controller.pid, "pids": everyone}), flush=True)
"""
WAIT = "time.sleep(600)"


@dataclass(frozen=True)
class Held:
    """A program with an embedded SLURM, and all processes of the latter."""

    program: "subprocess.Popen[str]"
    token: str
    folder: Path
    supervisor: int
    controller: int
    pids: tuple[int, ...]

    def left(self) -> list[str]:
        """Return the remaining processes, or else its folder if that remains."""
        return self.processes_left() or ([str(self.folder)] if self.folder.exists() else [])

    def processes_left(self, *but: int) -> list[str]:
        """Return the known remaining processes; if there are none, all that have the mark in their environment."""
        if known := [pid for pid in self.pids if pid not in but and psutil.pid_exists(pid) and is_alive(pid)]:
            return [str(pid) for pid in known]
        marked = [process for group in ProcessTable(self.token).scan({}).values() for process in group]
        return [str(process.pid) for process in marked if process.pid not in but]


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def hold(tmp_path: Path, then: str) -> Held:
    # Whoever runs the tests under nohup has it ignored, and so would the program.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    program = subprocess.Popen(
        [sys.executable, "-c", HOLDER + then, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    signal.signal(signal.SIGHUP, before)
    assert program.stdout is not None
    assert program.stderr is not None
    line = program.stdout.readline()
    assert line, program.stderr.read()
    state = json.loads(line)
    return Held(
        program, state["token"], Path(state["folder"]), state["supervisor"], state["controller"], tuple(state["pids"])
    )


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    """A program that waits."""
    holding = hold(tmp_path, WAIT)
    yield holding
    end(holding)


def end(held: Held) -> None:
    """Clean up after a test that failed; the processes are ours, known by pid."""
    held.program.kill()
    for pid in held.pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    held.program.communicate()


def nothing_is_left(held: Held) -> None:
    held.program.wait(PATIENCE_SECONDS)
    until(held.left, lambda left: not left)


@pytest.mark.parametrize(
    "signal_number",
    [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL],
    ids=lambda n: n.name,
)
def test_program_ended_by_a_signal(held: Held, signal_number: signal.Signals) -> None:
    assert len(held.pids) >= 8
    # As a terminal does it: to the whole group.
    os.killpg(held.program.pid, signal_number)
    nothing_is_left(held)


@pytest.mark.parametrize(
    "then",
    [
        "slurm.close(); slurm.close(); time.sleep(1)",
        "1/0",
        "os._exit(1)",
        "del slurm; time.sleep(600)",
    ],
)
def test_program_ends_normally(tmp_path: Path, then: str) -> None:
    held = hold(tmp_path, then)
    try:
        if "600" in then:
            until(held.left, lambda left: not left)
            held.program.kill()
        nothing_is_left(held)
    finally:
        end(held)


def test_fork_that_outlives_the_program(tmp_path: Path) -> None:
    """A fork has the pipe open too, and must neither keep the SLURM running nor end it."""
    held = hold(tmp_path, "fork = os.fork()\nif fork:\n    print(fork, flush=True)\ntime.sleep(600)")
    assert held.program.stdout is not None
    fork = int(held.program.stdout.readline())
    try:
        os.kill(held.program.pid, signal.SIGKILL)
        nothing_is_left(held)
        assert psutil.pid_exists(fork)
    finally:
        os.kill(fork, signal.SIGKILL)
        end(held)


def test_end_of_a_fork_changes_nothing(tmp_path: Path) -> None:
    held = hold(
        tmp_path,
        "child = os.fork()\nif child == 0: slurm.close(); sys.exit()\nos.wait(); print('', flush=True); " + WAIT,
    )
    try:
        assert held.program.stdout is not None
        held.program.stdout.readline()
        assert held.controller in held.pids
        assert is_alive(held.controller)
        assert held.folder.exists()
        os.kill(held.program.pid, signal.SIGKILL)
        nothing_is_left(held)
    finally:
        end(held)


def test_killed_controller(held: Held) -> None:
    """Its jobs end. Its commands stay until the program ends, and fail as SLURM's do without slurmctld."""
    os.kill(held.controller, signal.SIGKILL)
    until(lambda: held.processes_left(held.supervisor), lambda left: not left)
    done = subprocess.run([held.folder / "bin" / "squeue"], capture_output=True, check=False, text=True)
    assert done.returncode == 1
    assert done.stderr == "squeue: error: Unable to contact slurm controller (connect failure)\n"
    os.kill(held.program.pid, signal.SIGTERM)
    nothing_is_left(held)


def test_killed_supervisor(held: Held) -> None:
    os.kill(held.supervisor, signal.SIGKILL)
    until(held.left, lambda left: not left)
    assert held.program.poll() is None


def test_killed_program_and_controller(held: Held) -> None:
    os.kill(held.controller, signal.SIGKILL)
    os.kill(held.program.pid, signal.SIGKILL)
    nothing_is_left(held)


def test_killed_program_and_supervisor(held: Held) -> None:
    os.kill(held.supervisor, signal.SIGKILL)
    os.kill(held.program.pid, signal.SIGKILL)
    nothing_is_left(held)


def test_hanging_controller(held: Held) -> None:
    os.kill(held.controller, signal.SIGSTOP)
    os.kill(held.program.pid, signal.SIGKILL)
    held.program.wait(PATIENCE_SECONDS)
    until(held.left, lambda left: not left)


def test_close_waits_for_all_processes(tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    with EmbeddedSlurm(folder=tmp_path) as slurm:
        subprocess.run(["sbatch", "--wrap=sleep 600"], env=slurm.environment, cwd=slurm.work, check=True)
        ours = set(psutil.Process().children(recursive=True)) - before
    assert len(ours) >= 2
    assert not any(is_alive(process.pid) for process in ours)
    assert list(tmp_path.iterdir()) == []
