"""The page with failed tasks follows the snapshots, keeps its order and its view, and says if they are unknown."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Snapshot, WorkerEvent
from dasktop.collectors.model.work import Failure, Work
from dasktop.tui.dialogs.failures_page import FailuresPage, FailuresTable
from dasktop.tui.dialogs.help import tables_about
from dasktop.tui.widgets.details_pane import DetailsPane
from tests.support.screen import Screen, running
from tests.support.screen_text import lines_on
from tests.support.snapshots import TAKEN_AT, everyday
from tests.support.work import attempt, failure, work

REASON = "killed by signal 9 (SIGKILL)"
END = WorkerEvent(at=TAKEN_AT, worker="w-1", job_id="4709", node="n000", kind="removed", reason=REASON)
KILLED = failure("load-3", task_name="load", kind="worker killed", exception=None, attempts=(attempt(cause=REASON),))


def with_work(given: Work | None, *ends: WorkerEvent) -> Snapshot:
    return replace(everyday(), work=given, worker_events=ends)


def table_of(screen: Screen) -> list[str]:
    table = screen.app.screen.query_one(FailuresTable)
    return [line for y in range(table.size.height) if (line := table.render_line(y).text.rstrip())]


def labels(screen: Screen) -> list[str]:
    return [row.label for row in screen.app.screen.query_one(FailuresTable).rows]


def selected(screen: Screen) -> str | None:
    row = screen.app.screen.query_one(FailuresTable).selected
    return None if row is None else row.label


def details_of(screen: Screen) -> str:
    pane = screen.app.screen.query_one(DetailsPane)
    return "\n".join(pane.render_line(y).text.rstrip() for y in range(pane.size.height))


async def test_page_follows_the_snapshots_and_keeps_its_view() -> None:
    async with running((80, 24)) as screen:
        await screen.show(with_work(None))
        await screen.press("E")
        unknown = "Failed tasks are unknown: not reported by the scheduler (or --no-probe)."
        assert [line.strip() for line in table_of(screen)] == [unknown]
        await screen.show(with_work(work(failures=())))
        assert [line.strip() for line in table_of(screen)] == ["No failed tasks."]
        await screen.show(with_work(work(failures=(failure(),)), END))
        assert labels(screen) == ["regrid", "ended workers", "w-1"]
        shown = "\n".join(lines_on(screen.app))
        assert "1 failed task; 2 tasks blocked by it; 1 worker ended unexpectedly" in shown
        assert "ValueError('no grid')" in table_of(screen)[0]
        await screen.press("right", "down")
        assert selected(screen) == "('regrid-8a7f0d5e', 3)"
        newer = replace(KILLED, at=TAKEN_AT)
        await screen.show(with_work(work(failures=(failure(), newer)), END))
        assert labels(screen)[:2] == ["load", "regrid"]
        assert selected(screen) == "('regrid-8a7f0d5e', 3)", "a new group does not move the selection"
        await screen.show(with_work(work(failures=(newer, failure("again", at=TAKEN_AT + timedelta(1)))), END))
        assert labels(screen)[:3] == ["load", "regrid", "again"], "the order is kept"
        explained = [left for table in tables_about(screen.app.screen) for left, _ in table]
        assert {"WHY", "NODE", "/"} <= set(explained)
        await screen.press("slash", *"signal", "enter")
        assert labels(screen) == ["load", "ended workers", "w-1"]
        assert not screen.app._tree.view.pattern, "the tree has a filter of its own"
        await screen.press("escape", "1")
        assert labels(screen) == ["load", "regrid", "ended workers"]
        await screen.press("q", "E")
        assert isinstance(screen.app.screen, FailuresPage)
        assert labels(screen) == ["regrid", "load", "ended workers"], "opened again: the newest first"
        await screen.press("q")
        assert screen.app.screen is screen.base


async def test_details_take_the_place_of_the_table_with_the_whole_traceback() -> None:
    async with running((80, 24)) as screen:
        lines = tuple(f"line {number}" for number in range(40))
        await screen.show(with_work(work(failures=(failure(traceback=lines, node="n000"),))))
        await screen.press("E", "enter")
        assert not screen.app.screen.query_one(FailuresTable).display
        text = details_of(screen)
        assert "worker SLURMCluster-0-0 in job 4709 on node n000" in text
        assert " more ↓" in text
        await screen.press("end")
        assert "line 39" in details_of(screen)
        await screen.press("escape")
        assert screen.app.screen.query_one(FailuresTable).display


async def test_details_are_below_the_table_where_there_is_room() -> None:
    async with running((120, 40)) as screen:
        await screen.show(with_work(work(failures=(KILLED,)), END))
        await screen.press("E")
        assert "attempt 1: " in details_of(screen)
        assert "what helps" in details_of(screen)
        await screen.press("G")
        assert "ended worker w-1" in details_of(screen)
        await screen.press("d")
        assert not screen.app.screen.query_one(DetailsPane).display


@pytest.mark.parametrize("size", [(20, 6), (300, 90)])
async def test_page_is_drawn_at_any_size(size: tuple[int, int]) -> None:
    async with running(size) as screen:
        await screen.show(with_work(work(failures=(KILLED, failure())), END))
        await screen.press("E", "2", "G", "enter", "escape")
        assert isinstance(screen.app.screen, FailuresPage)


def numbered_failures(first: int, last: int, name: str = "regrid") -> tuple[Failure, ...]:
    numbers = range(first, last + 1)
    return tuple(
        failure(f"{name}-{number}", task_name=name, at=TAKEN_AT + timedelta(seconds=number)) for number in numbers
    )


async def test_new_failures_push_no_row_away_from_the_cursor() -> None:
    """In an unfolded group they come below the others; a new group is above, but the cursor keeps its line."""
    async with running((80, 24)) as screen:
        await screen.show(with_work(work(failures=numbered_failures(0, 19))))
        await screen.press("E", "l", "j", "j", "j")
        before = table_of(screen)
        assert selected(screen) == "regrid-17"
        await screen.show(with_work(work(failures=numbered_failures(0, 22))))
        assert labels(screen)[:4] == ["regrid", "regrid-19", "regrid-18", "regrid-17"]
        assert labels(screen)[-3:] == ["regrid-20", "regrid-21", "regrid-22"]
        assert table_of(screen)[1:] == before[1:]
        table = screen.app.screen.query_one(FailuresTable)
        await screen.show(
            with_work(work(failures=(*numbered_failures(0, 22), *numbered_failures(30, 31, "load")))),
        )
        assert labels(screen)[:2] == ["load", "regrid"]
        assert selected(screen) == "regrid-17"
        assert table._index - table.scroll_offset.y == 3
        await screen.press("h", "h", "l", "l")
        assert selected(screen) == "regrid-22", "folded and unfolded again, the newest is first"


async def test_filter_says_how_much_it_finds() -> None:
    async with running((80, 24)) as screen:
        await screen.show(with_work(work(failures=numbered_failures(0, 16)), END))
        await screen.press("E", "slash", *"regrid-1")
        assert "8 of 18" in lines_on(screen.app)[-2]
        await screen.press(*"zz")
        assert "no match" in lines_on(screen.app)[-2]
