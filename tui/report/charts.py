"""Charts of a usage report: bars of hours, use against allocation over time, and a lane for each job. Pure."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from math import ceil, floor, log10
from typing import NamedTuple

from dasktop.collectors.model.jobs import squeue_id
from dasktop.collectors.model.report import Hours, JobReport, Report, Series
from dasktop.tui.draw.numbers import duration
from dasktop.tui.draw.text_width import cut
from dasktop.tui.draw.times import local
from dasktop.tui.report import svg
from dasktop.tui.report.wording import PARTS, amount, part_of, share_text

_STEPS_SECONDS = (1, 2, 5, 10, 15, 30, *(60 * n for n in (1, 2, 5, 10, 15, 30)), *(3600 * n for n in (1, 2, 3, 6, 12)))
_DAY_SECONDS = 86_400


class TimeAxis(NamedTuple):
    """A horizontal time axis, from left to right."""

    begin: float
    """Unix time, in seconds."""
    end: float
    left: float
    right: float

    def x(self, time: float) -> float:
        """Return the position of a time, clamped to the axis."""
        share = (time - self.begin) / (self.end - self.begin) if self.end > self.begin else 0.0
        return self.left + (self.right - self.left) * min(1.0, max(0.0, share))

    def ticks(self, most: int = 9) -> Iterator[tuple[float, str]]:
        """Yield the positions and labels of round times of day."""
        length = self.end - self.begin
        step = next((step for step in _STEPS_SECONDS if length / step <= most), None)
        if step is None:
            step = _DAY_SECONDS * ceil(length / _DAY_SECONDS / most)
        # Naive local times: the offset from UTC may change between two ticks.
        first = local(datetime.fromtimestamp(self.begin, UTC)).replace(tzinfo=None)
        midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
        passed = ceil((first - midnight).total_seconds() / step) * step
        with suppress(OverflowError, ValueError):  # out of range, in an edited recording
            while (at := (midnight + timedelta(seconds=passed)).timestamp()) <= self.end:
                tick = midnight + timedelta(seconds=passed)
                if at >= self.begin and datetime.fromtimestamp(at) == tick:
                    yield self.x(at), f"{tick:{_format(step, passed)}}"
                passed += step


def _format(step: int, passed: int) -> str:
    if step >= _DAY_SECONDS or passed % _DAY_SECONDS == 0:
        return "%d %b"
    return "%H:%M" if step >= 60 else "%H:%M:%S"


class ValueAxis(NamedTuple):
    """A vertical axis that starts at 0."""

    top: float
    """The value at the top."""
    step: float
    upper: float
    lower: float

    @classmethod
    def up_to(cls, highest: float, upper: float, lower: float, most: int = 4) -> "ValueAxis":
        """Return an axis with round steps that covers the highest value."""
        if highest < 1e-6:
            return cls(1.0, 1.0, upper, lower)
        rough = highest / most
        power = 10.0 ** floor(log10(rough))
        step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
        return cls(step * ceil(highest / step - 1e-9), step, upper, lower)

    def y(self, value: float) -> float:
        """Return the position of a value."""
        return self.lower - (self.lower - self.upper) * min(1.0, value / self.top)

    def ticks(self) -> Iterator[tuple[float, float]]:
        """Yield the positions of round values, and the values."""
        for index in range(round(self.top / self.step) + 1):
            yield self.y(index * self.step), index * self.step


WIDTH = 1000.0
LEFT, RIGHT = 44.0, 20.0
_HEIGHT, _UPPER, _LOWER = 210.0, 10.0, 182.0
_HATCHING = {"waiting_for_first_worker": True, "without_workers": False}
"""Parts that are hatched too, rising or not, so that they differ without colour."""
_HATCH_SPACING = 6.0


def hours_bar(hours: Hours, name: str, unit: str, width: float = WIDTH, height: float = 30.0) -> str:
    """Return one stacked bar with the parts of the granted hours."""
    parts = [(part, value) for part in PARTS if (value := part_of(hours, part))]
    whole = max(sum(value for _, value in parts), hours.granted or 0.0)
    shapes, x = [], 0.0
    for part, value in parts:
        wide = width * value / whole
        shapes += [filled(part.field, x, 0.0, wide, height, f"{part.name}: {amount(value)} {unit}")]
        x += wide
    description = ", ".join(f"{share_text(value, hours.granted)} {part.name}" for part, value in parts) or "nothing"
    background = svg.rect(0.0, 0.0, width, height, class_="none")
    return svg.picture(width, height, name, description, background, *shapes, is_stretched=True)


def filled(field: str, x: float, y: float, width: float, height: float, tip: str | None = None) -> str:
    """Return the rectangle of a part, with its colour and hatching."""
    shapes = [svg.rect(x, y, width, height, class_=field)]
    if field in _HATCHING and width >= 1:
        lines = svg.hatching(x, y, width, height, _HATCH_SPACING, rising=_HATCHING[field])
        shapes.append(svg.path(lines, class_="hatch"))
    return svg.element("g", *([svg.tip(tip)] if tip is not None else []), *shapes)


def over_time(
    series: Series, granted: Sequence[float | None], used: Sequence[float | None], name: str, unit: str
) -> str:
    """Return a chart of use against allocation, with gaps where nothing was observed."""
    begin = series.begins_at.timestamp()
    time = TimeAxis(begin, begin + series.step_seconds * len(granted), LEFT, WIDTH - RIGHT)
    highest = max((value for value in (*granted, *used) if value is not None), default=0.0)
    values = ValueAxis.up_to(highest, _UPPER, _LOWER)
    edges = [time.x(begin + series.step_seconds * index) for index in range(len(granted) + 1)]
    shapes = [*_frame(time, values)]
    for first, last in runs([value is None for value in granted]):
        shapes.append(
            filled("unobserved", edges[first], _UPPER, edges[last] - edges[first], _LOWER - _UPPER, "not observed")
        )
    for first, last in runs([value is not None for value in granted]):
        part = slice(first, last)
        tops = [values.y(value or 0.0) for value in granted[part]]
        shapes.append(svg.path(area(edges[first : last + 1], tops, _LOWER), class_="granted"))
        shapes.append(
            svg.path(area(edges[first : last + 1], [values.y(v or 0.0) for v in used[part]], _LOWER), class_="used")
        )
        shapes.append(svg.path(_stairs(edges[first : last + 1], tops), class_="granted-edge"))
    known = [(value, of) for value, of in zip(used, granted, strict=True) if value is not None and of]
    mean = sum(value for value, _ in known) / sum(of for _, of in known) if known else 0.0
    most = max((value for value, _ in known), default=0.0)
    description = (
        f"On average, {100 * mean:.0f}% of the allocation was used while it was observed; "
        f"the peak was {most:.1f} of {highest:.1f} {unit}"
    )
    return svg.picture(WIDTH, _HEIGHT, name, description, *shapes)


def time_ticks(time: TimeAxis, upper: float, lower: float) -> Iterator[str]:
    """Yield grid lines and labels of round times."""
    for x, name in time.ticks():
        yield svg.line(x, upper, x, lower, class_="grid")
        yield svg.text(x, lower + 16, name, class_="tick middle")


def _frame(time: TimeAxis, values: ValueAxis) -> Iterator[str]:
    yield from time_ticks(time, _UPPER, _LOWER)
    for y, value in values.ticks():
        yield svg.line(time.left, y, time.right, y, class_="grid")
        yield svg.text(time.left - 6, y + 4, f"{value:g}", class_="tick end")


def runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Yield the start and end index of each run of true flags; the end is excluded."""
    first: int | None = None
    for index, flag in enumerate((*flags, False)):
        if flag and first is None:
            first = index
        elif not flag and first is not None:
            yield first, index
            first = None


def _stairs(edges: Sequence[float], tops: Sequence[float]) -> str:
    commands = [f"M{svg.number(edges[0])} {svg.number(tops[0])}"]
    for right, top in zip(edges[1:], tops, strict=True):
        commands.append(f"V{svg.number(top)}H{svg.number(right)}")
    return "".join(commands)


def area(edges: Sequence[float], tops: Sequence[float], bottom: float) -> str:
    """Return the path commands of an area made of columns with these tops."""
    return f"{_stairs(edges, tops)}V{svg.number(bottom)}H{svg.number(edges[0])}Z"


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
