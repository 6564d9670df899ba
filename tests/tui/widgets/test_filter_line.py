"""The filter line: keys that are typed fast, or arrive at once over a slow connection, are not lost."""

import re

import pytest
from textual.widgets import Input

from dasktop.tui.tree.table import TreeTable
from dasktop.tui.widgets.footer import KeyLine
from dasktop.tui.widgets.pattern_line import FilterLine
from tests.support.screen import Screen, running
from tests.support.snapshots import busy_job, everyday, snapshot

CHANGES_THINGS = "+-sxaLmp"


async def type_at_once(screen: Screen, *keys: str) -> None:
    """Send keys in one burst: the app reads the first when the last has arrived."""
    for key in keys:
        screen.app.simulate_key(key)
    for _ in range(5):
        await screen.pilot.pause()


def line_of(screen: Screen) -> FilterLine:
    return screen.base.query_one(FilterLine)


def ids(screen: Screen) -> list[str]:
    return [line.split()[0] for line in screen.tree if line.split()[0].isdigit()]


async def test_keys_after_filter_key_are_typed() -> None:
    async with running() as screen:
        await screen.show(everyday())
        await type_at_once(screen, "slash", *CHANGES_THINGS)
        assert screen.app.screen is screen.base
        assert screen.feed.plans == []
        assert line_of(screen).query_one(Input).value == CHANGES_THINGS
        assert "paused" not in screen.header[0]


@pytest.mark.parametrize("key", ["enter", "down"])
async def test_burst_of_keys_filters_like_single_keys(key: str) -> None:
    async with running() as screen:
        await screen.show(everyday())
        await type_at_once(screen, "slash", *"state:pending", key)
        assert ids(screen) == ["4715", "4651"]
        assert isinstance(screen.app.focused, TreeTable)
        assert line_of(screen).has_class("-shown")
        await screen.press("escape")
        await type_at_once(screen, "slash", *"state:none", "escape", "slash", *"4710", "enter")
        assert line_of(screen).query_one(Input).value == "4710"


async def test_slash_can_be_typed_in_the_filter() -> None:
    async with running() as screen:
        await screen.show(everyday())
        await screen.press("slash", *"a/b")
        assert line_of(screen).query_one(Input).value == "a/b"
        await screen.press("escape", "J", "slash")
        assert not line_of(screen).has_class("-shown")
        assert screen.app.screen.query_one(Input).has_focus


async def test_empty_filter_line_closes() -> None:
    async with running() as screen:
        await screen.show(everyday())
        await screen.press("slash", "enter")
        assert not line_of(screen).has_class("-shown")
        assert isinstance(screen.app.focused, TreeTable)


async def test_key_line_lists_keys_of_the_filter_line() -> None:
    async with running() as screen:
        await screen.show(everyday())
        before = screen.lines_of(KeyLine)
        await screen.press("slash")
        [line] = screen.lines_of(KeyLine)
        assert "enter keep" in line
        assert "esc clear" in line
        assert "? help" not in line
        await screen.press("escape", "question_mark")
        assert screen.lines_of(KeyLine) == before, "it stays the same under a dialog"


@pytest.mark.parametrize("size", [(60, 15), (120, 40)], ids=str)
async def test_key_line_lists_no_typed_characters(size) -> None:
    async with running(size) as screen:
        await screen.show(everyday())
        await screen.press("slash")
        assert screen.lines_of(KeyLine)[0].split() == ["enter", "keep", "filter", "esc", "clear"]
        await screen.press("enter")
        assert "+ add" in screen.lines_of(KeyLine)[0]


@pytest.mark.parametrize("typed", ["a{99999999999}", "(" * 600 + "a" + ")" * 600, r"(\w+-?)+!"])
async def test_typed_text_is_the_pattern(typed: str) -> None:
    async with running() as screen:
        await screen.show(everyday())
        await screen.press("slash")
        line_of(screen).query_one(Input).value = typed
        await screen.pilot.pause()
        assert screen.tree[0].strip().startswith(f"nothing matches {typed}"[:60])


async def test_filtered_job_keeps_whole_figures():
    """With a job of four workers, one of which matches; also with a sort column."""
    shown = snapshot([busy_job("4709", 0), busy_job("4710", 1)])
    async with running((120, 40)) as screen:
        await screen.show(shown)
        await screen.press("3")
        whole = [line[3:] for line in screen.tree if " 4709 " in line]
        await screen.press("slash", *"SLURMCluster-0-1", "enter")
        filtered = [line[3:] for line in screen.tree if "SLURM" not in line]
        assert len(screen.tree) == 2
        assert [figures(line) for line in filtered] == [figures(line) for line in whole]


def figures(line: str) -> list[str]:
    return re.findall(r"[0-9.]+[%G]|[0-9]+/[0-9]+", line)
