"""How a job ended, as text: why, who released it as far as that is known, how long it ran, what it used. Pure."""

from dasktop.collectors.model.snapshot import Job
from dasktop.collectors.text.format import plain_duration
from dasktop.tui.draw.numbers import percent_text, share


def ran_seconds(job: Job) -> float | None:
    """Return how long an ended job ran; ``None`` if that is unknown, or if it never started."""
    ended_at = job.fate.ended_at if job.fate is not None else None
    if job.started_at is None or ended_at is None or ended_at < job.started_at:
        return None
    return (ended_at - job.started_at).total_seconds()


def why_ended(job: Job) -> str:
    """Return why a job ended, and who released it; empty if unknown.

    Accounting takes precedence over the queue, which knows only a reason. SLURM says who cancelled a job; dasktop, or
    the cluster object that released it, is only named if that is certain (`Fate.released_by`).
    """
    return job.fate.explanation if job.fate is not None else job.reason or ""


def cpu_percent(job: Job) -> int | None:
    """Return the CPU time of an ended job, as a share of its CPUs while it ran; ``None`` if that is unknown."""
    used, cpus, ran = job.fate.cpu_seconds if job.fate is not None else None, job.allocated.cpus, ran_seconds(job)
    return None if used is None or not cpus or not ran else share(used, cpus * ran)


def ended_words(job: Job, *, with_use: bool = True) -> str:
    """Return why a job ended, how long it ran, and what it used: ``cancelled by user bob; ran 50 min, 80% CPU``."""
    ran, percent = ran_seconds(job), cpu_percent(job) if with_use else None
    used = "" if percent is None else f", {percent_text(percent)} CPU"
    return "; ".join(filter(None, (why_ended(job), f"ran {plain_duration(ran)}{used}" if ran is not None else "")))
