"""Accumulates what is known of one job: its latest state, its runs, and its peaks. Pure."""

from datetime import datetime

from dasktop.collectors.analysis.usage.load import (
    NOTHING,
    Coverage,
    Load,
    Run,
    higher,
    hours_of,
    moment,
    sane,
    sum_of_hours,
    use_of,
)
from dasktop.collectors.analysis.usage.series import Pieces, Track
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import ended_badly, has_ended, is_pending
from dasktop.collectors.model.report import JobReport, JobTimeline, SeveralTasks
from dasktop.collectors.model.snapshot import Fate, Job
from dasktop.collectors.model.sums import sum_of_known

_SAME_START_SECONDS = 2.0
"""A start time that is at most this much later than the one before is a correction, not another run."""


class JobUsage:
    """Sums over one job.

    Parameters
    ----------
    job
        The job in the first snapshot that contains it.
    track
        Its use over time.
    """

    def __init__(self, job: Job, track: Track) -> None:
        self.schedulers: set[str | None] = set()
        """The schedulers whose cluster it belonged to: only they know its workers."""
        self.is_running = False
        """Whether it has started and not ended."""
        self.is_suspended = False
        """Whether it is suspended: that time does not count."""
        self.highest = Load(threads_busy=None)
        """The highest values of its workers so far."""
        self._noted: tuple[object, ...] = ()
        self._job = job
        self._track = track
        self._runs = [Run()]
        self._first_started_at: float | None = None
        self._max_rss_bytes: int | None = None
        self._slurm_tasks = 0
        self._several_workers = self._several_tasks = self._several_cpu_percent = 0.0

    @property
    def is_of_cluster(self) -> bool:
        """Whether it belonged to the cluster in some snapshot."""
        return bool(self.schedulers)

    @property
    def cpus(self) -> int | None:
        """Allocated CPUs of its latest run."""
        return self._runs[-1].cpus

    @property
    def memory_bytes(self) -> int | None:
        """Allocated memory of its latest run."""
        return self._runs[-1].memory_bytes

    def note(self, job: Job, now: float) -> None:
        """Add what SLURM reports of the job at this moment."""
        state = (
            job.state,
            job.started_at,
            job.allocated,
            job.fate,
            job.previous_fate,
            job.evidence,
            job.workers_expected,
        )
        if state != self._noted:  # mostly unchanged for hours
            self._noted = state
            self._update(job)
        if self.is_running:
            is_ending = read_state(job.state).is_ending and job.ends_at is not None
            self._runs[-1].ended_at = min(now, job.ends_at.timestamp()) if is_ending and job.ends_at else now
        self._note_steps(job)

    def _update(self, job: Job) -> None:
        self.is_running = _is_running(job)
        self.is_suspended = read_state(job.state).is_suspended
        if job.state is None:
            return  # unknown to SLURM: the last known state stays
        self._job = job
        run = self._current_run(job)
        if job.fate is not None:
            self._note_end(run, job.fate)
            self._max_rss_bytes = higher(self._max_rss_bytes, sane(job.fate.max_rss_bytes))
        if job.previous_fate is not None and is_pending(job):
            self._note_end(run, job.previous_fate)
        elif job.previous_fate is not None and len(self._runs) > 1:
            self._note_end(self._runs[-2], job.previous_fate)
        if run.suspended_seconds and read_state(job.state).is_running:
            self._note_resumed(run, job)
        if run.started_at is not None and not is_pending(job):
            run.cpus, run.memory_bytes = sane(job.allocated.cpus), sane(job.allocated.memory_bytes)

    def use(self, load: Load, begin: float, seconds: float, pieces: Pieces) -> None:
        """Add the load of the job's workers, which lasted ``seconds`` from ``begin`` on."""
        begin, seconds = self._since_start(begin, seconds)
        self._runs[-1].use(load, begin, seconds)
        self.highest.raise_to(load)
        self._track.add(pieces, load.cpu_percent or 0.0, 0.0 if load.threads_busy == 0 else 100.0)
        self._several_workers += load.several_workers * seconds
        self._several_tasks += load.several_tasks * seconds
        self._several_cpu_percent += load.several_cpu_percent * seconds

    def suspend(self, begin: float, seconds: float, *, is_observed: bool) -> None:
        """Add suspended time; what its workers report during that time is outdated."""
        self._runs[-1].suspend(*self._since_start(begin, seconds), is_observed=is_observed)

    def _since_start(self, begin: float, seconds: float) -> tuple[float, float]:
        """Return the part of an interval after the start of the run: a snapshot counts from before it was taken."""
        started_at = self._runs[-1].started_at
        early = min(seconds, started_at - begin) if started_at is not None and started_at > begin else 0.0
        return begin + early, seconds - early

    def report(self, coverage: Coverage, longest_gap_seconds: float, now: float) -> JobReport:
        """Return the report of the job; ``now`` is the time of the last snapshot."""
        job, last = self._job, self._runs[-1]
        spent = [run.seconds(coverage, longest_gap_seconds) for run in self._runs]
        core_use = [
            use_of(seconds, run.cores, run.cpu_seconds_by_slurm) for run, seconds in zip(self._runs, spent, strict=True)
        ]
        core_hours = sum_of_hours(map(hours_of, (run.cpus for run in self._runs), spent, core_use))
        gib_use = [use_of(seconds, run.gib) for run, seconds in zip(self._runs, spent, strict=True)]
        gib_hours = sum_of_hours(map(hours_of, (run.granted_gib for run in self._runs), spent, gib_use))
        never_started = self._first_started_at is None and (is_pending(job) or has_ended(job))
        return JobReport(
            job_id=job.job_id,
            array_job_id=job.array_job_id,
            array_task_id=job.array_task_id,
            name=job.name,
            partition=job.partition,
            state=job.fate.state if job.fate is not None else job.state,
            explanation=job.fate.explanation if job.fate is not None else None,
            ended_badly=ended_badly(job),
            cpus=sane(job.allocated.cpus),
            memory_bytes=sane(job.allocated.memory_bytes),
            time_limit_seconds=sane(job.time_limit_seconds),
            workers_expected=sane(job.workers_expected),
            submitted_at=job.submitted_at,
            started_at=_moment(last.started_at),
            ended_at=_moment(last.ended_at) if has_ended(job) else None,
            runs=0 if self._first_started_at is None else len(self._runs),
            queue_seconds=self._queue_seconds(now),
            elapsed_seconds=0.0 if never_started else sum_of_known(seconds.elapsed for seconds in spent),
            observed_seconds=sum(seconds.observed for seconds in spent),
            with_workers_seconds=sum(seconds.with_workers for seconds in spent),
            core_hours=NOTHING if never_started else core_hours,
            gib_hours=NOTHING if never_started else gib_hours,
            used_core_hours_from=tuple(sorted({use.source for use in core_use if use.source is not None})),
            slurm_tasks=self._slurm_tasks or None,
            peaks=self.highest.peaks(self._max_rss_bytes),
            several_tasks=self._several(),
            lane=self._timeline(),
        )

    def _current_run(self, job: Job) -> Run:
        """Return the current or latest run; a start time later than its own begins another run."""
        run = self._runs[-1]
        if job.started_at is None or read_state(job.state).is_starting:
            return run
        started_at = job.started_at.timestamp()
        if run.started_at is not None and started_at - run.started_at > _SAME_START_SECONDS:
            run = Run()
            self._runs.append(run)
        run.started_at = started_at
        if self._first_started_at is None:
            self._first_started_at = started_at
        return run

    @staticmethod
    def _note_end(run: Run, fate: Fate) -> None:
        if fate.ended_at is not None:
            run.end(fate.ended_at.timestamp())
        run.cpu_seconds_by_slurm = higher(run.cpu_seconds_by_slurm, sane(fate.cpu_seconds))

    @staticmethod
    def _note_resumed(run: Run, job: Job) -> None:
        """Set how long a job was suspended: SLURM moves its end that much beyond its time limit."""
        if run.started_at is not None and job.ends_at is not None and job.time_limit_seconds is not None:
            later_seconds = job.ends_at.timestamp() - run.started_at - job.time_limit_seconds
            if later_seconds > 0:
                run.suspended_seconds = later_seconds

    def _queue_seconds(self, now: float) -> float | None:
        if self._job.submitted_at is None:
            return None
        until = self._first_started_at
        if until is None:
            until = now if is_pending(self._job) else self._runs[-1].ended_at
        return None if until is None else max(0.0, until - self._job.submitted_at.timestamp())

    def _note_steps(self, job: Job) -> None:
        """Add what SLURM has sampled of the job's steps."""
        sampled = [task for task in job.tasks if task.max_rss_bytes is not None]
        if sampled:
            run = self._runs[-1]
            self._slurm_tasks = max(self._slurm_tasks, len(sampled))
            self._max_rss_bytes = higher(self._max_rss_bytes, max(sane(task.max_rss_bytes) or 0 for task in sampled))
            cpu_seconds = sum(sane(task.cpu_seconds) or 0 for task in sampled)
            run.cpu_seconds_by_slurm = higher(run.cpu_seconds_by_slurm, cpu_seconds or None)

    def _several(self) -> SeveralTasks | None:
        workers = self._several_workers
        if not workers:
            return None
        return SeveralTasks(
            worker_seconds=round(workers, 3),
            tasks=round(self._several_tasks / workers, 3),
            cpu_percent=round(self._several_cpu_percent / workers, 1),
        )

    def _timeline(self) -> JobTimeline | None:
        steps = self._track.steps
        if not steps:
            return None
        return JobTimeline(
            first_step=steps.start,
            cpu_percent=self._track.means(0, steps, digits=1),
            with_tasks_percent=self._track.means(1, steps, digits=1),
        )


def _is_running(job: Job) -> bool:
    # While its nodes are being prepared, its start time is not final.
    return (
        job.started_at is not None
        and not read_state(job.state).is_starting
        and not has_ended(job)
        and not is_pending(job)
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else moment(seconds)
