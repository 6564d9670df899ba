"""What a report says in words, the same in the text and on the page. Pure."""

from typing import NamedTuple

from dasktop.collectors.model.report import Hours, JobReport, Report
from dasktop.collectors.text.format import counted
from dasktop.tui.draw.numbers import UNKNOWN, percent, percent_text
from dasktop.tui.draw.times import local, span

_WORTH_A_WORD = 0.005


NO_ADVICE = "Nothing is advised: what was asked for fits, or too little was seen."


class Part(NamedTuple):
    """What became of a part of what was granted."""

    field: str
    """Of `Hours`."""
    name: str
    meaning: str


PARTS = (
    Part("used", "used", "busy cores, and memory held, as dask tells or, where that is more, SLURM"),
    Part("idle", "idle", "granted and not used, while there were workers and somebody looked"),
    Part("waiting_for_first_worker", "no worker yet", "from a job's start to its first worker"),
    Part("without_workers", "no worker left", "between workers, or after the last one"),
    Part("unobserved", "not observed", "before the first snapshot, in gaps between them, or while dask was silent"),
)
"""In the order in which they are shown; together they are what was granted."""


def title(report: Report) -> str:
    """Return what names the cluster."""
    return " · ".join(name for name in (report.scheduler_address, report.cluster_name) if name) or "no scheduler"


def period(report: Report) -> str:
    """Return from when to when, in the viewer's local time, and how often was looked."""
    begin, end = local(report.begins_at), local(report.ends_at)
    if report.snapshots == 1:
        return f"one look, {end:%Y-%m-%d %H:%M %Z}"
    last = f"{end:%H:%M}" if begin.date() == end.date() else f"{end:%Y-%m-%d %H:%M}"
    length = span((end - begin).total_seconds())
    whole = report.snapshots + report.snapshots_skipped
    number = f"{report.snapshots:,} of {whole:,}" if report.snapshots_skipped else f"{whole:,}"
    return f"{begin:%Y-%m-%d %H:%M} to {last} {end:%Z} ({length}), {number} snapshots"


def jobs_words(report: Report) -> str:
    """Return how many jobs there are, and how many of them ended badly or never started."""
    totals = report.totals
    words = [counted(totals.jobs, "job"), f"up to {totals.jobs_at_once:,} at once"]
    if totals.jobs_ended_badly:
        words.append(f"{totals.jobs_ended_badly:,} ended badly")
    if totals.jobs_never_started:
        words.append(f"{totals.jobs_never_started:,} not started")
    return ", ".join(words)


def remarks(report: Report) -> list[str]:
    """Return what one should know beside the figures."""
    totals, hours = report.totals, report.totals.core_hours
    said = []
    if report.snapshots == 1:
        said.append(
            "This is one look: CPU time is what SLURM has accounted since each job's start, up to a minute or so ago. "
            "Whether the rest was idle, or there was no worker, nobody has seen. What went on over time, and what "
            "became of jobs that the cluster no longer counts, only a recording tells: dasktop --record FILE."
        )
    if _is_much(hours.without_tasks, hours):
        said.append(f"In {share_text(hours.without_tasks, hours.granted)} of the core-hours, no task ran.")
    if totals.queue_seconds and totals.jobs:
        said.append(f"A job waited {span(totals.queue_seconds / totals.jobs)} in the queue, on average.")
    if totals.jobs_unknown:
        unknown = counted(totals.jobs_unknown, "job")
        said.append(f"What was granted is without {unknown} of which SLURM tells too little.")
    return said


def job_label(job: JobReport) -> str:
    """Return the job's id, of an array's job with its place: ``54_1``."""
    if job.array_job_id is not None and job.array_task_id is not None:
        return f"{job.array_job_id}_{job.array_task_id}"
    return job.job_id


def amount(hours: float | None, beside: float | None = None) -> str:
    """Return so many hours, with as many digits as a larger number of them that stands in the same column."""
    if hours is None:
        return UNKNOWN
    size = hours if beside is None else beside
    digits = 0 if size >= 1000 else 1 if size >= 10 else 2 if size >= 1 or size == 0 else 3
    return f"{hours:,.{digits}f}"


def share_text(part: float | None, whole: float | None) -> str:
    """Return ``26%``; ``–`` where it isn't known, or of nothing."""
    return percent_text(percent(100 * part / whole)) if part is not None and whole else UNKNOWN


def part_of(hours: Hours, part: Part) -> float | None:
    """Return this part of the hours."""
    value: float | None = getattr(hours, part.field)
    return value


def is_worth_a_line(report: Report, part: Part) -> bool:
    """Whether there is anything of it: what is used and idle is always told."""
    if part.field in ("used", "idle"):
        return True
    hours = (report.totals.core_hours, report.totals.gib_hours)
    return any(_is_much(part_of(kind, part), kind) for kind in hours)


def memory_share(job: JobReport) -> str:
    """Return the most memory that was in use, of what was granted."""
    known = [value for value in (job.peaks.memory_bytes, job.peaks.max_rss_bytes) if value is not None]
    return share_text(max(known, default=None), job.memory_bytes)


def empty(hours: Hours) -> float | None:
    """Return the hours without workers, before the first one and later."""
    known = [value for value in (hours.waiting_for_first_worker, hours.without_workers) if value is not None]
    return sum(known) if known else None


def _is_much(value: float | None, hours: Hours) -> bool:
    return bool(value and hours.granted and value >= _WORTH_A_WORD * hours.granted)
