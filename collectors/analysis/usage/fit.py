"""What a better-fitting request would be, in dask-jobqueue's words. Pure; the numbers stand in `headroom`.

A rule looks at a kind of jobs, or at the whole cluster, and says one thing or nothing. None advises less on what was
hardly seen, nor where something has run out.
"""

from collections.abc import Iterator, Sequence

from dasktop.collectors.analysis.usage.fit_cores import cores, processes
from dasktop.collectors.analysis.usage.fit_jobs import fewer_jobs, jobs_by_need
from dasktop.collectors.analysis.usage.fit_memory import memory
from dasktop.collectors.analysis.usage.fit_walltime import walltime
from dasktop.collectors.analysis.usage.headroom import DEFAULTS, Headroom
from dasktop.collectors.analysis.usage.kinds import job_groups
from dasktop.collectors.model.report import Advice, JobReport, Totals
from dasktop.collectors.model.snapshot import Owner


def advise(
    jobs: Sequence[JobReport], totals: Totals, owner: Owner | None, headroom: Headroom = DEFAULTS
) -> tuple[Advice, ...]:
    """Return what is advised: first for the cluster, then for each kind of jobs."""
    started = tuple(job for job in jobs if job.runs)
    fewer = tuple(fewer_jobs(started, totals, owner, headroom))
    of_cluster = fewer or tuple(jobs_by_need(started, totals, owner, headroom))
    # Threads that idle because there is too little to do would idle in jobs of any size.
    return (*of_cluster, *_of_kinds(started, owner, headroom, with_cores=not fewer))


def _of_kinds(
    jobs: Sequence[JobReport], owner: Owner | None, headroom: Headroom, *, with_cores: bool
) -> Iterator[Advice]:
    for kind in sorted(job_groups(jobs), key=lambda kind: kind.core_hours.granted or 0.0, reverse=True):
        yield from memory(kind, owner, headroom)
        if with_cores:
            yield from cores(kind, headroom)
        yield from processes(kind, headroom)
        yield from walltime(kind, headroom)
