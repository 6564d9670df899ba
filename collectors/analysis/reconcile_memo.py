"""What `reconcile` found for each worker and each job, kept while all that it was made from is the same.

Between two polls of a large cluster few workers send a heartbeat, and SLURM is polled less often than dask. What is the
same is known by identity: a reader that keeps a record keeps its results.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dasktop.collectors.analysis.job_contents import JobContents, job_contents
from dasktop.collectors.analysis.matching import PlacedWorker, WorkerPlacer, unplaced_worker
from dasktop.collectors.analysis.placement import PlaceVerifier, VerifiedPlace
from dasktop.collectors.model.readings import EndedJob, JobScript, QueuedJob, Step, WorkerReading
from dasktop.collectors.model.snapshot import Worker


class KnownJobs(NamedTuple):
    """All that decides which job a worker is in, besides what the worker reports."""

    of_owner: Mapping[str, str]
    """The owner's name of each job → its id."""
    queued: Mapping[str, QueuedJob]
    ended: Mapping[str, EndedJob]
    scripts: Mapping[str, JobScript]
    steps: Sequence[Step]


class _JobMemo(NamedTuple):
    placed: Sequence[PlacedWorker]
    steps: Sequence[Step]
    contents: JobContents


class ReconcileMemo:
    """What a call of `reconcile` leaves for the next one. A snapshot does not depend on it, only its cost does."""

    def __init__(self) -> None:
        self._jobs: KnownJobs | None = None
        self._readings: Sequence[WorkerReading] = ()
        self._found: list[PlacedWorker | Worker] = []
        """In the order of the readings: a `PlacedWorker`, or the worker itself if its job is unknown."""
        self._members: Mapping[str | None, Sequence[int]] = {}
        """The readings of each job, and of no known job; of several of one worker, the first."""
        self._has_twins = False
        """Whether there are several readings of one worker."""
        self._contents: dict[str, _JobMemo] = {}
        self.placed: dict[str, Sequence[PlacedWorker]] = {}
        """The workers of each job. Replaced where one of them changed."""
        self.unplaced: Sequence[Worker] = ()
        """The workers in no known job."""
        self.job_of: Mapping[str, str] = {}
        """The job of each worker, by its address."""

    def place(self, readings: Sequence[WorkerReading], jobs: KnownJobs) -> PlaceVerifier:
        """Find the job of each worker; return the verifier of their places."""
        is_known = jobs == self._jobs
        if not is_known:
            self._verifier = PlaceVerifier(jobs.queued, jobs.ended, jobs.steps)
            self._placer = WorkerPlacer(jobs.of_owner, jobs.queued, jobs.scripts)
        if not (is_known and self._place_changed(readings)):
            self._place_all(readings)
        self._jobs, self._readings = jobs, readings
        return self._verifier

    def _place_changed(self, readings: Sequence[WorkerReading]) -> bool:
        """Place the workers whose reading changed; return ``False`` if one joined, left or moved to another job."""
        if len(readings) != len(self._readings) or self._has_twins:
            return False
        changed: set[str | None] = set()
        for number, (before, reading) in enumerate(zip(self._readings, readings, strict=True)):
            if reading is not before:
                found = self._find(reading)
                job_id = _job_id(found)
                if reading.worker.address != before.worker.address or job_id != _job_id(self._found[number]):
                    return False
                self._found[number] = found
                changed.add(job_id)
        for job_id in changed:
            self._collect(job_id)
        return True

    def _place_all(self, readings: Sequence[WorkerReading]) -> None:
        self._found = [self._find(reading) for reading in readings]
        numbers = {readings[number].worker.address: number for number in reversed(range(len(readings)))}
        self._has_twins = len(numbers) < len(readings)
        members: dict[str | None, list[int]] = defaultdict(list)
        for number in numbers.values():
            members[_job_id(self._found[number])].append(number)
        self._members, self.placed, self.unplaced = members, {}, ()
        for job_id in members:
            self._collect(job_id)
        self.job_of = {one.worker.address: job_id for job_id, in_job in self.placed.items() for one in in_job}

    def _find(self, reading: WorkerReading) -> PlacedWorker | Worker:
        was_asked = reading.place_was_read or reading.place is not None
        verified = self._verifier.verify(reading.place, reading.started_at) if was_asked else VerifiedPlace()
        return self._placer.place(reading, verified) or unplaced_worker(reading.worker, verified)

    def _collect(self, job_id: str | None) -> None:
        found = [self._found[number] for number in self._members[job_id]]
        if job_id is None:
            self.unplaced = [one for one in found if isinstance(one, Worker)]
        else:
            self.placed[job_id] = [one for one in found if isinstance(one, PlacedWorker)]

    def contents(self, job_id: str, steps: Sequence[Step]) -> JobContents:
        """Return what is in a job."""
        placed, memo = self.placed.get(job_id, ()), self._contents.get(job_id)
        if memo is None or memo.placed is not placed or memo.steps != steps:
            memo = self._contents[job_id] = _JobMemo(placed, steps, job_contents(placed, steps))
        return memo.contents

    def forget_all_but(self, job_ids: Sequence[str]) -> None:
        """Forget the jobs that are gone."""
        if len(self._contents) > len(job_ids):
            self._contents = {job_id: self._contents[job_id] for job_id in job_ids}


def _job_id(found: PlacedWorker | Worker) -> str | None:
    return found.job_id if isinstance(found, PlacedWorker) else None
