"""The SLURM collector returns the same reading on both SLURMs, apart from ids, times and nodes."""

import asyncio
import getpass
import sys
from collections.abc import AsyncIterator, Callable, Collection
from datetime import UTC, datetime, timedelta

import pytest

from dasktop.collectors.model.readings import EndedJob, QueuedJob, SlurmReading, Step
from dasktop.collectors.sources.slurm.collector import SlurmCollector
from tests.contract.embedded import EmbeddedCommands
from tests.slurm.commands import SlurmCommands
from tests.support.slurm_output import printed, until
from tests.support.waiting import PATIENCE_SECONDS

GIB, MIB = 2**30, 2**20
WORKER = "python -m distributed.cli.dask_worker tcp://127.0.0.1:8786 --name SLURMCluster-0 --nthreads 3 --nworkers 4"


@pytest.fixture
async def collector(slurm: SlurmCommands) -> AsyncIterator[SlurmCollector]:
    collector = SlurmCollector(environment=slurm.environment, interval_seconds=1)
    yield collector
    collector.close()


async def read_until(
    collector: SlurmCollector, jobs: Collection[str], good: Callable[[SlurmReading], object]
) -> SlurmReading:
    """Read with the collector, as the sampler does, until a reading is `good`."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            await collector.read_queue()
            reading = await collector.read_details(jobs)
            if good(reading):
                return reading
            await asyncio.sleep(0.5)


def queued(reading: SlurmReading, job_id: str) -> QueuedJob:
    (job,) = (job for job in reading.jobs if job.job_id == job_id)
    return job


def ended(reading: SlurmReading, job_id: str) -> EndedJob:
    (job,) = (job for job in reading.ended if job.job.job_id == job_id)
    return job


def is_recent(moment: datetime | None) -> bool:
    return moment is not None and abs(datetime.now(UTC) - moment) < timedelta(minutes=5)


def timeless(job: QueuedJob) -> dict[str, object]:
    """Return the known fields of a job, without times."""
    known = {name: getattr(job, name) for name in job.__struct_fields__}
    return {name: value for name, value in known.items() if value not in (None, ()) and not name.endswith("_at")}


async def test_fields_of_running_job(slurm: SlurmCommands, collector: SlurmCollector) -> None:
    job_id = slurm.submit("sleep 60", "-J", "a|b", "-N", "2", "-n", "4", "--mem=1500M", "-t", "5")
    slurm.wait_for(job_id, "RUNNING")
    reading = await read_until(collector, [job_id], lambda reading: queued(reading, job_id).nodes)
    job = queued(reading, job_id)
    assert timeless(job) == {
        "job_id": job_id,
        "name": "a|b",
        "user": getpass.getuser(),
        "account": "lab",
        "partition": "debug",
        "qos": "normal",
        "state": "RUNNING",
        "nodes": ("n1", "n2"),
        "time_limit_seconds": 300,
        "cpus": 4,
        "memory_bytes": 3000 * MIB,
        "is_exclusive": False,
        "node_count": 2,
        "cpus_per_node": 1,  # the fewest
    } | {name: value for name, value in timeless(job).items() if name == "gpus"}
    assert job.gpus in {None, 0}
    assert is_recent(job.submitted_at)
    assert is_recent(job.started_at)
    assert job.expected_start_at is None
    assert job.ends_at is not None
    assert job.started_at is not None
    assert job.ends_at > job.started_at


async def test_reasons_of_pending_jobs(slurm: SlurmCommands, collector: SlurmCollector) -> None:
    filler = slurm.submit("sleep 60", "-N", "4", "-n", "4", "-c", "16", "-t", "10")
    slurm.wait_for(filler, "RUNNING")
    waits = slurm.submit("true", "-N", "2", "-n", "2", "-c", "2", "-t", "10")
    held = slurm.submit("true", "--hold", "--mem=2G")
    capped = slurm.submit("true", "--partition=short", "-t", "5")
    slurm.wait_for_reason(waits, "Resources")
    slurm.wait_for_reason(capped, "PartitionTimeLimit")
    reading = await read_until(collector, [waits], lambda reading: queued(reading, waits).expected_start_at)
    seen = [
        (job.state, job.reason, job.cpus, job.memory_bytes, job.nodes, job.started_at)
        for job in (queued(reading, job_id) for job_id in (waits, held, capped))
    ]
    assert seen == [
        ("PENDING", "Resources", 4, 4000 * MIB, (), None),
        ("PENDING", "JobHeldUser", 1, 2 * GIB, (), None),
        ("PENDING", "PartitionTimeLimit", 1, 1000 * MIB, (), None),
    ]
    expected, must_end = queued(reading, waits).expected_start_at, queued(reading, filler).ends_at
    assert expected is not None
    assert must_end is not None
    # The backfill of a real SLURM rounds to minutes.
    assert abs(expected - must_end) <= timedelta(minutes=1)
    assert queued(reading, held).expected_start_at is None


async def test_array_tasks_have_own_job_ids(slurm: SlurmCommands, collector: SlurmCollector) -> None:
    array = slurm.submit("sleep 60", "-a", "0-5%2", "-J", "many")
    reading = await read_until(
        collector, [array], lambda reading: [job.state for job in reading.jobs].count("RUNNING") == 2
    )
    by_state = sorted((job.state or "", job.array_job_id, job.name) for job in reading.jobs)
    assert by_state == [("PENDING", array, "many"), ("RUNNING", array, "many"), ("RUNNING", array, "many")]
    running = {job.array_task_id: int(job.job_id) for job in reading.jobs if job.state == "RUNNING"}
    assert running == {"0": int(array) + 1, "1": int(array) + 2}
    (rest,) = (job for job in reading.jobs if job.state == "PENDING")
    assert (rest.job_id, rest.array_task_id) == (array, "2-5%2")


async def test_steps_with_pids_and_nodes(slurm: SlurmCommands, collector: SlurmCollector) -> None:
    script = f"srun {sys.executable} -c 'import os, time; print(os.getpid(), flush=True); time.sleep(300)'"
    job_id = slurm.submit(script, "-N", "2", "-n", "3")
    text = until(lambda: printed(slurm, job_id), lambda text: len(text.split()) == 3)
    pids = {int(word) for word in text.split()}
    # SLURM samples at intervals; the collector keeps an early answer without processes, so wait for the first sample.
    pids_command = "sstat", "-n", "-P", "-a", "-j", job_id, "--format=Pids"
    until(lambda: slurm.run(*pids_command), lambda text: len(lines := text.split()) == 2 and all(lines))

    def step(reading: SlurmReading, step_id: str) -> Step | None:
        return next((step for step in reading.steps if (step.job_id, step.step_id) == (job_id, step_id)), None)

    def complete(reading: SlurmReading) -> bool:
        inner = step(reading, "0")
        return inner is not None and pids <= set(inner.pids) and step(reading, "batch") is not None

    reading = await read_until(collector, [job_id], complete)
    inner, batch = step(reading, "0"), step(reading, "batch")
    assert inner is not None
    assert batch is not None
    assert (inner.ntasks, inner.nodes, batch.ntasks, batch.nodes) == (3, ("n1", "n2"), 1, ("n1",))
    assert (inner.max_rss_bytes or 0) > MIB


async def test_cpu_time_of_running_and_ended_job(slurm: SlurmCommands, collector: SlurmCollector) -> None:
    burn = "import time\nwhile time.process_time() < 1.1: pass\nprint('burnt', flush=True); time.sleep(300)"
    job_id = slurm.submit(f'exec {sys.executable} -c "{burn}"')
    until(lambda: printed(slurm, job_id), lambda text: "burnt" in text)
    # SLURM samples at intervals.
    reading = await read_until(
        collector, [job_id], lambda reading: any(step.pids and (step.cpu_seconds or 0) >= 1 for step in reading.steps)
    )
    assert (reading.steps[0].cpu_seconds or 0) < 8
    slurm.run("scancel", job_id)
    reading = await read_until(collector, [job_id], lambda reading: reading.ended)
    assert 1 <= (ended(reading, job_id).cpu_seconds or 0) < 8


async def test_script_of_held_job_is_read(slurm: SlurmCommands, collector: SlurmCollector) -> None:
    # Held: the script is read before the job runs.
    job_id = slurm.submit(f"#!/usr/bin/env bash\n#SBATCH -J dask-worker -n 1 --cpus-per-task=12\n{WORKER}\n", "--hold")
    reading = await read_until(collector, [job_id], lambda reading: reading.scripts)
    (script,) = reading.scripts
    fields = (script.job_id, script.scheduler_addresses, script.worker_names, script.workers_expected)
    assert fields == (job_id, ("tcp://127.0.0.1:8786",), ("SLURMCluster-0",), 4)


@pytest.mark.parametrize(
    ("script", "options", "fates"),
    [
        ("true", (), [("COMPLETED", 0, None)]),
        ("exit 3", (), [("FAILED", 3, None)]),
        ("kill -9 $$", (), [("FAILED", None, 9)]),
        # Newer versions run it without its output (24.11, 26.05).
        ("true", ("--output=/no/such/folder/out",), [("FAILED", None, 53), ("COMPLETED", 0, None)]),
    ],
    ids=["completed", "failed", "killed", "not launched"],
)
async def test_how_jobs_end(
    slurm: SlurmCommands,
    collector: SlurmCollector,
    script: str,
    options: tuple[str, ...],
    fates: list[tuple[str, int | None, int | None]],
) -> None:
    job_id = slurm.submit(script, "--hold", *options)
    await read_until(collector, [job_id], lambda reading: reading.jobs)
    slurm.run("scontrol", "release", job_id)
    reading = await read_until(collector, [job_id], lambda reading: reading.ended)
    job = ended(reading, job_id)
    assert (job.job.state, job.exit_code, job.signal) in fates
    assert is_recent(job.ended_at)
    assert job.job.nodes == ("n1",)
    assert job.cancelled_by_uid is None


async def test_cancelled_job_names_the_user(slurm: SlurmCommands, collector: SlurmCollector) -> None:
    job_id = slurm.submit("sleep 60")
    slurm.wait_for(job_id, "RUNNING")
    await read_until(collector, [job_id], lambda reading: reading.jobs)
    slurm.run("scancel", job_id)
    reading = await read_until(collector, [job_id], lambda reading: reading.ended)
    job = ended(reading, job_id)
    assert job.job.state == "CANCELLED"
    assert job.cancelled_by_uid == int(slurm.run("id", "-u"))


async def test_job_above_its_memory_is_killed(slurm: SlurmCommands, collector: SlurmCollector) -> None:
    greedy = f"exec {sys.executable} -c 'import time; x = bytearray(400_000_000); time.sleep(60)'"
    job_id = slurm.submit(greedy, "--mem=100M")
    slurm.wait_for(job_id, "RUNNING")
    await read_until(collector, [job_id], lambda reading: reading.jobs)
    reading = await read_until(
        collector, [job_id], lambda reading: reading.ended and ended(reading, job_id).max_rss_bytes
    )
    job = ended(reading, job_id)
    assert (job.max_rss_bytes or 0) > 100 * MIB
    if isinstance(slurm, EmbeddedCommands):
        assert (job.job.state, job.signal) == ("OUT_OF_MEMORY", 125)
    else:
        assert job.job.state == "FAILED"
        assert 9 in {job.signal, *job.step_signals}


async def test_no_source_has_an_error(slurm: SlurmCommands, collector: SlurmCollector) -> None:
    job_id = slurm.submit("sleep 60")
    slurm.wait_for(job_id, "RUNNING")
    await read_until(collector, [job_id], lambda reading: reading.steps)
    slurm.run("scancel", job_id)
    await read_until(collector, [job_id], lambda reading: reading.ended)
    assert {log.name: (log.is_off, log.error) for log in collector.sources} == {
        f"slurm.{name}": (False, None) for name in ("queue", "accounting", "steps", "scripts")
    }


async def test_outcome_without_accounting() -> None:
    with EmbeddedCommands(accounting=False) as slurm:
        collector = SlurmCollector(environment=slurm.environment, interval_seconds=1)
        try:
            job_id = slurm.submit("sleep 1; exit 3")
            await read_until(collector, [job_id], lambda reading: reading.jobs)
            reading = await read_until(collector, [job_id], lambda reading: reading.ended)
            job = ended(reading, job_id)
            assert (job.job.state, job.exit_code) == ("FAILED", 3)
            assert {log.name: log.is_off for log in collector.sources}["slurm.accounting"]
        finally:
            collector.close()
