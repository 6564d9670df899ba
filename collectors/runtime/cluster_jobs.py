"""Remembers which jobs belong to the cluster, and forgets those whose evidence later proves wrong. Does no I/O."""

from collections.abc import Mapping

from dasktop.collectors.model.jobs import workers_of, workers_with_jobs
from dasktop.collectors.model.snapshot import Evidence, Snapshot


class ClusterJobs:
    """The jobs of one cluster, by all its snapshots so far."""

    def __init__(self) -> None:
        self._evidence: dict[str, tuple[Evidence, ...]] = {}
        # Job id → addresses of workers that were only inferred to be in it, by their host.
        self._inferred: dict[str, set[str]] = {}

    @property
    def evidence(self) -> Mapping[str, tuple[Evidence, ...]]:
        """Job id → evidence that the job belongs to the cluster."""
        return self._evidence

    def remember(self, snapshot: Snapshot) -> None:
        """Add the jobs of this snapshot."""
        self._evidence |= {job.job_id: job.evidence for job in snapshot.jobs if job.evidence}
        for job, worker in workers_with_jobs(snapshot):
            if job is not None and worker.evidence == "host":
                self._inferred.setdefault(job.job_id, set()).add(worker.address)

    def forget_wrong(self, snapshot: Snapshot) -> bool:
        """Forget the jobs whose evidence this snapshot contradicts; return whether there were any."""
        wrong = self._wrongly_inferred(snapshot) | self._wrongly_reported(snapshot)
        for job_id in wrong:
            del self._evidence[job_id]
            self._inferred.pop(job_id, None)
        return bool(wrong)

    def clear(self) -> None:
        """Forget all jobs."""
        self._evidence.clear()
        self._inferred.clear()

    def _wrongly_inferred(self, snapshot: Snapshot) -> set[str]:
        """Return the jobs inferred only from the host of a worker that is now known to be elsewhere."""
        if not self._inferred:
            return set()
        known = {
            worker.address: job.job_id if job is not None else None
            for job, worker in workers_with_jobs(snapshot)
            if worker.evidence not in (None, "host") or worker.outside_slurm
        }
        only_inferred = {job.job_id for job in snapshot.jobs if job.evidence == ("host",)}
        return {
            job_id
            for job_id, addresses in self._inferred.items()
            if job_id in only_inferred & self._evidence.keys()
            and any(known[address] != job_id for address in addresses & known.keys())
        }

    def _wrongly_reported(self, snapshot: Snapshot) -> set[str]:
        """Return the jobs known only from the environment of workers, which SLURM contradicts now."""
        named = {worker.inherited_job_id for worker in snapshot.unplaced_workers if worker.inherited_job_id}
        with_workers = {job.job_id for job in snapshot.jobs if any(workers_of(job))}
        return {job_id for job_id in named - with_workers if self._evidence.get(job_id) == ("environment",)}
