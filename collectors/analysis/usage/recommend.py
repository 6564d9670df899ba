"""Recommends requests that fit better, as arguments of dask-jobqueue. Pure; its limits are in `Headroom`.

Each rule looks at a group of jobs, or at the whole cluster, and yields at most one recommendation. None recommends a
smaller request after a short observation, or if jobs have run out of memory or time.
"""

from collections.abc import Iterator, Sequence
from math import ceil

from dasktop.collectors.analysis.usage.groups import JobGroup, job_groups
from dasktop.collectors.analysis.usage.load import sane
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import squeue_id
from dasktop.collectors.model.record import Record
from dasktop.collectors.model.report import Advice, JobReport, Totals
from dasktop.collectors.model.snapshot import Owner
from dasktop.collectors.text.format import argument_size, clock_duration, counted, decimal_size, plain_duration

_GB, _MB = 10**9, 10**6
_STEPS = ((4 * _GB, _GB), (_GB, _GB // 2), (0, 100 * _MB))
"""From the first amount on, requests are multiples of the second."""


def rounded_memory(amount_bytes: float) -> int:
    """Return the amount rounded up to a usual request."""
    step = next(step for least, step in _STEPS if amount_bytes >= least)
    return max(step, ceil(amount_bytes / step) * step)


def part_of(amount_bytes: float, whole_bytes: float | None) -> str:
    """Return ``1.1 of 4.0 GB``."""
    if whole_bytes is None:
        return decimal_size(amount_bytes)
    amount, whole = decimal_size(amount_bytes), decimal_size(whole_bytes)
    unit = whole[-3:]
    return f"{amount.removesuffix(unit)} of {whole}"


def in_each(group: JobGroup) -> str:
    """Return ``in each of 8 jobs``, or ``in job 4709`` for one."""
    first, *others = group.jobs
    return f"in each of {len(group.jobs):,} jobs" if others else f"in job {squeue_id(first)}"


def share_of(number: int, group: JobGroup) -> str:
    """Return ``2 of 8 jobs``, or ``job 4709`` for one."""
    first, *others = group.jobs
    return f"{number:,} of {counted(len(group.jobs), 'job')}" if others else f"job {squeue_id(first)}"


def process_words(number: int) -> str:
    """Return ``1 process``, ``4 processes``."""
    return "1 process" if number == 1 else f"{number:,} processes"


class Headroom(Record, frozen=True, kw_only=True):
    """Limits of the recommendations, and the margins that they leave."""

    observed_seconds: float = 600.0
    """Shortest observed time with workers, summed over the jobs of a group, for recommending less."""
    memory_share: float = 0.6
    """Share of its memory limit that a process may use at its peak: dask starts to spill at 60 to 70 %."""
    memory_pause_share: float = 0.8
    """Share of its memory limit at which dask pauses a worker."""
    memory_after_kill: float = 1.5
    """Factor on the memory of jobs that ran out of memory, or whose workers were killed because of theirs."""
    worthwhile_share: float = 0.75
    """A smaller request is recommended only if it is at most this share of the old one."""
    cores_share: float = 0.5
    """Fewer cores or jobs are recommended if at most this share of the threads was ever busy."""
    walltime_share: float = 0.5
    """A shorter walltime is recommended if no job took more than this share of its time limit."""
    walltime_room: float = 1.25
    """Factor on the time that the longest job took."""
    walltime_step_seconds: int = 600
    """Recommended walltimes are multiples of this."""
    walltime_after_end: int = 2
    """Factor on the time limit of jobs that reached it."""
    without_tasks_share: float = 0.25
    """Adaptive scaling is recommended if no task ran in at least this share of the core-hours."""
    without_tasks_core_hours: float = 0.1
    """Adaptive scaling is recommended if no task ran in at least this many core-hours."""
    lock_cpu_percent: tuple[float, float] = (60.0, 130.0)
    """A process that runs several tasks at once and uses CPU in this range is limited by the GIL: only one of its
    threads computes at a time."""


DEFAULTS = Headroom()


def cores(group: JobGroup, headroom: Headroom) -> Iterator[Advice]:
    """Recommend fewer cores if most threads were never busy and nothing else used the CPUs."""
    threads, busy, cpus = group.peaks.threads, group.peaks.threads_busy, group.cpus
    number = group.processes
    if not threads or not busy or not cpus or not number or group.with_workers_seconds < headroom.observed_seconds:
        return
    busy_cores = max(busy, (group.peaks.cpu_percent or 0) / 100)
    fitting = ceil(busy_cores / number) * number  # the same number for each process
    # CPU time that only SLURM counts is that of programs that tasks start.
    is_workers_use = all("slurm" not in job.used_core_hours_from for job in group.jobs)
    if busy > headroom.cores_share * threads or fitting > headroom.worthwhile_share * cpus or not is_workers_use:
        return
    yield Advice(
        parameter="cores",
        request=f"cores={fitting}",
        instead_of=str(cpus),
        evidence=f"{in_each(group)}, at most {busy:,} of {threads:,} threads were busy at the same time",
        reason=f"enough for these, with the same number for each of {process_words(number)}; or submit more tasks",
        job_ids=group.job_ids,
    )


def processes(group: JobGroup, headroom: Headroom) -> Iterator[Advice]:
    """Recommend one process per thread if the GIL lets only one thread of a process compute at a time."""
    several = [job.several_tasks for job in group.jobs if job.several_tasks is not None]
    seconds = sum(part.worker_seconds for part in several)
    if seconds < headroom.observed_seconds or group.peaks.threads is None:
        return
    cpu_percent = sum(part.cpu_percent * part.worker_seconds for part in several) / seconds
    tasks = sum(part.tasks * part.worker_seconds for part in several) / seconds
    lowest, highest = headroom.lock_cpu_percent
    if not lowest <= cpu_percent <= highest:
        return
    yield Advice(
        parameter="processes",
        request=f"processes={group.peaks.threads}",
        instead_of=None if group.processes is None else str(group.processes),
        evidence=f"{in_each(group)}, a process that ran {tasks:.1f} tasks at once used {cpu_percent / 100:.1f} CPUs",
        reason="the GIL lets one thread per process run Python code at a time, unless the code releases it",
        job_ids=group.job_ids,
    )


def memory(group: JobGroup, owner: Owner | None, headroom: Headroom) -> Iterator[Advice]:
    """Recommend more memory if it ran out or was short, less if much of it was never used."""
    asked = _asked(group, owner)
    if asked is None:
        return
    peaks, number = group.peaks, group.processes or 1
    used, spilled = peaks.worker_memory_bytes or 0, peaks.worker_spilled_bytes or 0
    fitting = max(number * (used + spilled), peaks.max_rss_bytes or 0) / headroom.memory_share
    out_of_memory = sum(read_state(job.state).is_out_of_memory for job in group.jobs)
    reason = (
        f"a process then uses at most {headroom.memory_share:.0%} of its limit; above that, dask spills results to disk"
    )
    kills = sum(job.memory_kills or 0 for job in group.jobs)
    if out_of_memory:
        used_words = f"; one SLURM task used {decimal_size(peaks.max_rss_bytes)}" if peaks.max_rss_bytes else ""
        evidence = f"{share_of(out_of_memory, group)} ran out of memory{used_words}"
        fitting = max(fitting, headroom.memory_after_kill * asked)
        reason = f"{headroom.memory_after_kill:g} times the old request, or more if more was used"
    elif kills:
        subject = f"nannies killed workers {kills:,} times" if kills > 1 else "a nanny killed a worker"
        most = f"; a process used up to {part_of(used, peaks.worker_memory_limit_bytes)}" if used else ""
        evidence = f"{share_of(sum(map(_has_kills, group.jobs)), group)}: {subject} because of the memory use{most}"
        fitting = max(fitting, headroom.memory_after_kill * asked)
        reason = (
            f"{headroom.memory_after_kill:g} times the old request, or more if more was used; or use smaller "
            f"partitions{'' if group.processes == 1 else ', or fewer processes per job'}"
        )
    elif _was_short(group, headroom) and fitting > asked:
        disk = f" and had spilled {decimal_size(spilled)} to disk" if spilled else ""
        evidence = f"{in_each(group)}, a process used up to {part_of(used, peaks.worker_memory_limit_bytes)}{disk}"
    elif (
        spilled == 0
        and _is_peak_known(group, headroom)
        and rounded_memory(fitting) <= headroom.worthwhile_share * asked
    ):
        evidence = f"{in_each(group)}, {_used_at_most(group, asked, headroom)}"
    else:
        return
    yield Advice(
        parameter="memory",
        request=f'memory="{argument_size(rounded_memory(fitting))}"',
        instead_of=argument_size(asked),
        evidence=evidence,
        reason=reason,
        job_ids=group.job_ids,
    )


def _has_kills(job: JobReport) -> bool:
    return bool(job.memory_kills)


def _asked(group: JobGroup, owner: Owner | None) -> int | None:
    """Return what ``memory=`` was: the owner's value, else the sum of the processes' limits, else the allocation."""
    reported = sane(owner.memory_per_job_bytes) if owner is not None and owner.cores_per_job == group.cpus else None
    if reported:
        return reported
    limit = group.peaks.worker_memory_limit_bytes
    return group.processes * limit if group.processes and limit else group.memory_bytes


def _was_short(group: JobGroup, headroom: Headroom) -> bool:
    used, limit = group.peaks.worker_memory_bytes, group.peaks.worker_memory_limit_bytes
    is_high = bool(used and limit) and (used or 0) >= headroom.memory_pause_share * (limit or 0)
    return is_high or bool(group.peaks.worker_spilled_bytes)


def _was_observed(group: JobGroup, headroom: Headroom) -> bool:
    return group.with_workers_seconds >= headroom.observed_seconds and group.peaks.worker_memory_bytes is not None


def _is_peak_known(group: JobGroup, headroom: Headroom) -> bool:
    """Whether the peak use is known: it was observed, or sampled by SLURM, for long enough."""
    sampled = [job for job in group.jobs if job.peaks.max_rss_bytes is not None and job.slurm_tasks == 1]
    is_sampled = len(sampled) == len(group.jobs)
    seconds = sum(job.elapsed_seconds or 0.0 for job in sampled)
    return _was_observed(group, headroom) or (is_sampled and seconds >= headroom.observed_seconds)


def _used_at_most(group: JobGroup, asked: int, headroom: Headroom) -> str:
    peaks, number = group.peaks, group.processes or 1
    if _was_observed(group, headroom):
        each = " each" if number > 1 else ""
        most = part_of(peaks.worker_memory_bytes or 0, peaks.worker_memory_limit_bytes)
        return f"{process_words(number)} used at most {most}{each}"
    seen = max(number * (peaks.worker_memory_bytes or 0), peaks.max_rss_bytes or 0)
    return f"at most {part_of(seen, asked)} were used, as sampled by SLURM"


def walltime(group: JobGroup, headroom: Headroom) -> Iterator[Advice]:
    """Recommend more walltime if jobs reached their limit, less if all ended long before it."""
    limit = group.time_limit_seconds
    ended = [job for job in group.jobs if job.ended_at is not None]
    if not limit or not ended:
        return
    reached = sum(read_state(job.state).is_timeout for job in ended)
    longest = max((job.elapsed_seconds or 0.0) / max(1, job.runs) for job in ended)
    step = headroom.walltime_step_seconds
    if reached:
        fitting = headroom.walltime_after_end * limit
        evidence = f"{share_of(reached, group)} reached the time limit of {plain_duration(limit)}"
        reason = 'or let workers retire before it ends: worker_extra_args=["--lifetime", …]'
    elif len(ended) == len(group.jobs) and longest <= headroom.walltime_share * limit:
        fitting = max(step, ceil(headroom.walltime_room * longest / step) * step)
        evidence = f"{in_each(group)}, at most {plain_duration(round(longest))} of {plain_duration(limit)} were used"
        reason = "SLURM can start shorter jobs sooner (backfill)"
        if fitting > headroom.worthwhile_share * limit:
            return
    else:
        return
    yield Advice(
        parameter="walltime",
        request=f'walltime="{clock_duration(fitting)}"',
        instead_of=clock_duration(limit),
        evidence=evidence,
        reason=reason,
        job_ids=group.job_ids,
    )


def fewer_jobs(jobs: Sequence[JobReport], totals: Totals, owner: Owner | None, headroom: Headroom) -> Iterator[Advice]:
    """Recommend fewer jobs if most threads of the cluster were never busy."""
    peaks, at_once = totals.peaks, totals.jobs_at_once
    if at_once < 2 or not peaks.threads or not peaks.threads_busy or len(job_groups(jobs)) != 1:
        return
    fitting = ceil(peaks.threads_busy / (peaks.threads / at_once))
    seconds = sum(job.with_workers_seconds for job in jobs)
    is_few = peaks.threads_busy <= headroom.cores_share * peaks.threads
    if not is_few or fitting >= at_once or seconds < headroom.observed_seconds:
        return
    yield Advice(
        parameter="jobs",
        request=f"cluster.adapt(maximum_jobs={fitting})" if _is_adaptive(owner) else f"cluster.scale(jobs={fitting})",
        instead_of=str(at_once),
        evidence=f"at most {peaks.threads_busy:,} of {peaks.threads:,} threads were busy at the same time",
        reason="fewer jobs of the same size have enough threads for that; or submit more tasks",
        job_ids=tuple(job.job_id for job in jobs),
    )


def jobs_by_need(
    jobs: Sequence[JobReport], totals: Totals, owner: Owner | None, headroom: Headroom
) -> Iterator[Advice]:
    """Recommend adaptive scaling if no task ran for much of the time."""
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
        evidence=f"no task ran in {without_tasks / granted:.0%} of the core-hours",
        reason="adaptive scaling releases idle jobs and submits new ones when there is work again",
        job_ids=tuple(job.job_id for job in jobs),
    )


def _is_adaptive(owner: Owner | None) -> bool:
    return owner is not None and owner.adaptive is not None


def advise(
    jobs: Sequence[JobReport], totals: Totals, owner: Owner | None, headroom: Headroom = DEFAULTS
) -> tuple[Advice, ...]:
    """Return all recommendations: for the cluster first, then for each group of jobs."""
    started = tuple(job for job in jobs if job.runs)
    fewer = tuple(fewer_jobs(started, totals, owner, headroom))
    of_cluster = fewer or tuple(jobs_by_need(started, totals, owner, headroom))
    # If the cluster has too few tasks, threads are idle in jobs of any size.
    return (*of_cluster, *_of_groups(started, owner, headroom, with_cores=not fewer))


def _of_groups(
    jobs: Sequence[JobReport], owner: Owner | None, headroom: Headroom, *, with_cores: bool
) -> Iterator[Advice]:
    for group in sorted(job_groups(jobs), key=lambda group: group.core_hours.granted or 0.0, reverse=True):
        yield from memory(group, owner, headroom)
        if with_cores:
            yield from cores(group, headroom)
        yield from processes(group, headroom)
        yield from walltime(group, headroom)
