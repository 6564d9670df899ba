"""Saving what is shown: to a new file, exactly, without waiting for the disk, and saying what became of it."""

import queue
import re
import threading
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from dasktop.collectors.model.snapshot import from_json, to_json
from dasktop.collectors.runtime import saving
from dasktop.collectors.runtime.saving import Saved, Saver
from dasktop.tui.dialogs.saving import SaveBox
from dasktop.tui.widgets.status_line import StatusLine
from tests.support import waiting
from tests.support.screen import Screen, running
from tests.support.snapshots import everyday, job, snapshot
from tests.support.waiting import PATIENCE_SECONDS

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def saved(ending: str = "json", content: bytes = b"x", made=None) -> Saved:
    told: queue.SimpleQueue[Saved] = queue.SimpleQueue()
    saver = Saver(told.put)
    saver.save(ending, made or (lambda: content))
    return told.get(timeout=PATIENCE_SECONDS)


class TestSaver:
    def test_the_name_tells_when(self, folder):
        outcome = saved("svg", b"picture")
        assert outcome.error is None
        assert re.fullmatch(r"dasktop-\d{8}T\d{6}Z\.svg", Path(outcome.path).name)
        assert Path(outcome.path).parent == folder
        assert Path(outcome.path).read_bytes() == b"picture"

    def test_nothing_is_overwritten(self, folder, monkeypatch):
        monkeypatch.setattr(saving, "datetime", StandingClock)
        paths = [Path(saved(content=str(number).encode()).path) for number in range(3)]
        assert [path.name for path in paths] == [
            "dasktop-20251122T120000Z.json",
            "dasktop-20251122T120000Z-2.json",
            "dasktop-20251122T120000Z-3.json",
        ]
        assert [path.read_text() for path in paths] == ["0", "1", "2"]

    def test_not_for_ever(self, monkeypatch):
        monkeypatch.setattr(saving, "datetime", StandingClock)
        monkeypatch.setattr(saving, "MOST_NAMES", 2)
        assert [saved().error is None for _ in range(3)] == [True, True, False]

    def test_a_folder_that_can_not_be_written_to_is_told(self, monkeypatch):
        def refuse(path, mode, opener):
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(saving, "open", refuse, raising=False)
        outcome = saved()
        assert outcome.path is None
        assert re.fullmatch(r"cannot write dasktop-\S+\.json: Permission denied", outcome.error)

    def test_a_folder_that_is_gone_is_told(self, folder, monkeypatch):
        gone = folder / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
        assert ": No such file or directory" in saved().error
        monkeypatch.chdir(folder)

    def test_of_a_full_disk_nothing_is_left(self, folder, monkeypatch):
        class Full:
            def __init__(self, file):
                self.file = file

            def __enter__(self):
                return self

            def __exit__(self, *arguments):
                self.file.close()

            def write(self, content):
                raise OSError(28, "No space left on device")

        monkeypatch.setattr(saving, "open", lambda *how, **more: Full(open(*how, **more)), raising=False)  # noqa: PTH123, SIM115
        assert ": No space left on device" in saved().error
        assert list(folder.iterdir()) == []

    def test_a_fault_of_our_own_is_told(self):
        def fail():
            raise KeyError("jobs")

        assert "internal error in dasktop: KeyError" in saved(made=fail).error

    def test_a_disk_that_hangs_holds_up_nobody(self, monkeypatch):
        is_over = threading.Event()
        ended = threading.Event()
        monkeypatch.setattr(saving, "CLOSE_SECONDS", 0.1)
        saver = Saver(lambda _: ended.set())
        saver.save("json", lambda: str(is_over.wait(PATIENCE_SECONDS)).encode())
        saver.close()
        assert not ended.is_set()
        is_over.set()
        assert ended.wait(PATIENCE_SECONDS), "else it writes into another test's folder"


class StandingClock:
    @staticmethod
    def now(zone):
        return everyday().taken_at.astimezone(zone)


async def wait_for_words(screen: Screen, words: str) -> str:

    def told() -> str:
        return " ".join(line.strip() for line in screen.lines_of(StatusLine))

    await waiting.until(lambda: words in told(), told, every=0.01, pause=screen.pilot.pause)
    return told()


def the_file(folder: Path, ending: str) -> Path:
    [path] = folder.glob(f"dasktop-*.{ending}")
    return path


class TestOnTheScreen:
    async def test_the_snapshot_is_what_the_command_prints(self, folder) -> None:
        async with running((200, 40)) as screen:
            await screen.show(everyday())
            await screen.press("S", "s")
            told = await wait_for_words(screen, "saved ")
            path = the_file(folder, "json")
            assert str(path) in told
            assert path.read_bytes() == to_json(everyday()) + b"\n"
            assert from_json(path.read_bytes()) == everyday()

    async def test_while_paused_it_is_the_one_that_is_shown(self, folder) -> None:
        async with running() as screen:
            await screen.show(snapshot([job("1")]))
            await screen.press("p")
            await screen.show(snapshot([job("2")]))
            await screen.press("S", "s")
            await wait_for_words(screen, "saved ")
            assert [job.job_id for job in from_json(the_file(folder, "json").read_bytes()).jobs] == ["1"]

    async def test_the_picture_shows_the_screen_and_needs_no_network(self, folder) -> None:
        async with running((100, 30)) as screen:
            await screen.show(everyday())
            await screen.press("S", "p")
            await wait_for_words(screen, "saved ")
            text = the_file(folder, "svg").read_text()
            tree = ElementTree.fromstring(text)
            words = "".join(node.text or "" for node in tree.iter(f"{SVG}text")).replace("\xa0", " ")
            assert "4709 dask-worker" in words
            assert "Save what is shown" not in words, "the box isn't in it"
            assert "url(http" not in text
            assert "@font-face" not in text

    @pytest.mark.parametrize("key", ["escape", "q"])
    async def test_one_can_leave_it(self, folder, key: str) -> None:
        async with running() as screen:
            await screen.show(everyday())
            await screen.press("S")
            assert isinstance(screen.app.screen, SaveBox)
            await screen.press(key)
            assert screen.app.screen is screen.base
        assert list(folder.iterdir()) == []

    async def test_before_the_first_snapshot_there_is_none(self, folder) -> None:
        async with running() as screen:
            await screen.press("S", "s")
            await wait_for_words(screen, "no snapshot yet")
        assert list(folder.iterdir()) == []

    async def test_what_can_not_be_saved_is_told_and_nothing_ends(self, monkeypatch) -> None:
        def refuse(name, ending, content):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(saving, "_write_new", refuse)
        async with running() as screen:
            await screen.show(everyday())
            await screen.press("S", "p")
            await wait_for_words(screen, ": Permission denied")
            assert screen.app.is_running

    async def test_what_is_asked_for_last_is_written_before_the_end(self, folder, monkeypatch) -> None:
        monkeypatch.setattr(saving, "CLOSE_SECONDS", PATIENCE_SECONDS)
        async with running() as screen:
            await screen.show(everyday())
            await screen.press("S", "s", "q")
        assert from_json(the_file(folder, "json").read_bytes()) == everyday()
