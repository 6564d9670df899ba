"""The program with 50,000 workers: at which interval it follows, at what cost, and how soon it obeys keys."""

import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.program import Screen
from tests.benchmarks.row import Row, percentile
from tests.benchmarks.stand_in_scheduler import StandInScheduler
from tests.benchmarks.stand_in_slurm import StandInSlurm

JOBS = 1250
WORKERS_OF_A_JOB = 40
SECONDS, SECONDS_TO_SETTLE = 45.0, 30.0
USUAL_SECONDS = 2.0
DOWN, UP = b"\x1b[B", b"\x1b[A"
KEYS_IN_A_DIRECTION = 7
SECONDS_BETWEEN_KEYS = 0.25
_LENGTHENED = re.compile(rb"every ([\d.]+) s: a poll takes")


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
            screen.read_until(" workers")
            screen.read_for(to_settle)
            began_at, cpu = time.perf_counter(), screen.cpu_seconds
            delays = list(keys(screen, seconds))
            share = (screen.cpu_seconds - cpu) / (time.perf_counter() - began_at)
            said = _LENGTHENED.findall(screen.sent)
    yield Row.of_amount("follows-50000", float(said[-1]) if said else USUAL_SECONDS, "s between polls", 10)
    yield Row.of_amount("follows-50000-cpu", 100 * share, "% of a core", 50)
    yield Row.of_amount("follows-50000-key", 1000 * percentile(delays, 95), "ms elapsed", 50)


def keys(screen: Screen, seconds: float) -> Iterator[float]:
    """Press keys for so many seconds; yield how long the screen takes to change after each.

    A change that a snapshot makes counts, too, if it comes first.
    """
    until = time.perf_counter() + seconds
    number = 0
    while time.perf_counter() < until:
        is_down = number // KEYS_IN_A_DIRECTION % 2 == 0
        number += 1
        yield screen.seconds_until_output(DOWN if is_down else UP)
        screen.read_for(SECONDS_BETWEEN_KEYS)
