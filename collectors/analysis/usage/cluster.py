"""Accumulates snapshots, oldest first, and returns the usage report of the cluster. Pure; memory is bounded."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median

from msgspec.structs import replace

from dasktop.collectors.analysis.usage.job import JobUsage
from dasktop.collectors.analysis.usage.load import Coverage, Load, higher, load_of, moment, sane, sum_of_hours
from dasktop.collectors.analysis.usage.recommend import advise
from dasktop.collectors.analysis.usage.series import Grid
from dasktop.collectors.analysis.usage.work import WorkUsage
from dasktop.collectors.model.jobs import workers_of
from dasktop.collectors.model.report import REPORT_VERSION, JobReport, Report, Series, Totals
from dasktop.collectors.model.snapshot import Snapshot, WorkerEvent
from dasktop.collectors.model.sources import answers
from dasktop.collectors.model.sums import sum_of_known

_OF_JOBS = """
job_id array_job_id array_task_id name user partition state submitted_at started_at ends_at time_limit_seconds allocated
workers_expected evidence fate previous_fate
"""
_OF_WORKERS = "nthreads executing cpu_percent memory_bytes memory_limit_bytes spilled_bytes"
FIELDS = {
    "jobs": frozenset(_OF_JOBS.split()),
    "tasks": frozenset({"max_rss_bytes", "cpu_seconds"}),
    "workers": frozenset(_OF_WORKERS.split()),
    "threads": frozenset[str](),
}
"""Fields of jobs, tasks, workers and threads that a `UsageAccumulator` reads."""

_LEAST_GAP_SECONDS = 60.0
_GAP_IN_INTERVALS = 4
_SHORTEST_STEP_SECONDS = 1.0


def usual_seconds(moments: Sequence[datetime]) -> float:
    """Return the median time between snapshots, in seconds; 0 for fewer than two."""
    apart = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
    return max(0.0, median(apart)) if apart else 0.0


class UsageAccumulator:
    """Sums over all snapshots so far.

    Parameters
    ----------
    usual_seconds
        Usual time between snapshots. If two are much farther apart, the time between is a gap; see `Report`.
    skipped
        How many snapshots of the recording are left out.
    """

    def __init__(self, usual_seconds: float = 0.0, skipped: int = 0) -> None:
        self._skipped = skipped
        self._longest_gap_seconds = max(_LEAST_GAP_SECONDS, _GAP_IN_INTERVALS * usual_seconds)
        self._jobs: dict[str, JobUsage] = {}
        self._coverages: defaultdict[str | None, Coverage] = defaultdict(Coverage)
        """By scheduler: a recording holds several if the user switched between them."""
        self._highest = Load(threads_busy=None)
        self._jobs_at_once = 0
        self._work = WorkUsage()
        self._count = 0
        self._begins_at: datetime | None = None
        self._grid = Grid(max(_SHORTEST_STEP_SECONDS, 2 * usual_seconds))
        self._track = self._grid.track()
        # The latest snapshot, and since when it counts; until when is known with the next one.
        self._held: tuple[Snapshot, float] | None = None

    def add(self, snapshot: Snapshot) -> None:
        """Add the next snapshot. If it is older than the previous one (the clock was set back), there is a gap."""
        now = since = snapshot.taken_at.timestamp()
        if self._held is None:
            self._begins_at = snapshot.taken_at
        else:
            before = self._held[0].taken_at.timestamp()
            is_near = 0.0 <= now - before <= self._longest_gap_seconds
            since = (before + now) / 2 if is_near else now
            self._count_until(since if is_near else before)
        self._held = snapshot, since
        self._work.add(snapshot)
        self._count += 1

    def add_memory(self, held: Iterable[tuple[str | None, int | None, int | None, int | None]]) -> None:
        """Add only the memory use of another moment, for the peaks.

        Parameters
        ----------
        held
            For each worker its job id, memory, memory limit and spilled bytes.
        """
        totals: dict[JobUsage, int] = {}
        for job_id, memory_bytes, limit_bytes, spilled_bytes in held:
            usage = self._jobs.get(job_id or "")
            if usage is None:
                continue
            totals[usage] = totals.get(usage, 0) + (memory_bytes or 0)
            most = usage.highest
            if (memory_bytes or 0) > (most.largest_bytes or 0) or (spilled_bytes or 0) > (most.spilled_bytes or 0):
                load = Load(threads_busy=None)
                load.add_memory(memory_bytes, limit_bytes, spilled_bytes)
                most.raise_to(load)
                self._highest.raise_to(load)
        for usage, total in totals.items():
            if total > (usage.highest.memory_bytes or 0):
                usage.highest.memory_bytes = higher(usage.highest.memory_bytes, sane(total))
        self._highest.memory_bytes = higher(self._highest.memory_bytes, sane(sum(totals.values())))

    def report(self) -> Report:
        """Return the report of all snapshots so far.

        Raises
        ------
        ValueError
            No snapshot was added.
        """
        if self._held is None or self._begins_at is None:
            raise ValueError("a report needs a snapshot")
        snapshot = self._held[0]
        now = snapshot.taken_at.timestamp()
        self._count_until(now)
        owner = snapshot.cluster.owner
        kills = self._work.memory_kills()
        for job_id, events in (kills or {}).items():
            for event in events:
                self.add_memory([(job_id, event.memory_bytes, event.limit_bytes, None)])
        job_usages = [usage for usage in self._jobs.values() if usage.is_of_cluster]
        jobs = tuple(sorted((self._of_job(usage, now, kills) for usage in job_usages), key=_by_start))
        totals = self._totals(jobs)
        return Report(
            report_version=REPORT_VERSION,
            scheduler_address=snapshot.cluster.scheduler_address,
            cluster_name=None if owner is None else owner.class_name,
            begins_at=self._begins_at,
            ends_at=snapshot.taken_at,
            snapshots=self._count,
            snapshots_skipped=self._skipped,
            longest_gap_seconds=self._longest_gap_seconds,
            observed_seconds=Coverage(self._coverages.values()).seconds(),
            totals=totals,
            advice=advise(jobs, totals, owner),
            jobs=jobs,
            series=self._series(),
            task_times=self._work.task_times(),
            lost=self._work.lost(),
        )

    def _of_job(self, usage: JobUsage, now: float, kills: Mapping[str, Sequence[WorkerEvent]] | None) -> JobReport:
        coverage = Coverage(self._coverages[scheduler] for scheduler in usage.schedulers)
        reported = usage.report(coverage, self._longest_gap_seconds, now)
        return replace(reported, memory_kills=None if kills is None else len(kills.get(reported.job_id, ())))

    def _count_until(self, until: float) -> None:
        """Count the latest snapshot up to this time; if part of that time was counted already, only the rest."""
        if self._held is None:
            return
        snapshot, since = self._held
        self._held = snapshot, until
        now, seconds = snapshot.taken_at.timestamp(), until - since
        is_observed = answers(snapshot.sources, "dask")
        scheduler = snapshot.cluster.scheduler_address
        pieces = self._grid.pieces(since, until) if is_observed else []
        all_workers, running, cpus, memory = Load(), 0, 0, 0
        for job in snapshot.jobs:
            usage = self._jobs.get(job.job_id)
            if usage is None:
                usage = self._jobs[job.job_id] = JobUsage(job, self._grid.track())
            usage.note(job, now)
            if job.evidence:
                usage.schedulers.add(scheduler)
            if usage.is_suspended:
                usage.suspend(since, seconds, is_observed=is_observed and scheduler in usage.schedulers)
                continue
            if is_observed:
                load = load_of(workers_of(job))
                if load.workers:
                    usage.use(load, since, seconds, pieces)
                    all_workers.add(load)
            if usage.is_running and job.evidence:
                running += 1
                cpus += usage.cpus or 0
                memory += usage.memory_bytes or 0
        self._jobs_at_once = max(self._jobs_at_once, running)
        if is_observed:
            self._coverages[scheduler].add(since, until)
            self._highest.raise_to(all_workers)
            used = (all_workers.cpu_percent or 0.0) / 100, all_workers.memory_bytes or 0
            self._track.add(pieces, cpus, used[0], memory, used[1])

    def _totals(self, jobs: Sequence[JobReport]) -> Totals:
        max_rss_bytes: int | None = None
        for job in jobs:
            max_rss_bytes = higher(max_rss_bytes, job.peaks.max_rss_bytes)
        # Jobs that never started used nothing: they would make an unknown use look known.
        counted = [job for job in jobs if not _never_started(job)] or jobs
        return Totals(
            jobs=len(jobs),
            jobs_ended_badly=sum(job.ended_badly for job in jobs),
            jobs_never_started=sum(map(_never_started, jobs)),
            jobs_unknown=sum(job.core_hours.granted is None for job in jobs),
            jobs_at_once=self._jobs_at_once,
            queue_seconds=sum_of_known(job.queue_seconds for job in jobs),
            core_hours=sum_of_hours(job.core_hours for job in counted),
            gib_hours=sum_of_hours(job.gib_hours for job in counted),
            peaks=self._highest.peaks(max_rss_bytes),
        )

    def _series(self) -> Series | None:
        steps = range(self._track.steps.stop)
        if self._grid.begin is None or not steps:
            return None
        cpus_granted, cpus_used = (self._track.means(place, steps, digits=3) for place in (0, 1))
        memory_granted, memory_used = (self._track.means(place, steps, digits=0) for place in (2, 3))
        return Series(
            begins_at=moment(self._grid.begin),
            step_seconds=self._grid.step_seconds,
            cpus_granted=cpus_granted,
            cpus_used=cpus_used,
            memory_granted_bytes=memory_granted,
            memory_used_bytes=memory_used,
        )


def _never_started(job: JobReport) -> bool:
    return job.runs == 0 and job.elapsed_seconds == 0


def _by_start(job: JobReport) -> tuple[bool, float, int, str]:
    started = job.started_at.timestamp() if job.started_at else 0.0
    return job.started_at is None, started, len(job.job_id), job.job_id
