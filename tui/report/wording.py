"""Texts of a usage report, shared by the plain text and the HTML page. Pure."""

from typing import NamedTuple

from dasktop.collectors.model.report import Hours, JobReport, Report, TaskTime
from dasktop.collectors.model.sums import sum_of_known
from dasktop.collectors.text.format import counted, whole_minutes
from dasktop.tui.draw.numbers import UNKNOWN, percent_text, share
from dasktop.tui.draw.times import local

_SHOWN_FROM = 0.005


NO_ADVICE = "No recommendations: the requests fit, or there are too few observations."


class Part(NamedTuple):
    """A part of the granted hours."""

    field: str
    """The field of `Hours`."""
    name: str
    meaning: str


PARTS = (
    Part("used", "used", "busy cores and memory in use, from dask or SLURM, whichever is larger"),
    Part("idle", "idle", "not used, while there were workers and they were observed"),
    Part("waiting_for_first_worker", "no worker yet", "from the job's start to its first worker"),
    Part("without_workers", "no worker left", "between workers, or after the last one"),
    Part("unobserved", "not observed", "before the first snapshot, in gaps between them, or while dask did not answer"),
)
"""In display order; they add up to the granted hours."""


class TimePart(NamedTuple):
    """A part of the time of tasks."""

    field: str
    """The field of `TaskTime`."""
    name: str
    meaning: str


TIME_PARTS = (
    TimePart("compute_hours", "compute", "using the CPU"),
    TimePart("waiting_hours", "waiting", "on a thread without using the CPU: for the GIL, files or the network"),
    TimePart("spill_hours", "spill", "results to disk and back"),
    TimePart("deserialize_hours", "deser.", "deserializing tasks and their inputs"),
    TimePart("failed_hours", "failed", "in tasks that failed"),
    TimePart("other_hours", "other", "anything else"),
    TimePart("transfer_hours", "transfer", "waiting for inputs from other workers; not in the hours"),
)
"""In display order. All but the last add up to the hours."""


def time_share(time: TaskTime, part: TimePart) -> str:
    """Return a part as a share of the hours."""
    value: float | None = getattr(time, part.field)
    return share_text(value, time.total_hours)


def title(report: Report) -> str:
    """Return the scheduler's address and the cluster's name."""
    return " · ".join(name for name in (report.scheduler_address, report.cluster_name) if name) or "no scheduler"


def period(report: Report) -> str:
    """Return the period in local time, and the number of snapshots."""
    begin, end = local(report.begins_at), local(report.ends_at)
    if report.snapshots == 1:
        return f"one snapshot, {end:%Y-%m-%d %H:%M %Z}"
    last = f"{end:%H:%M}" if begin.date() == end.date() else f"{end:%Y-%m-%d %H:%M}"
    length = whole_minutes((end - begin).total_seconds())
    whole = report.snapshots + report.snapshots_skipped
    number = f"{report.snapshots:,} of {whole:,}" if report.snapshots_skipped else f"{whole:,}"
    return f"{begin:%Y-%m-%d %H:%M} to {last} {end:%Z} ({length}), {number} snapshots"


def jobs_words(report: Report) -> str:
    """Return the number of jobs, and of those that ended badly or never started."""
    totals = report.totals
    texts = [counted(totals.jobs, "job"), f"up to {totals.jobs_at_once:,} at once"]
    if totals.jobs_ended_badly:
        texts.append(f"{totals.jobs_ended_badly:,} ended badly")
    if totals.jobs_never_started:
        texts.append(f"{totals.jobs_never_started:,} not started")
    return ", ".join(texts)


def remarks(report: Report) -> list[str]:
    """Return notes to the figures, a paragraph each."""
    totals, hours = report.totals, report.totals.core_hours
    notes = []
    if report.snapshots == 1:
        notes.append(
            "This report is based on one snapshot: CPU time is from SLURM's accounting, from each job's start until "
            "about a minute ago. Whether the rest was idle or without workers is unknown. Use over time, and jobs that "
            "the cluster no longer counts, need a recording: dasktop --record FILE."
        )
    if _is_much(hours.without_tasks, hours):
        notes.append(f"No task ran in {share_text(hours.without_tasks, hours.granted)} of the core-hours.")
    if totals.queue_seconds and totals.jobs:
        notes.append(f"Jobs were pending for {whole_minutes(totals.queue_seconds / totals.jobs)} on average.")
    lost = report.lost
    if lost is not None and (lost.results or lost.tasks_interrupted):
        about = "" if lost.hours_estimate is None else f": about {amount(lost.hours_estimate)} h of one thread"
        notes.append(
            f"Workers that ended took {counted(lost.results, 'result')} with them and interrupted "
            f"{counted(lost.tasks_interrupted, 'task')}; what was still needed was computed again{about}."
        )
    if totals.jobs_unknown:
        unknown = counted(totals.jobs_unknown, "job")
        notes.append(f"The granted hours do not include {unknown} whose allocation is unknown.")
    return notes


def amount(hours: float | None, beside: float | None = None) -> str:
    """Return a number of hours, with as many digits as a larger one in the same column."""
    if hours is None:
        return UNKNOWN
    size = hours if beside is None else beside
    digits = 0 if size >= 1000 else 1 if size >= 10 else 2 if size >= 1 or size == 0 else 3
    return f"{hours:,.{digits}f}"


def share_text(part: float | None, whole: float | None) -> str:
    """Return a share such as ``26%``, or ``–`` if it is unknown or the whole is 0."""
    return percent_text(share(part, whole))


def part_of(hours: Hours, part: Part) -> float | None:
    """Return this part of the hours."""
    value: float | None = getattr(hours, part.field)
    return value


def is_worth_a_line(report: Report, part: Part) -> bool:
    """Return whether to show a part: used and idle always, others from half a percent."""
    if part.field in ("used", "idle"):
        return True
    hours = (report.totals.core_hours, report.totals.gib_hours)
    return any(_is_much(part_of(kind, part), kind) for kind in hours)


def memory_share(job: JobReport) -> str:
    """Return the peak memory use as a share of the allocation."""
    known = [value for value in (job.peaks.memory_bytes, job.peaks.max_rss_bytes) if value is not None]
    return share_text(max(known, default=None), job.memory_bytes)


def empty(hours: Hours) -> float | None:
    """Return the hours without workers, before the first one or later."""
    return sum_of_known((hours.waiting_for_first_worker, hours.without_workers))


def _is_much(value: float | None, hours: Hours) -> bool:
    return bool(value and hours.granted and value >= _SHOWN_FROM * hours.granted)
