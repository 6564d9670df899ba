"""What a better-fitting request would be, in dask-jobqueue's words. Pure; the numbers stand in `headroom`.

A rule looks at a kind of jobs, or at the whole cluster, and says one thing or nothing. None advises less on what was
hardly seen, nor where something has run out.
"""

from collections.abc import Iterator, Sequence
from math import ceil

from dasktop.collectors.analysis.usage.groups import JobGroup, job_groups
from dasktop.collectors.analysis.usage.load import sane
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.report import Advice, JobReport, Totals
from dasktop.collectors.model.snapshot import Owner, Record
from dasktop.collectors.text.format import clock_duration, counted, plain_duration

_GB, _MB = 10**9, 10**6
_STEPS = ((4 * _GB, _GB), (_GB, _GB // 2), (0, 100 * _MB))
"""From so much on, memory is asked for in steps of so much."""


def rounded_memory(amount_bytes: float) -> int:
    """Return an amount that one would ask for, and that is not less."""
    step = next(step for least, step in _STEPS if amount_bytes >= least)
    return max(step, ceil(amount_bytes / step) * step)


def memory_request(amount_bytes: float) -> str:
    """Return ``8GB``, ``1.5GB``, ``600MB``."""
    amount = round(amount_bytes / _MB)
    return f"{amount}MB" if amount < 1000 else f"{amount / 1000:.1f}".removesuffix(".0") + "GB"


def size(amount_bytes: float) -> str:
    """Return ``1.1 GB``, ``12 GB``, ``640 MB``."""
    if amount_bytes < _GB:
        return f"{amount_bytes / _MB:.0f} MB"
    return f"{amount_bytes / _GB:.1f} GB" if amount_bytes < 10 * _GB else f"{amount_bytes / _GB:.0f} GB"


def part(amount_bytes: float, whole_bytes: float | None) -> str:
    """Return ``1.1 of 4.0 GB``."""
    if whole_bytes is None:
        return size(amount_bytes)
    amount, whole = size(amount_bytes), size(whole_bytes)
    unit = whole[-3:]
    return f"{amount.removesuffix(unit)} of {whole}"


def in_each(kind: JobGroup) -> str:
    """Return ``in each of 8 jobs``; ``in job 4709`` of one."""
    return f"in each of {len(kind.jobs):,} jobs" if len(kind.jobs) > 1 else f"in job {kind.jobs[0].job_id}"


def some_of(number: int, kind: JobGroup) -> str:
    """Return ``2 of 8 jobs``; ``the only job`` of one."""
    return f"{number:,} of {counted(len(kind.jobs), 'job')}" if len(kind.jobs) > 1 else f"job {kind.jobs[0].job_id}"


def process_words(number: int) -> str:
    """Return ``1 process``, ``4 processes``."""
    return "1 process" if number == 1 else f"{number:,} processes"


class Headroom(Record, frozen=True, kw_only=True):
    """Enough room that nobody runs into a limit by following the advice."""

    observed_seconds: float = 600.0
    """With workers, all jobs of a kind together. What was seen for a shorter time proves nothing."""
    memory_share: float = 0.6
    """Of its memory limit, a process may use so much at its peak: dask spills to disk from 60 to 70 % on."""
    memory_pause_share: float = 0.8
    """From here on dask starts no more tasks in a process."""
    memory_after_kill: float = 1.5
    """Where memory ran out, at least so many times what there was."""
    worthwhile_share: float = 0.75
    """Less than so much of what was asked for is worth asking for."""
    cores_share: float = 0.5
    """Where no more than so many of the threads ever ran, fewer will do."""
    walltime_share: float = 0.5
    """Where no job took more than so much of its time limit, a shorter one will do,"""
    walltime_room: float = 1.25
    """which leaves so much more than the longest took, in steps of"""
    walltime_step_seconds: int = 600
    walltime_after_end: int = 2
    """Where jobs reached their time limit, so many times that."""
    without_tasks_share: float = 0.25
    """Where no task ran in so much of what was granted, the cluster had better shrink by itself."""
    without_tasks_core_hours: float = 0.1
    """Less than that isn't worth a word."""
    lock_cpu_percent: tuple[float, float] = (60.0, 130.0)
    """A process that runs several tasks at once and uses so much CPU is held by the interpreter's lock: it computes,
    and no more than one thread of it at a time."""


DEFAULTS = Headroom()


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


OUT_OF_MEMORY = "OUT_OF_MEMORY"


def memory(kind: JobGroup, owner: Owner | None, headroom: Headroom) -> Iterator[Advice]:
    """Advise more where memory ran out or was short, less where much of it was never used."""
    asked = _asked(kind, owner)
    if asked is None:
        return
    peaks, number = kind.peaks, kind.processes or 1
    used, spilled = peaks.worker_memory_bytes or 0, peaks.worker_spilled_bytes or 0
    fits = max(number * (used + spilled), peaks.max_rss_bytes or 0) / headroom.memory_share
    killed = sum(read_state(job.state).name == OUT_OF_MEMORY for job in kind.jobs)
    reason = f"a process then uses at most {headroom.memory_share:.0%} of its limit; above, dask moves results to disk"
    if killed:
        held = f"; one SLURM task held {size(peaks.max_rss_bytes)}" if peaks.max_rss_bytes else ""
        evidence = f"{some_of(killed, kind)} ran out of memory{held}"
        fits = max(fits, headroom.memory_after_kill * asked)
        reason = f"{headroom.memory_after_kill:g} times what it was, or more by what was seen"
    elif _was_short(kind, headroom) and fits > asked:
        disk = f" and had moved {size(spilled)} to disk" if spilled else ""
        evidence = f"{in_each(kind)}, a process held up to {part(used, peaks.worker_memory_limit_bytes)}{disk}"
    elif spilled == 0 and _was_seen(kind, headroom) and rounded_memory(fits) <= headroom.worthwhile_share * asked:
        evidence = f"{in_each(kind)}, {_used_at_most(kind, asked, headroom)}"
    else:
        return
    yield Advice(
        parameter="memory",
        request=f'memory="{memory_request(rounded_memory(fits))}"',
        instead_of=memory_request(asked),
        evidence=evidence,
        reason=reason,
        job_ids=kind.job_ids,
    )


def _asked(kind: JobGroup, owner: Owner | None) -> int | None:
    """Return what ``memory=`` was: what the owner says, else the limits of all processes, else what SLURM granted."""
    told = sane(owner.memory_per_job_bytes) if owner is not None and owner.cores_per_job == kind.cpus else None
    if told:
        return told
    limit = kind.peaks.worker_memory_limit_bytes
    return kind.processes * limit if kind.processes and limit else kind.memory_bytes


def _was_short(kind: JobGroup, headroom: Headroom) -> bool:
    used, limit = kind.peaks.worker_memory_bytes, kind.peaks.worker_memory_limit_bytes
    is_high = bool(used and limit) and (used or 0) >= headroom.memory_pause_share * (limit or 0)
    return is_high or bool(kind.peaks.worker_spilled_bytes)


def _was_watched(kind: JobGroup, headroom: Headroom) -> bool:
    return kind.with_workers_seconds >= headroom.observed_seconds and kind.peaks.worker_memory_bytes is not None


def _was_seen(kind: JobGroup, headroom: Headroom) -> bool:
    """Whether the highest use is known: it was watched for long enough, or SLURM has sampled it for so long."""
    sampled = [job for job in kind.jobs if job.peaks.max_rss_bytes is not None and job.slurm_tasks == 1]
    is_sampled = len(sampled) == len(kind.jobs)
    seconds = sum(job.elapsed_seconds or 0.0 for job in sampled)
    return _was_watched(kind, headroom) or (is_sampled and seconds >= headroom.observed_seconds)


def _used_at_most(kind: JobGroup, asked: int, headroom: Headroom) -> str:
    peaks, number = kind.peaks, kind.processes or 1
    if _was_watched(kind, headroom):
        each = " each" if number > 1 else ""
        most = part(peaks.worker_memory_bytes or 0, peaks.worker_memory_limit_bytes)
        return f"{process_words(number)} used at most {most}{each}"
    seen = max(number * (peaks.worker_memory_bytes or 0), peaks.max_rss_bytes or 0)
    return f"at most {part(seen, asked)} were in use, as SLURM has sampled it"


TIMEOUT = "TIMEOUT"


def walltime(kind: JobGroup, headroom: Headroom) -> Iterator[Advice]:
    """Advise more where jobs reached their limit, less where all have ended long before."""
    limit = kind.time_limit_seconds
    ended = [job for job in kind.jobs if job.ended_at is not None]
    if not limit or not ended:
        return
    reached = sum(read_state(job.state).name == TIMEOUT for job in ended)
    longest = max((job.elapsed_seconds or 0.0) / max(1, job.runs) for job in ended)
    step = headroom.walltime_step_seconds
    if reached:
        fits = headroom.walltime_after_end * limit
        evidence = f"{some_of(reached, kind)} reached the time limit of {plain_duration(limit)}"
        reason = 'or let workers end in time: worker_extra_args=["--lifetime", …]'
    elif len(ended) == len(kind.jobs) and longest <= headroom.walltime_share * limit:
        fits = max(step, ceil(headroom.walltime_room * longest / step) * step)
        evidence = f"{in_each(kind)}, at most {plain_duration(round(longest))} of {plain_duration(limit)} were used"
        reason = "SLURM finds room for short jobs sooner"
        if fits > headroom.worthwhile_share * limit:
            return
    else:
        return
    yield Advice(
        parameter="walltime",
        request=f'walltime="{clock_duration(fits)}"',
        instead_of=clock_duration(limit),
        evidence=evidence,
        reason=reason,
        job_ids=kind.job_ids,
    )


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
