"""A usage report as plain text of 80 columns: the cluster, a line per job, and recommendations. Pure."""

from collections.abc import Iterator, Sequence

from dasktop.collectors.analysis.usage.groups import JobGroup, job_groups
from dasktop.collectors.model.jobs import squeue_id
from dasktop.collectors.model.report import Advice, Hours, JobReport, Report, TaskTime
from dasktop.collectors.text.format import listed, plain_size
from dasktop.tui.draw.bars import bar_text
from dasktop.tui.draw.glyphs import Glyphs, glyphs
from dasktop.tui.draw.numbers import UNKNOWN, count, duration
from dasktop.tui.draw.text_width import Align, fit, printable, wrap
from dasktop.tui.report.wording import (
    NO_ADVICE,
    PARTS,
    TIME_PARTS,
    amount,
    empty,
    is_worth_a_line,
    jobs_words,
    memory_share,
    part_of,
    period,
    remarks,
    share_text,
    time_share,
    title,
)

WIDTH = 80
MAX_LINES = 20
"""More jobs than this are grouped, and of each group only the most wasteful are listed."""
MAX_JOBS_PER_GROUP = 5

MAX_TASK_NAMES = 20

_LABEL, _AMOUNT, _SHARE, _BAR = 17, 11, 6, 12
_COLUMNS: tuple[tuple[str, int, Align], ...] = (
    ("JOB", 12, "left"),
    ("STATE", 13, "left"),
    ("RAN", 10, "right"),
    ("CPUS", 4, "right"),
    ("CORE-H", 7, "right"),
    ("USED", 5, "right"),
    ("IDLE", 5, "right"),
    ("EMPTY", 5, "right"),
    ("UNSEEN", 6, "right"),
    ("MEM", 4, "right"),
)
_LEGEND = "EMPTY: core-hours without workers; UNSEEN: core-hours not observed; MEM: peak memory, in % of the allocation"


def plain_report(report: Report, *, unicode: bool = True) -> str:
    """Return the text, without a trailing newline.

    Parameters
    ----------
    unicode
        Whether characters outside ASCII may be used.
    """
    drawn_with = glyphs(unicode=unicode)
    lines = [title(report), period(report), jobs_words(report), "", *_hours(report, drawn_with)]
    for remark in remarks(report):
        lines += ["", *wrap(remark, WIDTH)]
    if report.jobs:
        lines += ["", *_jobs(report.jobs)]
    if report.task_times:
        lines += ["", *_task_times(report.task_times)]
    lines += ["", *_advice(report.advice)]
    return "\n".join(drawn_with.encode(printable(line)).rstrip(" ") for line in lines)


def _hours(report: Report, drawn_with: Glyphs) -> Iterator[str]:
    """Yield the table of granted hours and their parts."""
    core_hours, gib_hours = report.totals.core_hours, report.totals.gib_hours
    padding = " " * (_SHARE + 1 + _BAR)
    yield f"{'':{_LABEL}}{'core-hours':>{_AMOUNT}}{padding} {'GiB-hours':>{_AMOUNT}}"
    granted = f"{'granted':{_LABEL}}{amount(core_hours.granted):>{_AMOUNT}}{padding}"
    yield f"{granted} {amount(gib_hours.granted):>{_AMOUNT}}"
    for part in PARTS:
        if is_worth_a_line(report, part):
            cells = (_share_cells(part_of(hours, part), hours, drawn_with) for hours in (core_hours, gib_hours))
            yield f"{'  ' + part.name:{_LABEL}}{' '.join(cells)}"


def _task_times(times: Sequence[TaskTime]) -> Iterator[str]:
    """Yield what tasks spent their time on, a line per task name."""
    yield "Tasks: hours of one thread, and where they went"
    yield _time_line(["TASK NAME", "HOURS", *(part.name.upper() for part in TIME_PARTS)])
    for time in times[:MAX_TASK_NAMES]:
        yield _time_line([time.task_name, amount(time.total_hours), *(time_share(time, part) for part in TIME_PARTS)])
    if len(times) > MAX_TASK_NAMES:
        rest = sum(time.total_hours for time in times[MAX_TASK_NAMES:])
        yield f"and {len(times) - MAX_TASK_NAMES:,} more task names with {amount(rest)} hours"
    yield ""
    yield from wrap("; ".join(f"{part.name.upper()}: {part.meaning}" for part in TIME_PARTS[1:]), WIDTH)


def _time_line(cells: Sequence[str]) -> str:
    name, hours, *shares = cells
    cells = [fit(name, 15), fit(hours, 7, "right"), *(fit(share, 7, "right") for share in shares[:-1])]
    return " ".join([*cells, fit(shares[-1], 8, "right")])


def _share_cells(value: float | None, hours: Hours, drawn_with: Glyphs) -> str:
    share = (
        bar_text(100 * value / hours.granted, _BAR, drawn_with) if value is not None and hours.granted else " " * _BAR
    )
    return f"{amount(value, hours.granted):>{_AMOUNT}}{share_text(value, hours.granted):>{_SHARE}} {share}"


def _jobs(jobs: Sequence[JobReport]) -> Iterator[str]:
    """Yield a line per job, or per group with its most wasteful jobs; then why jobs ended badly."""
    yield _line([name for name, _, _ in _COLUMNS])
    if len(jobs) <= MAX_LINES:
        yield from map(_job, jobs)
    else:
        for group in job_groups(jobs):
            yield from _group(group)
    yield ""
    yield from wrap(_LEGEND, WIDTH)
    bad: dict[str, list[str]] = {}
    for job in jobs:
        if job.ended_badly:
            bad.setdefault(job.explanation or job.state or UNKNOWN, []).append(squeue_id(job))
    if bad:
        yield ""
    for reason, labels in tuple(bad.items())[:MAX_LINES]:
        yield from wrap(f"! {listed(labels)}: {reason}", WIDTH)
    if len(bad) > MAX_LINES:
        yield f"! and {len(bad) - MAX_LINES:,} other reasons"


def _group(group: JobGroup) -> Iterator[str]:
    if len(group.jobs) <= MAX_JOBS_PER_GROUP:
        yield from map(_job, group.jobs)
        return
    granted = "" if group.memory_bytes is None else f"{plain_size(group.memory_bytes)} each"
    yield _line([f"{len(group.jobs):,} jobs", granted, "", count(group.cpus), *_shares(group.core_hours), ""])
    for job in sorted(group.jobs, key=_waste, reverse=True)[:MAX_JOBS_PER_GROUP]:
        yield _job(job, indent="  ")
    yield f"  and {len(group.jobs) - MAX_JOBS_PER_GROUP:,} jobs with less waste"


def _job(job: JobReport, indent: str = "") -> str:
    return _line(
        [
            indent + squeue_id(job),
            job.state or UNKNOWN,
            duration(job.elapsed_seconds) if job.runs else UNKNOWN,
            count(job.cpus),
            *_shares(job.core_hours),
            memory_share(job),
        ]
    )


def _shares(hours: Hours) -> list[str]:
    parts = (hours.used, hours.idle, empty(hours), hours.unobserved)
    return [amount(hours.granted), *(share_text(part, hours.granted) for part in parts)]


def _waste(job: JobReport) -> float:
    return (job.core_hours.idle or 0.0) + (empty(job.core_hours) or 0.0)


def _line(cells: Sequence[str]) -> str:
    return " ".join(fit(text, width, align) for text, (_, width, align) in zip(cells, _COLUMNS, strict=True))


def _advice(advice: Sequence[Advice]) -> Iterator[str]:
    if not advice:
        yield NO_ADVICE
        return
    yield "Recommendations"
    for item in advice:
        instead = f" instead of {item.instead_of}" if item.instead_of is not None else ""
        yield f"  {item.request}{instead}"
        for text in (item.evidence, item.reason):
            yield from (f"      {line}" for line in wrap(text, WIDTH - 6))
