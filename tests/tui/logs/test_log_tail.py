"""The end of a job's log in its details: when SLURM is asked and the file is read, and what is shown."""

from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.logs import LogLine, LogPart, LogRequest
from dasktop.collectors.model.queries import Answer, JobFiles, OutputFiles
from dasktop.collectors.model.snapshot import Job
from dasktop.tui.app import DasktopApp
from dasktop.tui.config.view_settings import ViewSettings
from dasktop.tui.draw.glyphs import ASCII, UNICODE
from dasktop.tui.logs.tail import ASK_AGAIN_SECONDS, READ_AGAIN_SECONDS, LogTail
from dasktop.tui.widgets.details_pane import DetailsPane
from tests.support import waiting
from tests.support.log_pages import FileFeed
from tests.support.screen import Screen, running
from tests.support.snapshots import TAKEN_AT, ended, everyday, job, pending

OUT, ERR = "/logs/7.out", "/logs/7.err"
BOTH = OutputFiles(stdout=OUT, stderr=ERR, work_dir="/")


class Under:
    """A tail, with what it asked and read; the clock is set by the test."""

    def __init__(self, *, unicode: bool = True) -> None:
        self.asked: list[str] = []
        self.read: list[str | None] = []
        self.tail = LogTail(self._ask, self._request, UNICODE if unicode else ASCII, "T")
        self.seconds = 0.0

    def _ask(self, question: JobFiles) -> None:
        self.asked.append(question.job_id)

    def _request(self, request: LogRequest | None) -> None:
        self.read.append(None if request is None else request.path)

    def look(self, at: Job | None, seconds: float = 0.0) -> None:
        self.seconds += seconds
        self.tail.look_at(at, TAKEN_AT + timedelta(seconds=self.seconds))

    def answer(self, job_id: str, files: OutputFiles | None = BOTH, error: str | None = None) -> None:
        self.tail.take_files(Answer(question=JobFiles(job_id=job_id), files=files, error=error))

    def deliver(self, path: str, *lines: str, problem: str | None = None) -> None:
        numbered = tuple(LogLine(number, text) for number, text in enumerate(lines))
        self.tail.take(LogPart(path=path, size_bytes=len(lines), lines=numbered, problem=problem))

    def shown(self, cells: int = 40, most: int = 9) -> list[str]:
        lines = ["".join(piece.text for piece in line) for line in self.tail.lines(cells, most)]
        assert len(lines) <= most
        return lines[1:]


@pytest.fixture
def under() -> Under:
    return Under()


def reading(under: Under, shown: Job) -> Under:
    under.look(shown)
    under.look(shown, 2)
    under.answer(shown.job_id)
    under.look(shown)
    return under


class TestWhenItReads:
    def test_moving_through_rows_asks_nothing(self, under: Under) -> None:
        for job_id in ("7", "8", "9"):
            under.look(job(job_id))
            under.look(job(job_id))
        assert under.asked == under.read == []
        under.look(job("9"), 2)
        assert under.asked == ["9"]

    def test_slurm_is_asked_once_for_a_job(self, under: Under) -> None:
        reading(under, job("7"))
        under.look(job("8"), 2)
        under.look(job("7"), 2)
        under.look(job("7"), 2)
        assert under.asked == ["7"]
        assert under.read == [OUT, None, OUT]

    def test_slurm_is_asked_again_after_an_error(self, under: Under) -> None:
        under.look(job("7"))
        under.look(job("7"), 2)
        under.answer("7", None, "scontrol timed out")
        under.look(job("7"), ASK_AGAIN_SECONDS - 1)
        assert under.asked == ["7"]
        assert under.shown() == ["scontrol timed out"]
        under.look(job("7"), 1)
        assert under.asked == ["7", "7"]

    def test_file_is_read_seldom(self, under: Under) -> None:
        reading(under, job("7"))
        under.deliver(OUT, "one")
        under.look(job("7"), READ_AGAIN_SECONDS - 1)
        assert under.read == [OUT]
        under.look(job("7"), 1)
        assert under.read == [OUT, OUT]

    def test_pending_jobs_and_no_job_have_no_log(self, under: Under) -> None:
        for row in (pending("7"), None):
            under.look(row)
            under.look(row, 2)
            assert under.tail.lines(40, 9) == []
        assert under.asked == []

    def test_file_is_closed_when_nothing_shows_it(self, under: Under) -> None:
        reading(under, job("7"))
        under.look(None, 1)
        under.look(None, 1)
        assert under.read == [OUT, None]

    def test_another_cluster_has_other_jobs(self, under: Under) -> None:
        reading(under, job("7"))
        under.tail.forget()
        under.look(job("7"), 1)
        under.look(job("7"), 1)
        assert under.asked == ["7", "7"]


class TestWhatItShows:
    def test_last_lines_are_wrapped_and_toned(self, under: Under) -> None:
        reading(under, job("7"))
        under.deliver(OUT, "first", "  the second and last", "ValueError: no", "")
        assert under.shown(12, 5) == ["  the second", "    and last", "ValueError:", "  no"]
        assert under.shown(12, 4) == ["    and last", "ValueError:", "  no"]
        assert [line[0].role for line in under.tail.lines(20, 4)[1:]] == ["quiet", "quiet", "bad"]

    def test_empty_output_leads_to_the_errors(self, under: Under) -> None:
        reading(under, job("7"))
        under.deliver(OUT)
        assert under.read == [OUT, ERR]
        under.deliver(ERR, "2026 - distributed.nanny - INFO")
        assert under.shown() == ["2026 - distributed.nanny - INFO"]
        title = "".join(piece.text for piece in under.tail.lines(40, 9)[0])
        assert title.startswith("LOG errors (T follows it) ─")

    def test_failed_jobs_show_their_errors_first(self, under: Under) -> None:
        reading(under, ended("7"))
        assert under.read == [ERR]

    def test_missing_file_is_named(self, under: Under) -> None:
        reading(under, job("7"))
        under.tail.take(LogPart(path=OUT, problem="no such file on this host", is_missing=True))
        under.tail.take(LogPart(path=ERR, problem="no such file on this host", is_missing=True))
        under.tail.take(LogPart(path=OUT, problem="no such file on this host", is_missing=True))
        assert "no such file on this host yet" in " ".join(under.shown())

    def test_lines_of_another_file_are_dropped(self, under: Under) -> None:
        reading(under, job("7"))
        under.deliver("/logs/8.out", "other")
        assert under.shown() == ["reading…"]

    def test_ascii_terminals_get_ascii(self) -> None:
        under = reading(Under(unicode=False), job("7"))
        under.deliver(OUT, "größer → 3")
        assert all(line.isascii() for line in under.shown())


class on(running):  # noqa: N801 - used as a function
    """Run the app on this feed."""

    def __init__(self, feed: FileFeed, size: tuple[int, int]) -> None:
        super().__init__(size)
        self.feed = feed
        self.app = DasktopApp(feed, looks=ViewSettings(shows_details=False))
        self.test = self.app.run_test(size=size, notifications=True)


def pane(screen: Screen) -> list[str]:
    return [line.rstrip() for line in screen.lines_of(DetailsPane)]


async def test_details_end_with_the_log(tmp_path: Path) -> None:
    path = tmp_path / "7.out"
    path.write_text("".join(f"line {number}\n" for number in range(1, 200)))
    feed, shown = FileFeed(path), everyday()
    async with on(feed, (300, 100)) as screen:
        await screen.show(shown)
        await screen.press("d")
        assert any("reading…" in line for line in pane(screen))
        await screen.show(replace(shown, taken_at=TAKEN_AT + timedelta(seconds=2)))
        await waiting.until(lambda: any("line 199" in line for line in pane(screen)), pause=screen.pilot.pause)
        assert feed.questions == [JobFiles(job_id=shown.jobs[0].job_id)]
        await screen.press("F")
        await screen.show(replace(shown, taken_at=TAKEN_AT + timedelta(minutes=2)))
        assert len(feed.log_requests) == 1  # nothing is read for what a page covers
        await screen.press("escape", "d")
        assert feed.log_requests[1:] == [None]


async def test_without_room_nothing_is_read(tmp_path: Path) -> None:
    async with running((120, 40)) as screen:
        await screen.show(everyday())
        await screen.press("d")
        for seconds in (2, 4):
            await screen.show(replace(everyday(), taken_at=TAKEN_AT + timedelta(seconds=seconds)))
        assert screen.feed.questions == []
        assert not any("LOG" in line for line in pane(screen))
