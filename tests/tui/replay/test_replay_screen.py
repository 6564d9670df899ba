"""The screen of a replay at several sizes: its texts and its keys."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.widgets import Input

from dasktop.collectors.model.feed import Mark, ReplayPosition
from dasktop.collectors.recording.reader import Recording
from dasktop.collectors.recording.recorder import write_all
from dasktop.collectors.recording.replay import ReplayFeed
from dasktop.tui.dialogs.help import Help
from dasktop.tui.draw.text_width import width
from dasktop.tui.replay.app import ReplayApp
from dasktop.tui.replay.time_line import GoTo, TimeLine, line_bounds, moment_from, time_line
from dasktop.tui.tree.table import TreeTable
from dasktop.tui.view.history import POINTS
from dasktop.tui.widgets.footer import KeyLine
from dasktop.tui.widgets.header import Header
from dasktop.tui.widgets.status_line import StatusLine
from tests.support import waiting
from tests.support.recordings import busy_snapshots
from tests.support.replaying import replaying

SNAPSHOTS = list(busy_snapshots(jobs=2, count=400))
SIZES = [(60, 15), (80, 24), (300, 100)]


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "recording.gz"
    write_all(str(path), SNAPSHOTS, redact=False)
    return path


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_header_shows_replay_and_its_time(path, size):
    async with replaying(path, size) as screen:
        assert "replay of 2025-11-22 12:00:0" in screen.lines(Header)[0]
        assert "live" not in screen.lines(Header)[0]
        assert any("4000" in line for line in screen.lines(TreeTable))
        assert all(width(line) == size[0] for line in screen.lines(TimeLine) + screen.lines(Header))
        [line] = screen.lines(TimeLine)
        assert line.startswith(" paused")
        assert "12:00:00" in line
        assert "!" in line, "the start of a finding is marked"


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_keys_move_through_the_recording(path, size):
    async with replaying(path, size) as screen:
        at = int(screen.time_line.split("/400")[0].split()[-1])
        await screen.press("full_stop", shows=f"{at + 1}/400")
        await screen.press("comma", shows=f"{at}/400")
        await screen.press("right_parenthesis", shows="301/400")
        await screen.until(lambda: "12:10:00" in screen.lines(Header)[0])  # its snapshot comes after the position
        await screen.press("left_square_bracket", shows="296/400")
        await screen.press("right_square_bracket", shows="300/400")
        await screen.press("left_curly_bracket", shows="  1/400")
        await screen.press("greater_than_sign", shows="paused  2x")
        await screen.press("less_than_sign", "less_than_sign", shows="paused  0.5x")
        await screen.press("colon", *"12:01:00", "enter", shows=" 30/400")
        await screen.press("p", shows="playing")


async def test_graphs_are_complete_after_a_jump(path):
    async with replaying(path) as screen:
        await screen.press("right_parenthesis", shows="301/400")
        await screen.until(lambda: screen.known_points == POINTS)
        await screen.press("comma", shows="300/400")
        await screen.until(lambda: screen.known_points == POINTS - 1)


async def test_tree_keys_work_in_a_replay(path):
    async with replaying(path) as screen:
        before = screen.time_line
        await screen.pilot.press("down", "left", "space", "home", "end", "j", "k", "l")
        await screen.pilot.pause()
        assert screen.time_line == before


async def test_keys_that_need_a_cluster_are_disabled(path):
    async with replaying(path) as screen:
        keys = "".join(screen.lines(KeyLine))
        assert "pause" in keys
        for gone in ("refresh", "scale", "remove", "release"):
            assert gone not in keys
        await screen.pilot.press("plus", "s", "x", "a", "L", "r")
        assert screen.app.screen is screen.base


async def test_click_on_time_line_moves_there(path):
    async with replaying(path) as screen:
        bounds = line_bounds(screen.app._position, 120)
        await screen.pilot.click(TimeLine, offset=(bounds[1] - 1, 0))
        await screen.until(lambda: "400/400" in screen.time_line)


async def test_problems_of_the_file_are_shown(tmp_path):
    path = tmp_path / "recording"
    write_all(str(path), SNAPSHOTS, redact=True)
    path.write_bytes(path.read_bytes().replace(b'{"taken_at"', b'{"[/] taken_at"', 1)[:-30])
    app = ReplayApp(ReplayFeed(Recording(str(path))))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await waiting.until(
            lambda: "redacted" in app.query_one(TimeLine).render_line(0).text and app.query_one(StatusLine).size.height,
            pause=pilot.pause,
        )
        widget = app.query_one(StatusLine)
        remark = " ".join(" ".join(widget.render_line(y).text for y in range(widget.size.height)).split())
        assert "truncated in its last line" in remark
        assert "1 line skipped" in remark


async def test_time_line_can_be_ascii(path):
    async with replaying(path, unicode=False) as screen:
        assert all(line.isascii() for line in screen.lines(TimeLine) + screen.lines(Header))
        assert "#" in screen.time_line


async def test_help_lists_the_replay_keys(path):
    async with replaying(path, (80, 24)) as screen:
        await screen.pilot.press("question_mark")
        assert isinstance(screen.app.screen, Help)
        await screen.pilot.press("q")
        await screen.pilot.press("colon")
        assert isinstance(screen.app.screen, GoTo)
        await screen.pilot.press(*"[/x")
        assert "[/x" in screen.app.screen.query_one(Input).render_line(0).text
        await screen.pilot.press("enter")
        assert isinstance(screen.app.screen, GoTo), "it shows the error and stays open"
        await screen.pilot.press("escape")
        assert screen.app.screen is screen.base


BEGIN = datetime(2025, 11, 22, 22, 0, tzinfo=UTC)
POSITION = ReplayPosition(
    at=BEGIN + timedelta(hours=3), begins_at=BEGIN, ends_at=BEGIN + timedelta(hours=20), number=5, count=99,
    is_playing=False, speed=1.0,
    marks=(
        Mark(at=BEGIN + timedelta(hours=10), code="a", severity="info", message=""),
        Mark(at=BEGIN + timedelta(hours=10), code="b", severity="error", message=""),
        Mark(at=BEGIN + timedelta(hours=20), code="c", severity="info", message=""),
    ),
)  # fmt: skip


class TestMoments:
    @pytest.mark.parametrize(
        ("text", "hours"),
        [
            ("+10m", 3 + 1 / 6), ("-1h", 2), ("- 1.5 h", 1.5), ("+30", 3 + 30 / 3600), ("50%", 10), ("100 %", 20),
            ("01:00", 3), ("23:00:00", 1), ("17:00", 19), ("2025-11-22 23:30", 1.5), ("2025-11-23T00:00:00Z", 2),
        ],
    )  # fmt: skip
    def test_times_and_offsets_are_understood(self, text, hours):
        assert moment_from(text, POSITION) == BEGIN + timedelta(hours=hours)

    @pytest.mark.parametrize("text", ["", "soon", "25:00", "12:61", "++3", "[/]", "9" * 40, "0000-00-00", "-999999d"])
    def test_other_text_is_refused(self, text):
        with pytest.raises(ValueError, match="not a time"):
            moment_from(text, POSITION)

    def test_time_of_day_after_daylight_saving_change(self, monkeypatch):
        monkeypatch.setenv("TZ", "Europe/Zurich")
        time.tzset()
        evening = datetime(2026, 10, 24, 20, tzinfo=UTC)
        position = replace(POSITION, at=evening, begins_at=evening, ends_at=evening + timedelta(days=1))
        assert moment_from("08:00", position) == datetime(2026, 10, 25, 7, tzinfo=UTC)


class TestTimeLine:
    def test_worst_of_several_marks_is_drawn(self):
        begin, end = line_bounds(POSITION, 100)
        text = "".join(piece.text for piece in time_line(POSITION, 100))
        drawn = text[begin:end]
        assert len(text) == 100
        assert drawn[round((end - begin - 1) / 2)] == "!"
        assert drawn[-1] == "·"
        assert drawn[round((end - begin - 1) * 3 / 20)] == "┃"

    @pytest.mark.parametrize("cells", [1, 10, 30, 59])
    def test_narrow_time_line_fits(self, cells):
        assert sum(width(piece.text) for piece in time_line(POSITION, cells)) <= cells

    def test_single_snapshot_has_a_time_line(self):
        alone = ReplayPosition(at=BEGIN, begins_at=BEGIN, ends_at=BEGIN, number=1, count=1, is_playing=False, speed=1.0)
        assert sum(width(piece.text) for piece in time_line(alone, 80)) == 80
