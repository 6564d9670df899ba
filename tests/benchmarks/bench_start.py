"""How much CPU time dasktop takes until it shows a job, and for a snapshot, compared with an import that it needs."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.benchmarks.program import Screen, cpu_of, with_bytecode
from tests.benchmarks.row import Row
from tests.benchmarks.stand_in_scheduler import StandInScheduler
from tests.benchmarks.stand_in_slurm import FIRST_JOB, StandInSlurm

PYTHON = sys.executable
JOBS = 2


def rows(*, tiny: bool) -> Iterator[Row]:
    """Yield the rows."""
    rounds = 1 if tiny else 7
    with (
        tempfile.TemporaryDirectory(prefix="dasktop-bench-") as folder,
        StandInScheduler(workers=4 * JOBS) as scheduler,
    ):
        slurm = StandInSlurm(Path(folder), JOBS)
        environment = with_bytecode()
        snapshot = [PYTHON, "-m", "dasktop.tui", "snapshot", scheduler.address, "--no-slurm"]
        if not tiny:
            cpu_of(snapshot, environment)  # compiles
        found: list[tuple[float, float, float, float]] = []
        for _ in range(rounds):
            textual = cpu_of([PYTHON, "-c", "import textual.app"], environment)
            with Screen(scheduler.address, slurm.path) as screen:
                screen.read_until(str(FIRST_JOB))
                started = screen.cpu_seconds
            distributed = cpu_of([PYTHON, "-c", "import distributed"], environment)
            found.append((started, textual, cpu_of(snapshot, environment), distributed))
    started, textual, snapshot_taken, distributed = (1000 * median(column) for column in zip(*found, strict=True))
    yield Row.of_ratio("start", started, "ms", "import textual.app", textual, 1.3)
    yield Row.of_ratio("snapshot", snapshot_taken, "ms", "import distributed", distributed, 1.15)
