"""A story for findings: workers that somebody submitted with ``sbatch``, one scheduler, and a sampler that looks on.

What is told is kept with when it was told first, so that a test can ask for all of it.
"""

import contextlib
import json
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from pathlib import Path

from dasktop.collectors.feed import Feed
from dasktop.collectors.findings import Thresholds
from dasktop.collectors.jobs import workers_of
from dasktop.collectors.model import Finding, Job, Snapshot, Worker
from dasktop.collectors.options import Options
from dasktop.collectors.recording.recorded_feed import RecordedFeed
from dasktop.collectors.recording.recorder import Recorder
from dasktop.collectors.sampler import Sampler
from tests.dask_processes import Scheduler
from tests.dasktop_program import Ended, dasktop
from tests.slurm.commands import SlurmCommands
from tests.waiting import PATIENCE_SECONDS, wait_until

OF_SLOWNESS = frozenset({"worker-silent", "job-without-workers", "job-missing-workers", "source-stale"})
"""Codes of what a machine that is busy with much else may bring about beside what a story does."""


class Told:
    """What a sampler tells, and when."""

    def __init__(self) -> None:
        self.told: dict[tuple[str, str | None], tuple[datetime, Finding]] = {}
        """By code and job: when it was told first, and how it was told last."""
        self.latest: Snapshot | None = None
        self.shown: list[Snapshot] = []
        """All that there was to see."""
        self._changed = threading.Condition()

    def deliver(self, snapshot: object) -> None:
        if isinstance(snapshot, Snapshot):
            with self._changed:
                self.latest = snapshot
                self.shown.append(snapshot)
                for finding in snapshot.findings:
                    key = (finding.code, finding.job_id)
                    first = self.told[key][0] if key in self.told else snapshot.taken_at
                    self.told[key] = (first, finding)
                self._changed.notify_all()

    def wait_for(self, condition: Callable[[], object]) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, PATIENCE_SECONDS):
                raise AssertionError(f"waited in vain; told so far: {[*self.told]}")

    def told_but_for_slowness(self, expected: Collection[tuple[str, str | None]]) -> set[tuple[str, str | None]]:
        """Return what was told, by code and job, without what nobody expected and a busy machine may bring about."""
        return {(code, job_id) for code, job_id in self.told if (code, job_id) in expected or code not in OF_SLOWNESS}


class Story(Told):
    """What was done to whom, and what was told of it and when."""

    def __init__(self, slurm: SlurmCommands, scheduler: Scheduler) -> None:
        super().__init__()
        self.slurm = slurm
        self.scheduler = scheduler
        self.job_ids: dict[str, str] = {}

    def submit(
        self,
        name: str,
        *arguments: str,
        python: str = sys.executable,
        worker: str = "--no-nanny --nthreads 1 --memory-limit 0",
    ) -> None:
        """Submit a job with a worker: by default of one thread, in a process of its own, without a limit."""
        command = f"{python} -m dask worker {self.scheduler.address} --no-dashboard --name {name} {worker}"
        self.job_ids[name] = self.slurm.submit(f"{command} --death-timeout 300\n", "--mem=500M", *arguments)

    def wait_for_finding(self, code: str, name: str | None) -> None:
        job_id = self.job_ids[name] if name else None
        self.wait_for(lambda: (code, job_id) in self.told)

    def job(self, name: str) -> Job:
        return self.jobs(name)[0]

    def jobs(self, name: str) -> list[Job]:
        """Return the job if it is there; when it has just ended, for a moment nobody may know anything of it."""
        jobs = self.latest.jobs if self.latest is not None else ()
        return [job for job in jobs if job.job_id == self.job_ids[name]]

    def has_ended(self, name: str) -> bool:
        """Whether it is known when a job has ended."""
        return any(job.fate is not None and job.fate.ended_at is not None for job in self.jobs(name))

    def was_put_back(self, name: str) -> bool:
        """Whether it is known how a job had ended that is in the queue again."""
        return any(job.previous_fate is not None for job in self.jobs(name))

    def executes(self, name: str) -> bool:
        """Whether a worker runs a task."""
        worker = self.workers().get(name)
        return worker is not None and worker.executing == 1

    def workers(self) -> dict[str, Worker]:
        jobs = self.latest.jobs if self.latest is not None else ()
        return {worker.name: worker for job in jobs for worker in workers_of(job)}

    def pid(self, name: str) -> int | None:
        worker = self.workers().get(name)
        return worker.pid if worker is not None else None

    def one_look(self, fail_on: str) -> Ended:
        """Return how ``dasktop snapshot --fail-on`` ends just now, with all sources and workers heard of in time."""
        arguments = ("snapshot", self.scheduler.address, "--fail-on", fail_on)
        looks: list[Ended] = []

        def all_are_heard_of() -> bool:
            looks[:] = [dasktop(*arguments, **self.slurm.environment)]
            codes = {found["code"] for found in json.loads(looks[0].stdout or "{}").get("findings", ())}
            silent = {"source-stale"} if fail_on == "error" else OF_SLOWNESS
            return looks[0].returncode != 3 and not codes & silent

        wait_until(all_are_heard_of, lambda: looks)
        return looks[0]

    def finding(self, code: str, name: str | None) -> Finding:
        """Return what was told of a job."""
        _, finding = self.told[code, self.job_ids[name] if name else None]
        return finding


@contextlib.contextmanager
def watched(slurm: SlurmCommands, record: Path | None = None, **thresholds: float) -> Iterator[Story]:
    """A story, told to its end by whoever comes; all that still runs is cancelled then."""
    with Scheduler() as scheduler:
        story = Story(slurm, scheduler)
        try:
            with looked_at(scheduler.address, slurm, story, record, **thresholds):
                yield story
        finally:
            slurm.cancel_all()


@contextlib.contextmanager
def looked_at(
    address: str, slurm: SlurmCommands, told: Told, record: Path | None = None, **thresholds: float
) -> Iterator[None]:
    """A sampler that looks on at its usual pace, recorded if a file is named."""
    feed: Feed = Sampler(Options(address=address, thresholds=Thresholds(**thresholds)), slurm.environment)
    if record is not None:
        feed = RecordedFeed(feed, Recorder(str(record)))
    feed.start(told.deliver)
    try:
        yield
    finally:
        feed.stop()
