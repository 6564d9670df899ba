"""The progress bar of the header, and the page with what dask computes."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.model.work import Eta, LeftOut, Progress, Work
from dasktop.tui.dialogs.failures_page import FailuresPage
from dasktop.tui.dialogs.help import tables_about
from dasktop.tui.dialogs.work_page import WorkPage, WorkTable
from dasktop.tui.draw.glyphs import ASCII, UNICODE, Glyphs
from dasktop.tui.draw.numbers import seconds_text
from dasktop.tui.draw.text_width import width
from dasktop.tui.draw.times import local
from dasktop.tui.view.summary import summary_lines
from dasktop.tui.view.work import eta_text, rate_text, segments
from dasktop.tui.widgets.details_pane import DetailsPane
from tests.support.screen import Screen, running
from tests.support.screen_text import lines_on
from tests.support.snapshots import TAKEN_AT, everyday
from tests.support.work import computation, running_task, task_name, work

ETA = Eta(earliest=TAKEN_AT + timedelta(minutes=5), latest=TAKEN_AT + timedelta(minutes=9), based_on="the rate")
BUSY = work(progress=Progress(done=6120, total=9900, failed=3, blocked=0), rate_per_second=14.2, eta=ETA)


def with_work(given: Work | None) -> Snapshot:
    return replace(everyday(), work=given)


def header(given: Work | None, cells: int, glyphs: Glyphs = UNICODE) -> list[str]:
    lines = summary_lines(with_work(given), cells, glyphs, read_only=False)
    return ["".join(piece.text for piece in line) for line in lines]


def times() -> str:
    return f"{local(ETA.earliest):%H:%M}–{local(ETA.latest):%H:%M}"


class TestHeader:
    def test_bar_counts_rate_eta_and_failed_tasks(self) -> None:
        line = header(BUSY, 80)[2]
        assert line.startswith(" WORK ━━━━━━━━━━━╾───────  6,120")
        assert line.endswith(f"─  6,120 of 9,900   14.2/s   done {times()}   3 failed")

    def test_work_replaces_the_counts_by_state(self) -> None:
        assert "TASKS" not in "".join(header(BUSY, 160))
        assert "TASKS" in "".join(header(None, 160))

    @pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
    @pytest.mark.parametrize("cells", range(40, 301, 20))
    def test_line_fits_and_keeps_counts_and_failures(self, cells: int, glyphs: Glyphs) -> None:
        line = header(BUSY, cells, glyphs)[2]
        assert width(line) <= cells
        assert line.endswith("3 failed")
        assert "6,120 of 9,900" in line
        assert line.isascii() or glyphs is UNICODE

    def test_tasks_that_no_worker_may_run_have_no_eta(self) -> None:
        stuck = task_name("train", states={"no-worker": 3, "waiting": 1})
        assert header(replace(BUSY, task_names=(stuck,)), 80)[2].endswith("14.2/s   3 failed   3 cannot run")
        others = (stuck, task_name(states={"processing": 1}))
        assert f"rest done {times()}   3 failed   3 cannot run" in header(replace(BUSY, task_names=others), 120)[2]

    def test_failed_and_blocked_tasks_are_apart(self) -> None:
        given = replace(BUSY, progress=replace(BUSY.progress, failed=2, blocked=4, erred=6))
        unknown = replace(BUSY, progress=replace(BUSY.progress, failed=None, blocked=None, erred=6))
        assert header(given, 100)[2].endswith("   2 failed   4 blocked")
        assert header(unknown, 100)[2].endswith("   6 failed or blocked")
        names = (task_name(states={"processing": 9}), task_name("train", states={"no-worker": 4}))
        at_80 = header(replace(given, task_names=names), 80)[2]
        assert at_80.endswith(f"   rest done {times()}   2 failed   4 cannot run")

    def test_eta_says_how_many_tasks_it_leaves_out(self) -> None:
        names = (task_name("train", states={"no-worker": 3, "processing": 1}),)
        lines = [
            header(replace(BUSY, task_names=names, eta=replace(ETA, tasks_left_out=number)), cells)[2]
            for number, cells in ((3, 120), (4, 120), (3, 68))
        ]
        assert f"rest done {times()}   3 failed   3 cannot run" in lines[0]
        assert f"done {times()} except 4 tasks   3 failed   3 cannot run" in lines[1]
        assert lines[2].endswith(f"done {times()} except 3 tasks   3 failed")

    def test_eta_names_the_tasks_that_it_leaves_out(self) -> None:
        def line(cells: int, **tasks: int) -> str:
            left_out = tuple(LeftOut(task_name=name, tasks=number) for name, number in tasks.items())
            eta = replace(ETA, tasks_left_out=sum(tasks.values()), left_out=left_out)
            return header(replace(BUSY, eta=eta), cells)[2]

        assert f"done {times()} except 1 interpolate   3 failed" in line(80, interpolate=1)
        assert f"done {times()} except 1 interpolate, 4 train   3 failed" in line(120, interpolate=1, train=4)
        assert f"done {times()} except 5 tasks   3 failed" in line(68, interpolate=1, train=4)
        assert f"done {times()} except 3 tasks   3 failed" in line(120, a=1, b=1, c=1)
        assert f"done {times()} except 1 task   3 failed" in line(120, **{"interpolate" * 4: 1})

    def test_end_stays_in_a_narrow_title_with_large_numbers(self) -> None:
        left_out = (LeftOut(task_name="interpolate", tasks=1), LeftOut(task_name="train", tasks=4))
        eta = replace(ETA, tasks_left_out=5, left_out=left_out)
        assert f"rest done {times()}   3 failed" in header(replace(BUSY, eta=eta), 60)[2]

    def test_rate_is_left_out_before_the_eta(self) -> None:
        line = header(BUSY, 60)[2]
        assert (times() in line, "/s" in line) == (True, False)

    def test_unknown_parts_and_no_tasks(self) -> None:
        assert header(replace(BUSY, eta=None, rate_per_second=None), 80)[2].endswith("6,120 of 9,900   3 failed")
        assert header(work(progress=Progress(done=0, total=0, failed=0, blocked=0)), 80)[2] == " WORK none"


@pytest.mark.parametrize("cells", range(31))
def test_segments_have_exactly_the_width(cells: int) -> None:
    states = {"memory": 100_000, "released": 3, "processing": 1, "failed": 1, "queued": 50_000, "waiting": 1}
    pieces = segments(states, cells)
    assert width("".join(piece.text for piece in pieces)) == cells
    if cells >= 5:
        assert {piece.text[0] for piece in pieces} == set("━╍×┄─"), "one task is visible among many"


def test_rates_and_durations() -> None:
    assert [rate_text(rate) for rate in (None, 0, 0.2, 14.23, 1234)] == ["–", "0/min", "12/min", "14.2/s", "1,234/s"]
    seconds = (None, 0.43, 12.4, 250, 7500, 400_000)
    assert [seconds_text(value) for value in seconds] == ["–", "0.4s", "12s", "4m10s", "2h05m", "4d"]


def test_range_of_another_day_names_the_day_once() -> None:
    tomorrow = Eta(earliest=TAKEN_AT + timedelta(days=1), latest=TAKEN_AT + timedelta(days=1, minutes=5), based_on="")
    assert eta_text(tomorrow, TAKEN_AT) == f"{local(tomorrow.earliest):%a %H:%M}–{local(tomorrow.latest):%H:%M}"
    assert eta_text(None, TAKEN_AT) == "–"
    for seconds in (-600, 0, 59):  # it would run with the clock
        now = replace(ETA, earliest=TAKEN_AT + timedelta(seconds=seconds))
        assert eta_text(now, TAKEN_AT) == f"by {local(ETA.latest):%H:%M}"
    assert eta_text(replace(ETA, earliest=TAKEN_AT + timedelta(seconds=60)), TAKEN_AT).partition("–")[1]


TWO = work(
    computations=(
        computation("c1", code=("means.compute()",), task_names=("load",), ended_at=TAKEN_AT),
        computation("c2", name="monthly means", task_names=("regrid", "load"), eta=ETA),
    ),
    task_names=(
        task_name("load", compute_seconds=300.0, states={"memory": 90, "erred": 10}),
        task_name("regrid", compute_seconds=100.0),
    ),
)


def table_of(screen: Screen) -> list[str]:
    table = screen.app.screen.query_one(WorkTable)
    return [line for y in range(table.size.height) if (line := table.render_line(y).text.rstrip())]


def labels(screen: Screen) -> list[str]:
    return [row.label for row in screen.app.screen.query_one(WorkTable).rows]


def details_of(screen: Screen) -> str:
    pane = screen.app.screen.query_one(DetailsPane)
    return "\n".join(pane.render_line(y).text.rstrip() for y in range(pane.size.height))


async def test_page_follows_the_snapshots_and_keeps_its_view() -> None:
    async with running((80, 24)) as screen:
        await screen.show(with_work(None))
        await screen.press("W")
        assert any("What dask computes is unknown" in line for line in table_of(screen))
        await screen.show(with_work(TWO))
        assert labels(screen) == ["monthly means", "regrid", "load (in 2)", "means.compute()"]
        await screen.press("down", "down", "down", "right", "1")
        assert labels(screen) == ["monthly means", "means.compute()"]
        await screen.press("q")
        assert screen.app.screen is screen.base
        await screen.press("W")
        assert labels(screen) == ["monthly means", "means.compute()"]
        explained = [left for table in tables_about(screen.app.screen) for left, _ in table]
        assert {"LONGEST", "cannot run", "/"} <= set(explained)
        await screen.press("E")
        assert isinstance(screen.app.screen, FailuresPage)
        await screen.press("q", "2", "slash", *"regrid", "enter")
        assert labels(screen) == ["monthly means", "regrid"]
        assert not screen.app._tree.view.pattern, "the tree has a filter of its own"
        await screen.press("escape", "o", "O")
        assert labels(screen)[0] == "monthly means", "from Z to A"
        assert isinstance(screen.app.screen, WorkPage)


async def test_details_take_the_place_of_the_table() -> None:
    async with running((80, 24)) as screen:
        await screen.show(with_work(TWO))
        await screen.press("W", "down", "enter")
        assert not screen.app.screen.query_one(WorkTable).display
        text = details_of(screen)
        assert "task name regrid" in text
        assert "30% of all" in text
        await screen.press("end")
        assert "more ↑" in details_of(screen)
        await screen.press("escape")
        assert screen.app.screen.query_one(WorkTable).display
        await screen.press("enter")
        assert "more ↑" not in details_of(screen), "it opens at the top"
        await screen.press("escape")
        await screen.press("q")
        assert screen.app.screen is screen.base


async def test_details_are_below_the_table_where_there_is_room() -> None:
    async with running((120, 40)) as screen:
        await screen.show(with_work(TWO))
        await screen.press("W")
        assert "computation monthly means" in details_of(screen)
        await screen.press("down")
        assert "task name regrid" in details_of(screen)
        await screen.press("d")
        assert not screen.app.screen.query_one(DetailsPane).display


async def test_only_visible_rows_are_drawn() -> None:
    many = tuple(task_name(f"name{number}") for number in range(2000))
    given = work(task_names=many, computations=(computation(task_names=tuple(name.name for name in many)),))
    async with running((80, 24)) as screen:
        await screen.show(with_work(given))
        await screen.press("W")
        table = screen.app.screen.query_one(WorkTable)
        assert len(table.rows) == 2001
        seen: list[str] = []
        look = table.look_of
        table.look_of = lambda row: (seen.append(row.label), look(row))[1]
        await screen.press("down")
        assert len(set(seen)) <= table.size.height
        await screen.press("G")
        assert table_of(screen)[-1].split()[0] == "name1999"


async def test_call_stack_of_the_longest_running_task_of_a_name() -> None:
    first, second = everyday().jobs[0].tasks[0].workers[:2]
    tasks = (
        running_task(address=first.address, seconds=3.0),
        running_task("b", address=second.address, seconds=9.0),
        running_task("c", task_name="other", address=first.address, seconds=99.0),
    )
    async with running((120, 40)) as screen:
        await screen.show(replace(everyday(), work=work(running=tasks)))
        await screen.press("W", "t")
        assert "no task name selected" in "\n".join(lines_on(screen.app))
        await screen.press("down", "t")
        assert screen.app.screen is screen.base
        assert screen.app._tree.table.selected.worker.address == second.address
        assert f"reading the threads of worker {second.name}" in "\n".join(lines_on(screen.app))
        await screen.show(replace(everyday(), work=work(running=())))
        await screen.press("W", "down", "t")
        assert "no worker is known that runs a task of regrid" in "\n".join(lines_on(screen.app))
        screen.app._banner.is_replay = True
        await screen.show(replace(everyday(), work=work(running=tasks)))
        await screen.press("t")
        assert "this is a replay: not recorded" in "\n".join(lines_on(screen.app))
