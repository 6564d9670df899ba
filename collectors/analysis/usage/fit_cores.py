"""Whether other ``cores=`` or ``processes=`` would fit better. Pure."""

from collections.abc import Iterator
from math import ceil

from dasktop.collectors.analysis.usage.fit_words import in_each, process_words
from dasktop.collectors.analysis.usage.headroom import Headroom
from dasktop.collectors.analysis.usage.kinds import JobGroup
from dasktop.collectors.model.report import Advice


def cores(kind: JobGroup, headroom: Headroom) -> Iterator[Advice]:
    """Advise fewer where most threads never had anything to do, and nothing else used the CPUs either."""
    threads, busy, cpus = kind.peaks.threads, kind.peaks.threads_busy, kind.cpus
    number = kind.processes
    if not threads or not busy or not cpus or not number or kind.with_workers_seconds < headroom.observed_seconds:
        return
    fits = ceil(max(busy, (kind.peaks.cpu_percent or 0) / 100) / number) * number  # each process gets as many
    # What SLURM counts and the workers don't are programs that tasks start.
    is_workers_use = all("slurm" not in job.used_core_hours_from for job in kind.jobs)
    if busy > headroom.cores_share * threads or fits > headroom.worthwhile_share * cpus or not is_workers_use:
        return
    yield Advice(
        parameter="cores",
        request=f"cores={fits}",
        instead_of=str(cpus),
        evidence=f"{in_each(kind)}, at most {busy:,} of {threads:,} threads ever ran at the same time",
        reason=f"as many as that, the same for each of {process_words(number)}; or give it more to do",
        job_ids=kind.job_ids,
    )


def processes(kind: JobGroup, headroom: Headroom) -> Iterator[Advice]:
    """Advise a process for each thread where Python's interpreter lock lets no two of a process compute at once."""
    several = [job.several_tasks for job in kind.jobs if job.several_tasks is not None]
    seconds = sum(part.worker_seconds for part in several)
    if seconds < headroom.observed_seconds or kind.peaks.threads is None:
        return
    cpu_percent = sum(part.cpu_percent * part.worker_seconds for part in several) / seconds
    tasks = sum(part.tasks * part.worker_seconds for part in several) / seconds
    lowest, highest = headroom.lock_cpu_percent
    if not lowest <= cpu_percent <= highest:
        return
    yield Advice(
        parameter="processes",
        request=f"processes={kind.peaks.threads}",
        instead_of=None if kind.processes is None else str(kind.processes),
        evidence=f"{in_each(kind)}, a process that ran {tasks:.1f} tasks at once used {cpu_percent / 100:.1f} CPUs",
        reason="Python's lock (GIL) lets one thread of a process compute at a time, unless its code lets go of it",
        job_ids=kind.job_ids,
    )
