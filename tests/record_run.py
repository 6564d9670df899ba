"""Record the run for the pictures of the README: ``python -m tests.record_run``, on a machine without other work.

On the real SLURM of the tests, other jobs leave room for three of the six jobs of a `SLURMCluster`. One is killed for
its memory, one is cancelled with scancel, one comes near its memory limit, and one near its time limit. The result is
the recording, the script of the first job and the log of the killed job. Only the names of this machine are replaced
(`Names`).

``python -m tests.record_run --findings`` updates the findings in the recording, after a change of their messages.
"""

import getpass
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path

from msgspec.structs import replace

from dasktop.collectors.analysis.findings import find
from dasktop.collectors.model.jobs import workers_of
from dasktop.collectors.model.snapshot import Snapshot, from_json, to_json
from dasktop.collectors.recording.reader import Recording
from dasktop.collectors.recording.recorder import write_all
from dasktop.tui.view.plain import plain_tree
from tests.slurm.cluster import RealSlurm
from tests.support.dasktop_program import DASKTOP
from tests.support.notebook import Notebook
from tests.support.waiting import PATIENCE_SECONDS

FOLDER = Path(__file__).parent / "fixtures" / "recordings"
RUN, SCRIPT, LOG = "run.ndjson.gz", "job_script.sh", "dask-worker.err"
QUIET_LOAD = 1.5
"""The bars must show what this run uses of two cores."""
SECONDS_BETWEEN = 2
SNAPSHOTS_KEPT = 100
"""The last snapshots, for the history of each row."""
RUNNING = 3

# A job of twelve CPUs on each of the four nodes, and one with the last four CPUs of one node.
OTHERS = (
    ("wrf", "--nodes=4", "--ntasks-per-node=12", "--mem=2G", "--time=60"),
    ("jupyter", "--cpus-per-task=4", "--mem=2G", "--time=120"),
)

CLUSTER = """
import hashlib, os, time
from dask_jobqueue import SLURMCluster
from distributed import Client
import psutil
cluster = SLURMCluster(
    cores=4, processes=2, memory="2GB", walltime="00:40:00", interface="lo", log_directory="logs",
    job_script_prologue=["export DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE=False"],
    scheduler_options={"dashboard_address": ":0"},
)
client = Client(cluster)
cluster.scale(jobs=6)

def work(busy, seconds, result_bytes):
    'Use a share of a core for some seconds, whatever else runs on it.'
    begin, begin_cpu, block = time.monotonic(), time.thread_time(), bytes(1 << 20)
    while (elapsed := time.monotonic() - begin) < seconds:
        if time.thread_time() - begin_cpu < busy * elapsed:
            hashlib.sha256(block)  # releases the GIL
        else:
            time.sleep(0.01)
    return os.urandom(result_bytes)

def simulate(step, busy=0.06, seconds=8, result_bytes=4_000_000):
    return work(busy, seconds, result_bytes)

def regrid(step, busy=0.45, seconds=5, result_bytes=1_000_000):
    return work(busy, seconds, result_bytes)

def fill(wanted_bytes, seconds):
    'Allocate so much memory, slowly, and keep it while the worker lives.'
    process, held = psutil.Process(), []
    for _ in range(10 * seconds):
        if process.memory_info().rss < wanted_bytes:
            held.append(bytearray(os.urandom(1 << 20)) * 12)
        time.sleep(0.1)

def load_forcing(wanted_bytes, seconds=600):
    fill(wanted_bytes, seconds)

def ensemble_mean(wanted_bytes, seconds=600):
    fill(wanted_bytes, seconds)

def addresses(job_id):
    'The workers of a job.'
    names = [name for name, job in cluster.workers.items() if job.job_id == job_id]
    return sorted(w.address for w in cluster.scheduler.workers.values() if str(w.name).rpartition('-')[0] in names)
"""


class Names:
    """The names of this machine and its user, and their replacements in the recording."""

    def __init__(self, home: Path) -> None:
        python = Path(sys.executable)
        self._pairs = [
            (re.escape(str(home)), "/home/ada/climate"),
            (re.escape(str(python.parent.parent)), "/home/ada/env"),
            (re.escape(str(Path(sys.prefix).resolve())), "/home/ada/env"),
            (rf"\b{re.escape(socket.gethostname())}\b", "login1"),
            (rf"\b{re.escape(socket.getfqdn())}\b", "login1"),
            (rf"\b{re.escape(getpass.getuser())}\b", "ada"),
        ]

    def replaced(self, text: str) -> str:
        """Return a text with all names replaced."""
        for pattern, stands_for in self._pairs:
            text = re.sub(pattern, stands_for, text)
        return text


class Watch:
    """``dasktop snapshot --watch --record``, and its snapshots."""

    def __init__(self, address: str, path: Path, environment: dict[str, str]) -> None:
        self.latest: Snapshot | None = None
        arguments = ("--threads", "--watch", str(SECONDS_BETWEEN), "--slurm-interval", "5", "--record", str(path))
        self._process = subprocess.Popen(
            [*DASKTOP, "snapshot", address, *arguments], env=environment, stdout=subprocess.PIPE, text=True
        )

    def until(self, what: str, is_true: Callable[[Snapshot], object], *, lasts: int = 1) -> Snapshot:
        """Read until the condition holds for so many consecutive snapshots, and return the last."""
        assert self._process.stdout is not None
        deadline, count = time.monotonic() + PATIENCE_SECONDS, 0
        while count < lasts:
            assert time.monotonic() < deadline, f"timed out before {what}:\n{self._latest_text()}"
            self.latest = from_json(self._process.stdout.readline())
            count = count + 1 if is_true(self.latest) else 0
        assert self.latest is not None
        log(what)
        return self.latest

    def _latest_text(self) -> str:
        if self.latest is None:
            return "nothing"
        findings = "".join(f"\n{finding.code}: {finding.message}" for finding in self.latest.findings)
        return plain_tree(self.latest, width=None, unicode=True) + findings

    def end(self) -> None:
        """Interrupt the process: a kill may lose the last line."""
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=PATIENCE_SECONDS)


def log(message: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} load {os.getloadavg()[0]:.1f}  {message}\n")


def complete(shown: Snapshot) -> list[str]:
    """Return the ids of running jobs that have all their workers."""
    return [job.job_id for job in shown.jobs if job.state == "RUNNING" and len(list(workers_of(job))) == 2]


def finding_codes(shown: Snapshot) -> set[str]:
    return {finding.code for finding in shown.findings}


def run(slurm: RealSlurm, notebook: Notebook, folder: Path) -> str:
    """Run and record the scene; return the id of the job that was killed."""
    for name, *arguments in OTHERS:
        slurm.submit("sleep 3600\n", f"--job-name={name}", *arguments)
    notebook.run(CLUSTER)
    watch = Watch(notebook.value("cluster.scheduler_address"), folder / RUN, slurm.environment)
    try:
        shown = watch.until("three jobs run", lambda shown: len(complete(shown)) == RUNNING)
        busy, full, killed = complete(shown)
        notebook.run("simulated = client.map(simulate, range(1200))")
        notebook.run(
            f"first, second = addresses({busy!r})\n"
            "regridded = client.map(regrid, range(120), workers=[first], priority=10)\n"
            "regridded += client.map(regrid, range(120, 240), busy=0.2, workers=[second], priority=10)"
        )
        notebook.run(
            f"filling = client.submit(load_forcing, 915_000_000, workers=addresses({full!r})[:1], priority=20)\n"
            f"dooming = client.submit(ensemble_mean, 3_000_000_000, workers=addresses({killed!r})[:1], priority=20)"
        )
        shown = watch.until(
            "one job was killed and replaced",
            lambda shown: len(complete(shown)) == RUNNING and fate_of(shown, killed) == "OUT_OF_MEMORY",
        )
        notebook.run("dooming.release()")
        cancelled = next(job_id for job_id in complete(shown) if job_id not in (busy, full))
        watch.until("the jobs have worked for a while", lambda shown: True, lasts=8)
        slurm.run("scancel", cancelled)
        slurm.run("scontrol", "update", f"JobId={busy}", "EndTime=now+120")
        watch.until(
            "another job was cancelled and replaced",
            lambda shown: len(complete(shown)) == RUNNING and fate_of(shown, cancelled) == "CANCELLED",
        )
        wanted = {"lost-job", "worker-paused", "walltime-ending"}
        watch.until(
            f"all findings are shown: {', '.join(sorted(wanted))}",
            lambda shown: wanted <= finding_codes(shown),
            lasts=8,
        )
        (folder / SCRIPT).write_text(slurm.run("scontrol", "write", "batch_script", busy, "-"))
    finally:
        watch.end()
    return killed


def fate_of(shown: Snapshot, job_id: str) -> str | None:
    return next((job.fate.state for job in shown.jobs if job.job_id == job_id and job.fate is not None), None)


def last_snapshots(path: Path, names: Names) -> Iterator[Snapshot]:
    recording = Recording(str(path))
    for _ in recording.scan():
        pass
    first = max(0, len(recording.entries) - SNAPSHOTS_KEPT)
    for shown in recording.snapshots(range(first, len(recording.entries))):
        yield from_json(names.replaced(to_json(shown).decode()))


def update_findings() -> None:
    """Replace the findings in the recording by those of the current rules."""
    recording = Recording(str(FOLDER / RUN))
    for _ in recording.scan():
        pass
    updated, history = [], None
    for shown in recording.snapshots(range(len(recording.entries))):
        findings, history = find(shown, history=history, zone=UTC)
        updated.append(replace(shown, findings=findings))
    recording.close()
    (FOLDER / RUN).unlink()
    write_all(str(FOLDER / RUN), updated, redact=False)


def main() -> None:
    """Record a run, and replace the recorded files; with ``--findings``, only update the findings of the last run."""
    if sys.argv[1:] == ["--findings"]:
        update_findings()
        return
    if os.getloadavg()[0] > QUIET_LOAD:
        sys.exit(f"this machine has other work: load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="run-") as made, RealSlurm() as slurm:
        folder = Path(made)
        with Notebook(slurm.environment, folder) as notebook:
            killed = run(slurm, notebook, folder)
        names = Names(folder)
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / RUN).unlink(missing_ok=True)
        write_all(str(FOLDER / RUN), last_snapshots(folder / RUN, names), redact=False)
        (FOLDER / SCRIPT).write_text(names.replaced((folder / SCRIPT).read_text()))
        (FOLDER / LOG).write_text(names.replaced((folder / "logs" / f"dask-worker-{killed}.err").read_text()))
        log(f"written to {FOLDER}")


if __name__ == "__main__":
    main()
