"""Finds the job of a worker, and the job scripts of this cluster. Pure: works on what both sources report."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta

from msgspec.structs import replace

from dasktop.collectors.analysis.placement import VerifiedPlace
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import LEFT_HOURS
from dasktop.collectors.model.readings import (
    DaskReading,
    EndedJob,
    JobScript,
    QueuedJob,
    RecentlyEnded,
    Released,
    SlurmPlace,
    SlurmReading,
    WorkerReading,
)
from dasktop.collectors.model.record import Record
from dasktop.collectors.model.snapshot import Evidence, Owner, Worker
from dasktop.collectors.text.format import short_host

# dask-jobqueue up to 0.6 named workers dask-worker--<JOBID>---<i>.
_NAME_WITH_JOB_ID = re.compile(r"dask-worker--(\d+)---\d+")


class PlacedWorker(Record, frozen=True, kw_only=True):
    """A worker and its job."""

    job_id: str
    place: SlurmPlace | None
    worker: Worker
    evidence: Evidence


def unplaced_worker(worker: Worker, verified: VerifiedPlace) -> Worker:
    """Return a worker that belongs to no known job, with what is known of its place."""
    return replace(
        worker,
        evidence=None,
        outside_slurm=verified.outside_slurm,
        inherited_job_id=verified.inherited_job_id,
        place_note=verified.note,
    )


class WorkerPlacer:
    """Finds the job of a worker by the strongest evidence (`snapshot.EVIDENCE_LADDER`)."""

    def __init__(
        self, job_of_owner: Mapping[str, str], queued: Mapping[str, QueuedJob], scripts: Mapping[str, JobScript]
    ) -> None:
        self._job_of_owner = job_of_owner
        arrays = {job.array_job_id for job in queued.values()}  # one script for many jobs: a name in it identifies none
        self._job_of_script_name = _unambiguous(
            (name, job_id)
            for job_id, script in scripts.items()
            if job_id in queued and job_id not in arrays
            for name in script.worker_names
        )
        self._running = {job_id for job_id, job in queued.items() if read_state(job.state).is_running}
        self._job_of_host = _unambiguous(
            (short_host(node), job_id) for job_id in self._running for node in queued[job_id].nodes
        )

    def place(self, reading: WorkerReading, verified: VerifiedPlace) -> PlacedWorker | None:
        """Return the worker with its job, or ``None`` if nothing links it to a job.

        The place that the process reports is used if SLURM confirms it; the evidence is ``owner`` if the owner's map
        agrees. For workers that report no place, such as those in a container with a clean environment, the owner's
        map is used.
        """
        name, place = reading.worker.name, verified.place
        job_of_owner = _by_worker_name(self._job_of_owner, name)
        if place is not None:
            return self._placed(
                reading, place, place.job_id, "owner" if job_of_owner == place.job_id else "environment"
            )
        if job_of_owner is not None:
            return self._placed(reading, None, job_of_owner, "owner")
        if (job_id := _by_worker_name(self._job_of_script_name, name)) is not None:
            return self._placed(reading, None, job_id, "job_script")
        if (job_id := job_id_in_name(name)) in self._running and job_id is not None:
            return self._placed(reading, None, job_id, "name")
        if not reading.place_was_read and reading.worker.host is not None:
            job_id = self._job_of_host.get(short_host(reading.worker.host))
            if job_id is not None:
                return self._placed(reading, None, job_id, "host")
        return None

    @staticmethod
    def _placed(reading: WorkerReading, place: SlurmPlace | None, job_id: str, evidence: Evidence) -> PlacedWorker:
        worker = replace(reading.worker, evidence=evidence, outside_slurm=False)
        return PlacedWorker(job_id=job_id, place=place, worker=worker, evidence=evidence)


def recently_ended_of_cluster(
    dask: DaskReading | None,
    slurm: SlurmReading | None,
    addresses: frozenset[str],
    released: Mapping[str, Released],
) -> Iterable[RecentlyEnded]:
    """Return the jobs of this scheduler that ended after it started.

    Their scripts start workers for it, or dasktop released them from it. A job that ended earlier belonged to another
    scheduler with the same address or file. Those that ended more than `LEFT_HOURS` ago are left out, too.
    """
    started_at = dask.scheduler_started_at if dask else None
    if dask is None or started_at is None or slurm is None:
        return ()
    earliest = max(started_at, dask.taken_at - timedelta(hours=LEFT_HOURS))
    scripts = (found.script for found in slurm.recently_ended if found.script is not None)
    ours = scripts_of_cluster(scripts, addresses).keys() | {
        found.end.job.job_id for found in slurm.recently_ended if was_released_by_dasktop(found.end, released)
    }
    return tuple(
        found
        for found in slurm.recently_ended
        if found.end.job.job_id in ours and found.end.ended_at is not None and found.end.ended_at >= earliest
    )


def was_released_by_dasktop(end: EndedJob, released: Mapping[str, Released]) -> bool:
    """Return whether dasktop's log of actions says that dasktop released this job, which has been cancelled."""
    found = released.get(end.job.job_id)
    return found is not None and found.by == "dasktop" and read_state(end.job.state).is_cancelled


def scripts_of_cluster(scripts: Iterable[JobScript], addresses: frozenset[str]) -> dict[str, JobScript]:
    """Return the scripts that start workers for this scheduler, by job id."""
    return {
        script.job_id: script
        for script in scripts
        if not addresses.isdisjoint(script.scheduler_addresses) or not addresses.isdisjoint(script.scheduler_files)
    }


def script_for(job_id: str, job: QueuedJob | None, scripts: Mapping[str, JobScript]) -> JobScript | None:
    """Return a job's script; the jobs of an array share one script."""
    return scripts.get(job_id) or (scripts.get(job.array_job_id) if job and job.array_job_id else None)


def workers_expected(
    job_id: str,
    job_ids_of_owner: set[str],
    owner: Owner | None,
    queued: Mapping[str, QueuedJob],
    scripts: Mapping[str, JobScript],
) -> int | None:
    """Return how many workers a job starts: as its owner states it, else as its script shows it."""
    if owner is not None and job_id in job_ids_of_owner and owner.processes_per_job is not None:
        return owner.processes_per_job
    script = script_for(job_id, queued.get(job_id), scripts)
    return script.workers_expected if script else None


def job_id_in_name(name: str) -> str | None:
    """Return the job id that dask-jobqueue up to 0.6 put into a worker's name."""
    match = _NAME_WITH_JOB_ID.fullmatch(name)
    return match[1] if match else None


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the pairs as a dictionary, without keys that have several values."""
    values: dict[str, set[str]] = defaultdict(set)
    for key, value in pairs:
        values[key].add(value)
    return {key: value for key, (value, *others) in values.items() if not others}


def _by_worker_name(jobs: Mapping[str, str], name: str) -> str | None:
    """Look up a worker's job: with several processes per job, the worker's name is the job's with ``-<i>`` added."""
    if name in jobs:
        return jobs[name]
    stem, dash, number = name.rpartition("-")
    return jobs.get(stem) if dash and number.isdecimal() else None
