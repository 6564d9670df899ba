"""The page with failed tasks follows the snapshots, and says if they are unknown."""

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Snapshot, WorkerEvent
from dasktop.collectors.model.work import Work
from dasktop.tui.dialogs.failures_page import failures_lines
from dasktop.tui.dialogs.page import TextView
from dasktop.tui.draw.glyphs import UNICODE
from dasktop.tui.draw.text_width import width
from tests.support.screen import HOSTILE, Screen, running
from tests.support.snapshots import TAKEN_AT, everyday
from tests.support.work import attempt, failure, work


def shown(screen: Screen) -> str:
    view = screen.app.screen.query_one(TextView)
    return "\n".join(view.render_line(y).text.rstrip() for y in range(view.size.height)).strip()


def with_work(given: Work | None) -> Snapshot:
    return replace(everyday(), work=given)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_page_follows_the_snapshots(size: tuple[int, int]) -> None:
    async with running(size) as screen:
        await screen.show(with_work(None))
        await screen.press("E")
        assert shown(screen) == "Failed tasks are unknown: not reported by the scheduler (or --no-probe)."
        await screen.show(with_work(work(failures=())))
        assert shown(screen) == "No failed tasks."
        await screen.show(with_work(work()))
        text = shown(screen)
        assert text.startswith("1 failed task; 2 tasks blocked by it")
        assert "regrid: ValueError('no grid')" in text
        assert "      raise ValueError('no grid')" in text, "indented below its file"
        reason = "killed by signal 9 (SIGKILL)"
        end = WorkerEvent(at=TAKEN_AT, worker="w-1", job_id="4709", kind="removed", reason=reason)
        await screen.show(replace(with_work(work()), worker_events=(end,)))
        assert f"worker w-1 in job 4709: {reason}" in shown(screen)
        await screen.press("q")
        assert screen.app.screen is screen.base


def test_a_group_says_which_task_the_place_and_the_message_are_of() -> None:
    many = [
        failure(f"load-{number}", worker=f"w-{number % 2}", job_id="7", exception=f"ValueError('grid {number}')")
        for number in range(30)
    ]
    text = "\n".join(
        "".join(piece.text for piece in line.pieces)
        for line in failures_lines(with_work(work(failures=tuple(many))), 160, UNICODE)
    )
    assert "regrid: ValueError('grid 29') (the newest; others differ)" in text
    assert "load-6, load-7, " in text
    assert "load-29 and 6 more" in text
    assert "on workers w-0 (15), w-1 (15)" in text
    assert "the newest on worker w-1 in job 7" in text
    killed = [failure(key, kind="worker killed", exception=None, attempts=(attempt("w-1"),)) for key in ("a", "b")]
    lines = failures_lines(with_work(work(failures=tuple(killed))), 80, UNICODE)
    assert "  the newest, b:" in ["".join(piece.text for piece in line.pieces) for line in lines]


async def test_title_says_how_many_lines_are_out_of_view() -> None:
    async with running((60, 12)) as screen:
        lines = tuple(f"line {number}" for number in range(20))
        await screen.show(with_work(work(failures=(failure(traceback=lines),))))
        await screen.press("E")
        box = screen.app.screen.query_one(".box")
        assert str(box.border_title).endswith(" more ↓")
        await screen.press("end")
        assert str(box.border_title).endswith(" more ↑")
        await screen.show(with_work(work(failures=())))
        assert str(box.border_title) == "failed tasks"
        await screen.press("q", "question_mark")
        assert str(screen.app.screen.query_one(".box").border_title).endswith(" more ↓")


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("cells", [20, 80, 160])
def test_any_text_fits_and_is_not_markup(text: str, cells: int) -> None:
    failed = failure(text, task_name=text, exception=text, traceback=(text, f"  {text}"), worker=text)
    killed = failure(text, kind="worker killed", exception=None, attempts=(attempt(text, cause=text),))
    lines = failures_lines(with_work(work(failures=(failed, killed))), cells, UNICODE)
    assert all(sum(width(piece.text) for piece in line.pieces) <= cells for line in lines)
    if text.isascii():
        assert text[:6] in "".join(piece.text for line in lines for piece in line.pieces)
