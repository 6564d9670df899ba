"""Short constructors for readings of dask and SLURM."""

from datetime import UTC, datetime

from dasktop.collectors.model import snapshot as model
from dasktop.collectors.model.readings import DaskReading, QueuedJob, SlurmPlace, SlurmReading, WorkerReading

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


ADDRESS = "tcp://10.1.2.3:8786"


def worker(
    name, *, place=None, place_was_read=True, host="n1", address=None, started_at=None, **fields
) -> WorkerReading:
    known = {"nthreads": 3, "executing": 0, "threads": (), "has_more_children": False}
    values = dict.fromkeys(model.Worker.__struct_fields__) | known | fields
    return WorkerReading(
        worker=model.Worker(**values | {"name": name, "address": address or f"tcp://{name}", "host": host}),
        place=place,
        place_was_read=place_was_read,
        started_at=started_at,
    )


def owner(job_ids, processes_per_job=4) -> model.Owner:
    values = dict.fromkeys(model.Owner.__struct_fields__) | {"not_submitted": ()}
    return model.Owner(
        **values | {"class_name": "SLURMCluster", "job_ids": job_ids, "processes_per_job": processes_per_job}
    )


def dask(*workers, job_ids=None) -> DaskReading:
    cluster = model.Cluster(
        scheduler_address=ADDRESS,
        scheduler_id="Scheduler-1",
        dask_version="2026.8.0",
        task_counts={},
        owner=None if job_ids is None else owner(job_ids),
    )
    return DaskReading(taken_at=NOW, cluster=cluster, workers=workers)


def slurm(*jobs, **parts) -> SlurmReading:
    return SlurmReading(taken_at=NOW, jobs=jobs, **parts)


def running(job_id, *nodes, **fields) -> QueuedJob:
    return QueuedJob(job_id=job_id, state="RUNNING", nodes=nodes, **{"cpus": 12, "memory_bytes": 1000} | fields)


def batch(job_id, node="n1") -> SlurmPlace:
    return SlurmPlace(job_id=job_id, step_id="batch", task_id=0, node=node, task_pid=99)


def job_of(snapshot, job_id) -> model.Job:
    return next(job for job in snapshot.jobs if job.job_id == job_id)
