"""How a cluster stands before it is scaled: which jobs count, which are lost, and what one more would bring. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import has_ended, lost_jobs, workers_of
from dasktop.collectors.model.plan import LostJob, Size
from dasktop.collectors.model.snapshot import Job, Owner, Snapshot
from dasktop.collectors.scaling.sizes import NOTHING, add, size_of, stated, usual

FAILED_SOON_SECONDS = 300
"""A job that ran for less may never have had a worker: one that doesn't find its scheduler gives up after a minute."""


class ClusterState(NamedTuple):
    """A cluster's jobs, as scaling counts them."""

    snapshot: Snapshot
    owner: Owner | None
    """The owner, if it starts jobs; a ``LocalCluster`` doesn't."""
    names: Mapping[str, str]
    """Job id → that owner's name of it."""
    jobs: tuple[Job, ...]
    """The cluster's jobs that run or wait."""
    can_go: tuple[Job, ...]
    """Those of them that can be given back, and submitted again: not the one that the scheduler itself runs in."""
    unseen: tuple[Job, ...]
    """Jobs that the owner counts and SLURM tells nothing of: submitted a moment ago, or ended and forgotten."""
    lost: tuple[LostJob, ...]
    one_job: Size
    """What one more job would bring."""
    preferred: Collection[str]
    """Ids of jobs to give back rather than others that are as dispensable."""

    def size(self, jobs: Iterable[Job]) -> Size:
        """Return what these jobs bring together, those that wait or start as if they ran."""
        total = NOTHING
        for job in jobs:
            total = add(total, size_of(job, stated(self.owner if job.job_id in self.names else None), self.one_job))
        return total


def cluster_state(snapshot: Snapshot, preferred: Collection[str] = ()) -> ClusterState:
    """Return how the snapshot's cluster stands.

    A job that is completing runs nothing any more, so it doesn't count; nor is it lost before it has ended.
    """
    owner = _owner_of_jobs(snapshot)
    ours = tuple(job for job in snapshot.jobs if job.evidence)
    there = tuple(job for job in ours if not has_ended(job) and not read_state(job.state).is_ending)
    jobs = tuple(job for job in there if _is_seen(job))
    return ClusterState(
        snapshot=snapshot,
        owner=owner,
        names={job_id: name for name, job_id in owner.job_ids.items()} if owner else {},
        jobs=jobs,
        can_go=tuple(job for job in jobs if job.job_id != snapshot.cluster.scheduler_job_id),
        unseen=tuple(job for job in there if not _is_seen(job)),
        lost=tuple(_lost(name, job) for name, job in lost_jobs(snapshot)),
        one_job=usual(owner, jobs or ours),
        preferred=preferred,
    )


def _is_seen(job: Job) -> bool:
    return job.state is not None or any(True for _ in workers_of(job))


def _owner_of_jobs(snapshot: Snapshot) -> Owner | None:
    """Return the owner if it is dask-jobqueue's: any other has no jobs, and nothing to say of what one has."""
    owner = snapshot.cluster.owner
    if owner is None:
        return None
    said = (owner.cores_per_job, owner.memory_per_job_bytes, owner.processes_per_job)
    return owner if owner.job_ids or any(said) else None


def _lost(name: str, job: Job) -> LostJob:
    return LostJob(job_id=job.job_id, name=name, fate=_fate(job), failed_soon=_failed_soon(job))


def _failed_soon(job: Job) -> bool:
    """Whether the script itself seems to be the matter.

    A snapshot doesn't tell whether a job that has ended ever had a worker, but one that ran for long had some.
    """
    fate = job.fate
    if fate is None or read_state(fate.state).name != "FAILED" or not fate.exit_code or any(workers_of(job)):
        return False
    if fate.ended_at is None or job.started_at is None:
        return True
    return (fate.ended_at - job.started_at).total_seconds() < FAILED_SOON_SECONDS


def _fate(job: Job) -> str | None:
    return job.fate.explanation if job.fate is not None else f"ended as {job.state}"
