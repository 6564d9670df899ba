"""Edited recordings: numbers and times may be any value that JSON allows."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from dasktop.collectors.analysis.usage import UsageAccumulator
from dasktop.collectors.model.snapshot import Finding, Snapshot
from dasktop.tui.dialogs.findings_page import FindingsPage
from dasktop.tui.draw.bars import sparkline
from dasktop.tui.draw.glyphs import UNICODE
from dasktop.tui.draw.times import moment
from dasktop.tui.report.html import html_report
from dasktop.tui.report.text import plain_report
from dasktop.tui.view.plain import plain_tree
from tests.support.screen import running
from tests.support.snapshots import job, pending, snapshot, task, worker

LAST = datetime.max.replace(tzinfo=UTC)
FIRST = datetime.min.replace(tzinfo=UTC)


@pytest.fixture(params=["Asia/Tokyo", "America/New_York"])
def _far_from_greenwich(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def edited(percent: float, at: datetime, taken_at: datetime) -> Snapshot:
    workers = [worker(f"w-{number}", cpu_percent=percent) for number in range(2)]
    jobs = [
        job("1", [task(workers)], submitted_at=at, started_at=at, ends_at=at, array_job_id="9", array_task_id="1"),
        job("2", [task([worker("w-2")])], array_job_id="9", array_task_id="2"),
        pending("3", expected_start_at=LAST, submitted_at=at),
    ]
    found = Finding(code="lost-job", severity="error", job_id="1", worker=None, message="lost", since=at)
    shown = snapshot(jobs, findings=(found,), taken_at=taken_at)
    return replace(shown, totals=replace(shown.totals, cpu_percent=2 * percent))


@pytest.mark.usefixtures("_far_from_greenwich")
@pytest.mark.parametrize("percent", [-500.0, 1.7e308, -1.7e308])
@pytest.mark.parametrize("at", [FIRST, LAST])
async def test_any_values_are_shown(percent: float, at: datetime) -> None:
    now = min(max(at, FIRST + timedelta(days=2)), LAST - timedelta(days=2))
    first, second = (edited(percent, at, now + timedelta(seconds=seconds)) for seconds in (0, 30))
    async with running((170, 50)) as screen:
        await screen.show(first)
        await screen.show(second)
        await screen.press("d", "1", "3", "j", "j", "j", "F")
        assert isinstance(screen.app.screen, FindingsPage)
        await screen.press("q", "G")
        assert screen.tree
    assert plain_tree(second)
    tally = UsageAccumulator(30)
    for shown in (first, second):
        tally.add(shown)
    report = tally.report()
    assert plain_report(report)
    assert html_report(report)


@pytest.mark.usefixtures("_far_from_greenwich")
def test_extreme_times_are_formatted() -> None:
    assert moment(LAST, LAST).endswith("today")
    assert moment(FIRST, FIRST).endswith("today")


def test_negative_and_infinite_values_are_drawn() -> None:
    lowest, highest = UNICODE.levels[0], UNICODE.levels[-1]
    assert sparkline([-500.0, 50.0, float("inf")], 3, UNICODE, top=50) == lowest + highest + highest
    assert sparkline([float("inf"), 1.0], 2, UNICODE) == lowest * 2
