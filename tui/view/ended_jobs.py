"""How a job ended, as text: why, who released it as far as that is known, and how long it ran. Pure."""

from dasktop.collectors.model.snapshot import Job
from dasktop.collectors.text.format import plain_duration


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


def ended_words(job: Job) -> str:
    """Return why a job ended, and how long it ran: ``cancelled by user bob; ran 50 min``."""
    ran = ran_seconds(job)
    return "; ".join(filter(None, (why_ended(job), f"ran {plain_duration(ran)}" if ran is not None else "")))
