"""Apply the rules of findings to a series of snapshots, as a sampler does."""

from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from dasktop.collectors.analysis.findings import FindingHistory, Thresholds, find
from dasktop.collectors.model.snapshot import Finding, Job, Snapshot, Worker
from tests.support.snapshots import GIB, TAKEN_AT, cluster, job, snapshot, task, worker


def healthy_job(job_id: str = "4709", number: int = 0, **values: object) -> Job:
    """Return a job of 12 CPUs and 16 GiB with four workers of three threads each, all busy."""
    return with_workers(job(job_id, **values), healthy_workers(number))


def healthy_workers(number: int = 0, count: int = 4, **values: object) -> list[Worker]:
    """Return busy workers, each with a pid and a nanny."""
    return [worker(f"SLURMCluster-{number}-{index}", **{"pid": 4000 + index} | values) for index in range(count)]


def with_workers(one: Job, workers: Sequence[Worker]) -> Job:
    """Return the job with these workers and the sum of their usage."""
    used = replace(
        one.used,
        cpu_percent=sum(worker.cpu_percent or 0.0 for worker in workers) if workers else None,
        memory_bytes=sum(worker.memory_bytes or 0 for worker in workers) if workers else None,
    )
    return replace(one, tasks=(task(workers),), used=used)


def seen(jobs: Sequence[Job] = (), unplaced: Sequence[Worker] = (), **values: object) -> Snapshot:
    """Return a snapshot of a cluster without adaptive scaling, whose owner counts the jobs that have not ended."""
    owner = cluster().owner
    assert owner is not None
    counted = {f"SLURMCluster-{number}": one.job_id for number, one in enumerate(jobs) if one.fate is None}
    given = cluster(owner=replace(owner, adaptive=None, job_ids=counted))
    return snapshot(jobs, unplaced, **{"cluster": given} | values)


def after(seconds: float, one: Snapshot) -> Snapshot:
    """Return the snapshot, taken so many seconds later."""
    return replace(one, taken_at=TAKEN_AT + timedelta(seconds=seconds))


def watch(*snapshots: Snapshot, **thresholds: float) -> tuple[Finding, ...]:
    """Return the findings of the last of these consecutive snapshots."""
    history, found = FindingHistory(), ()
    for one in snapshots:
        found, history = find(one, Thresholds(**thresholds), history)
    return found


def codes(*snapshots: Snapshot, **thresholds: float) -> list[str]:
    """Return the codes of the findings of the last snapshot."""
    return [finding.code for finding in watch(*snapshots, **thresholds)]


def over(seconds: float, one: Snapshot, **thresholds: float) -> list[str]:
    """Return the codes of the findings after so many seconds with the same snapshot, taken every two seconds."""
    moments = [*range(0, int(seconds), 2), seconds]
    return codes(*(after(moment, one) for moment in moments), **thresholds)


__all__ = ["GIB", "TAKEN_AT", "after", "codes", "healthy_job", "healthy_workers", "over", "seen", "watch"]
