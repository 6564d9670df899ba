"""Whether other ``memory=`` would fit better. Pure."""

from collections.abc import Iterator

from dasktop.collectors.analysis.usage.fit_words import (
    in_each,
    memory_request,
    part,
    process_words,
    rounded_memory,
    size,
    some_of,
)
from dasktop.collectors.analysis.usage.headroom import Headroom
from dasktop.collectors.analysis.usage.kinds import JobGroup
from dasktop.collectors.analysis.usage.load import sane
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.report import Advice
from dasktop.collectors.model.snapshot import Owner

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
