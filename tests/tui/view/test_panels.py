"""Which panels a screen has room for."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from textual.geometry import Size

from dasktop.tui.config.view_settings import ViewSettings
from dasktop.tui.tree.table import TreeTable
from dasktop.tui.view.panels import NONE, Panels, fit_panels, next_panels
from dasktop.tui.widgets.details_pane import DetailsPane
from dasktop.tui.widgets.header import Header
from dasktop.tui.widgets.panels import PanelLines
from dasktop.tui.widgets.status_line import StatusLine
from tests.support.screen import running
from tests.support.snapshots import everyday
from tests.support.work import work


def test_small_screens_have_no_panels() -> None:
    assert fit_panels(80, 24) == fit_panels(109, 60) == fit_panels(200, 29) == NONE


def test_panels_grow_with_the_screen() -> None:
    assert fit_panels(110, 30) == Panels(7, 66, 44)
    assert fit_panels(120, 40) == Panels(11, 72, 48)
    assert fit_panels(200, 50) == Panels(14, 120, 80)
    assert fit_panels(300, 100) == Panels(19, 218, 82)


def test_many_task_names_need_more_lines() -> None:
    assert fit_panels(200, 50, names=14).content_lines == 15
    assert fit_panels(200, 50, names=99).content_lines == 17


def test_one_panel_alone_has_the_whole_width() -> None:
    assert fit_panels(120, 40, work=False) == Panels(11, 0, 120)
    assert fit_panels(120, 40, history=False) == Panels(11, 120, 0)
    assert fit_panels(120, 40, work=False, history=False) == NONE


@given(cells=st.integers(1, 400), lines=st.integers(1, 200), names=st.integers(0, 300))
def test_the_tree_keeps_most_of_the_room(cells: int, lines: int, names: int) -> None:
    panels = fit_panels(cells, lines, names)
    assert panels.work + panels.history in (0, cells)
    assert panels.lines <= lines / 2


def test_a_key_goes_through_all_choices() -> None:
    seen = [("history", "work")]
    for _ in range(4):
        seen.append(next_panels(seen[-1]))
    assert seen[1:] == [("work",), ("history",), (), ("work", "history")]


async def test_panels_are_chosen_by_a_key() -> None:
    async with running((120, 40), looks=ViewSettings(panels=("history",), shows_details=False)) as screen:
        await screen.show(replace(everyday(), work=work()))
        assert "WORK" not in screen.lines_of(PanelLines)[0]
        assert "of" in screen.lines_of(Header)[1]
        await screen.press("v")
        assert screen.base.query_one(PanelLines).size.height == 0
        assert screen.app.looks.panels == ()
        assert len(screen.lines_of(Header)) == 3
        await screen.pilot.resize_terminal(80, 24)
        await screen.press("v")
        assert "on a screen of at least 110x30" in screen.lines_of(StatusLine)[0]


async def test_the_tree_can_have_the_whole_screen() -> None:
    async with running((200, 50), looks=ViewSettings(is_enlarged=True)) as screen:
        table, pane = screen.base.query_one(TreeTable), screen.base.query_one(DetailsPane)
        await screen.show(replace(everyday(), work=work()))
        whole = table.size
        assert whole == Size(200, 50 - 3)
        assert len(screen.lines_of(Header)) == 1
        assert "only the tree" in screen.lines_of(Header)[0]
        await screen.press("z")
        assert pane.is_on_screen
        assert table.size.height < whole.height
        assert not screen.app.looks.is_enlarged
        for key in ("v", "d"):  # each shows all parts again
            before = screen.app.looks
            await screen.press("z")
            assert table.size == whole
            await screen.press(key)
            assert screen.app.looks == before
            assert pane.is_on_screen


async def test_the_details_can_have_the_whole_screen() -> None:
    async with running((200, 50), looks=ViewSettings()) as screen:
        pane = screen.base.query_one(DetailsPane)
        await screen.show(everyday())
        await screen.press("tab", "z")
        assert pane.size.width == 200
        await screen.press("z")
        assert pane.size.width < 200
        assert not screen.app.looks.is_enlarged


async def test_the_header_shows_what_no_panel_shows() -> None:
    async with running((120, 40)) as screen:
        await screen.show(replace(everyday(), work=work()))
        assert len(screen.lines_of(Header)) == 1
        titles = screen.lines_of(PanelLines)[0]
        assert "WORK" in titles
        assert "HISTORY" in titles
        await screen.show(replace(everyday(), work=None))
        assert "WORK" not in screen.lines_of(PanelLines)[0]
        await screen.pilot.resize_terminal(80, 24)
        await screen.pilot.pause()
        assert screen.base.query_one(PanelLines).size.height == 0
        assert "CPU" in screen.lines_of(Header)[1]
