"""A scenario for findings: workers submitted with ``sbatch``, one scheduler, and a sampler that polls them.

All findings are kept with the time when each was first reported.
"""

import contextlib
import json
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from dasktop.collectors.analysis.findings import Thresholds
from dasktop.collectors.model.feed import Feed
from dasktop.collectors.model.jobs import workers_of
from dasktop.collectors.model.options import Options
from dasktop.collectors.model.snapshot import Finding, Job, Snapshot, Worker
from dasktop.collectors.recording.recorded_feed import RecordedFeed
from dasktop.collectors.recording.recorder import Recorder
from dasktop.collectors.runtime.sampler import Sampler
from tests.slurm.commands import SlurmCommands
from tests.support.dask_processes import Scheduler
from tests.support.dasktop_program import Result, dasktop
from tests.support.waiting import PATIENCE_SECONDS, wait_until

SLOWNESS_CODES = frozenset({"worker-silent", "job-without-workers", "job-missing-workers", "source-stale"})
"""Codes of findings that a slow machine may cause in any scenario."""


class FindingsLog:
    """The findings and snapshots of a sampler."""

    def __init__(self) -> None:
        self.findings: dict[tuple[str, str | None], tuple[datetime, Finding]] = {}
        """By code and job: when it was first reported, and its last version."""
        self.latest: Snapshot | None = None
        self.snapshots: list[Snapshot] = []
        """All snapshots, in order."""
        self._changed = threading.Condition()

    def deliver(self, snapshot: object) -> None:
        if isinstance(snapshot, Snapshot):
            with self._changed:
                self.latest = snapshot
                self.snapshots.append(snapshot)
                for finding in snapshot.findings:
                    key = (finding.code, finding.job_id)
                    first = self.findings[key][0] if key in self.findings else snapshot.taken_at
                    self.findings[key] = (first, finding)
                self._changed.notify_all()

    def wait_for(self, condition: Callable[[], object]) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, PATIENCE_SECONDS):
                raise AssertionError(f"timed out; findings so far: {[*self.findings]}")

    def without_slowness(self, expected: Collection[tuple[str, str | None]]) -> set[tuple[str, str | None]]:
        """Return the findings by code and job, without unexpected ones that a slow machine may cause."""
        return {
            (code, job_id) for code, job_id in self.findings if (code, job_id) in expected or code not in SLOWNESS_CODES
        }


class Scenario(FindingsLog):
    """Jobs on a SLURM, a scheduler, and the findings about them."""

    def __init__(self, slurm: SlurmCommands, scheduler: Scheduler, python: str) -> None:
        super().__init__()
        self.slurm = slurm
        self.scheduler = scheduler
        self._python = python
        self.job_ids: dict[str, str] = {}

    def submit(
        self,
        name: str,
        *arguments: str,
        python: str | None = None,
        worker: str = "--no-nanny --nthreads 1 --memory-limit 0",
    ) -> None:
        """Submit a job with a worker: by default with one thread, no nanny and no memory limit."""
        command = (
            f"{python or self._python} -m dask worker {self.scheduler.address} --no-dashboard --name {name} {worker}"
        )
        self.job_ids[name] = self.slurm.submit(f"{command} --death-timeout 300\n", "--mem=500M", *arguments)

    def wait_for_finding(self, code: str, name: str | None) -> None:
        job_id = self.job_ids[name] if name else None
        self.wait_for(lambda: (code, job_id) in self.findings)

    def job(self, name: str) -> Job:
        return self.jobs(name)[0]

    def jobs(self, name: str) -> list[Job]:
        """Return the job if it is in the snapshot; SLURM may not report a job for a moment after its end."""
        jobs = self.latest.jobs if self.latest is not None else ()
        return [job for job in jobs if job.job_id == self.job_ids[name]]

    def has_ended(self, name: str) -> bool:
        """Return whether the end time of a job is known."""
        return any(job.fate is not None and job.fate.ended_at is not None for job in self.jobs(name))

    def was_requeued(self, name: str) -> bool:
        """Return whether the outcome of the previous run of a requeued job is known."""
        return any(job.previous_fate is not None for job in self.jobs(name))

    def is_executing(self, name: str) -> bool:
        """Return whether a worker is executing a task."""
        worker = self.workers().get(name)
        return worker is not None and worker.executing == 1

    def workers(self) -> dict[str, Worker]:
        jobs = self.latest.jobs if self.latest is not None else ()
        return {worker.name: worker for job in jobs for worker in workers_of(job)}

    def pid(self, name: str) -> int | None:
        worker = self.workers().get(name)
        return worker.pid if worker is not None else None

    def run_snapshot(self, fail_on: str) -> Result:
        """Run ``dasktop snapshot --fail-on`` until no source and no worker is late, and return its result."""
        arguments = ("snapshot", self.scheduler.address, "--fail-on", fail_on)
        results: list[Result] = []

        def nothing_is_late() -> bool:
            results[:] = [dasktop(*arguments, **self.slurm.environment)]
            codes = {found["code"] for found in json.loads(results[0].stdout or "{}").get("findings", ())}
            silent = {"source-stale"} if fail_on == "error" else SLOWNESS_CODES
            return results[0].returncode != 3 and not codes & silent

        wait_until(nothing_is_late, lambda: results)
        return results[0]

    def finding(self, code: str, name: str | None) -> Finding:
        """Return a finding about a job, in its last version."""
        _, finding = self.findings[code, self.job_ids[name] if name else None]
        return finding


@contextlib.contextmanager
def run_scenario(
    slurm: SlurmCommands,
    record: Path | None = None,
    scheduler_environment: Mapping[str, str] | None = None,
    python: str = sys.executable,
    **thresholds: float,
) -> Iterator[Scenario]:
    """Yield a scenario with a scheduler and a sampler; cancel all jobs at the end.

    Parameters
    ----------
    python
        Runs the workers; with `forked_python`, they are no processes of the jobs.
    """
    with Scheduler(environment=scheduler_environment) as scheduler:
        scenario = Scenario(slurm, scheduler, python)
        try:
            with sampled(scheduler.address, slurm, scenario, record, **thresholds):
                yield scenario
        finally:
            slurm.cancel_all()


@contextlib.contextmanager
def sampled(
    address: str, slurm: SlurmCommands, log: FindingsLog, record: Path | None = None, **thresholds: float
) -> Iterator[None]:
    """Run a sampler with the default intervals, and record it if a file is named."""
    feed: Feed = Sampler(Options(address=address, thresholds=Thresholds(**thresholds)), slurm.environment)
    if record is not None:
        feed = RecordedFeed(feed, Recorder(str(record)))
    feed.start(log.deliver)
    try:
        yield
    finally:
        feed.stop()
