"""The program itself for three minutes, with 50 jobs of 1,000 workers: its CPU time, and its calls of slurmctld."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.program import Screen
from tests.benchmarks.row import Row
from tests.benchmarks.stand_in_scheduler import StandInScheduler
from tests.benchmarks.stand_in_slurm import FIRST_JOB, StandInSlurm

JOBS = 50
WORKERS_OF_A_JOB = 20
SECONDS, SECONDS_TO_SETTLE = 180.0, 60.0


def rows(*, tiny: bool) -> Iterator[Row]:
    """Yield the rows."""
    jobs = 2 if tiny else JOBS
    seconds, to_settle = (1.0, 0.5) if tiny else (SECONDS, SECONDS_TO_SETTLE)
    with (
        tempfile.TemporaryDirectory(prefix="dasktop-bench-") as folder,
        StandInScheduler(workers=jobs * WORKERS_OF_A_JOB, workers_of_a_job=WORKERS_OF_A_JOB, beats=True) as scheduler,
    ):
        slurm = StandInSlurm(Path(folder), jobs)
        with Screen(scheduler.address, slurm.path) as screen:
            began_at = time.perf_counter()
            screen.read_until(str(FIRST_JOB))
            screen.read_for(to_settle)
            settled_at, cpu, sent = time.perf_counter(), screen.cpu_seconds, len(screen.sent)
            screen.read_for(seconds - (settled_at - began_at))
            steady_seconds = time.perf_counter() - settled_at
            cpu, sent = screen.cpu_seconds - cpu, len(screen.sent) - sent
            rpcs = slurm.rpcs
    yield Row.of_amount("cpu-steady", 100 * cpu / steady_seconds, "% of a core", 3)
    yield Row.of_amount("terminal", sent / steady_seconds, "bytes/s", 3000)
    yield Row.of_amount("slurm-rpcs", rpcs, "RPCs in 3 minutes", 25)
