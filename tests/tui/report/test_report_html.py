"""The HTML report: well-formed, self-contained, and with all outside text escaped."""

import re
import time
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dasktop.collectors.analysis.usage import Report, UsageAccumulator
from dasktop.collectors.model.report import TaskTime
from dasktop.collectors.text.clean import clean
from dasktop.tui.report import svg
from dasktop.tui.report.charts import MAX_LANES, TimeAxis, ValueAxis
from dasktop.tui.report.html import html_report
from tests.support.reports import busy_day, busy_day_once, many, report_of, single_snapshot_report
from tests.support.usage_timeline import FakeJob, snapshot_at

VOID = {"meta", "br"}
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "</title><svg onload=alert(1)>",
    "&lt;b&gt;&amp;",
    "javascript:alert(1)",
    "{{7*7}} ${x} %s {0}",
]


class Page(HTMLParser):
    """Parses a page, and fails if an element is not closed by its own end tag."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] != "style":
            self.texts.append(data)

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}


def no_job() -> Report:
    nothing = UsageAccumulator()
    nothing.add(snapshot_at([], 0.0))
    return nothing.report()


def very_many() -> Report:
    return report_of(*(FakeJob(str(number), ended=600.0) for number in range(MAX_LANES + 20)), every=200.0)


KINDS = {
    "busy": busy_day,
    "many": many,
    "one look": single_snapshot_report,
    "no job": no_job,
    "very many": very_many,
    "short": lambda: report_of(FakeJob(started=0.0, submitted=0.0), until=3.0, every=1.0),
}


@pytest.fixture(scope="module", params=KINDS)
def page(request) -> str:
    return html_report(KINDS[request.param]())


def test_page_is_well_formed_and_fetches_nothing(page):
    read = Page(page)
    assert read.tags().isdisjoint({"script", "link", "img", "iframe", "object", "embed", "base", "form", "a", "use"})
    for token in ("http:", "https:", "url(", "src=", "href", "@import", "@font-face", "<script"):
        assert token not in page
    for tag, attributes in read.elements:
        assert not [name for name in attributes if name.startswith("on")], tag
    [policy] = [attributes for tag, attributes in read.elements if tag == "meta" and "http-equiv" in attributes]
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_every_chart_has_a_description(page):
    pictures = [attributes for tag, attributes in Page(page).elements if tag == "svg"]
    for attributes in pictures:
        assert attributes.get("aria-hidden") == "true" or (attributes["role"] == "img" and attributes["aria-label"])
    labelled = [attributes for attributes in pictures if "role" in attributes]
    assert len(labelled) == page.count("<desc>")


def test_all_coordinates_are_finite(page):
    assert not re.search(r"\b(?:nan|inf|None)\b", re.sub(r"<style>.*</style>", "", page, flags=re.DOTALL))


def test_page_has_light_dark_and_print_styles(page):
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_are_never_markup(hostile):
    report = busy_day_once()
    jobs = tuple(
        replace(
            job,
            job_id=hostile,
            name=hostile,
            state=hostile,
            explanation=hostile,
            array_job_id=hostile,
            array_task_id="1",
            ended_badly=True,
        )
        for job in report.jobs
    )
    advice = tuple(
        replace(one, request=hostile, evidence=hostile, reason=hostile, instead_of=hostile) for one in report.advice
    )
    page = html_report(replace(report, jobs=jobs, advice=advice, scheduler_address=hostile, cluster_name=hostile))
    read, plain = Page(page), Page(html_report(report))
    assert read.tags() == plain.tags()
    assert hostile in read.texts
    for _, attributes in read.elements:
        assert not [name for name in attributes if name.startswith("on")]


@settings(max_examples=50)
@given(st.text().map(clean))
def test_any_name_is_shown_unchanged(name):
    report = busy_day_once()
    jobs = tuple(replace(job, name=name) for job in report.jobs)
    texts = Page(html_report(replace(report, jobs=jobs))).texts
    assert not name or name in "".join(texts)


def test_the_page_has_all_parts():
    read = Page(html_report(busy_day()))
    text = " ".join(read.texts)
    for words in ("16.0 core-hours", "Recommendations", 'memory="31GB"', "Jobs over time", "✕ out of memory"):
        assert words in text
    titles = [text for text in read.texts if text.startswith("job 4709")]
    assert titles
    assert titles[0] == (
        "job 4709, running, ran 1:00:00 with 12 CPUs: 12.0 core-hours, 38% used, 52% idle, 2% no worker yet, "
        "8% not observed"
    )


def test_one_snapshot_shows_nothing_as_idle():
    read = Page(html_report(single_snapshot_report()))
    titles = [text for text in read.texts if text.startswith("job 4709")]
    assert titles[0].endswith("12.0 core-hours, 50% used, 50% not observed")
    [lanes] = [
        part
        for part in html_report(single_snapshot_report()).split("<section>")
        if part.startswith("<h2>Jobs over time")
    ]
    picture = lanes.split('<p class="legend">')[0]
    assert 'class="unobserved"' in picture
    assert 'class="idle"' not in picture


def test_only_the_chart_limits_jobs():
    report = very_many()
    text = " ".join(Page(html_report(report)).texts)
    assert "20 jobs with fewer core-hours are not shown" in text
    for job in report.jobs:
        assert f" {job.job_id} " in text


def test_hatching_stays_in_its_rectangle():
    for rising in (True, False):
        for x, y, wide, high in ((0.0, 0.0, 100.0, 10.0), (50.0, 20.0, 3.0, 40.0), (10.0, 10.0, 0.0, 5.0)):
            commands = svg.hatching(x, y, wide, high, 6.0, rising=rising)
            numbers = [float(number) for number in re.findall(r"-?[\d.]+", commands)]
            assert all(x - 0.1 <= value <= x + wide + 0.1 for value in numbers[::2])
            assert all(y - 0.1 <= value <= y + high + 0.1 for value in numbers[1::2])


@given(st.floats(0, 4e9), st.floats(0.1, 4e8))
def test_a_time_axis_has_labels(begin, length):
    axis = TimeAxis(begin, begin + length, 100.0, 900.0)
    ticks = list(axis.ticks())
    assert len(ticks) <= 11
    assert all(100.0 <= x <= 900.0 for x, _ in ticks)
    assert length < 2 or ticks


@pytest.mark.parametrize(
    ("begin", "skipped"),
    [(datetime(2025, 10, 25, 20, tzinfo=UTC), ""), (datetime(2026, 3, 28, 21, tzinfo=UTC), "02:00")],
)
def test_time_ticks_follow_daylight_saving_changes(begin, skipped, monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    hours = 7
    axis = TimeAxis(begin.timestamp(), begin.timestamp() + hours * 3600, 0.0, float(hours))
    try:
        ticks = [(begin + timedelta(hours=x), name) for x, name in axis.ticks()]
        clock = [f"{at.astimezone():%H:%M}" for at, _ in ticks]
    finally:
        monkeypatch.undo()
        time.tzset()
    assert [name for _, name in ticks if ":" in name] == [time for time in clock if time != "00:00"]
    assert "03:00" in clock
    assert not skipped or skipped not in clock


@given(st.floats(0, 1e15))
def test_a_value_axis_covers_the_highest_value(highest):
    axis = ValueAxis.up_to(highest, 10.0, 110.0)
    ticks = list(axis.ticks())
    assert axis.top >= highest * (1 - 1e-6)
    assert 2 <= len(ticks) <= 6
    assert ticks[0] == (110.0, 0.0)
    assert ticks[-1][0] == pytest.approx(10.0)


@pytest.mark.parametrize("name", ["regrid", "<b onclick=x>", "&amp;"])
def test_times_of_tasks_are_a_table(name):
    time = TaskTime(
        task_name=name,
        total_hours=2.0,
        compute_hours=1.5,
        waiting_hours=0.5,
        spill_hours=0.0,
        deserialize_hours=0.0,
        failed_hours=0.0,
        other_hours=0.0,
        transfer_hours=0.1,
    )
    read = Page(html_report(replace(busy_day_once(), task_times=(time,))))
    assert {name, "75%", "25%", "5%"} <= set(read.texts)
    assert not [attributes for _, attributes in read.elements if "onclick" in attributes]
