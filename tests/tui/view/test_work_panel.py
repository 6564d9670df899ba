"""The panel with the unfinished task names."""

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.work import Work
from dasktop.tui.draw.glyphs import ASCII, UNICODE, Glyphs
from dasktop.tui.draw.text_width import width
from dasktop.tui.view.work_panel import names_that_fit, panel_lines
from dasktop.tui.widgets.header import WorkPanel
from tests.support.screen import HOSTILE, running
from tests.support.snapshots import TAKEN_AT, everyday
from tests.support.work import task_name, work

NAMES = (
    task_name("load", states={"memory": 100}),
    task_name("regrid", states={"waiting": 5}),
    task_name("mean", states={"processing": 2}),
    task_name("store", states={"waiting": 9}),
)


def lines(given: Work | None, most: int = 8, cells: int = 119, glyphs: Glyphs = UNICODE) -> list[str]:
    return ["".join(piece.text for piece in line) for line in panel_lines(given, TAKEN_AT, cells, most, glyphs)]


def test_unfinished_names_in_the_order_of_the_scheduler() -> None:
    assert [line.split()[0] for line in lines(work(task_names=NAMES))] == ["TASK", "regrid", "mean", "store"]


def test_names_with_running_tasks_come_before_others_if_there_is_no_room() -> None:
    shown = lines(work(task_names=NAMES), most=2)
    assert [line.split()[0] for line in shown[1:]] == ["mean", "and"]
    assert shown[-1].split() == ["and", "2", "more", "unfinished"]


def test_no_lines_without_unfinished_tasks() -> None:
    assert lines(None) == lines(work(task_names=NAMES[:1])) == lines(work(task_names=NAMES), most=0) == []


def test_room_for_names_grows_with_the_screen() -> None:
    assert [names_that_fit(*size) for size in ((80, 24), (109, 60), (120, 39))] == [0, 0, 0]
    assert [names_that_fit(120, height) for height in (40, 44, 60, 200)] == [4, 6, 8, 8]


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_fits(text: str) -> None:
    for glyphs in (UNICODE, ASCII):
        shown = lines(work(task_names=(task_name(text), task_name(text * 9))), glyphs=glyphs)
        assert len(shown) == 3
        assert all(width(line) <= 119 for line in shown)


async def test_panel_is_above_the_tree_of_a_large_screen() -> None:
    async with running((120, 40)) as screen:
        await screen.show(replace(everyday(), work=work()))
        assert [line.split()[0] for line in screen.lines_of(WorkPanel)] == ["TASK", "regrid"]
        await screen.show(replace(everyday(), work=None))
        assert screen.base.query_one(WorkPanel).size.height == 0
