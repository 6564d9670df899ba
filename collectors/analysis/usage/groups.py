"""Groups jobs with the same allocation, so that one recommendation covers all of them. Pure."""

from collections.abc import Iterable
from functools import reduce
from typing import NamedTuple

from dasktop.collectors.analysis.usage.load import higher, sum_of_hours
from dasktop.collectors.model.report import Hours, JobReport, Peaks


class JobGroup(NamedTuple):
    """Jobs with the same allocation."""

    jobs: tuple[JobReport, ...]

    @property
    def job_ids(self) -> tuple[str, ...]:
        """Ids of all jobs."""
        return tuple(job.job_id for job in self.jobs)

    @property
    def cpus(self) -> int | None:
        """CPUs per job."""
        return self.jobs[0].cpus

    @property
    def memory_bytes(self) -> int | None:
        """Memory per job."""
        return self.jobs[0].memory_bytes

    @property
    def time_limit_seconds(self) -> int | None:
        """Time limit of each job."""
        return self.jobs[0].time_limit_seconds

    @property
    def peaks(self) -> Peaks:
        """The highest values of any job."""
        return reduce(_higher_peaks, (job.peaks for job in self.jobs))

    @property
    def processes(self) -> int | None:
        """Worker processes per job."""
        return self.jobs[0].workers_expected or self.peaks.workers

    @property
    def with_workers_seconds(self) -> float:
        """Observed time with workers, summed over all jobs."""
        return sum(job.with_workers_seconds for job in self.jobs)

    @property
    def core_hours(self) -> Hours:
        """Core-hours of all jobs."""
        return sum_of_hours(job.core_hours for job in self.jobs)

    @property
    def gib_hours(self) -> Hours:
        """GiB-hours of all jobs."""
        return sum_of_hours(job.gib_hours for job in self.jobs)


def job_groups(jobs: Iterable[JobReport]) -> tuple[JobGroup, ...]:
    """Return the jobs grouped by what they were allocated or requested, in the order of their first jobs."""
    groups: dict[tuple[int | None, ...], list[JobReport]] = {}
    for job in jobs:
        key = (job.cpus, job.memory_bytes, job.time_limit_seconds, job.workers_expected)
        groups.setdefault(key, []).append(job)
    return tuple(JobGroup(tuple(group)) for group in groups.values())


def _higher_peaks(one: Peaks, other: Peaks) -> Peaks:
    largest = max(one, other, key=lambda peaks: peaks.worker_memory_bytes or 0)
    return Peaks(
        workers=higher(one.workers, other.workers),
        threads=higher(one.threads, other.threads),
        threads_busy=higher(one.threads_busy, other.threads_busy),
        cpu_percent=higher(one.cpu_percent, other.cpu_percent),
        memory_bytes=higher(one.memory_bytes, other.memory_bytes),
        worker_memory_bytes=largest.worker_memory_bytes,
        worker_memory_limit_bytes=largest.worker_memory_limit_bytes,
        worker_spilled_bytes=higher(one.worker_spilled_bytes, other.worker_spilled_bytes),
        max_rss_bytes=higher(one.max_rss_bytes, other.max_rss_bytes),
    )
