"""The panel with the task names of which not all tasks are done."""

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.work import Failure, Work
from dasktop.tui.draw.glyphs import ASCII, UNICODE, Glyphs
from dasktop.tui.draw.text_width import width
from dasktop.tui.view.work_panel import names_that_fit, panel_lines
from dasktop.tui.widgets.header import WorkPanel
from tests.support.screen import HOSTILE, running
from tests.support.snapshots import TAKEN_AT, everyday
from tests.support.work import failure, task_name, work

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
    assert shown[-1].split() == ["and", "2", "more", "not", "done"]


@pytest.mark.parametrize("failures", [(failure("mosaic-1", task_name="mosaic", blocks=1),), None])
def test_names_with_only_failed_or_blocked_tasks_have_a_row(failures: tuple[Failure, ...] | None) -> None:
    erred = (task_name("mosaic", states={"erred": 1}), task_name("store", states={"memory": 3, "erred": 1}))
    shown = lines(work(task_names=(*NAMES[:2], *erred), failures=failures))
    assert [line.strip("! ").split()[0] for line in shown[1:]] == ["regrid", "mosaic", "store"]
    assert lines(work(task_names=erred, failures=failures))


def test_names_with_only_failed_tasks_come_last_if_there_is_no_room() -> None:
    failed = task_name("mosaic", states={"erred": 1})
    shown = lines(work(task_names=(failed, *NAMES), failures=None), most=3)
    assert [line.split()[0] for line in shown[1:]] == ["regrid", "mean", "and"]


def test_no_lines_if_all_tasks_are_done() -> None:
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
