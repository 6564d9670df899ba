"""What is remembered of the watched cluster between polls: its jobs, what released them, and why sbatch refused some.

Each class drops what later polls contradict. Changes nothing in SLURM or dask.
"""

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from dasktop.collectors.analysis.worker_end import UNEXPLAINED
from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import LEFT_HOURS, workers_of, workers_with_jobs
from dasktop.collectors.model.readings import DaskReading, EndedJob, Released
from dasktop.collectors.model.snapshot import Evidence, Job, Snapshot, WorkerEvent
from dasktop.collectors.model.work import Attempt, Failure, WorkerEndKey
from dasktop.collectors.scaling import action_log
from dasktop.collectors.scaling.action_log import released_by_owner
from dasktop.collectors.sources.slurm.collector import SlurmCollector

MOST_WORKERS_REMEMBERED = 100_000
MOST_ENDED_JOBS = 500


class ClusterJobs:
    """The jobs of one cluster, by all its snapshots so far."""

    def __init__(self) -> None:
        self._of_workers: dict[str, str] = {}
        self._evidence: dict[str, tuple[Evidence, ...]] = {}
        # Job id → addresses of workers that were only inferred to be in it, by their host.
        self._inferred: dict[str, set[str]] = {}

    @property
    def evidence(self) -> Mapping[str, tuple[Evidence, ...]]:
        """Job id → evidence that the job belongs to the cluster."""
        return self._evidence

    @property
    def of_workers(self) -> Mapping[str, str]:
        """Address of a worker, also of one that has left → the job that it was in."""
        return self._of_workers

    def remember(self, snapshot: Snapshot) -> None:
        """Add the jobs of this snapshot."""
        self._evidence |= {job.job_id: job.evidence for job in snapshot.jobs if job.evidence}
        for job, worker in workers_with_jobs(snapshot):
            if job is not None and worker.evidence == "host":
                self._inferred.setdefault(job.job_id, set()).add(worker.address)
            if job is not None and self._of_workers.get(worker.address) != job.job_id:
                self._of_workers.pop(worker.address, None)  # so that the oldest entries are first in the dictionary
                self._of_workers[worker.address] = job.job_id
        while len(self._of_workers) > MOST_WORKERS_REMEMBERED:
            del self._of_workers[next(iter(self._of_workers))]

    def forget_long_gone(self, snapshot: Snapshot) -> Collection[str]:
        """Forget the jobs of this snapshot that ended more than `LEFT_HOURS` ago, and more than `MOST_ENDED_JOBS`.

        Returns
        -------
        Collection of str
            Their ids. A job that the owner still counts is never among them.
        """
        owner = snapshot.cluster.owner
        counted = set(owner.job_ids.values()) if owner is not None else set()
        ended = [
            job for job in snapshot.jobs if job.fate and job.job_id in self._evidence and job.job_id not in counted
        ]
        ended.sort(key=_last_known_time, reverse=True)
        earliest = snapshot.taken_at - timedelta(hours=LEFT_HOURS)
        gone = {job.job_id for job in ended[MOST_ENDED_JOBS:]}
        gone |= {job.job_id for job in ended if job.fate and job.fate.ended_at and job.fate.ended_at < earliest}
        for job_id in gone:
            del self._evidence[job_id]
            self._inferred.pop(job_id, None)
        return gone

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
        self._of_workers.clear()

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
        with_workers = {job.job_id for job in snapshot.jobs if workers_of(job)}
        return {job_id for job_id in named - with_workers if self._evidence.get(job_id) == ("environment",)}


def _last_known_time(job: Job) -> datetime:
    ended_at = job.fate.ended_at if job.fate is not None else None
    return ended_at or job.started_at or job.submitted_at or datetime.fromtimestamp(0, UTC)


class WorkerEnds:
    """Why workers of one cluster ended; SLURM and dask forget it after a while."""

    def __init__(self) -> None:
        self.known: dict[WorkerEndKey, str] = {}
        """By address and time."""
        self.nodes: dict[WorkerEndKey, str] = {}
        """The nodes of workers that ended or on which tasks failed, by address and time."""
        self.unexplained: tuple[WorkerEvent, ...] = ()
        """Unexpected removals of workers from running jobs, for which only the job's log may have an explanation."""
        self.possible_jobs: tuple[Job, ...] = ()
        """The cluster's jobs that may have had workers whose job is unknown; none if there is no such worker."""

    def remember(self, snapshot: Snapshot) -> None:
        """Add what this snapshot knows; forget the workers that it no longer mentions."""
        failures = (snapshot.work.failures if snapshot.work is not None else None) or ()
        attempts = [attempt for failure in failures for attempt in failure.attempts]
        removals = [event for event in snapshot.worker_events or () if event.kind == "removed"]
        removed = {(event.address, event.at): event.reason for event in removals if event.reason not in UNEXPLAINED}
        failed = {(attempt.address, attempt.at): attempt.cause for attempt in attempts}
        self.known = {key: cause for key, cause in (removed | failed).items() if cause is not None}
        placed: list[Failure | Attempt | WorkerEvent] = [*failures, *attempts, *(snapshot.worker_events or ())]
        self.nodes = {(one.address, one.at): one.node for one in placed if one.node is not None}
        unexpected = [event for event in removals if event.reason == "unexpected" and event.job_id is not None]
        running = {job.job_id for job in snapshot.jobs if read_state(job.state).is_running} if unexpected else set()
        self.unexplained = tuple(event for event in unexpected if event.job_id in running)
        without_job = [event.at for event in removals if event.reason == "unexpected" and event.job_id is None]
        without_job += [attempt.at for attempt in attempts if attempt.job_id is None and attempt.at is not None]
        started = [job for job in snapshot.jobs if job.evidence and job.started_at] if without_job else []
        self.possible_jobs = tuple(job for job in started if job.started_at and job.started_at <= max(without_job))


SECONDS_FOR_THE_LOG = 1.0
"""Timeout for a file server; the log is read again at the next poll."""


class Releases:
    """The released jobs of one cluster.

    Parameters
    ----------
    environment
        Has the path of the action log.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._by_owner: dict[str, Released] = {}
        self._by_dasktop: dict[str, Released] = {}
        self._cancelled: frozenset[str] = frozenset()

    @property
    def by_job(self) -> Mapping[str, Released]:
        """Job id → its release."""
        return self._by_owner | self._by_dasktop

    def compare(self, earlier: DaskReading, later: DaskReading) -> None:
        """Add the jobs that the owner no longer wants."""
        self._by_owner |= released_by_owner(earlier, later)

    async def read_log(self, ended: Iterable[EndedJob], scheduler_id: str | None) -> None:
        """Read the action log if more jobs have been cancelled."""
        jobs = (end.job for end in ended)
        cancelled = frozenset(job.job_id for job in jobs if read_state(job.state).is_cancelled)
        if cancelled <= self._cancelled or scheduler_id is None:
            return
        reading = asyncio.get_running_loop().run_in_executor(None, action_log.read, self._environment)
        done, _ = await asyncio.wait([reading], timeout=SECONDS_FOR_THE_LOG)
        if done:
            self._cancelled = cancelled
            by = action_log.releases(reading.result(), scheduler_id)
            self._by_dasktop = {job_id: Released(by="dasktop", detail=who) for job_id, who in by.items()}

    def clear(self) -> None:
        """Forget all releases."""
        self._by_owner.clear()
        self._by_dasktop.clear()
        self._cancelled = frozenset()


MOST_SCRIPTS_TRIED = 5
"""Per scheduler, which may return another script at each poll; each costs one call of ``sbatch --test-only``."""


class SubmitError:
    """sbatch's message for the script of a job that could not be submitted."""

    def __init__(self) -> None:
        self._script: str | None = None
        self._message: str | None = None
        self._tried = 0

    async def find(self, reading: DaskReading | None, slurm: SlurmCollector) -> None:
        """Run ``sbatch --test-only`` with the script of this reading, once per script."""
        script = reading.refused_script if reading else None
        if script is None or script == self._script or self._tried == MOST_SCRIPTS_TRIED:
            return
        self._tried += 1
        self._script, self._message = script, None
        with contextlib.suppress(SourceError):  # the message stays unknown
            self._message = await slurm.sbatch_error(script)

    def added_to(self, reading: DaskReading | None) -> DaskReading | None:
        """Return the reading with the message for the jobs that the owner could not submit."""
        if reading is None or self._script is None or reading.refused_script != self._script:
            return reading
        owner = reading.cluster.owner
        if owner is None:
            return reading
        return replace(reading, cluster=replace(reading.cluster, owner=replace(owner, submit_error=self._message)))
