"""Whether another number of jobs would fit better. Pure."""

from collections.abc import Iterator, Sequence
from math import ceil

from dasktop.collectors.analysis.usage.headroom import Headroom
from dasktop.collectors.analysis.usage.kinds import job_groups
from dasktop.collectors.model.report import Advice, JobReport, Totals
from dasktop.collectors.model.snapshot import Owner


def fewer_jobs(jobs: Sequence[JobReport], totals: Totals, owner: Owner | None, headroom: Headroom) -> Iterator[Advice]:
    """Advise fewer where most threads of the cluster never had anything to do."""
    peaks, at_once = totals.peaks, totals.jobs_at_once
    if at_once < 2 or not peaks.threads or not peaks.threads_busy or len(job_groups(jobs)) != 1:
        return
    fits = ceil(peaks.threads_busy / (peaks.threads / at_once))
    seconds = sum(job.with_workers_seconds for job in jobs)
    is_few = peaks.threads_busy <= headroom.cores_share * peaks.threads
    if not is_few or fits >= at_once or seconds < headroom.observed_seconds:
        return
    yield Advice(
        parameter="jobs",
        request=f"cluster.adapt(maximum_jobs={fits})" if _is_adaptive(owner) else f"cluster.scale(jobs={fits})",
        instead_of=str(at_once),
        evidence=f"at most {peaks.threads_busy:,} of {peaks.threads:,} threads ever ran at the same time",
        reason="fewer jobs of the same size hold as many; or give them more to do",
        job_ids=tuple(job.job_id for job in jobs),
    )


def jobs_by_need(
    jobs: Sequence[JobReport], totals: Totals, owner: Owner | None, headroom: Headroom
) -> Iterator[Advice]:
    """Advise to let the cluster shrink by itself where nothing ran for much of the time."""
    granted, without_tasks = totals.core_hours.granted, totals.core_hours.without_tasks
    if not granted or not without_tasks or _is_adaptive(owner):
        return
    is_much = without_tasks >= headroom.without_tasks_share * granted
    if not is_much or without_tasks < headroom.without_tasks_core_hours:
        return
    yield Advice(
        parameter="jobs",
        request=f"cluster.adapt(minimum_jobs=0, maximum_jobs={max(1, totals.jobs_at_once)})",
        instead_of=None,
        evidence=f"in {without_tasks / granted:.0%} of the core-hours no task ran",
        reason="adaptive scaling gives idle jobs back, and takes others when there is work again",
        job_ids=tuple(job.job_id for job in jobs),
    )


def _is_adaptive(owner: Owner | None) -> bool:
    return owner is not None and owner.adaptive is not None
