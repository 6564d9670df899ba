"""Chart of a report's jobs over time, one lane per job: pending, without workers, idle, busy, and its end. Pure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dasktop.collectors.model.jobs import squeue_id
from dasktop.collectors.model.report import JobReport, Report, Series
from dasktop.tui.draw.numbers import duration
from dasktop.tui.draw.text_width import cut
from dasktop.tui.report import svg
from dasktop.tui.report.charts import WIDTH, TimeAxis, area, filled, runs, time_ticks
from dasktop.tui.report.wording import PARTS, amount, part_of, share_text

MAX_LANES = 100
_LEFT, _RIGHT, _UPPER, _BELOW = 112.0, 118.0, 6.0, 26.0
_LABEL_CHARACTERS = 14
_HEIGHTS = ((24, 24.0), (48, 16.0), (MAX_LANES, 11.0))
"""Pairs of a maximum number of lanes and the height of each."""
_FILLED_SHARE = 0.72


class Lanes(NamedTuple):
    """The chart, and the number of jobs that are not in it."""

    picture: str
    left_out: int


def lanes(report: Report) -> Lanes | None:
    """Return the chart of the jobs with the most core-hours, or ``None`` if there is no time span to show."""
    shown = sorted(report.jobs, key=lambda job: job.core_hours.granted or 0.0, reverse=True)[:MAX_LANES]
    kept = {job.job_id for job in shown}
    jobs = [job for job in report.jobs if job.job_id in kept]
    begin, end = _begin(report, jobs), report.ends_at.timestamp()
    if not jobs or begin >= end:
        return None
    height = next(height for most, height in _HEIGHTS if len(jobs) <= most)
    time = TimeAxis(begin, end, _LEFT, WIDTH - _RIGHT)
    lower = _UPPER + height * len(jobs)
    shapes = [*time_ticks(time, _UPPER, lower)]
    for index, job in enumerate(jobs):
        shapes.append(_lane(job, report, time, _UPPER + height * index, height))
    description = f"{len(jobs):,} lanes, one for each job, each with its own description."
    picture = svg.picture(WIDTH, lower + _BELOW, "Jobs over time", description, *shapes)
    return Lanes(picture, len(report.jobs) - len(jobs))


def _begin(report: Report, jobs: Sequence[JobReport]) -> float:
    """Return the start of the chart: the first job, but unobserved time fills at most half of it."""
    first, last = report.begins_at.timestamp(), report.ends_at.timestamp()
    moments = [moment.timestamp() for job in jobs for moment in (job.submitted_at, job.started_at) if moment]
    earliest = min(moments, default=first)
    return min(first, earliest if first == last else max(earliest, first - (last - first)))


def _lane(job: JobReport, report: Report, time: TimeAxis, top: float, height: float) -> str:
    filling = height * _FILLED_SHARE
    y = top + (height - filling) / 2
    small = " small" if height < _HEIGHTS[0][1] else ""
    shapes = [
        svg.tip(_description(job)),
        svg.text(_LEFT - 8, top + height / 2 + 4, cut(squeue_id(job), _LABEL_CHARACTERS), class_=f"label end{small}"),
        *_pending(job, report, time, y + filling / 2),
    ]
    if job.started_at is not None:
        started, ended = job.started_at.timestamp(), (job.ended_at or report.ends_at).timestamp()
        shapes += _run(job, report.series, time, (started, ended), y, filling)
        shapes += _end(job, time.x(ended), y, filling, small)
    return svg.element("g", *shapes)


def _pending(job: JobReport, report: Report, time: TimeAxis, y: float) -> Iterator[str]:
    """Yield a dotted line from a job's submission to its start."""
    if job.submitted_at is None or (job.started_at is None and job.ended_at is not None):
        return
    until = job.started_at or report.ends_at
    left, right = time.x(job.submitted_at.timestamp()), time.x(until.timestamp())
    if right - left >= 1:
        yield svg.line(left, y, right, y, class_="pending")


def _run(
    job: JobReport, series: Series | None, time: TimeAxis, run: tuple[float, float], y: float, height: float
) -> Iterator[str]:
    """Yield the state of a job in each step of the series, with its CPU use as height."""
    left, right = time.x(run[0]), time.x(run[1])
    if series is None:
        yield from _mean(job, left, right, y, height)
        return
    begin, step = series.begins_at.timestamp(), series.step_seconds
    count = len(series.cpus_granted)
    kinds = [_kind(job, series, index) for index in range(count)]
    edges = [min(right, max(left, time.x(begin + step * index))) for index in range(count + 1)]
    if left < edges[0] or begin > run[0]:
        yield filled("unobserved", left, y, edges[0] - left, height, "not observed")
    for kind in ("idle", "waiting_for_first_worker", "without_workers", "unobserved"):
        for first, last in runs([other == kind for other in kinds]):
            if edges[last] > edges[first]:
                yield filled(kind, edges[first], y, edges[last] - edges[first], height, _NAMES[kind])
    lane = job.lane
    if lane is not None and job.cpus:
        first = lane.first_step
        for start, stop in runs([value is not None for value in lane.cpu_percent]):
            tops = [
                y + height * (1 - min(1.0, (value or 0.0) / 100 / job.cpus)) for value in lane.cpu_percent[start:stop]
            ]
            yield svg.path(area(edges[first + start : first + stop + 1], tops, y + height), class_="used")


def _kind(job: JobReport, series: Series, index: int) -> str:
    """Return the field of `Hours` that a step belongs to; with workers it is ``idle``, and use is drawn over it."""
    if series.cpus_granted[index] is None:
        return "unobserved"
    lane = job.lane
    if lane is None or index < lane.first_step:
        return "waiting_for_first_worker" if job.core_hours.waiting_for_first_worker else "unobserved"
    place = index - lane.first_step
    if place < len(lane.cpu_percent) and lane.cpu_percent[place] is not None:
        return "idle"
    # A job that was never without workers: another scheduler was being watched in this step.
    return "without_workers" if job.core_hours.without_workers else "unobserved"


def _mean(job: JobReport, left: float, right: float, y: float, height: float) -> Iterator[str]:
    """Yield the run of a job of which only totals are known."""
    hours = job.core_hours
    if hours.used is None or not hours.granted:
        yield filled("unobserved", left, y, right - left, height, "not observed")
        return
    parts = [(part, value) for part in PARTS if (value := part_of(hours, part))]
    whole = max(hours.granted, sum(value for _, value in parts))
    bottom = y + height
    for part, value in parts:
        bottom -= height * value / whole
        yield filled(part.field, left, bottom, right - left, height * value / whole, part.name)


def _end(job: JobReport, x: float, y: float, height: float, small: str) -> Iterator[str]:
    """Yield the mark of a job's end: a cross and the state if it ended badly, else a bar."""
    middle = y + height / 2
    if job.ended_badly:
        arm = min(5.0, height / 2)
        cross = f"M{svg.number(x - arm)} {svg.number(middle - arm)}l{2 * arm:.1f} {2 * arm:.1f}m0 {-2 * arm:.1f}"
        yield svg.path(f"{cross}l{-2 * arm:.1f} {2 * arm:.1f}", class_="bad")
        yield svg.text(x + arm + 4, middle + 4, (job.state or "").replace("_", " ").lower(), class_=f"bad-word{small}")
    elif job.ended_at is not None:
        yield svg.line(x, y, x, y + height, class_="end-mark")


def _description(job: JobReport) -> str:
    hours = job.core_hours
    facts = [f"job {squeue_id(job)}, {(job.state or 'unknown').replace('_', ' ').lower()}"]
    if job.runs:
        facts.append(f"ran {duration(job.elapsed_seconds)} with {job.cpus} CPUs: {amount(hours.granted)} core-hours")
        facts += [
            f"{share_text(value, hours.granted)} {part.name}" for part in PARTS if (value := part_of(hours, part))
        ]
    return ", ".join(facts)


_NAMES = {part.field: part.name for part in PARTS}
