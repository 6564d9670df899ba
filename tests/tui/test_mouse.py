"""Clicks on rows, panels and the header, double clicks, and the menu of a row."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from textual import events

from dasktop.collectors.model.snapshot import Finding, Snapshot
from dasktop.tui.details.body import DetailsBody
from dasktop.tui.dialogs.failures_page import FailuresPage, FailuresTable
from dasktop.tui.dialogs.findings_page import FindingsPage, FindingsTable
from dasktop.tui.dialogs.history_page import HistoryPage
from dasktop.tui.dialogs.row_menu import RowMenu
from dasktop.tui.dialogs.table_page import TablePage
from dasktop.tui.dialogs.work_page import WorkPage, WorkTable
from dasktop.tui.logs.screen import LogScreen
from dasktop.tui.scaling.plan_box import PlanBox
from dasktop.tui.tree.table import TreeTable
from dasktop.tui.view.keys import KEYS
from dasktop.tui.view.row_menu import keys_for_row
from dasktop.tui.view.visible_rows import visible_rows
from dasktop.tui.widgets.footer import KeyLine
from dasktop.tui.widgets.header import FindingsBanner, Header
from dasktop.tui.widgets.panels import PanelLines
from tests.support.screen import SIZES, Screen, running
from tests.support.screen_text import lines_on
from tests.support.snapshots import TAKEN_AT, busy_job, ended, everyday, pending, snapshot
from tests.support.work import computation, failure, task_name, work

RIGHT = 3
IDLE = Finding(
    code="idle-allocation",
    severity="warning",
    job_id="4710",
    worker=None,
    message="job 4710 is idle",
    advice="dasktop scale --release 4710 releases it",
    since=None,
)


def with_everything() -> Snapshot:
    """Return jobs in all phases, work of two task names, a failed task, and a finding."""
    names = (task_name("load"), task_name("regrid"))
    done = work(computations=(computation(task_names=("load", "regrid")),), task_names=names, failures=(failure(),))
    jobs = [busy_job("4709", 0), busy_job("4710", 1), pending("4715"), ended("4701")]
    return replace(snapshot(jobs, findings=(IDLE,)), work=done)


async def choose(screen: Screen, table: type, y: int, *, button: int = RIGHT) -> None:
    await screen.pilot.click(table, offset=(12, y), button=button)
    await screen.pilot.pause()


def menu_of(screen: Screen) -> RowMenu:
    menu = screen.app.screen
    assert isinstance(menu, RowMenu)
    return menu


def listed(screen: Screen) -> list[str]:
    return [command.key_id for command in menu_of(screen)._commands]


async def test_double_click_opens_the_details_of_a_row() -> None:
    async with running((120, 40)) as screen:
        await screen.show(with_everything())
        await screen.pilot.click(TreeTable, offset=(12, 1))
        assert not screen.base.query_one(DetailsBody).is_full, "one click selects"
        await screen.pilot.click(TreeTable, offset=(12, 2), times=2)
        await screen.pilot.pause()
        assert screen.base.query_one(DetailsBody).is_full
        assert screen.app._tree.table.selected.worker.name == "SLURMCluster-0-1"


async def test_double_click_on_a_marker_folds_and_unfolds() -> None:
    async with running((120, 40)) as screen:
        await screen.show(with_everything())
        before = screen.tree
        await screen.pilot.click(TreeTable, offset=(1, 0), times=2)
        await screen.pilot.pause()
        assert screen.tree == before
        assert not screen.base.query_one(DetailsBody).is_full


@pytest.mark.parametrize(("key", "table"), [("W", WorkTable), ("E", FailuresTable)])
async def test_double_click_opens_the_details_on_a_page(key: str, table: type) -> None:
    async with running((120, 40)) as screen:
        await screen.show(with_everything())
        await screen.press(key)
        page = screen.app.screen
        assert isinstance(page, TablePage)
        await screen.pilot.click(table, offset=(12, 0), times=2)
        await screen.pilot.pause()
        assert page.has_class("-details")


async def test_second_click_counts_only_on_the_same_row() -> None:
    """The first click may have opened the page, or an update may have moved another row to the place."""
    async with running((80, 24)) as screen:
        await screen.show(with_everything())
        await screen.press("F")
        table = screen.app.screen.query_one(FindingsTable)
        second = events.Click(table, 12, 0, 0, 0, 1, False, False, False, chain=2)
        table.on_click(second)
        await screen.pilot.pause()
        assert isinstance(screen.app.screen, FindingsPage)
        table.on_click(second)
        await screen.pilot.pause()
        assert screen.app.screen is screen.base


async def test_panels_open_their_pages() -> None:
    async with running((120, 40)) as screen:
        await screen.show(with_everything())
        assert "WORK" in screen.lines_of(PanelLines)[0]
        line = next(y for y, text in enumerate(screen.lines_of(PanelLines)) if "regrid" in text)
        await screen.pilot.click(PanelLines, offset=(8, line))
        await screen.pilot.pause()
        page = screen.app.screen
        assert isinstance(page, WorkPage)
        assert page.selected_task_name == "regrid"
        await screen.press("q")
        await screen.pilot.click(PanelLines, offset=(110, 4))
        await screen.pilot.pause()
        assert isinstance(screen.app.screen, HistoryPage)


async def test_double_click_on_what_happened_goes_to_its_job() -> None:
    async with running((120, 40)) as screen:
        await screen.show(with_everything())
        await screen.press("slash", *"4709", "enter", "H")
        page = screen.app.screen
        assert isinstance(page, HistoryPage)
        lines = lines_on(screen.app)
        y, line = next((y, line) for y, line in enumerate(lines) if "job 4710" in line)
        await screen.pilot.click(offset=(line.index("4710"), y))
        assert screen.app.screen is page
        await screen.pilot.click(offset=(5, 3), times=2)
        assert screen.app.screen is page, "nothing is there"
        await screen.pilot.click(offset=(line.index("4710"), y), times=2)
        await screen.pilot.pause()
        assert screen.app.screen is screen.base
        assert screen.app._tree.table.selected.job.job_id == "4710"
        assert not screen.app._tree.view.pattern


async def test_header_opens_what_panels_would_show() -> None:
    async with running((80, 24)) as screen:
        await screen.show(with_everything())
        await screen.pilot.click(Header, offset=(8, 0))
        assert screen.app.screen is screen.base
        await screen.pilot.click(Header, offset=(8, 1))
        await screen.pilot.pause()
        assert isinstance(screen.app.screen, HistoryPage)
        await screen.press("q")
        await screen.pilot.click(Header, offset=(8, 2))
        await screen.pilot.pause()
        assert isinstance(screen.app.screen, WorkPage)


async def test_right_click_offers_what_applies_to_the_row() -> None:
    async with running((120, 40)) as screen:
        await screen.show(with_everything())
        await choose(screen, TreeTable, 0)
        assert {"details", "log", "anatomy", "job_script", "profile", "release", "mark", "copy"} <= set(listed(screen))
        assert "call_stack" not in listed(screen)
        await screen.press("escape")
        await choose(screen, TreeTable, 1)
        assert screen.app._tree.table.selected.worker.name == "SLURMCluster-0-0"
        assert {"call_stack", "log", "release"} <= set(listed(screen))
        shown = "\n".join(lines_on(screen.app))
        assert "worker SLURMCluster-0-0" in shown
        assert KEYS["call_stack"].description in shown
        await screen.press("escape", "G")
        assert screen.app._tree.table.selected.job.job_id == "4701"
        await screen.press("M")
        assert not {"release", "mark", "profile"} & set(listed(screen)), "it has ended"


async def test_menu_runs_a_command_by_key_enter_and_click() -> None:
    async with running((120, 40)) as screen:
        await screen.show(with_everything())
        await screen.press("M", "T")
        await screen.pilot.pause()
        assert isinstance(screen.app.screen, LogScreen)
        await screen.press("q", "M", "enter")
        await screen.pilot.pause()
        assert screen.base.query_one(DetailsBody).is_full
        await screen.press("escape", "M")
        place = listed(screen).index("release")
        await screen.pilot.click("_Commands", offset=(3, place))
        await screen.pilot.pause()
        await screen.until_drawn()
        assert isinstance(screen.app.screen, PlanBox), "nothing is done without its plan"
        assert screen.feed.plans == []
        await screen.press("n", "M")
        await screen.pilot.click(offset=(119, 1))
        assert screen.app.screen is screen.base, "a click beside the menu closes it"


async def test_menu_does_nothing_to_another_row() -> None:
    async with running((120, 40)) as screen:
        await screen.show(with_everything())
        await screen.press("M")
        await screen.show(replace(with_everything(), jobs=with_everything().jobs[1:]))
        await screen.press("x")
        await screen.pilot.pause()
        assert screen.app.screen is screen.base


async def test_menu_of_a_finding_names_its_advice() -> None:
    async with running((120, 40)) as screen:
        await screen.show(with_everything())
        await screen.press("F")
        await choose(screen, FindingsTable, 0)
        assert listed(screen) == ["go_to_row", "act", "log", "dismiss", "toggle_details"]
        assert "releases job 4710, after asking" in "\n".join(lines_on(screen.app))
        await screen.press("a")
        await screen.pilot.pause()
        await screen.until_drawn()
        assert isinstance(screen.app.screen, PlanBox)


async def test_menus_of_pages_offer_what_applies() -> None:
    async with running((120, 40)) as screen:
        await screen.show(with_everything())
        await screen.press("W", "j", "M")
        assert listed(screen) == ["details", "call_stack", "profile"]
        await screen.press("escape", "q", "E", "M")
        assert listed(screen) == ["details", "fold"]
        await screen.press("space")
        await screen.pilot.pause()
        page = screen.app.screen
        assert isinstance(page, FailuresPage)
        assert page.table.selected.unfolded


async def test_read_only_menu_offers_no_changes() -> None:
    async with running((120, 40), read_only=True) as screen:
        await screen.show(with_everything())
        await screen.press("M")
        assert not {"release", "mark"} & set(listed(screen))


@pytest.mark.parametrize("size", [*SIZES, (20, 6)], ids=str)
async def test_menu_fits_every_screen(size: tuple[int, int]) -> None:
    async with running(size, unicode=False) as screen:
        await screen.show(with_everything())
        await screen.press("M")
        box = menu_of(screen).query_one(".box").region
        assert (box.x, box.y) >= (0, 0)
        assert box.right <= size[0]
        assert box.bottom <= size[1]
        assert size == (20, 6) or "".join(lines_on(screen.app)).isascii()
        await screen.press("escape", "G", "M")
        assert menu_of(screen).query_one(".box").region.bottom <= size[1]


async def test_right_click_presses_no_key() -> None:
    async with running((120, 40)) as screen:
        await screen.show(with_everything())
        await screen.pilot.click(KeyLine, offset=(2, 0), button=RIGHT)
        await screen.pilot.click(FindingsBanner, offset=(5, 0), button=RIGHT)
        await screen.pilot.click(PanelLines, offset=(5, 2), button=RIGHT)
        assert screen.feed.plans == []
        assert screen.app.screen is screen.base


async def click_on(screen: Screen, words: str, beside: str = "") -> None:
    """Click on the last character of a text in the last line that has it, and a text beside it."""
    y, line = [(y, line) for y, line in enumerate(lines_on(screen.app)) if words in line and beside in line][-1]
    await screen.pilot.click(offset=(line.index(words) + len(words) - 1, y))
    await screen.pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_keys_in_borders_can_be_clicked(size: tuple[int, int]) -> None:
    async with running(size) as screen:
        await screen.show(with_everything())
        await screen.press("F")
        await click_on(screen, "d details")
        assert not screen.app.screen.has_class("-docked")
        await click_on(screen, "details   ")
        assert not screen.app.screen.has_class("-docked"), "between two keys"
        await click_on(screen, "q")
        assert screen.app.screen is screen.base
        await screen.press("x")
        await screen.until_drawn()
        await click_on(screen, "n cancel")
        assert screen.app.screen is screen.base
        assert screen.feed.plans == []


def test_each_row_of_the_tree_has_a_menu() -> None:
    shown = everyday()
    rows = visible_rows(shown, lambda _key: True)
    menus = {row.kind: keys_for_row(row, shown) for row in rows}
    assert all("details" in menu for menu in menus.values())
    assert all(key_id in KEYS and KEYS[key_id].description for menu in menus.values() for key_id in menu)
    assert len(menus) > 2


def labels_of(screen: Screen) -> list[str]:
    page = screen.app.screen
    assert isinstance(page, TablePage)
    return [getattr(row, "label", "") or row.message for row in page.table.rows]


async def test_heads_of_all_pages_sort() -> None:
    failed = (failure("b-1", task_name="b"), *(failure(f"a-{n}", task_name="a") for n in range(2)))
    late = replace(IDLE, message="a late one", severity="info", since=TAKEN_AT)
    early = replace(IDLE, message="b early", job_id="4709", since=TAKEN_AT - timedelta(minutes=5))
    shown = replace(with_everything(), findings=(early, late, IDLE))
    async with running((120, 40)) as screen:
        await screen.show(replace(shown, work=replace(shown.work, failures=failed)))
        await screen.press("F")
        assert labels_of(screen) == ["b early", "a late one", "job 4710 is idle"]
        for words, sorted_labels in (
            ("FINDING", ["a late one", "b early", "job 4710 is idle"]),
            ("FINDING", ["job 4710 is idle", "b early", "a late one"]),
            ("SINCE", ["a late one", "b early", "job 4710 is idle"]),
            ("ABOUT", ["b early", "a late one", "job 4710 is idle"]),
            ("SEVERITY", ["b early", "a late one", "job 4710 is idle"]),
            ("SEVERITY", ["job 4710 is idle", "a late one", "b early"]),
        ):
            await click_on(screen, words, "SEVERITY")
            assert labels_of(screen) == sorted_labels, words
        assert "SEVERITY↑" in "\n".join(lines_on(screen.app))
        await screen.press("o", "0", "q", "E")
        for words, sorted_labels in (
            ("TASK NAME", ["a", "b"]),
            ("TASK NAME", ["b", "a"]),
            ("COUNT", ["a", "b"]),
            ("WHY", ["b", "a"]),  # for the same reason: as before
        ):
            await click_on(screen, words, "WHY")
            assert labels_of(screen)[:2] == sorted_labels, words
        await screen.press("o", "1", "O")
        assert labels_of(screen)[:2] == ["b", "a"]
