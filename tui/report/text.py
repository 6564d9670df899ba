"""A report as plain text, 80 cells wide: the cluster, a line a job, and what would fit better. Pure."""

from collections.abc import Iterator, Sequence

from dasktop.collectors.analysis.usage.groups import JobGroup, job_groups
from dasktop.collectors.model.report import Advice, Hours, JobReport, Report
from dasktop.collectors.text.format import listed, plain_size
from dasktop.tui.draw.bars import bar
from dasktop.tui.draw.glyphs import Glyphs, glyphs
from dasktop.tui.draw.numbers import UNKNOWN, count, duration
from dasktop.tui.draw.text_width import Align, fit, printable, wrap
from dasktop.tui.report.words import (
    NO_ADVICE,
    PARTS,
    amount,
    empty,
    is_worth_a_line,
    job_label,
    jobs_words,
    memory_share,
    part_of,
    period,
    remarks,
    share_text,
    title,
)

WIDTH = 80
MOST_LINES = 20
"""More jobs than so many are told kind by kind, and of each kind the most wasteful ones."""
MOST_OF_A_KIND = 5

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
_LEGEND = (
    "of the core-hours, EMPTY: without workers, UNSEEN: not observed; MEM: the most memory in use, of what was granted"
)


def plain_report(report: Report, *, unicode: bool = True) -> str:
    """Return the text, without the last newline.

    Parameters
    ----------
    report
        The report.
    unicode
        Whether more than ASCII may be printed.
    """
    drawn_with = glyphs(unicode=unicode)
    lines = [title(report), period(report), jobs_words(report), "", *_hours(report, drawn_with)]
    for remark in remarks(report):
        lines += ["", *wrap(remark, WIDTH)]
    if report.jobs:
        lines += ["", *_jobs(report.jobs)]
    lines += ["", *_advice(report.advice)]
    return "\n".join(drawn_with.own(printable(line)).rstrip(" ") for line in lines)


def _hours(report: Report, drawn_with: Glyphs) -> Iterator[str]:
    """Yield the table of what became of the hours."""
    core_hours, gib_hours = report.totals.core_hours, report.totals.gib_hours
    beside = " " * (_SHARE + 1 + _BAR)
    yield f"{'':{_LABEL}}{'core-hours':>{_AMOUNT}}{beside} {'GiB-hours':>{_AMOUNT}}"
    granted = f"{'granted':{_LABEL}}{amount(core_hours.granted):>{_AMOUNT}}{beside}"
    yield f"{granted} {amount(gib_hours.granted):>{_AMOUNT}}"
    for part in PARTS:
        if is_worth_a_line(report, part):
            cells = (_share_cells(part_of(hours, part), hours, drawn_with) for hours in (core_hours, gib_hours))
            yield f"{'  ' + part.name:{_LABEL}}{' '.join(cells)}"


def _share_cells(value: float | None, hours: Hours, drawn_with: Glyphs) -> str:
    share = bar(100 * value / hours.granted, _BAR, drawn_with) if value is not None and hours.granted else " " * _BAR
    return f"{amount(value, hours.granted):>{_AMOUNT}}{share_text(value, hours.granted):>{_SHARE}} {share}"


def _jobs(jobs: Sequence[JobReport]) -> Iterator[str]:
    """Yield a line a job or, of many, a line a kind and its most wasteful ones; and how jobs ended that ended badly."""
    yield _line([name for name, _, _ in _COLUMNS])
    if len(jobs) <= MOST_LINES:
        yield from map(_job, jobs)
    else:
        for kind in job_groups(jobs):
            yield from _kind(kind)
    yield ""
    yield from wrap(_LEGEND, WIDTH)
    bad: dict[str, list[str]] = {}
    for job in jobs:
        if job.ended_badly:
            bad.setdefault(job.explanation or job.state or UNKNOWN, []).append(job_label(job))
    if bad:
        yield ""
    for words, labels in tuple(bad.items())[:MOST_LINES]:
        yield from wrap(f"! {listed(labels)}: {words}", WIDTH)
    if len(bad) > MOST_LINES:
        yield f"! and in {len(bad) - MOST_LINES:,} other ways"


def _kind(kind: JobGroup) -> Iterator[str]:
    if len(kind.jobs) <= MOST_OF_A_KIND:
        yield from map(_job, kind.jobs)
        return
    granted = "" if kind.memory_bytes is None else f"{plain_size(kind.memory_bytes)} each"
    yield _line([f"{len(kind.jobs):,} jobs", granted, "", count(kind.cpus), *_shares(kind.core_hours), ""])
    for job in sorted(kind.jobs, key=_waste, reverse=True)[:MOST_OF_A_KIND]:
        yield _job(job, indent="  ")
    yield f"  and {len(kind.jobs) - MOST_OF_A_KIND:,} jobs with less waste"


def _job(job: JobReport, indent: str = "") -> str:
    return _line(
        [
            indent + job_label(job),
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
    yield "What would fit better"
    for told in advice:
        instead = f" instead of {told.instead_of}" if told.instead_of is not None else ""
        yield f"  {told.request}{instead}"
        for words in (told.evidence, told.reason):
            yield from (f"      {line}" for line in wrap(words, WIDTH - 6))
