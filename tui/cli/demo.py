"""``dasktop demo``: starts an embedded SLURM with a real dask-jobqueue cluster and watches it.

Never touches the site's SLURM.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic

from msgspec.structs import replace

from dasktop.collectors.embedded_slurm import EmbeddedSlurm, EmbeddedSlurmError
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.options import Options
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.model.thresholds import DEFAULTS
from dasktop.collectors.system import event_loop
from dasktop.tui.cli import snapshot as headless
from dasktop.tui.cli.options import Refusal
from dasktop.tui.cli.output import print_one
from dasktop.tui.cli.recording import recording
from dasktop.tui.config.config import Config
from dasktop.tui.terminal.abilities import can_show_screen

NODES, CPUS_PER_NODE, MEMORY_PER_NODE_MB = 3, 4, 4000
EXPECTED_RUNNING_JOBS = NODES  # of the two other jobs, one fails and one stays pending
IDLE_SECONDS = 60.0
"""Shorter than the default of ten minutes, so that a short demo shows the finding."""
START_TIMEOUT_SECONDS = 120.0
CLOSE_TIMEOUT_SECONDS = 10.0
CLUSTER_COMMAND = (sys.executable, "-m", "dasktop.tui.cli.demo_cluster")


def run(config: Config, *, as_snapshot: bool, record: str | None = None, redact: bool = False) -> None:
    """Show the demo on the screen or, without a terminal, print one snapshot.

    Raises
    ------
    Refusal
        The demo's cluster did not start.
    """
    with _slurm() as slurm, _cluster(slurm.environment, slurm.work) as address:
        options = Options(
            address=address,
            slurm_interval_seconds=5.0,
            thresholds=replace(DEFAULTS, idle_seconds=IDLE_SECONDS),
            record=record,
            redact=redact,
        )
        if as_snapshot or not can_show_screen():
            with recording(options) as keep:
                snapshot = event_loop.run(_wait_for_workers(options, slurm.environment))
                keep(snapshot)
            print_one(snapshot, as_text=not as_snapshot)
        else:
            from dasktop.tui.cli.screen import show

            show(options, config, slurm.environment, keeps_view=False)


@contextmanager
def _slurm() -> Iterator[EmbeddedSlurm]:
    slurm = EmbeddedSlurm(nodes=NODES, cpus_per_node=CPUS_PER_NODE, memory_per_node_mb=MEMORY_PER_NODE_MB)
    try:
        slurm.start()
    except EmbeddedSlurmError as error:
        raise Refusal(str(error), 1) from None
    with closing(slurm):
        yield slurm


@contextmanager
def _cluster(environment: dict[str, str], folder: Path) -> Iterator[str]:
    """Start the process that runs the cluster, yield the scheduler's address, and stop the process."""
    log = folder / "cluster.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            CLUSTER_COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment | {"DASK_TEMPORARY_DIRECTORY": str(folder)},  # dask does not remove its scratch folder
            cwd=folder,
            text=True,
            start_new_session=True,  # Ctrl-C must reach the demo only, which then closes the cluster
        )
        try:
            assert process.stdout is not None  # noqa: S101 - for the type checker
            address = process.stdout.readline().strip()
            if not address:
                lines = log.read_text(errors="replace").strip().splitlines()
                raise Refusal(f"the demo's cluster did not start: {lines[-1] if lines else 'no error output'}", 1)
            yield address
        finally:
            assert process.stdin is not None  # noqa: S101 - for the type checker
            process.stdin.close()
            try:
                process.wait(CLOSE_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


async def _wait_for_workers(options: Options, environment: dict[str, str]) -> Snapshot:
    """Return the first snapshot in which the expected number of jobs run all their workers."""
    deadline = monotonic() + START_TIMEOUT_SECONDS
    while True:
        snapshot = await headless.take_snapshot(options, environment=environment)
        if _complete_jobs(snapshot) >= EXPECTED_RUNNING_JOBS:
            return snapshot
        if monotonic() > deadline:
            raise Refusal(f"the demo's workers did not start within {START_TIMEOUT_SECONDS:.0f} s", 1)
        await asyncio.sleep(0.5)


def _complete_jobs(snapshot: Snapshot) -> int:
    """Return the number of running jobs with all their workers."""
    return sum(
        read_state(job.state).is_running and sum(len(task.workers) for task in job.tasks) == job.workers_expected
        for job in snapshot.jobs
    )
