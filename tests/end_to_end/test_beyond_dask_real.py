"""Other programs beside dask workers in jobs of a real SLURM, and a worker that outlives its job.

One scheduler and three jobs. In the first, a dask task runs a program that uses most of the memory of the job. In the
second, a program uses CPU time while dask is idle. The script of the third ends while its worker still runs:
``proctrack/linuxproc`` does not end it.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from distributed import Client

from dasktop.collectors.analysis import beyond_dask
from dasktop.collectors.analysis.findings import Thresholds
from dasktop.collectors.model.jobs import workers_with_jobs
from dasktop.collectors.model.options import Options
from dasktop.collectors.model.snapshot import Job, Snapshot
from dasktop.collectors.runtime.poller import Poller
from dasktop.collectors.scaling.state import cluster_state
from dasktop.collectors.scaling.warnings import when_releasing
from dasktop.collectors.sources.slurm import steps as step_reader
from tests.slurm.commands import SlurmCommands
from tests.support.dask_processes import Scheduler
from tests.support.waiting import PATIENCE_SECONDS

MIB = 1024**2
HELD_BYTES = 480 * MIB
HOLD = f"held = bytearray(b'x') * {HELD_BYTES}; __import__('time').sleep(600)"
BURN = """
import os, sys, time
begin, end = sys.argv[1:]
while not os.path.exists(begin):
    time.sleep(0.1)
while not os.path.exists(end):
    sum(range(100_000))
    time.sleep(0.005)  # a part of a core is enough
"""
# dasktop must see the worker in the running job, so the script waits for a file before it ends.
OUTLIVES = "setsid {worker} --name outlives &\nuntil [ -e {go} ]; do sleep 0.2; done; exit 3\n"


class Scene:
    """The scheduler, and the jobs by name."""

    def __init__(self, scheduler: Scheduler, jobs: dict[str, str], folder: Path, slurm: SlurmCommands) -> None:
        self.scheduler = scheduler
        self.jobs = jobs
        self.go = folder / "go"
        self.burn, self.burnt = folder / "burn", folder / "burnt"
        self._slurm = slurm

    @asynccontextmanager
    async def polling(self, **thresholds: float) -> AsyncIterator[Poller]:
        options = Options(address=self.scheduler.address, thresholds=Thresholds(**thresholds))
        poller = Poller(options, self._slurm.environment)
        poller.attach_to(self.scheduler.address)
        try:
            yield poller
        finally:
            await poller.close()

    def job(self, snapshot: Snapshot, name: str) -> Job | None:
        return next((job for job in snapshot.jobs if job.job_id == self.jobs[name]), None)

    def codes(self, snapshot: Snapshot, name: str) -> set[str]:
        return {one.code for one in snapshot.findings if self.jobs[name] in (one.job_id, *one.job_ids)}


@pytest.fixture(scope="module")
def scene(real_slurm: SlurmCommands, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("beyond")
    with Scheduler() as scheduler:
        worker = f"{sys.executable} -m dask worker {scheduler.address} --no-nanny --no-dashboard --nthreads 1"
        burn = folder / "burn.py"
        burn.write_text(BURN)
        scripts = {
            "holds": f"exec {worker} --name holds --memory-limit 0\n",
            "burns": f"{sys.executable} {burn} {folder}/burn {folder}/burnt &\nexec {worker} --name burns\n",
            "outlives": OUTLIVES.format(worker=worker, go=folder / "go"),
        }
        jobs = {name: real_slurm.submit(script, "--mem=700M") for name, script in scripts.items()}
        try:
            yield Scene(scheduler, jobs, folder, real_slurm)
        finally:
            scheduler.stop()  # ends its workers, also the one without a job
            real_slurm.cancel_all()


@pytest.fixture(autouse=True)
def _sstat_at_each_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run sstat at each poll, and use its CPU time over short intervals."""
    monkeypatch.setattr(step_reader, "SHORTEST_INTERVAL_SECONDS", 0.0)
    monkeypatch.setattr(step_reader, "SECONDS_PER_JOB", 0.0)
    monkeypatch.setattr(beyond_dask, "SHORTEST_SPAN_SECONDS", 3.0)
    monkeypatch.setattr(beyond_dask, "LEAST_CPU_PERCENT", 1.0)  # on a busy machine the program may get little CPU


async def poll_until(poller: Poller, condition: Callable[[Snapshot], object]) -> Snapshot:
    """Poll until a snapshot fulfils the condition, and return it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        await poller.poll_everything()
        snapshot = poller.snapshot()
        if condition(snapshot):
            return snapshot
        assert time.monotonic() < deadline, f"timed out: {snapshot}"
        await asyncio.sleep(0.5)


def has_worker(snapshot: Snapshot, name: str) -> bool:
    return any(worker.name == name and job is not None for job, worker in workers_with_jobs(snapshot))


async def test_memory_of_a_subprocess_counts_for_job(scene: Scene) -> None:
    async with scene.polling(memory_near_limit_percent=70, memory_near_limit_seconds=0) as poller:
        await poll_until(poller, lambda snapshot: has_worker(snapshot, "holds"))
        async with Client(scene.scheduler.address, asynchronous=True) as client:
            command = [sys.executable, "-c", HOLD]
            future = client.submit(subprocess.call, command, workers=["holds"], allow_other_workers=False, pure=False)
            snapshot = await poll_until(poller, lambda snapshot: "memory-near-limit" in scene.codes(snapshot, "holds"))
            job = scene.job(snapshot, "holds")
            assert job is not None
            assert job.used.memory_source == "slurm"
            assert (job.used.memory_bytes or 0) > HELD_BYTES
            assert snapshot.totals.memory_bytes is not None
            assert snapshot.totals.memory_bytes > HELD_BYTES
            (found,) = [one for one in snapshot.findings if one.code == "memory-near-limit"]
            assert (found.job_id, found.worker) == (scene.jobs["holds"], None)
            assert found.message.endswith("most of it outside its dask workers")
            await future.cancel()


async def test_job_with_busy_program_is_not_idle(scene: Scene) -> None:
    def counts(snapshot: Snapshot) -> bool:
        job = scene.job(snapshot, "burns")
        return job is not None and job.used.cpu_source == "slurm"

    scene.burn.touch()
    async with scene.polling(idle_seconds=0, idle_cpu_percent=0.5) as poller:
        snapshot = await poll_until(poller, lambda snapshot: has_worker(snapshot, "burns") and counts(snapshot))
        assert "idle-allocation" not in scene.codes(snapshot, "burns")
        job = scene.job(snapshot, "burns")
        assert job is not None
        assert any("other programs run in" in one for one in when_releasing(cluster_state(snapshot), [job]))
    scene.burnt.touch()


async def test_worker_that_outlives_its_job_is_reported(scene: Scene) -> None:
    async with scene.polling() as poller:
        await poll_until(poller, lambda snapshot: has_worker(snapshot, "outlives"))
        scene.go.touch()

        def is_reported(snapshot: Snapshot) -> bool:
            return any(
                one.job_id == scene.jobs["outlives"] and "still answers" in one.message for one in snapshot.findings
            )

        snapshot = await poll_until(poller, is_reported)
        (found,) = [one for one in snapshot.findings if one.job_id == scene.jobs["outlives"]]
        assert found.code == "job-failed"
        assert "worker outlives still answers from " in found.message
        assert "lost worker" not in found.message
