"""Adaptive scaling turned on by dasktop keeps jobs whole, on the embedded SLURM."""

import asyncio
import time

import pytest

from dasktop.collectors.model.plan import Adapt
from dasktop.collectors.model.snapshot import Adaptive
from tests.contract.embedded import EmbeddedCommands
from tests.support.notebook import Notebook
from tests.support.scaling_clusters import IMPORTS, PROCESSES, Cluster
from tests.support.waiting import until

TICKS = 8  # of a second each; dask closes a worker after three in a row


@pytest.fixture
def cluster(tmp_path):
    with (
        EmbeddedCommands(kill_wait_seconds=5) as slurm,
        Notebook(slurm.environment, tmp_path) as notebook,
    ):
        notebook.run(IMPORTS)
        cluster = Cluster(slurm, notebook, tmp_path, 2, f"processes={PROCESSES}")
        yield cluster
        cluster.close()


async def test_adaptive_scaling_releases_whole_jobs(cluster):
    """One long task needs one worker: its whole job stays with all results, and none is submitted."""
    cluster.compute(100)
    first = cluster.job_ids
    files = f"log={str(cluster.runs)!r}, end={str(cluster.end)!r}"
    cluster.notebook.run(f"long = client.submit(work, -1, seconds=None, {files})")
    await until(lambda: cluster.started == 101)
    assert (await cluster.scale(Adapt(bounds=Adaptive(minimum=0, maximum=2)))).done
    await until(lambda: len(cluster.job_ids) == 1 and len(cluster.statuses) == PROCESSES)  # one after the other leaves
    (kept,) = cluster.job_ids.items()
    assert kept in first.items()
    deadline = time.monotonic() + TICKS
    while time.monotonic() < deadline:
        assert cluster.job_ids == dict([kept])
        assert len(cluster.statuses) == PROCESSES
        await asyncio.sleep(0.2)
    assert cluster.started_twice() == 0
