"""The screen that shows a job's log, on real files."""

from pathlib import Path

import pytest
from textual.app import App

from dasktop.collectors.model.queries import Answer, JobFiles, OutputFiles, ServerLogs
from dasktop.collectors.model.snapshot import Fate
from dasktop.collectors.sources.logs import follower
from dasktop.tui.logs.screen import LogScreen
from dasktop.tui.logs.view import LogView
from dasktop.tui.tree.table import TreeTable
from tests.support.log_pages import LogUnderTest, log_of
from tests.support.screen import HOSTILE, SIZES, running
from tests.support.snapshots import busy_job, job, snapshot


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    monkeypatch.setattr(follower, "POLL_SECONDS", 0.02)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "slurm-4709.out"


def write(path: Path, text: str) -> None:
    with path.open("a") as log:
        log.write(text)


def numbered(*span: int) -> str:
    return "".join(f"line {number}\n" for number in range(*span))


@pytest.mark.parametrize("size", SIZES)
async def test_the_end_is_shown_and_followed(path, size):
    write(path, numbered(1000))
    async with log_of(path, size=size) as log:
        await log.until(lambda: log.shown[-1] == "line 999")
        assert log.shown == [f"line {number}" for number in range(1000 - len(log.shown), 1000)]
        assert len(log.shown) == size[1] - 3
        assert "output and errors" in log.title[0]
        assert log.title[0].endswith("following · 8.7K")
        assert str(path)[-20:] in log.title[1]
        write(path, "one more\n")
        await log.until(lambda: log.shown[-1] == "one more")


async def test_scrolling_up_stops_following_until_the_end(path):
    write(path, numbered(1000))
    async with log_of(path) as log:
        await log.until(lambda: log.shown[-1] == "line 999")
        await log.press("k")
        assert log.shown[-1] == "line 998"
        assert "following" not in log.title[0]
        write(path, "one more\n")
        await log.pilot.pause(0.2)
        assert log.shown[-1] == "line 998"
        for key in ("G", "f", "end"):
            await log.press(key)
            await log.until(lambda: log.shown[-1] == "one more")
            assert "following" in log.title[0]
            await log.press("f")
            assert "following" not in log.title[0]
            await log.press("pageup")
        await log.press(*["pagedown"] * 3)
        assert log.shown[-1] == "one more"


async def test_scrolling_down_reads_new_lines(path):
    write(path, numbered(10))
    async with log_of(path) as log:
        await log.until(lambda: log.shown[9] == "line 9")
        await log.press("f")
        write(path, numbered(10, 15))
        await log.press("j")
        await log.until(lambda: log.shown[14] == "line 14")


async def test_long_file_can_be_paged(path):
    write(path, numbered(6000))
    async with log_of(path, size=(80, 103)) as log:
        await log.until(lambda: log.shown[-1] == "line 5999")
        seen = log.shown
        while seen[0] != "line 0":
            await log.press("pageup")
            await log.until(lambda top=seen[0]: log.first != top)
            shown = log.shown
            seen = shown[: shown.index(seen[0])] + seen  # ValueError if a line is missing
        assert seen == numbered(6000).splitlines()
        await log.press("G")
        await log.until(lambda: log.shown[-1] == "line 5999")
        await log.press("g")
        await log.until(lambda: log.shown[0] == "line 0")
        await log.press("pagedown")
        assert log.shown[0] == "line 99"


async def test_search_from_the_end_in_both_directions(path):
    write(path, numbered(30_000))
    async with log_of(path) as log:
        await log.until(lambda: log.shown[-1] == "line 29999")
        await log.press("slash", *"e 1?7777$", "enter")
        await log.until(lambda: "line 17777" in log.shown)
        assert "following" not in log.title[0]
        await log.press("N")
        await log.until(lambda: "line 7777" in log.shown)
        await log.press("n")
        await log.until(lambda: "line 17777" in log.shown)
        assert log.words == ""
        await log.press("n")
        await log.until(lambda: "line 7777" in log.shown)
        assert log.words == "search wrapped around at the end"
        await log.press("k")
        assert log.words == ""
        await log.press("slash", *"nowhere", "enter")
        await log.until(lambda: log.words == "nowhere not found in this file")
        await log.press("slash", "escape", "n")
        assert not log.app.screen.active_bindings["n"].enabled
        await log.press("escape")
        assert not isinstance(log.app.screen, LogScreen)


async def test_keys_after_search_key_type_the_pattern(path):
    write(path, "with a word\n")
    async with log_of(path) as log:
        await log.until(lambda: log.shown[0] == "with a word")
        await log.press(*["slash", *"word"])
        assert log.base.query_one("SearchLine").pattern == "word"


async def test_slash_can_be_typed_in_the_search(path):
    write(path, "wrote /scratch/ada/out.nc\nline\n")
    async with log_of(path) as log:
        await log.until(lambda: log.shown[1] == "line")
        await log.press("slash", *"wrote", "space", "slash", *"scratch", "slash", *"ada")
        assert log.base.query_one("SearchLine").pattern == "wrote /scratch/ada"
        await log.press("enter", "slash")
        assert log.base.query_one("SearchLine").is_open, "outside the search line, the key opens it"


async def test_replaced_file_has_no_highlighted_match(path):
    write(path, "a needle\n" + numbered(10))
    async with log_of(path) as log:
        await log.until(lambda: log.shown[0] == "a needle")
        await log.press("slash", *"needle", "enter")
        await log.until(lambda: log.base.query_one(LogView).hit == 0)
        await log.press("G")
        await log.until(lambda: "following" in log.title[0])
        path.write_text("rewritten\n")
        await log.until(lambda: log.shown[0] == "rewritten")
        assert log.base.query_one(LogView).hit is None


async def test_search_ends_when_the_file_disappears(path):
    write(path, numbered(30_000))
    async with log_of(path) as log:
        await log.until(lambda: log.shown[-1] == "line 29999")
        await log.press("k")
        path.unlink()
        await log.press("slash", *"nowhere", "enter")
        await log.until(lambda: "no such file" in log.words)
        write(path, numbered(30_000))
        held_from = log.base._window.start
        for _ in range(100):
            await log.press("pageup")
        await log.until(lambda: log.base._window.start < held_from)
        await log.press("escape")
        assert not isinstance(log.app.screen, LogScreen), "there is no search left to cancel"


async def test_long_search_shows_progress_and_can_be_cancelled(path):
    with path.open("wb") as huge:
        huge.truncate(50 * 1024**3)
    async with log_of(path) as log:
        await log.until(lambda: "50G" in log.title[0])
        await log.press("slash", *"nowhere", "enter")
        await log.until(lambda: log.words.startswith("searching for nowhere: ") and "esc cancels" in log.words)
        await log.press("escape")
        assert isinstance(log.app.screen, LogScreen)
        assert log.words == ""
        await log.press("G")
        await log.until(lambda: "following" in log.title[0])


@pytest.mark.parametrize("key", ["g", "G"])
async def test_moving_cancels_the_search(path, key):
    with path.open("wb") as huge:
        huge.write(b"the start\n")
        huge.truncate(50 * 1024**3)
    async with log_of(path) as log:
        await log.until(lambda: "50G" in log.title[0])
        await log.press("slash", *"nowhere", "enter")
        await log.until(lambda: log.words.startswith("searching"))
        await log.press(key)
        await log.until(lambda: log.words == "")
        if key == "g":
            await log.until(lambda: log.shown[0] == "the start")


async def test_key_switches_between_output_and_errors(path, tmp_path):
    write(path, "to the output\n")
    errors = tmp_path / "slurm.err"
    write(errors, "to the errors\n")
    async with log_of(path, errors) as log:
        await log.until(lambda: log.shown[0] == "to the output")
        assert "output (tab: errors)" in log.title[0]
        await log.press("tab")
        await log.until(lambda: log.shown[0] == "to the errors")
        assert "errors (tab: output)" in log.title[0]
        await log.press("shift+tab")
        await log.until(lambda: log.shown[0] == "to the output")


async def test_file_with_content_is_opened(path, tmp_path):
    """dask logs to stderr, and leaves the output empty."""
    errors = tmp_path / "errors"
    path.touch()
    write(errors, numbered(0, 3))
    async with log_of(path, errors) as log:
        await log.until(lambda: "line 2" in log.shown)
        assert "errors (tab: output)" in log.title[0]
        await log.press("tab")
        await log.until(lambda: "the file is empty" in " ".join(log.shown))


async def test_output_is_opened_if_both_are_empty(path, tmp_path):
    path.touch()
    errors = tmp_path / "errors"
    errors.touch()
    async with log_of(path, errors) as log:
        await log.until(lambda: "the file is empty" in " ".join(log.shown))
        await log.until(lambda: "output (tab: errors)" in log.title[0])
        write(errors, "late\n")
        write(path, "later\n")
        await log.until(lambda: "later" in log.shown)


async def test_path_with_control_characters_is_opened_unchanged(tmp_path):
    odd = tmp_path / "a\x1b[2J\tb.out"
    write(odd, numbered(0, 3))
    async with log_of(odd) as log:
        await log.until(lambda: "line 2" in log.shown)
        assert log.title[1].endswith("a [2J b.out")


async def test_a_failed_job_opens_at_its_last_traceback(path, tmp_path):
    write(path, "output\n")
    errors = tmp_path / "slurm.err"
    write(errors, numbered(100) + "Traceback (most recent call last):\n  File x\nValueError: why\n" + numbered(100))
    failed = job(state="FAILED", fate=Fate(state="FAILED", exit_code=1, signal=None, ended_at=None, max_rss_bytes=None,
                                           explanation="it failed"))  # fmt: skip
    async with log_of(path, errors, shown=failed) as log:
        await log.until(lambda: "ValueError: why" in log.shown)
        assert log.shown[0] == "Traceback (most recent call last):"
        assert "following" not in log.title[0]
        assert "errors" in log.title[0]
        assert log.words == "last traceback; G goes to the end"


async def test_failed_job_without_traceback_opens_at_end(path):
    write(path, numbered(100))
    async with log_of(path, shown=job(state="FAILED")) as log:
        await log.until(lambda: log.shown[-1] == "line 99")


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (job(state="PENDING", nodes=()), "the job has not started; the file is created when it starts"),
        (job(), "no such file on this host yet; local disks of n012 cannot be read from here"),
        (job(state="COMPLETED"), "no such file on this host any more; local disks of n012 cannot be read"),
    ],
)
async def test_late_file_is_shown_when_it_appears(path, shown, words):
    async with log_of(path, shown=shown, size=(120, 24)) as log:
        await log.until(lambda: words in log.shown[1])
        write(path, "here it is\n")
        await log.until(lambda: log.shown[0] == "here it is")
        assert words not in "".join(log.shown)
        path.unlink()
        await log.until(lambda: "no such file" in log.words or "not started" in log.words)
        assert log.shown[0] == "here it is"  # what was read stays
        write(path, "again\n")
        await log.until(lambda: log.shown[0] == "again")
        assert log.words == ""


async def test_empty_file_says_so(path):
    write(path, "")
    async with log_of(path) as log:
        await log.until(lambda: log.shown[1].strip() == "the file is empty")
        await log.press(
            "g", "G", "k", "j", "pageup", "pagedown", "w", "l", "h", "f", "n", "slash", "x", "enter", "n", "N"
        )
        write(path, "now\n")
        await log.press("G")
        await log.until(lambda: log.shown[0] == "now")


async def test_irregular_files_are_explained(tmp_path):
    async with log_of(tmp_path) as log:
        await log.until(lambda: log.shown[1].strip() == "it is a directory, not a regular file")
    async with log_of(Path("/dev/null")) as log:
        await log.until(lambda: log.shown[1].strip() == "the job's output is discarded (/dev/null)")


async def test_job_without_known_log_says_why(path):
    for files, error, words in (
        (None, "SLURM has forgotten job 4709", "SLURM has forgotten job 4709"),
        (OutputFiles(stdout=None, stderr=None, work_dir="/"), None, "SLURM reports no output file"),
    ):
        test = log_of(path)
        test.feed.files, test.feed.error = files, error
        async with test as log:
            await log.until(lambda words=words: words in log.shown[1])
            await log.press("g", "G", "k", "slash", "x", "enter", "n", "f", "w")
            assert log.feed.log_requests == []
            assert log.feed.questions == [JobFiles(job_id="4709")]


async def test_lines_can_be_wrapped(path):
    write(path, "a" * 100 + "\nshort\n" + "b" * 200 + "needle\n")
    async with log_of(path, size=(60, 15)) as log:
        await log.until(lambda: log.shown[2] == "short")
        assert log.shown[:2] == ["a" * 60, "a" * 40]
        await log.press("w")
        assert log.shown[:4] == ["a" * 60, "short", "b" * 60, ""]
        await log.press("l")
        assert log.shown[:3] == ["a" * 60, "", "b" * 60]
        await log.press("h", "slash", *"needle", "enter")
        await log.until(lambda: "needle" in log.shown[2])
        await log.press("w")
        assert log.shown[2] == "short"


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("size", SIZES)
async def test_hostile_lines_are_shown_harmlessly(path, size, unicode):
    with path.open("wb") as log_file:
        for text in (*HOSTILE, "\x1b[2J\x1b]0;owned\x07", "\x07\x08\x9b31m", "10%\r20%"):
            log_file.write(text.encode() + b"\n")
        log_file.write(b"\xff\xfe\x00\n")
    async with log_of(path, size=size, unicode=unicode) as log:
        await log.until(lambda: any(line.strip() for line in log.shown))
        for keys in ("g", "w", "l", "w", "G"):
            await log.press(keys)
            view = log.base.query_one(LogView)
            strips = [view.render_line(y) for y in range(view.size.height)]
            assert {strip.cell_length for strip in strips} == {size[0]}
            drawn = "".join(strip.text for strip in strips)
            assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in drawn)
            assert unicode or drawn.isascii()


async def test_log_is_not_redrawn_when_the_tree_changes(path, monkeypatch):
    write(path, numbered(100))
    async with log_of(path) as log:
        await log.until(lambda: log.shown[-1] == "line 99")
        drawn: list[object] = []
        display = App._display

        def noting(self: App[None], screen: object, update: object) -> None:
            drawn.extend([] if update is None else [update])
            display(self, screen, update)

        monkeypatch.setattr(App, "_display", noting)
        await log.pilot.pause(0.2)
        for state in ("RUNNING", "SUSPENDED", "COMPLETING"):
            await log.show(snapshot([job(state=state, name=state)]))
        await log.pilot.pause(0.2)
        await log.pilot.pause()
        assert drawn == []
        write(path, "x\n")
        await log.until(lambda: log.shown[-1] == "x")
        await log.pilot.pause()
        assert drawn
        await log.press("q")
        assert "COMPLETING" in log.app.screen.query_one(TreeTable).render_line(0).text


async def test_leaving_stops_reading_and_reopening_restarts(path):
    write(path, "one\n")
    async with log_of(path) as log:
        await log.until(lambda: log.shown[0] == "one")
        await log.press("q")
        assert log.feed.log_requests[-1] is None
        write(path, "two\n")
        await log.press("T")
        again = LogUnderTest(log.pilot, log.feed)
        await again.until(lambda: again.shown[1] == "two")


async def test_without_a_selected_job_no_log_opens():
    async with running() as screen:
        await screen.press("T")
        assert not isinstance(screen.app.screen, LogScreen)


HELD = ServerLogs(worker_addresses=("tcp://10.1.0.7/SLURMCluster-0-0",))
OF_SCHEDULER = ServerLogs(worker_addresses=())


def of_dask(question, *lines, error=None):
    return Answer(question=question, lines=lines, error=error)


async def test_logs_from_dask_if_the_file_cannot_be_read(path):
    async with log_of(path, shown=busy_job("4709", 0, 1)) as log:
        await log.until(lambda: HELD in log.feed.questions)
        log.feed.emit(of_dask(HELD, "worker a  started", "nanny a  started", "worker a  needle"))
        await log.until(lambda: log.shown[2] == "worker a  needle")
        assert "workers and nannies (from dask)" in log.title[0]
        assert log.title[1] == "the last log messages that 1 worker and their nannies keep in memory"
        assert "no such file" in log.words
        await log.press("slash", *"started", "enter")
        await log.until(lambda: log.view.hit == len("worker a  started") + 1)
        await log.press("n")
        await log.until(lambda: log.view.hit == 0)
        await log.press("g", "j", "k", "f", "y", "w")
        await log.press("G")
        await log.until(lambda: log.feed.questions.count(HELD) == 2)
        log.feed.emit(of_dask(HELD, "worker a  later"))
        await log.until(lambda: log.shown[0] == "worker a  later")


async def test_log_of_the_scheduler_is_next(path):
    async with log_of(path) as log:
        await log.until(lambda: "no such file" in log.shown[1])
        await log.press("tab")
        await log.until(lambda: OF_SCHEDULER in log.feed.questions)
        log.feed.emit(of_dask(OF_SCHEDULER, error="the scheduler is not connected"))
        await log.until(lambda: log.shown[1].strip() == "the scheduler is not connected")
        write(path, "from the file\n")
        await log.press("tab")
        await log.until(lambda: log.shown[0] == "from the file")


async def test_log_from_dask_without_a_file(path):
    test = log_of(path, shown=busy_job("4709", 0, 1))
    test.feed.files = None
    async with test as log:
        await log.until(lambda: HELD in log.feed.questions)
        log.feed.emit(of_dask(HELD, *(f"worker a  {number}" for number in range(100))))
        await log.until(lambda: log.shown[-1] == "worker a  99")


async def test_title_says_which_match_is_shown(path):
    write(path, numbered(1000))
    async with log_of(path) as log:
        await log.until(lambda: log.shown[-1] == "line 999")
        await log.press("slash", *"line 10", "enter")
        await log.until(lambda: "match 11 of 11 · " in log.title[0])
        await log.press("N")
        await log.until(lambda: "match 10 of 11 · " in log.title[0])
        await log.press("slash", "1")
        assert "match" not in log.title[0], "of another pattern"
