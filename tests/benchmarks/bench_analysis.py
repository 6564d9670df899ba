"""Reconcile, findings and history: their CPU time by the number of workers."""

import gc
import itertools
import random
from collections.abc import Iterator
from datetime import timedelta
from statistics import median

from msgspec.structs import replace

from dasktop.collectors.analysis.findings import FindingHistory, find
from dasktop.collectors.analysis.reconcile import reconcile
from dasktop.collectors.analysis.reconcile_memo import ReconcileMemo
from dasktop.collectors.model.readings import DaskReading, SlurmReading, Step, WorkerReading
from dasktop.collectors.model.snapshot import Source
from dasktop.tui.view.history import History
from tests.benchmarks.row import Row, cpu_seconds, yardstick
from tests.support.busy_work import BusyWork
from tests.support.readings import NOW, batch, dask, running, worker
from tests.support.snapshots import source

POLL_SECONDS = 2
WORKERS_OF_A_JOB = 20
TASK_NAMES = 60


def rows(*, tiny: bool) -> Iterator[Row]:
    """Yield the rows."""
    rounds = 2 if tiny else 9
    small, large, largest = (20, 40, 60) if tiny else (800, 8000, 50_000)
    of_small, of_large = analysis_seconds(small, rounds), analysis_seconds(large, rounds)
    yield Row.of_time("analysis", of_large, yardstick(), 100)
    yield Row.of_ratio("analysis-growth", 1000 * of_large, "ms", "a tenth of the workers", 1000 * of_small, 11)
    yield Row.of_time("analysis-idle", analysis_seconds(large, rounds, busy=False), yardstick(), 100)
    # Follows, if a poll and its analysis take less than the interval; half of it is for reading and decoding.
    yield Row.of_time("analysis-50000", analysis_seconds(largest, 2 if tiny else 3), yardstick(), 1000)


def analysis_seconds(workers: int, rounds: int, *, busy: bool = True) -> float:
    """Return the CPU seconds for one snapshot, as a median; of idle jobs, about each of which there is a finding."""
    sources: tuple[Source, ...] = (source("dask"), source("slurm.queue"))
    history, findings_history, memo = History(), FindingHistory(), ReconcileMemo()
    found = []
    gc.collect()
    for tick, (dask_reading, slurm_reading) in enumerate(itertools.islice(readings(workers, busy=busy), rounds + 1)):

        def analyse(
            tick: int = tick, dask_reading: DaskReading = dask_reading, slurm_reading: SlurmReading = slurm_reading
        ) -> None:
            nonlocal findings_history
            now = NOW + timedelta(seconds=POLL_SECONDS * tick)
            snapshot = reconcile(dask_reading, slurm_reading, sources, now, memo=memo)
            findings, findings_history = find(snapshot, history=findings_history)
            history.feed(replace(snapshot, findings=findings))

        found.append(cpu_seconds(analyse))
    return median(found[1:])


def readings(workers: int, *, busy: bool = True) -> Iterator[tuple[DaskReading, SlurmReading]]:
    """Yield readings of a busy or an idle cluster; from one to the next, as many workers change as send a heartbeat."""
    chance = random.Random(1)
    jobs = [str(4000 + number) for number in range(-(-workers // WORKERS_OF_A_JOB))]
    named = {f"SLURMCluster-{number}": job_id for number, job_id in enumerate(jobs)}
    shown = [_worker(number, jobs[number // WORKERS_OF_A_JOB], busy=busy) for number in range(workers)]
    slurm = SlurmReading(
        taken_at=NOW,
        jobs=tuple(
            running(
                job_id,
                _node(number),
                name="dask-worker",
                user="ada",
                partition="cpu",
                started_at=NOW - timedelta(hours=1),
                ends_at=NOW + timedelta(hours=7),
                time_limit_seconds=8 * 3600,
                cpus=60,
                memory_bytes=80 << 30,
            )
            for number, job_id in enumerate(jobs)
        ),
        steps=tuple(
            Step(job_id=job_id, step_id="batch", ntasks=1, nodes=(_node(number),), pids=(99,))
            for number, job_id in enumerate(jobs)
        ),
    )
    works = iter(BusyWork(TASK_NAMES, chance))
    beats = max(1, round(workers * POLL_SECONDS / (workers / 200 + 1)))
    while True:
        for number in chance.sample(range(workers), min(beats, workers)):
            shown[number] = _beaten(shown[number], chance, busy=busy)
        yield replace(dask(*shown, job_ids=named), work=next(works)), slurm


def _node(number: int) -> str:
    return f"n{number:05}"


def _worker(number: int, job_id: str, *, busy: bool) -> WorkerReading:
    job, index = divmod(number, WORKERS_OF_A_JOB)
    return worker(
        f"SLURMCluster-{job}-{index}",
        place=batch(job_id, _node(job)),
        host=_node(job),
        address=f"tcp://10.{number >> 16}.{number >> 8 & 255}.{number & 255}:40000",
        started_at=NOW - timedelta(minutes=50),
        pid=4000 + number,
        nanny_pid=3000,
        status="running",
        memory_limit_bytes=4 << 30,
        memory_bytes=1 << 30,
        managed_bytes=1 << 29,
        spilled_bytes=0,
        cpu_percent=280.0 if busy else 2.0,
        executing=3 if busy else 0,
        queued=4 if busy else 0,
        stored=20,
        last_seen_seconds=0.4,
        dask_version="2026.8.0",
        python_version="3.11.7",
    )


def _beaten(reading: WorkerReading, chance: random.Random, *, busy: bool) -> WorkerReading:
    changed = replace(
        reading.worker,
        memory_bytes=(1 << 30) + 4096 * chance.randrange(100_000),
        cpu_percent=round(chance.uniform(250, 300) if busy else chance.uniform(0, 3), 1),
        stored=(reading.worker.stored or 0) + 1,
    )
    return replace(reading, worker=changed)
