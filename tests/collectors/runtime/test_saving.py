"""Saving to new files: exact content, no waiting for the disk, a report of the result."""

import queue
import re
import threading
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from dasktop.collectors.model.snapshot import from_json, to_json
from dasktop.collectors.runtime import saving
from dasktop.collectors.runtime.saving import Saved, Saver
from dasktop.tui.dialogs.save_box import SaveBox
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
    shown: queue.SimpleQueue[Saved] = queue.SimpleQueue()
    saver = Saver(shown.put)
    saver.save(ending, made or (lambda: content))
    return shown.get(timeout=PATIENCE_SECONDS)


class TestSaver:
    def test_name_contains_the_time(self, folder):
        outcome = saved("svg", b"picture")
        assert outcome.error is None
        assert re.fullmatch(r"dasktop-\d{8}T\d{6}Z\.svg", Path(outcome.path).name)
        assert Path(outcome.path).parent == folder
        assert Path(outcome.path).read_bytes() == b"picture"

    def test_nothing_is_overwritten(self, folder, monkeypatch):
        monkeypatch.setattr(saving, "datetime", FixedClock)
        paths = [Path(saved(content=str(number).encode()).path) for number in range(3)]
        assert [path.name for path in paths] == [
            "dasktop-20251122T120000Z.json",
            "dasktop-20251122T120000Z-2.json",
            "dasktop-20251122T120000Z-3.json",
        ]
        assert [path.read_text() for path in paths] == ["0", "1", "2"]

    def test_number_of_names_is_limited(self, monkeypatch):
        monkeypatch.setattr(saving, "datetime", FixedClock)
        monkeypatch.setattr(saving, "MOST_NAMES", 2)
        assert [saved().error is None for _ in range(3)] == [True, True, False]

    def test_unwritable_folder_is_reported(self, monkeypatch):
        def refuse(path, mode, opener):
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(saving, "open", refuse, raising=False)
        outcome = saved()
        assert outcome.path is None
        assert re.fullmatch(r"cannot write dasktop-\S+\.json: Permission denied", outcome.error)

    def test_removed_folder_is_reported(self, folder, monkeypatch):
        gone = folder / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
        assert ": No such file or directory" in saved().error
        monkeypatch.chdir(folder)

    def test_full_disk_leaves_no_file(self, folder, monkeypatch):
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

    def test_internal_error_is_reported(self):
        def fail():
            raise KeyError("jobs")

        assert "internal error in dasktop: KeyError" in saved(made=fail).error

    def test_hanging_disk_does_not_delay_close(self, monkeypatch):
        is_over = threading.Event()
        ended = threading.Event()
        monkeypatch.setattr(saving, "CLOSE_SECONDS", 0.1)
        saver = Saver(lambda _: ended.set())
        saver.save("json", lambda: str(is_over.wait(PATIENCE_SECONDS)).encode())
        saver.close()
        assert not ended.is_set()
        is_over.set()
        assert ended.wait(PATIENCE_SECONDS), "otherwise it writes into another test's folder"


class FixedClock:
    @staticmethod
    def now(zone):
        return everyday().taken_at.astimezone(zone)


async def wait_for_text(screen: Screen, words: str) -> str:

    def shown() -> str:
        return " ".join(line.strip() for line in screen.lines_of(StatusLine))

    await waiting.until(lambda: words in shown(), shown, every=0.01, pause=screen.pilot.pause)
    return shown()


def saved_file(folder: Path, ending: str) -> Path:
    [path] = folder.glob(f"dasktop-*.{ending}")
    return path


class TestOnTheScreen:
    async def test_snapshot_equals_output_of_the_command(self, folder) -> None:
        async with running((200, 40)) as screen:
            await screen.show(everyday())
            await screen.press("S", "s")
            shown = await wait_for_text(screen, "saved ")
            path = saved_file(folder, "json")
            assert str(path) in shown
            assert path.read_bytes() == to_json(everyday()) + b"\n"
            assert from_json(path.read_bytes()) == everyday()

    async def test_paused_screen_saves_the_shown_snapshot(self, folder) -> None:
        async with running() as screen:
            await screen.show(snapshot([job("1")]))
            await screen.press("p")
            await screen.show(snapshot([job("2")]))
            await screen.press("S", "s")
            await wait_for_text(screen, "saved ")
            assert [job.job_id for job in from_json(saved_file(folder, "json").read_bytes()).jobs] == ["1"]

    async def test_picture_shows_the_screen_without_network(self, folder) -> None:
        async with running((100, 30)) as screen:
            await screen.show(everyday())
            await screen.press("S", "p")
            await wait_for_text(screen, "saved ")
            text = saved_file(folder, "svg").read_text()
            tree = ElementTree.fromstring(text)
            words = "".join(node.text or "" for node in tree.iter(f"{SVG}text")).replace("\xa0", " ")
            assert "4709 dask-worker" in words
            assert "Save what is shown" not in words, "the dialog is not part of it"
            assert "url(http" not in text
            assert "@font-face" not in text

    @pytest.mark.parametrize("key", ["escape", "q"])
    async def test_dialog_can_be_closed(self, folder, key: str) -> None:
        async with running() as screen:
            await screen.show(everyday())
            await screen.press("S")
            assert isinstance(screen.app.screen, SaveBox)
            await screen.press(key)
            assert screen.app.screen is screen.base
        assert list(folder.iterdir()) == []

    async def test_nothing_to_save_before_the_first_snapshot(self, folder) -> None:
        async with running() as screen:
            await screen.press("S", "s")
            await wait_for_text(screen, "no snapshot yet")
        assert list(folder.iterdir()) == []

    async def test_failed_save_is_reported(self, monkeypatch) -> None:
        def refuse(name, ending, content):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(saving, "_write_new", refuse)
        async with running() as screen:
            await screen.show(everyday())
            await screen.press("S", "p")
            await wait_for_text(screen, ": Permission denied")
            assert screen.app.is_running

    async def test_pending_save_is_written_at_exit(self, folder, monkeypatch) -> None:
        monkeypatch.setattr(saving, "CLOSE_SECONDS", PATIENCE_SECONDS)
        async with running() as screen:
            await screen.show(everyday())
            await screen.press("S", "s", "q")
        assert from_json(saved_file(folder, "json").read_bytes()) == everyday()
