"""Takes in snapshots one by one, oldest first, and tells what became of the hours. Pure, and bounded in memory."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median

from dasktop.collectors.jobs import workers_of
from dasktop.collectors.model import Snapshot
from dasktop.collectors.waste.coverage import Coverage
from dasktop.collectors.waste.fit import advise
from dasktop.collectors.waste.grid import Grid
from dasktop.collectors.waste.hours import sum_of, sum_of_known
from dasktop.collectors.waste.job_tally import JobTally
from dasktop.collectors.waste.load import Load, higher, load_of, moment, sane
from dasktop.collectors.waste.model import REPORT_VERSION, JobReport, Report, Series, Totals

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
"""What of jobs, tasks, workers and threads a tally looks at."""

_LEAST_GAP_SECONDS = 60.0
_GAP_IN_INTERVALS = 4
_SHORTEST_STEP_SECONDS = 1.0


def usual_seconds(moments: Sequence[datetime]) -> float:
    """Return how far apart snapshots usually are: the median; 0 where there are fewer than two."""
    apart = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
    return max(0.0, median(apart)) if apart else 0.0


class Tally:
    """The sums over all snapshots so far.

    Parameters
    ----------
    usual_seconds
        How far apart the snapshots usually are. What is much farther apart leaves a gap; see `Report`.
    skipped
        How many there are that it won't be fed.
    """

    def __init__(self, usual_seconds: float = 0.0, skipped: int = 0) -> None:
        self._skipped = skipped
        self._longest_gap_seconds = max(_LEAST_GAP_SECONDS, _GAP_IN_INTERVALS * usual_seconds)
        self._jobs: dict[str, JobTally] = {}
        self._coverages: defaultdict[str | None, Coverage] = defaultdict(Coverage)
        """By scheduler: who goes over to another one has both in a recording, one after the other."""
        self._highest = Load(threads_busy=None)
        self._jobs_at_once = 0
        self._count = 0
        self._begins_at: datetime | None = None
        self._grid = Grid(max(_SHORTEST_STEP_SECONDS, 2 * usual_seconds))
        self._track = self._grid.track()
        # The latest snapshot, of which it isn't known yet until when it stands, and since when it does.
        self._held: tuple[Snapshot, float] | None = None

    def add(self, snapshot: Snapshot) -> None:
        """Take in a snapshot, the next in time. One from before the last, by a clock that was set back, begins anew."""
        now = since = snapshot.taken_at.timestamp()
        if self._held is None:
            self._begins_at = snapshot.taken_at
        else:
            before = self._held[0].taken_at.timestamp()
            is_near = 0.0 <= now - before <= self._longest_gap_seconds
            since = (before + now) / 2 if is_near else now
            self._settle(since if is_near else before)
        self._held = snapshot, since
        self._count += 1

    def glimpse(self, held: Iterable[tuple[str | None, int | None, int | None, int | None]]) -> None:
        """Take in what there was at most at another moment, without anything else of it.

        Parameters
        ----------
        held
            Of each worker its job, and its memory, its limit and what it had spilled, in bytes.
        """
        totals: dict[JobTally, int] = {}
        for job_id, memory_bytes, limit_bytes, spilled_bytes in held:
            tally = self._jobs.get(job_id or "")
            if tally is None:
                continue
            totals[tally] = totals.get(tally, 0) + (memory_bytes or 0)
            most = tally.highest
            if (memory_bytes or 0) > (most.largest_bytes or 0) or (spilled_bytes or 0) > (most.spilled_bytes or 0):
                load = Load(threads_busy=None)
                load.add_memory(memory_bytes, limit_bytes, spilled_bytes)
                most.raise_to(load)
                self._highest.raise_to(load)
        for tally, total in totals.items():
            if total > (tally.highest.memory_bytes or 0):
                tally.highest.memory_bytes = higher(tally.highest.memory_bytes, sane(total))
        self._highest.memory_bytes = higher(self._highest.memory_bytes, sane(sum(totals.values())))

    def report(self) -> Report:
        """Return what there is to tell of the snapshots so far.

        Raises
        ------
        ValueError
            There was none.
        """
        if self._held is None or self._begins_at is None:
            raise ValueError("a report needs a snapshot")
        snapshot = self._held[0]
        now = snapshot.taken_at.timestamp()
        self._settle(now)
        owner = snapshot.cluster.owner
        tallies = [tally for tally in self._jobs.values() if tally.is_of_cluster]
        jobs = tuple(sorted((self._of_job(tally, now) for tally in tallies), key=_by_start))
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
        )

    def _of_job(self, tally: JobTally, now: float) -> JobReport:
        coverage = Coverage(self._coverages[scheduler] for scheduler in tally.schedulers)
        return tally.report(coverage, self._longest_gap_seconds, now)

    def _settle(self, until: float) -> None:
        """Take the held snapshot for what was until then. Once more, it counts only from where it was settled last."""
        if self._held is None:
            return
        snapshot, since = self._held
        self._held = snapshot, until
        now, seconds = snapshot.taken_at.timestamp(), until - since
        is_observed = any(source.name == "dask" and source.state == "ok" for source in snapshot.sources)
        scheduler = snapshot.cluster.scheduler_address
        pieces = self._grid.pieces(since, until) if is_observed else []
        all_workers, running, cpus, memory = Load(), 0, 0, 0
        for job in snapshot.jobs:
            tally = self._jobs.get(job.job_id)
            if tally is None:
                tally = self._jobs[job.job_id] = JobTally(job, self._grid.track())
            tally.note(job, now)
            if job.evidence:
                tally.schedulers.add(scheduler)
            if tally.is_suspended:
                tally.suspend(since, seconds, is_observed=is_observed and scheduler in tally.schedulers)
                continue
            if is_observed:
                load = load_of(workers_of(job))
                if load.workers:
                    tally.use(load, since, seconds, pieces)
                    all_workers.add(load)
            if tally.is_running and job.evidence:
                running += 1
                cpus += tally.cpus or 0
                memory += tally.memory_bytes or 0
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
        # That a job used nothing because it never started says nothing of what the others used.
        counted = [job for job in jobs if not _never_started(job)] or jobs
        return Totals(
            jobs=len(jobs),
            jobs_ended_badly=sum(job.ended_badly for job in jobs),
            jobs_never_started=sum(map(_never_started, jobs)),
            jobs_unknown=sum(job.core_hours.granted is None for job in jobs),
            jobs_at_once=self._jobs_at_once,
            queue_seconds=sum_of_known(job.queue_seconds for job in jobs),
            core_hours=sum_of(job.core_hours for job in counted),
            gib_hours=sum_of(job.gib_hours for job in counted),
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
