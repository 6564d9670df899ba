"""Constructors of snapshots for tests: plain values, each replaceable by keyword."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from dasktop.collectors.model.snapshot import (
    SCHEMA_VERSION,
    Adaptive,
    Allocated,
    Cluster,
    Evidence,
    Fate,
    Job,
    Owner,
    Snapshot,
    Source,
    Task,
    Thread,
    Totals,
    Used,
    Worker,
)

TAKEN_AT = datetime(2025, 11, 22, 12, 0, tzinfo=UTC)
SCHEDULER = "tcp://10.1.2.3:41525"
GIB = 1024**3

NO_CLUSTER = Cluster(scheduler_address=None, scheduler_id=None, dask_version=None, task_counts=None, owner=None)


def thread(native_id: int = 4001, **values: object) -> Thread:
    """Return a busy compute thread."""
    given = Thread(
        native_id=native_id,
        name=f"SLURMCluster-0-0-Dask-Default-Threads-4000-{native_id % 1000}",
        role="compute",
        cpu_percent=99.2,
        cpu_seconds=12.5,
        task_key="inc-8a7f0d5e2c41",
    )
    return replace(given, **values)


def worker(name: str = "SLURMCluster-0-0", **values: object) -> Worker:
    """Return a running worker with three threads, all busy. Its address contains its name."""
    given = Worker(
        name=name,
        address=f"tcp://10.1.0.7/{name}",
        pid=4000,
        nanny_pid=3999,
        host="n012.cluster.example",
        status="running",
        nthreads=3,
        memory_limit_bytes=4 * GIB,
        memory_bytes=int(1.1 * GIB),
        managed_bytes=GIB,
        spilled_bytes=0,
        cpu_percent=276.0,
        executing=3,
        queued=4,
        stored=20,
        last_seen_seconds=0.4,
        evidence="owner",
    )
    return replace(given, **values)


def task(workers: Sequence[Worker] = (), **values: object) -> Task:
    """Return the batch step's only task."""
    given = Task(step_id="batch", task_id=0, node="n012", pid=3990, workers=tuple(workers))
    return replace(given, **values)


def job(job_id: str = "4709", tasks: Sequence[Task] = (), **values: object) -> Job:
    """Return a running job of 12 CPUs and 16 GiB that uses what its workers use."""
    workers = [worker for task in tasks for worker in task.workers]
    given = Job(
        job_id=job_id,
        array_job_id=None,
        array_task_id=None,
        het_job_id=None,
        name="dask-worker",
        user="ada",
        account="physics",
        partition="cpu",
        qos="normal",
        state="RUNNING",
        reason=None,
        nodes=("n012",),
        submitted_at=TAKEN_AT - timedelta(hours=1),
        started_at=TAKEN_AT - timedelta(minutes=50),
        expected_start_at=None,
        ends_at=TAKEN_AT + timedelta(minutes=41),
        time_limit_seconds=5460,
        time_left_seconds=2460,
        allocated=Allocated(cpus=12, memory_bytes=16 * GIB, gpus=None),
        used=Used(
            cpu_percent=sum(worker.cpu_percent or 0 for worker in workers) if workers else None,
            memory_bytes=sum(worker.memory_bytes or 0 for worker in workers) if workers else None,
            threads_busy=sum(worker.executing or 0 for worker in workers),
        ),
        workers_expected=4,
        evidence=("owner", "environment"),
        fate=None,
        tasks=tuple(tasks),
    )
    return replace(given, **values)


def pending(job_id: str = "4715", reason: str | None = "Priority", **values: object) -> Job:
    """Return a pending job."""
    waiting: dict[str, object] = {
        "state": "PENDING",
        "reason": reason,
        "nodes": (),
        "started_at": None,
        "ends_at": None,
        "time_left_seconds": None,
        "evidence": ("owner",),
    }
    return job(job_id, **waiting | values)


def ended(job_id: str = "4701", state: str = "TIMEOUT", explanation: str = "reached its time limit of 1 h") -> Job:
    """Return a job that has ended."""
    fate = Fate(
        state=state,
        exit_code=0,
        signal=None,
        ended_at=TAKEN_AT - timedelta(minutes=5),
        max_rss_bytes=GIB,
        explanation=explanation,
    )
    return job(job_id, state=state, fate=fate, time_left_seconds=None, evidence=("owner",))


def source(name: str, **values: object) -> Source:
    """Return a source without errors."""
    return replace(Source(name=name, state="ok", age_seconds=1.5, latency_seconds=0.004, error=None), **values)


def cluster(**values: object) -> Cluster:
    """Return a dask-jobqueue cluster."""
    given = Cluster(
        scheduler_address=SCHEDULER,
        scheduler_id="Scheduler-1",
        dask_version="2026.8.0",
        task_counts={"processing": 72, "queued": 1204, "memory": 310, "erred": 3},
        owner=Owner(
            class_name="SLURMCluster",
            name="SLURMCluster",
            host="login1",
            pid=812,
            cores_per_job=12,
            memory_per_job_bytes=16 * GIB,
            processes_per_job=4,
            adaptive=Adaptive(minimum=2, maximum=10),
            job_ids={"SLURMCluster-0": "4709"},
        ),
    )
    return replace(given, **values)


def snapshot(jobs: Sequence[Job] = (), unplaced: Sequence[Worker] = (), **values: object) -> Snapshot:
    """Return a snapshot of these jobs and workers, with their totals."""
    workers = [worker for job in jobs for task in job.tasks for worker in task.workers] + list(unplaced)
    running = [job for job in jobs if job.state == "RUNNING" and job.evidence]
    given = Snapshot(
        schema_version=SCHEMA_VERSION,
        taken_at=TAKEN_AT,
        cluster=cluster(),
        sources=(
            source("dask"),
            source("slurm.queue", latency_seconds=0.08),
            source("slurm.accounting", latency_seconds=0.15),
        ),
        totals=Totals(
            jobs_running=len(running),
            jobs_pending=sum(job.state == "PENDING" for job in jobs if job.evidence),
            workers=len(workers),
            threads=sum(worker.nthreads or 0 for worker in workers),
            threads_busy=sum(min(worker.executing or 0, worker.nthreads or 0) for worker in workers),
            cpus_allocated=sum(job.allocated.cpus or 0 for job in running),
            cpu_percent=sum(worker.cpu_percent or 0 for worker in workers),
            memory_allocated_bytes=sum(job.allocated.memory_bytes or 0 for job in running),
            memory_bytes=sum(worker.memory_bytes or 0 for worker in workers),
        ),
        jobs=tuple(jobs),
        unplaced_workers=tuple(unplaced),
        findings=(),
    )
    return replace(given, **values)


def busy_job(job_id: str, number: int, processes: int = 4, evidence: Evidence = "owner", **values: object) -> Job:
    """Return a running job with workers, all with different values."""
    workers = [
        worker(
            f"SLURMCluster-{number}-{index}",
            host=f"n{number:03}",
            cpu_percent=(37.0 * (number + 1) + 61.0 * index) % 300,
            executing=(number + index) % 4,
            memory_bytes=int((0.3 + (number * 5 + index * 3) % 13 * 0.28) * GIB),
            evidence=evidence,
        )
        for index in range(processes)
    ]
    node = f"n{number:03}"
    return job(job_id, [task(workers, node=node)], nodes=(node,), **values)


def everyday() -> Snapshot:
    """Return a typical snapshot: running, pending and ended jobs, a worker outside SLURM, and jobs without dask."""
    first = busy_job("4709", 0, time_left_seconds=250)
    workers = first.tasks[0].workers
    threads = tuple(
        thread(4001 + index, cpu_percent=percent, task_key=key)
        for index, (percent, key) in enumerate(((99.2, "inc-8a7f0d5e2c41"), (87.4, "sum-part-44c1"), (0.0, None)))
    )
    threads += (thread(4000, name="MainThread", role="event loop", cpu_percent=2.4, task_key=None),)
    first = replace(first, tasks=(task((replace(workers[0], threads=threads), *workers[1:]), node="n000"),))
    return snapshot(
        [
            first,
            busy_job("4710", 1),
            busy_job("4711", 2, processes=2, evidence="host"),
            job("4712", nodes=("n015",), time_left_seconds=93_784),
            pending("4715", expected_start_at=TAKEN_AT + timedelta(hours=2, minutes=5)),
            pending("4716", "Resources", array_job_id="4716", array_task_id="5-10%2"),
            ended("4701", "OUT_OF_MEMORY", "killed: used 402M of the 100M it had asked for"),
            ended("4702", "COMPLETED", "done"),
            job("4650", name="jupyter", evidence=(), tasks=()),
            pending("4651", name="train", evidence=()),
        ],
        [worker("laptop", host="login1", evidence=None, nthreads=8, executing=1, cpu_percent=120.0)],
    )
