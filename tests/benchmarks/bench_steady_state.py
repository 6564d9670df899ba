"""The cost of an open screen: bytes to the terminal, CPU, memory, SLURM requests; and its start time.

    python -m tests.benchmarks.bench_steady_state [MINUTES]

Starts a real SLURM and on it a `SLURMCluster` of two jobs, each with four workers of three threads. It starts the
screen several times, then keeps one of 120x40 open with all workers unfolded, idle and under load. It prints the
results. On a machine with other work, CPU seconds are reliable, elapsed seconds are not.
"""

import contextlib
import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import NamedTuple, Self

import psutil

from tests.slurm.cluster import RealSlurm
from tests.support.notebook import Notebook

COLUMNS, LINES = 120, 40
JOBS, WORKERS_OF_A_JOB, CORES = 2, 4, 12
SETTLE_SECONDS = 20
END_SECONDS = 5
STARTS = 9
# From the last row upwards: unfold each worker; skip the task and the job between the workers of the two jobs.
UNFOLD_ALL = ("G", *("l", "k") * WORKERS_OF_A_JOB, "k", "k", *("l", "k") * WORKERS_OF_A_JOB)

WORK = """
import random, threading, time
def work(seed):
    draw = random.Random(seed)
    until, share = time.monotonic() + draw.uniform(2, 8), draw.choice((0.005, 0.02, 0.05))
    while (began_at := time.monotonic()) < until:
        sum(i * i for i in range(20_000))
        time.sleep((time.monotonic() - began_at) * (1 - share) / share)
    return draw.randbytes(draw.randint(1, 10) * 1_000_000)
def keep_busy():
    seed = 0
    while not stop.is_set():
        futures = client.map(work, range(seed, seed + 96))
        seed += 96
        while not stop.wait(0.2) and not all(future.done() for future in futures[:72]):
            pass
stop = threading.Event()
threading.Thread(target=keep_busy, daemon=True).start()
"""


class Costs(NamedTuple):
    """The costs of the screen so far."""

    at: float
    sent_bytes: int
    cpu_seconds: float
    children_cpu_seconds: float
    commands: Counter[str]
    calls: Counter[str]


class Screen:
    """dasktop in a pseudo-terminal; its output and its SLURM commands are counted."""

    def __init__(self, address: str, environment: Mapping[str, str], folder: Path) -> None:
        self.sent = bytearray()
        self._environment = environment
        self._commands = folder / "commands"
        self._commands.write_text("")
        path = _noting_path(folder / "bin", self._commands, environment["PATH"])
        # With bytecode, as after an installation.
        environment_with_bytecode = {
            name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"
        }
        self._terminal, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self.started_at = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dasktop.tui", address],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**environment_with_bytecode, "PATH": path, "TERM": "xterm-256color", "LANG": "C.UTF-8"},
            start_new_session=True,
        )
        os.close(theirs)
        self.status = psutil.Process(self._process.pid)

    def read_for(self, seconds: float) -> None:
        """Read the output for so many seconds."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            self._read(left)

    def read_until(self, text: str, seconds: float = 30) -> float:
        """Read the output until it contains a text; return the seconds since the start."""
        until = time.perf_counter() + seconds
        while text.encode() not in self.sent:
            left = until - time.perf_counter()
            assert left > 0, f"timed out waiting for {text}: {bytes(self.sent[-2000:])!r}"
            self._read(left)
        return time.perf_counter() - self.started_at

    def _read(self, seconds: float) -> None:
        if select.select([self._terminal], [], [], seconds)[0]:
            self.sent += os.read(self._terminal, 65536)  # an OSError once the program has ended

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            os.write(self._terminal, key.encode())
            self.read_for(0.3)

    def costs(self) -> Costs:
        """Return the costs so far."""
        times = self.status.cpu_times()
        commands = Counter(self._commands.read_text().split())
        return Costs(
            time.perf_counter(),
            len(self.sent),
            times.user + times.system,
            times.children_user + times.children_system,
            commands,
            calls_by_type(self._environment),
        )

    def close(self) -> None:
        """Quit the program with its key."""
        os.write(self._terminal, b"q")
        with contextlib.suppress(OSError):
            self.read_for(END_SECONDS)
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _noting_path(folder: Path, notes: Path, path: str) -> str:
    """Return a PATH on which SLURM's commands record each call."""
    folder.mkdir(exist_ok=True)
    for command in ("sacct", "scontrol", "squeue", "sstat"):
        script = folder / command
        script.write_text(f'#!/bin/sh\necho {command} >>{notes}\nexec {shutil.which(command, path=path)} "$@"\n')
        script.chmod(0o755)
    return f"{folder}:{path}"


def calls_by_type(environment: Mapping[str, str]) -> Counter[str]:
    """Return the number of requests to slurmctld by message type, from all clients."""
    output = subprocess.run(["sdiag"], env=environment, capture_output=True, text=True, check=True).stdout
    by_type = output.partition("by message type")[2].partition("by user")[0]
    return Counter({name: int(count) for name, count in re.findall(r"(\w+)\s*\(\s*\d+\) count:(\d+)", by_type)})


def report(name: str, before: Costs, after: Costs) -> None:
    """Print the costs between two times."""
    seconds = after.at - before.at
    cpu = 100 * (after.cpu_seconds - before.cpu_seconds) / seconds
    children = 100 * (after.children_cpu_seconds - before.children_cpu_seconds) / seconds
    commands, calls = after.commands - before.commands, after.calls - before.calls
    print(f"{name}, {seconds:.0f} s:")
    print(f"  {(after.sent_bytes - before.sent_bytes) / seconds:,.0f} bytes/s to the terminal")
    print(f"  {cpu:.2f} % of a core, and {children:.2f} % for SLURM's commands")
    print(f"  {60 * commands.total() / seconds:.1f} SLURM commands a minute: {dict(commands)}")
    print("  requests to slurmctld from all clients, a minute: ", end="")
    print(", ".join(f"{name} {60 * count / seconds:.1f}" for name, count in calls.most_common()))


def keep_open(name: str, address: str, environment: Mapping[str, str], folder: Path, seconds: float) -> None:
    """Keep a screen open for so many seconds, and print its costs."""
    with Screen(address, environment, folder) as screen:
        screen.read_until("SLURMCluster-1-3")
        screen.press(*UNFOLD_ALL)
        screen.read_for(SETTLE_SECONDS)
        before = screen.costs()
        screen.read_for(seconds)
        report(name, before, screen.costs())
        print(f"  {screen.status.memory_info().rss / 2**20:.0f} MiB resident")


def start(address: str, job_id: str, environment: Mapping[str, str], folder: Path) -> None:
    """Start the screen several times, and print when its parts are shown."""
    rounds = []
    for _ in range(STARTS):
        with Screen(address, environment, folder) as screen:
            drawn = screen.read_until("quit")
            job = screen.read_until(job_id)
            times = screen.status.cpu_times()
            rounds.append((drawn, job, times.user + times.system, screen.read_until("SLURMCluster-1-3")))
    drawn, job, cpu, worker = zip(*rounds, strict=True)
    print(f"started {STARTS} times; seconds, the median (the fastest):")
    print(f"  the key line {median(drawn):.2f} ({min(drawn):.2f})")
    print(f"  the first job {median(job):.2f} ({min(job):.2f}), after {median(cpu):.2f} ({min(cpu):.2f}) of CPU")
    print(f"  the last worker {median(worker):.2f} ({min(worker):.2f})")


def main(minutes: float) -> None:
    """Start SLURM and a cluster, and measure."""
    folder = Path(tempfile.mkdtemp(prefix="dasktop-bench-"))
    with RealSlurm() as slurm, Notebook(slurm.environment, folder) as notebook:
        notebook.run(
            "from dask_jobqueue import SLURMCluster\n"
            "from distributed import Client\n"
            f"cluster = SLURMCluster(cores={CORES}, processes={WORKERS_OF_A_JOB}, memory='16GB', interface='lo')\n"
            f"cluster.scale(jobs={JOBS})\n"
            "client = Client(cluster)"
        )
        notebook.wait_until(f"len(cluster.scheduler.workers) == {JOBS * WORKERS_OF_A_JOB}")
        address = notebook.value("cluster.scheduler_address")
        job_id = notebook.value("min(worker.job_id for worker in cluster.workers.values())")
        start(address, job_id, slurm.environment, folder)
        keep_open("idle", address, slurm.environment, folder, 60 * minutes)
        notebook.run(WORK)
        keep_open("all threads busy", address, slurm.environment, folder, 60 * minutes)
        notebook.run("stop.set()")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 2)
