"""Watch a busy, healthy cluster on a real SLURM for ten minutes: it must have no finding.

    python -m tests.healthy [MINUTES]

It starts its own SLURM. Two jobs of two processes are busy all the time and produce results; in the second third
of the time there is a third job. It prints each finding of ``dasktop snapshot --watch``, from before the first job
on, and exits with status 1 if there was one. It takes too long to be one of the tests.
"""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from dasktop.collectors.model.snapshot import Snapshot, from_json
from tests.slurm.cluster import RealSlurm
from tests.support.notebook import Notebook

MINUTES = 10.0
SECONDS_BETWEEN = 2
REPORT_SECONDS = 60

CLUSTER = """
import threading, time
from dask_jobqueue import SLURMCluster
from distributed import Client
cluster = SLURMCluster(cores=4, processes=2, memory="2GB", walltime="02:00:00", interface="lo")
client = Client(cluster)
"""
WORK = """
def work(number):
    began = time.thread_time()
    while time.thread_time() - began < 0.03:
        pass
    time.sleep(0.3 + number % 7 / 10)
    return bytes(1_000_000 + number % 11 * 100_000)  # the results of a round are a fifth of a memory limit

def sizes(parts):
    return sum(map(len, parts))

def keep_busy():
    number = 0
    while not is_over.is_set():
        parts = client.map(work, range(number, number + 100))
        rounds.append(client.submit(sizes, parts).result())
        number += 100

is_over, rounds = threading.Event(), []
busy = threading.Thread(target=keep_busy)
busy.start()
"""


def snapshots(process: "subprocess.Popen[str]", seconds: float) -> Iterator[Snapshot]:
    """Yield the snapshots that the program prints, for so many seconds."""
    assert process.stdout is not None
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield from_json(process.stdout.readline())


def main(minutes: float) -> int:
    """Watch the cluster, and return the exit status."""
    found: set[str] = set()
    count, reported_at = 0, float("-inf")
    with (
        tempfile.TemporaryDirectory(prefix="dasktop-healthy-") as folder,
        RealSlurm() as slurm,
        Notebook(slurm.environment, Path(folder)) as notebook,
    ):
        notebook.run(CLUSTER)
        program = [sys.executable, "-m", "dasktop.tui", "snapshot", notebook.value("cluster.scheduler_address")]
        process = subprocess.Popen(
            [*program, "--watch", str(SECONDS_BETWEEN)], env=slurm.environment, stdout=subprocess.PIPE, text=True
        )
        try:
            for third, jobs in enumerate((2, 3, 2)):
                notebook.run(f"cluster.scale(jobs={jobs})")
                if third == 0:
                    notebook.run(WORK)
                for shown in snapshots(process, minutes * 60 / 3):
                    count += 1
                    for finding in shown.findings:
                        if finding.message not in found:
                            print(f"{shown.taken_at:%H:%M:%S} {finding.severity} {finding.code}: {finding.message}")
                        found.add(finding.message)
                    if time.monotonic() - reported_at >= REPORT_SECONDS:
                        reported_at = time.monotonic()
                        print(summary(shown), flush=True)
            notebook.run("is_over.set(); busy.join()")
            print(f"{count:,} snapshots in {minutes:g} min; {notebook.value('len(rounds)')} rounds of 100 tasks")
        finally:
            process.terminate()
            process.wait()
            slurm.cancel_all()
    print(f"{len(found)} findings" if found else "no findings")
    return 1 if found else 0


def summary(shown: Snapshot) -> str:
    """Return the state of the cluster in a line."""
    totals = shown.totals
    memory = f"{(totals.memory_bytes or 0) / 1e9:.1f} GB of {(totals.memory_allocated_bytes or 0) / 1e9:.1f}"
    return (
        f"{shown.taken_at:%H:%M:%S} {totals.jobs_running} jobs, {totals.workers} workers, "
        f"{totals.threads_busy} of {totals.threads} threads busy, {totals.cpu_percent} % CPU, {memory}"
    )


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(main(float(sys.argv[1]) if sys.argv[1:] else MINUTES))
