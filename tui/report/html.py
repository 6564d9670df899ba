"""A usage report as one self-contained HTML page: no script, and nothing to fetch. Pure.

All text from outside is escaped where it is inserted.
"""

from collections.abc import Iterator, Sequence
from html import escape

from dasktop.collectors.model.jobs import squeue_id
from dasktop.collectors.model.report import Advice, Hours, JobReport, Report, TaskTime
from dasktop.collectors.text.format import GIB
from dasktop.tui.draw.numbers import UNKNOWN, bytes_text, count, duration
from dasktop.tui.report import svg
from dasktop.tui.report.charts import filled, hours_bar, lanes, over_time
from dasktop.tui.report.wording import (
    NO_ADVICE,
    PARTS,
    TIME_PARTS,
    Part,
    amount,
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

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --text: #1b1f24; --quiet: #5b6570; --rule: #dde1e6; --grid: #e6e9ed;
  --used: #0072b2; --idle: #f0c26b; --start: #c77cab; --left: #7d4a86; --unseen: #e9ecef; --hatch: #ffffff;
  --bad: #b3261e; --code: #eef2f6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #111418; --card: #191d23; --text: #e6e9ed; --quiet: #9aa5b1; --rule: #2c333b; --grid: #262c34;
    --used: #4aa8e0; --idle: #8a6a24; --start: #a85a8b; --left: #c9a0d0; --unseen: #262c34; --hatch: #191d23;
    --bad: #ff8a80; --code: #232a32;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 20px 48px; }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 17px; margin: 0 0 2px; }
p { margin: 0 0 8px; }
.quiet { color: var(--quiet); }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
section { padding: 18px 20px; margin-top: 18px; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin-top: 20px; }
.figure { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 12px 16px; }
.figure b { display: block; font-size: 26px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.figure span { color: var(--quiet); font-size: 13px; }
svg { display: block; width: 100%; height: auto; }
.scroll { overflow-x: auto; }
.scroll > svg { min-width: 720px; }
.bar { margin: 10px 0 4px; }
.bar svg { border-radius: 4px; height: 30px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { font-weight: 600; text-align: left; color: var(--quiet); font-size: 13px; }
th, td { padding: 5px 12px 5px 0; white-space: nowrap; border-bottom: 1px solid var(--rule); vertical-align: middle; }
td.right, th.right { text-align: right; }
td.quiet { white-space: normal; padding-left: 10px; min-width: 240px; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 6px 0 0; font-size: 13px; color: var(--quiet); }
tr:last-child td { border-bottom: 0; }
td.name { max-width: 150px; overflow: hidden; text-overflow: ellipsis; }
td svg { width: 130px; height: 14px; border-radius: 3px; }
.key, td .key { display: inline-block; width: 22px; height: 12px; margin-right: 8px; vertical-align: -1px; }
.advice { list-style: none; margin: 10px 0 0; padding: 0; display: grid; gap: 12px; }
.advice li { border-left: 4px solid var(--used); padding: 2px 0 2px 14px; }
code { font: 14px/1.4 ui-monospace, monospace; background: var(--code); border-radius: 4px; padding: 1px 6px; }
.used { fill: var(--used); } .idle { fill: var(--idle); } .waiting_for_first_worker { fill: var(--start); }
.without_workers { fill: var(--left); } .unobserved { fill: var(--unseen); } .none { fill: var(--grid); }
.hatch { stroke: var(--hatch); stroke-width: 1.6; fill: none; }
.granted { fill: var(--idle); } .granted-edge { fill: none; stroke: var(--text); stroke-width: 1.4; }
.grid { stroke: var(--grid); stroke-width: 1; }
.pending { stroke: var(--quiet); stroke-width: 2; stroke-dasharray: 2 4; }
.bad { stroke: var(--bad); stroke-width: 2.4; fill: none; } .end-mark { stroke: var(--text); stroke-width: 2; }
text { fill: var(--text); font: 12px system-ui, sans-serif; } .tick { fill: var(--quiet); }
.small { font-size: 10px; } .bad-word { fill: var(--bad); font-weight: 600; }
.middle { text-anchor: middle; } .end { text-anchor: end; }
.ended-badly { color: var(--bad); font-weight: 600; }
footer { color: var(--quiet); font-size: 13px; margin-top: 18px; }
section > p:last-child { margin-bottom: 0; }
@media print {
  :root { --page: #fff; --rule: #ccc; }
  body { font-size: 12px; } main { max-width: none; padding: 0; }
  section, .figure, tr, li { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""


MAX_ROWS = 1000

_OF_CLUSTER = ("used", "idle", "unobserved")
# Defence in depth: markup that is injected despite the escaping can't load or run anything.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


_HOW_TO_READ = """<section><h2>How to read this</h2>
<p>Granted hours are a job's CPUs or memory multiplied by its run time in SLURM, as in sacct's CPUTime. Used CPU time is
what dask's workers measured between snapshots or, if larger, what SLURM's accounting reports for the whole job, which
includes the time before the first snapshot and programs that tasks start. Used memory is the memory of the workers.
Nothing is extrapolated: time without snapshots, minus the use in SLURM's accounting, is shown as not observed. The job
may have been idle in that time, or without workers.</p>
<p>Recommendations need enough observations, and leave headroom above the highest use of all similar jobs.</p>
</section>
<footer>Created by dasktop report. This page is self-contained and needs no network.</footer>"""


def html_report(report: Report) -> str:
    """Return the HTML page."""
    body = "\n".join(
        part
        for part in (
            _head(report),
            _hours(report),
            _task_times(report.task_times or ()),
            _advice(report.advice),
            *_pictures(report),
            _jobs(report),
        )
        if part
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>dasktop report: {escape(title(report))}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
{body}
{_HOW_TO_READ}
</main>
</body>
</html>
"""


def _head(report: Report) -> str:
    totals = report.totals
    core_hours, gib_hours = totals.core_hours, totals.gib_hours
    figures = (
        (amount(core_hours.granted), "core-hours granted"),
        (share_text(core_hours.used, core_hours.granted), "of core-hours used"),
        (amount(gib_hours.granted), "GiB-hours granted"),
        (share_text(gib_hours.used, gib_hours.granted), "of GiB-hours used"),
        (count(totals.jobs), "job" if totals.jobs == 1 else "jobs"),
    )
    cards = "".join(
        f'<div class="figure"><b>{escape(value)}</b><span>{escape(of)}</span></div>' for value, of in figures
    )
    notes = "".join(f"<p>{escape(remark)}</p>" for remark in remarks(report))
    return (
        f"<header><h1>{escape(title(report))}</h1>"
        f'<p class="quiet">{escape(period(report))} · {escape(jobs_words(report))}</p></header>'
        f'<div class="figures">{cards}</div>' + (f"<section>{notes}</section>" if notes else "")
    )


def _hours(report: Report) -> str:
    core_hours, gib_hours = report.totals.core_hours, report.totals.gib_hours
    rows = "".join(
        f"<tr><td>{_key(part.field)}{escape(part.name)}</td>{_cells(part_of(core_hours, part), core_hours)}"
        f'{_cells(part_of(gib_hours, part), gib_hours)}<td class="quiet">{escape(part.meaning)}</td></tr>'
        for part in PARTS
        if is_worth_a_line(report, part)
    )
    return f"""<section><h2>Usage report</h2>
<p class="quiet">CPU, {amount(core_hours.granted)} core-hours</p>
<div class="bar">{hours_bar(core_hours, "Core-hours", "core-hours")}</div>
<p class="quiet">Memory, {amount(gib_hours.granted)} GiB-hours</p>
<div class="bar">{hours_bar(gib_hours, "GiB-hours", "GiB-hours")}</div>
<div class="scroll"><table>
<thead>
<tr><th></th><th class="right" colspan="2">core-hours</th><th class="right" colspan="2">GiB-hours</th><th></th></tr>
</thead><tbody>{rows}</tbody></table></div></section>"""


def _task_times(times: Sequence[TaskTime]) -> str:
    if not times:
        return ""
    columns = ("hours", *(part.name for part in TIME_PARTS))
    head = "".join(f'<th class="right">{escape(name)}</th>' for name in columns)
    rows = "".join(
        f'<tr><td class="name">{escape(time.task_name)}</td>'
        f"{_right([amount(time.total_hours), *(time_share(time, part) for part in TIME_PARTS)])}</tr>"
        for time in times[:MAX_ROWS]
    )
    meanings = "; ".join(f"{part.name}: {part.meaning}" for part in TIME_PARTS)
    more = len(times) - MAX_ROWS
    left_out = f'<p class="quiet">and {more:,} more; see dasktop report --json</p>' if more > 0 else ""
    return (
        '<section><h2>Tasks</h2><p class="quiet">Hours of one thread, and where they went</p>'
        f'<div class="scroll"><table><thead><tr><th>task name</th>{head}</tr></thead>'
        f'<tbody>{rows}</tbody></table></div><p class="quiet">{escape(meanings)}</p>{left_out}</section>'
    )


def _cells(value: float | None, hours: Hours) -> str:
    return _right((amount(value, hours.granted), share_text(value, hours.granted)))


def _key(field: str) -> str:
    """Return the legend symbol of a part, which screen readers skip."""
    return svg.element(
        "svg", filled(field, 0.0, 0.0, 22.0, 12.0), class_="key", viewBox="0 0 22 12", aria_hidden="true"
    )


def _advice(advice: Sequence[Advice]) -> str:
    if not advice:
        content = f"<p>{escape(NO_ADVICE)}</p>"
    else:
        content = f'<ul class="advice">{"".join(map(_one_advice, advice))}</ul>'
    return f"<section><h2>Recommendations</h2>{content}</section>"


def _one_advice(item: Advice) -> str:
    instead = f" instead of <code>{escape(item.instead_of)}</code>" if item.instead_of is not None else ""
    return (
        f"<li><code>{escape(item.request)}</code>{instead}<br>{escape(item.evidence)}"
        f'<br><span class="quiet">{escape(item.reason)}</span></li>'
    )


def _pictures(report: Report) -> Iterator[str]:
    series = report.series
    parts = [part for part in PARTS if is_worth_a_line(report, part)]
    of_cluster = [part for part in parts if part.field in _OF_CLUSTER]
    if series is not None:
        yield _picture(
            "CPU over time",
            "cores granted (line) and cores busy (area)",
            over_time(series, series.cpus_granted, series.cpus_used, "CPU over time", "cores"),
            of_cluster,
        )
        granted, used = (
            [None if value is None else value / GIB for value in values]
            for values in (series.memory_granted_bytes, series.memory_used_bytes)
        )
        yield _picture(
            "Memory over time",
            "GiB granted (line) and GiB used (area)",
            over_time(series, granted, used, "Memory over time", "GiB"),
            of_cluster,
        )
    shown = lanes(report)
    if shown is not None:
        meaning = "busy cores of the job" + (", averaged over its run time" if series is None else "")
        left_out = f"; {shown.left_out:,} jobs with fewer core-hours are not shown" if shown.left_out else ""
        yield _picture(
            "Jobs over time",
            f"dotted: pending; height of the blue area: {meaning}{left_out}",
            shown.picture,
            parts,
        )


def _picture(name: str, caption: str, picture: str, parts: Sequence[Part]) -> str:
    keys = "".join(f"<span>{_key(part.field)}{escape(part.name)}</span>" for part in parts)
    return (
        f'<section><h2>{escape(name)}</h2><p class="quiet">{escape(caption)}</p>'
        f'<div class="scroll">{picture}</div><p class="legend">{keys}</p></section>'
    )


def _jobs(report: Report) -> str:
    if not report.jobs:
        return ""
    names = ("job", "name", "state", "queued", "ran", "CPUs", "memory", "core-hours", "", "used", "peak")
    numbers = {"queued", "ran", "CPUs", "memory", "core-hours", "used", "peak"}
    head = "".join(f"<th{' class=right' if name in numbers else ''}>{escape(name)}</th>" for name in names)
    rows = "".join(map(_job, report.jobs[:MAX_ROWS]))
    more = len(report.jobs) - MAX_ROWS
    left_out = f'<p class="quiet">and {more:,} more; see dasktop report --json</p>' if more > 0 else ""
    return (
        f'<section><h2>Jobs</h2><div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{left_out}</section>"
    )


def _job(job: JobReport) -> str:
    hours = job.core_hours
    state = escape((job.state or UNKNOWN).replace("_", " ").lower())
    if job.ended_badly:
        state = f'<span class="ended-badly" title="{escape(job.explanation or "")}">✕ {state}</span>'
    bar = hours_bar(hours, f"Job {squeue_id(job)}", "core-hours", 150.0, 14.0) if hours.granted else ""
    right = (
        duration(job.queue_seconds),
        duration(job.elapsed_seconds) if job.runs else UNKNOWN,
        count(job.cpus),
        bytes_text(job.memory_bytes),
        amount(hours.granted),
    )
    last = (share_text(hours.used, hours.granted), memory_share(job))
    return (
        f'<tr><td>{escape(squeue_id(job))}</td><td class="name">{escape(job.name or "")}</td><td>{state}</td>'
        f"{_right(right)}<td>{bar}</td>{_right(last)}</tr>"
    )


def _right(texts: Sequence[str]) -> str:
    return "".join(f'<td class="right">{escape(text)}</td>' for text in texts)
