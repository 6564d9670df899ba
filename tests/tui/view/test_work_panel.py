"""The panel with the progress of the work and its task names."""

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.work import Failure, Work
from dasktop.tui.draw.glyphs import ASCII, UNICODE, Glyphs
from dasktop.tui.draw.text_width import width
from dasktop.tui.view.work_panel import work_panel
from tests.support.screen import HOSTILE
from tests.support.snapshots import everyday
from tests.support.work import failure, task_name, unrunnable_task, work

NAMES = (
    task_name("load", states={"memory": 100}),
    task_name("regrid", states={"waiting": 5}),
    task_name("mean", states={"processing": 2}),
    task_name("store", states={"waiting": 9}),
)


def panel(given: Work | None, lines: int = 12, cells: int = 74, glyphs: Glyphs = UNICODE) -> list[str]:
    """Return the lines of the panel."""
    drawn = work_panel(replace(everyday(), work=given), cells, lines, glyphs)
    return ["".join(piece.text for piece in line) for line in drawn]


def names(shown: list[str]) -> list[str]:
    """Return the first word of each line below the column heads."""
    return [line.strip("│! ").split()[0] for line in shown[2:-1] if line.strip("│ ")]


def test_names_in_the_order_of_the_scheduler() -> None:
    shown = panel(work(task_names=NAMES, failures=(), unrunnable=()))
    assert shown[1].split()[1:3] == ["TASK", "NAME"]
    assert names(shown) == ["load", "regrid", "mean", "store"]


def test_title_is_the_progress() -> None:
    assert panel(work(task_names=NAMES))[0].startswith("╭─ WORK ")


def test_names_with_running_tasks_come_before_others_if_there_is_no_room() -> None:
    shown = panel(work(task_names=NAMES), lines=5)
    assert names(shown) == ["mean", "and"]
    assert shown[-2].strip("│ ").split() == ["and", "3", "more:", "W"]


def test_done_names_come_last_if_there_is_no_room() -> None:
    assert names(panel(work(task_names=NAMES), lines=6)) == ["regrid", "mean", "and"]


@pytest.mark.parametrize("failures", [(failure("mosaic-1", task_name="mosaic", blocks=1),), None])
def test_names_with_only_failed_or_blocked_tasks_have_a_row(failures: tuple[Failure, ...] | None) -> None:
    erred = (task_name("mosaic", states={"erred": 1}), task_name("store", states={"memory": 3, "erred": 1}))
    assert names(panel(work(task_names=(*NAMES[:2], *erred), failures=failures), lines=6)) == [
        "regrid",
        "mosaic",
        "and",
    ]


def test_narrow_panel_keeps_failures_and_the_end() -> None:
    heads = panel(work(task_names=NAMES), cells=66)[1].split()
    assert {"DONE", "FAILED", "ETA"} <= set(heads)


def test_unknown_work_is_said_to_be_unknown() -> None:
    assert "unknown" in panel(None)[1]


def test_no_tasks() -> None:
    assert [line.strip("│ ") for line in panel(work(task_names=()))[1:-1]] == [""] * 10


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_fits(text: str) -> None:
    for glyphs in (UNICODE, ASCII):
        shown = panel(work(task_names=(task_name(text), task_name(text * 9))), glyphs=glyphs)
        assert {width(line) for line in shown} == {74}


def test_free_lines_say_why_tasks_failed_and_what_others_need() -> None:
    failures = tuple(failure(f"load-{number}", exception=f"OSError({number})", blocks=0) for number in range(2))
    given = work(task_names=NAMES, failures=failures, unrunnable=(unrunnable_task(),))
    shown = [line.strip("│ ") for line in panel(given)]
    name = failures[0].task_name
    assert f"{name} failed 2×: OSError(1)" in shown
    assert "train cannot run: no worker offers GPU=1" in shown
    assert not any("OSError" in line for line in panel(given, lines=7))


def test_reasons_are_cut_to_the_panel() -> None:
    given = work(task_names=NAMES, failures=(failure("load-1", exception="E" * 500, task_name=HOSTILE[0]),))
    assert {width(line) for line in panel(given)} == {74}


def test_lower_border_says_what_the_parts_of_bars_mean() -> None:
    assert panel(work(task_names=NAMES), cells=90)[-1].startswith("╰─ ━ done ╍ processing ─ waiting ─")
    stuck = task_name("train", states={"no-worker": 1, "queued": 1, "waiting": 1, "memory": 1, "processing": 1})
    assert panel(work(task_names=(stuck,)), cells=50)[-1].startswith("╰─ ╍ processing ┊ cannot run ┄ queued ─")
