"""The panel of graphs, and the marks of what happened."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Snapshot, WorkerEvent
from dasktop.tui.draw.glyphs import ASCII, UNICODE, Glyphs
from dasktop.tui.draw.text_width import width
from dasktop.tui.view.gauges import Pasts
from dasktop.tui.view.happenings import happenings, mark_line
from dasktop.tui.view.history_page import history_page_lines
from dasktop.tui.view.history_panel import history_panel
from tests.support.screen import HOSTILE
from tests.support.snapshots import TAKEN_AT, ended, everyday, job, snapshot
from tests.support.work import work

PASTS = Pasts([0, 1200], [None, 3 * 1024**3], [100, 200], [1.0, 2.0])


def panel(shown: Snapshot, lines: int = 11, cells: int = 48, glyphs: Glyphs = UNICODE) -> list[str]:
    """Return the lines of the panel."""
    drawn = history_panel(shown, PASTS, cells, lines, glyphs)
    return ["".join(glyphs.encode(piece.text) for piece in line) for line in drawn]


def ago(seconds: float) -> Snapshot:
    """Return a snapshot with a job that started so many seconds ago."""
    return snapshot([job("1", started_at=TAKEN_AT - timedelta(seconds=seconds), submitted_at=None)])


def marks(shown: Snapshot, cells: int = 10) -> str:
    """Return the line of marks."""
    return "".join(piece.text for piece in mark_line(shown, cells, 2))


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@pytest.mark.parametrize("lines", [7, 8, 11, 19])
def test_panel_has_exactly_its_size(lines: int, glyphs: Glyphs) -> None:
    for cells in (46, 82):
        shown = panel(replace(everyday(), work=work()), lines, cells, glyphs)
        assert len(shown) == lines
        assert {width(line) for line in shown} == {cells}


def test_each_graph_has_its_name_and_value() -> None:
    shown = panel(replace(everyday(), work=replace(work(), rate_per_second=9.7)), lines=7)
    assert [line.strip("│ ").split()[0] for line in shown[1:-1]] == ["CPU", "MEM", "THREADS", "TASKS", "events"]
    assert shown[4].strip("│ ").split()[:2] == ["TASKS", "9.7/s"]


def test_without_work_the_tasks_are_those_of_the_scheduler() -> None:
    shown = panel(replace(everyday(), work=None), lines=7)
    assert shown[4].strip("│ ").startswith("TASKS")


@pytest.mark.parametrize(("points", "minutes"), [(2, 4), (54, 4), (55, 7), (109, 10), (120, 10)])
def test_narrow_panel_shows_all_that_is_known(points: int, minutes: int) -> None:
    """27 cells: marks would leave the panel after 270 s, though the graph's past is kept for 600 s."""
    pasts = Pasts([100.0] * points, [None] * points, [100.0] * points, [1.0] * points)
    drawn = history_panel(ago(5 * points - 10), pasts, 48, 7, UNICODE)
    lines = ["".join(piece.text for piece in line) for line in drawn]
    assert f"last {minutes} min" in lines[0]
    assert "▲" in lines[-2]


def test_marks_are_where_it_happened() -> None:
    assert marks(ago(0)) == marks(ago(9)) == " " * 9 + "▲"
    assert marks(ago(45)).index("▲") < 8
    assert marks(ago(500)) == " " * 10


def test_marks_move_only_with_the_graph() -> None:
    started = TAKEN_AT - timedelta(seconds=30)
    seen = [
        marks(
            snapshot([job("1", started_at=started, submitted_at=None)], taken_at=TAKEN_AT + timedelta(seconds=number))
        )
        for number in range(10)
    ]
    assert len(set(seen)) <= 2


def test_the_worst_is_shown_if_several_things_happened() -> None:
    died = WorkerEvent(at=TAKEN_AT, worker="a", kind="removed", reason="unexpected")
    gone = replace(ended("1"), started_at=TAKEN_AT, submitted_at=TAKEN_AT)
    assert gone.fate is not None
    gone = replace(gone, fate=replace(gone.fate, ended_at=TAKEN_AT))
    assert marks(snapshot([gone]))[-1] == "▼"
    assert marks(replace(snapshot([gone]), worker_events=(died,)))[-1] == "×"
    kinds = {kind for _, kind, _ in happenings(replace(snapshot([gone]), worker_events=(died,)))}
    assert kinds == {"worker died", "job ended", "job started", "job submitted"}


def test_other_jobs_and_expected_ends_have_no_marks() -> None:
    closed = WorkerEvent(at=TAKEN_AT, worker="a", kind="removed", reason="expected")
    other = job("1", evidence=(), started_at=TAKEN_AT, submitted_at=TAKEN_AT)
    assert list(happenings(replace(snapshot([other]), worker_events=(closed,)))) == []


def test_page_has_graphs_and_what_happened_in_words() -> None:
    died = WorkerEvent(at=TAKEN_AT, worker="a", job_id="1", kind="removed", reason="unexpected", results_lost=2)
    one = job("1", started_at=TAKEN_AT - timedelta(seconds=5), submitted_at=TAKEN_AT - timedelta(seconds=60))
    shown = replace(snapshot([one, ended("2")]), worker_events=(died,))
    lines = [
        "".join(piece.text for piece in line).rstrip() for line in history_page_lines(shown, PASTS, 80, 24, UNICODE)
    ]
    assert sum("CPU" in line for line in lines) == 1
    assert " + job submitted  ▲ job started  ▼ job ended  × worker died" in lines
    events = lines[lines.index(" + job submitted  ▲ job started  ▼ job ended  × worker died") + 2 :]
    assert [line[9:].split(":")[0] for line in events[:2]] == [
        "× worker a in job 1",
        "▲ job 1 dask-worker started on n012",
    ]
    assert any("job 2 dask-worker ended: reached its time limit" in line for line in events)


@pytest.mark.parametrize("text", HOSTILE)
def test_page_fits_with_any_name(text: str) -> None:
    shown = snapshot([job("1", name=text, started_at=TAKEN_AT)])
    for cells in (60, 120):
        for line in history_page_lines(shown, PASTS, cells, 15, ASCII):
            assert width("".join(piece.text for piece in line)) <= cells


def test_unknown_times_have_an_axis_and_no_bar() -> None:
    cpu = panel(everyday(), lines=7)[1].strip("│ ")
    assert cpu.endswith("┈┈▁")
    assert panel(everyday(), lines=7, glyphs=ASCII)[1].rstrip("| ").endswith(".._")


def test_scale_of_the_rate_is_said() -> None:
    shown = panel(replace(everyday(), work=replace(work(), rate_per_second=1.0)))
    assert any("TASKS max 1.5/s" in line for line in shown)


def test_lower_border_says_what_the_marks_mean() -> None:
    assert panel(ago(30))[-1].startswith("╰─ ▲ job started ─")
    assert panel(ago(5000))[-1].startswith("╰──")
