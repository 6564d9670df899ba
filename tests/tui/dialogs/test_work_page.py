"""The progress bar of the header, and the page with what dask computes."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.model.work import Eta, Progress, Work
from dasktop.tui.dialogs.page import TextView
from dasktop.tui.draw.glyphs import ASCII, UNICODE, Glyphs
from dasktop.tui.draw.text_width import width
from dasktop.tui.draw.times import local
from dasktop.tui.view.summary import summary_lines
from dasktop.tui.view.work import rate_text, seconds_text, segments, work_lines
from tests.support.screen import HOSTILE, running
from tests.support.snapshots import TAKEN_AT, everyday
from tests.support.work import computation, running_task, task_name, work

ETA = Eta(earliest=TAKEN_AT + timedelta(minutes=5), latest=TAKEN_AT + timedelta(minutes=9), based_on="the rate")
BUSY = work(progress=Progress(done=6120, total=9900, failed=3, blocked=0), rate_per_second=14.2, eta=ETA)


def with_work(given: Work | None) -> Snapshot:
    return replace(everyday(), work=given)


def header(given: Work | None, cells: int, glyphs: Glyphs = UNICODE) -> list[str]:
    lines = summary_lines(with_work(given), cells, glyphs, read_only=False)
    return ["".join(piece.text for piece in line) for line in lines]


def table(given: Work | None, cells: int, glyphs: Glyphs = UNICODE) -> list[str]:
    return ["".join(piece.text for piece in line) for line in work_lines(given, TAKEN_AT, cells, glyphs)]


def times() -> str:
    return f"{local(ETA.earliest):%H:%M}–{local(ETA.latest):%H:%M}"


class TestHeader:
    def test_bar_counts_rate_eta_and_failed_tasks(self) -> None:
        line = header(BUSY, 80)[2]
        assert line.startswith(" WORK ███")
        assert line.endswith(f"─  6,120 of 9,900   14.2/s   done {times()}   3 failed")

    def test_work_replaces_the_counts_by_state(self) -> None:
        assert "TASKS" not in "".join(header(BUSY, 160))
        assert "TASKS" in "".join(header(None, 160))

    @pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
    @pytest.mark.parametrize("cells", range(40, 301, 20))
    def test_line_fits_and_keeps_counts_and_failures(self, cells: int, glyphs: Glyphs) -> None:
        line = header(BUSY, cells, glyphs)[2]
        assert width(line) <= cells
        assert line.endswith("3 failed")
        assert "6,120 of 9,900" in line
        assert line.isascii() or glyphs is UNICODE

    def test_rate_is_left_out_before_the_eta(self) -> None:
        line = header(BUSY, 60)[2]
        assert (times() in line, "/s" in line) == (True, False)

    def test_unknown_parts_and_no_tasks(self) -> None:
        assert header(replace(BUSY, eta=None, rate_per_second=None), 80)[2].endswith("6,120 of 9,900   3 failed")
        assert header(work(progress=Progress(done=0, total=0, failed=0, blocked=0)), 80)[2] == " WORK none"


class TestTable:
    def test_task_names_below_the_newest_computation_first(self) -> None:
        older = computation("c1", code=("x = 1\nx.compute()\n",), task_names=("load",))
        newer = computation("c2", name="monthly means", task_names=("regrid", "load"))
        lines = table(work(computations=(older, newer), task_names=(task_name("load"), task_name("regrid"))), 120)
        starts = [line.split("  █")[0].rstrip() for line in lines[3:7]]
        assert starts == ["monthly means", "  regrid", "  load", "x.compute()"]

    def test_figures_of_a_name(self) -> None:
        [line] = [line for line in table(work(), 160) if line.startswith("  regrid")]
        assert line.split()[-9:] == ["40/100", "12", "48", "0", "2.5s", "9.0s", "–", "40M", "–"]

    def test_names_of_no_listed_computation(self) -> None:
        lines = table(work(computations=(computation(task_names=()),)), 100)
        assert any(line.startswith("in no listed computation") for line in lines)
        assert "and 7 more task names" in "\n".join(table(work(more_task_names=7), 100))

    def test_longest_running_tasks_come_first(self) -> None:
        short, long = running_task("short", seconds=3.0), running_task("long", seconds=90.0)
        lines = table(work(running=(short, long)), 100)[-2:]
        assert [line.split()[:4] for line in lines] == [
            ["1m30s", "mean", "2.5s", "long"],
            ["3.0s", "mean", "2.5s", "short"],
        ]

    @pytest.mark.parametrize("text", HOSTILE)
    @pytest.mark.parametrize("cells", [20, 76, 116, 300])
    def test_any_text_fits(self, text: str, cells: int) -> None:
        given = work(
            computations=(computation(code=(text,), task_names=(text,)), computation(name=text)),
            task_names=(task_name(text), task_name(text * 50)),
            running=(running_task(text, worker=text),),
        )
        for glyphs in (UNICODE, ASCII):
            assert all(width(line) <= cells for line in table(given, cells, glyphs))


@pytest.mark.parametrize("cells", range(31))
def test_segments_have_exactly_the_width(cells: int) -> None:
    states = {"memory": 100_000, "released": 3, "processing": 1, "erred": 1, "queued": 50_000, "waiting": 1}
    pieces = segments(states, cells)
    assert width("".join(piece.text for piece in pieces)) == cells
    if cells >= 5:
        assert {piece.text[0] for piece in pieces} == set("█▒×░─"), "one task is visible among many"


def test_rates_and_durations() -> None:
    assert [rate_text(rate) for rate in (None, 0, 0.2, 14.23, 1234)] == ["–", "0/min", "12/min", "14.2/s", "1,234/s"]
    seconds = (None, 0.43, 12.4, 250, 7500, 400_000)
    assert [seconds_text(value) for value in seconds] == ["–", "0.4s", "12s", "4m10s", "2h05m", "4d"]


async def test_page_follows_the_snapshots() -> None:
    async with running((80, 24)) as screen:
        await screen.show(with_work(None))
        await screen.press("W")
        view = screen.app.screen.query_one(TextView)
        assert view.render_line(0).text.startswith("What dask computes is unknown")
        await screen.show(with_work(BUSY))
        assert "6,120 of 9,900" in view.render_line(0).text
        await screen.press("q")
        assert screen.app.screen is screen.base
