"""The help lists the keys of the current page, as they are bound."""

import pytest
from textual.widgets import Input, Static

from dasktop.collectors.model.feed import Choice
from dasktop.collectors.model.queries import Answer, BatchScript, JobFiles, OutputFiles
from dasktop.tui.dialogs.dialog import Dialog, Question
from dasktop.tui.dialogs.findings_page import FindingsPage
from dasktop.tui.dialogs.help import MARKS, Help
from dasktop.tui.dialogs.job_pages import AnatomyPage, JobScriptPage
from dasktop.tui.dialogs.picker import Picker
from dasktop.tui.dialogs.save_box import SaveBox
from dasktop.tui.draw.text_width import width
from dasktop.tui.logs.screen import LogScreen
from dasktop.tui.scaling.form import AdaptForm, ScaleForm
from dasktop.tui.scaling.plan_box import PlanBox
from dasktop.tui.tree.column_box import ColumnBox
from dasktop.tui.widgets.footer import KeyLine
from tests.support.choices import BOTH
from tests.support.screen import SIZES, Screen, running
from tests.support.snapshots import everyday


async def help_of(screen: Screen) -> dict[str, str]:
    """Open the help with the key, return its texts with their keys, and close it."""
    await screen.press("question_mark")
    assert isinstance(screen.app.screen, Help), "the key opens no help here"
    content = str(screen.app.screen.query_one(Static).content)
    await screen.press("escape")
    lines = [line for line in content.splitlines() if line]
    keys_cells = max(len(line) - len(line.split("  ")[-1]) for line in lines)
    listed: list[tuple[str, str]] = []
    for line in lines:
        keys, words = line[:keys_cells].strip(), line[keys_cells:]
        if keys:
            listed.append((keys, words))
        else:
            listed[-1] = (listed[-1][0], f"{listed[-1][1]} {words}")  # continued from the line above
    return {words: keys for keys, words in listed}


async def open_picker(screen: Screen) -> None:
    await screen.press("C")
    screen.feed.emit(BOTH)
    await screen.pilot.pause()


async def open_log(screen: Screen) -> None:
    await screen.press("T")
    files = OutputFiles(stdout="/tmp/out", stderr="/tmp/err", work_dir="/tmp")
    screen.feed.emit(Answer(question=JobFiles(job_id="4709"), files=files))
    await screen.pilot.pause()


async def open_script(screen: Screen) -> None:
    await screen.press("J")
    screen.feed.emit(Answer(question=BatchScript(job_id="4709"), lines=("#!/bin/sh",)))
    await screen.pilot.pause()


async def open_anatomy(screen: Screen) -> None:
    await screen.press("A")


async def open_plan(screen: Screen) -> None:
    await screen.press("x")


async def open_form(screen: Screen) -> None:
    await screen.press("s")


async def open_adapt_form(screen: Screen) -> None:
    await screen.press("a")


async def open_columns(screen: Screen) -> None:
    await screen.press("c")


async def open_findings(screen: Screen) -> None:
    await screen.press("F")


async def open_question(screen: Screen) -> None:
    await screen.press("plus", "q")


async def open_saving(screen: Screen) -> None:
    await screen.press("S")


PAGES = [
    (
        open_picker,
        Picker,
        {"watch the selected scheduler": "enter", "search for schedulers again": "r", "go back": "q esc"},
    ),
    (
        open_log,
        LogScreen,
        {
            "scroll": "↑ ↓  k j",
            "follow new lines, or stop following": "f",
            "switch between output and errors, or logs from dask": "tab",
            "copy the path of the file (OSC 52)": "y",
            "go to the next or previous match": "n N",
        },
    ),
    (open_script, JobScriptPage, {"scroll": "↑ ↓  k j", "search as you type": "/", "go back": "q"}),
    (open_anatomy, AnatomyPage, {"scroll": "↑ ↓  k j", "show the job script": "J", "go back": "q esc"}),
    (open_plan, PlanBox, {"apply the plan": "y", "cancel; nothing is changed": "n esc q"}),
    (open_form, ScaleForm, {"cancel; nothing is changed": "esc"}),
    (open_adapt_form, AdaptForm, {"turn adaptive scaling off": "o"}),
    (open_columns, ColumnBox, {"show or hide the column": "space", "close": "enter esc q"}),
    (open_findings, FindingsPage, {"move": "↑ ↓  k j", "go back": "q F"}),
    (open_question, Question, {"yes": "y", "no": "n esc"}),
    (open_saving, SaveBox, {"save a screenshot as SVG": "p", "cancel; nothing is saved": "esc q"}),
]


@pytest.mark.parametrize(("reach", "kind", "listed"), PAGES, ids=lambda it: getattr(it, "__name__", None))
async def test_help_of_each_page_lists_its_keys(reach, kind, listed) -> None:
    async with running() as screen:
        await screen.show(everyday())
        await reach(screen)
        page = screen.app.screen
        assert isinstance(page, kind)
        found = await help_of(screen)
        assert screen.app.screen is page, "closing the help returns to the page"
        assert listed.items() <= found.items(), found
        assert found["open the command palette"] == "ctrl+p"
        for of_the_tree in ("show details of the selected row, or return to the tree", MARKS[0][1]):
            assert of_the_tree not in found


@pytest.mark.parametrize(("reach", "kind", "listed"), PAGES, ids=lambda it: getattr(it, "__name__", None))
@pytest.mark.parametrize("size", [(60, 15), (120, 40)], ids=str)
async def test_border_lists_keys_that_fit(reach, kind, listed, size) -> None:
    async with running(size) as screen:
        await screen.show(everyday())
        await reach(screen)
        page = screen.app.screen
        if isinstance(page, Dialog):
            box = page.query_one(".box")
            assert box.border_subtitle
            assert width(str(box.border_subtitle)) <= box.size.width
            assert size == (60, 15) or "? help" in str(box.border_subtitle)
        else:
            assert "? help" in page.query_one(KeyLine).render_line(0).text


async def test_help_of_the_tree_starts_with_tree_keys() -> None:
    async with running() as screen:
        await screen.show(everyday())
        found = await help_of(screen)
        assert list(found)[:2] == ["move", "one page up or down"]
        assert list(found)[-len(MARKS) :] == [words for _, words in MARKS]
        assert found["first row, last row"] == "g G"
        assert found["add a job (no confirmation); remove a job (asks first)"] == "+ -  ="


async def test_help_of_details_starts_with_their_keys() -> None:
    async with running() as screen:
        await screen.show(everyday())
        await screen.press("enter")
        found = await help_of(screen)
        assert next(iter(found)) == "scroll"
        assert found["return to the tree"] == "esc q"
        assert "show the job script" in found
        assert "fold or unfold (or click the marker)" not in found
        assert "sort by the next column; reverse the sort order" not in found, "not without the tree"


async def test_read_only_help_lists_no_changes() -> None:
    async with running(read_only=True) as screen:
        await screen.show(everyday())
        found = await help_of(screen)
        assert not any("scale" in words or "release" in words for words in found)
        assert found["cancel the running operation; clear filter and marks"] == "esc"


@pytest.mark.parametrize("key", ["slash", "T"])
async def test_help_key_types_in_a_text_field(key: str) -> None:
    async with running() as screen:
        await screen.show(everyday())
        if key == "T":
            await open_log(screen)
            key = "slash"
        await screen.press(key, "question_mark")
        field = screen.app.screen.focused
        assert isinstance(field, Input)
        assert field.value == "?"


async def test_help_key_works_in_digit_fields() -> None:
    async with running() as screen:
        await screen.show(everyday())
        await open_form(screen)
        assert isinstance(screen.app.screen.focused, Input)
        assert "next field, previous field" in await help_of(screen)


class TestRemapped:
    async def test_help_and_borders_show_rebound_keys(self) -> None:
        async with running() as screen:
            screen.app.set_keymap({"down": "e,down", "sort": "f6", "back": "f10", "search": "f3", "job_script": "f4"})
            await screen.show(everyday())
            found = await help_of(screen)
            assert found["move"] == "↑ ↓  k e"
            assert found["sort by the next column; then 1-9: by that column"] == "f6"
            await screen.press("f4")
            page = screen.app.screen
            assert isinstance(page, JobScriptPage)
            subtitle = str(page.query_one(".box").border_subtitle)
            assert "f3 search" in subtitle
            assert "f10 back" in subtitle
            assert (await help_of(screen))["search as you type"] == "f3"
            await screen.press("q")
            assert screen.app.screen is page
            await screen.press("f10")
            assert screen.app.screen is screen.base

    async def test_key_that_looks_like_markup_is_shown(self) -> None:
        async with running() as screen:
            screen.app.set_keymap({"back": "left_square_bracket"})
            await screen.show(everyday())
            await screen.press("J")
            assert "[ back" in screen.app.screen.query_one(".box")._border_subtitle.plain


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_help_can_be_ascii(size: tuple[int, int]) -> None:
    async with running(size, unicode=False) as screen:
        await screen.show(everyday())
        for keys in ((), ("enter",), ("escape", "J")):
            await screen.press(*keys, "question_mark")
            assert str(screen.app.screen.query_one(Static).content).isascii()
            await screen.press("q")


async def test_leaving_the_first_picker_quits() -> None:
    async with running() as screen:
        screen.feed.emit(Choice(candidates=BOTH.candidates, is_needed=True))
        await screen.pilot.pause()
        assert "q quit" in str(screen.app.screen.query_one(".box").border_subtitle)
        assert "watch the selected scheduler" in await help_of(screen)
        assert isinstance(screen.app.screen, Picker)


async def test_wrapped_help_stays_in_its_column() -> None:
    async with running((60, 15)) as screen:
        await screen.show(everyday())
        await screen.press("question_mark")
        lines = str(screen.app.screen.query_one(Static).content).splitlines()
        first = next(number for number, line in enumerate(lines) if line.startswith("/ "))
        assert lines[first].index("filter: text") == lines[first + 1].index("state:pending") > 0
        assert max(map(width, lines)) <= 60
