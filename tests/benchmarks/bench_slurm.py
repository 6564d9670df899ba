"""How many programs of SLURM are run for many separate jobs of the user; counted by stand-ins."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dasktop.collectors.model.options import Options
from dasktop.collectors.runtime.poller import Poller
from tests.benchmarks.row import Row
from tests.benchmarks.stand_in_scheduler import StandInScheduler
from tests.benchmarks.stand_in_slurm import StandInSlurm

POLLS = 12
PATIENCE_SECONDS = 60.0


def rows(*, tiny: bool) -> Iterator[Row]:
    """Yield the row."""
    jobs = 20 if tiny else 2000
    with (
        tempfile.TemporaryDirectory(prefix="dasktop-bench-") as folder,
        StandInScheduler(workers=jobs, workers_of_a_job=1) as scheduler,
    ):
        slurm = StandInSlurm(Path(folder), jobs)
        asyncio.run(poll(scheduler.address, slurm, 1 if tiny else POLLS))
        yield Row.of_amount("scontrol-processes", slurm.processes("scontrol"), f"processes in {POLLS} polls", 5)


async def poll(address: str, slurm: StandInSlurm, polls: int) -> None:
    """Poll SLURM as often as in two minutes or more."""
    options = Options(address=address, dask_timeout_seconds=PATIENCE_SECONDS, slurm_timeout_seconds=PATIENCE_SECONDS)
    poller = Poller(options, os.environ | {"PATH": slurm.path})
    poller.attach_to(address)
    await poller.poll_dask()
    poller.snapshot()
    for _ in range(polls):
        await poller.poll_slurm()
        poller.snapshot()
    await poller.close()
