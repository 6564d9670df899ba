"""Files that dasktop writes are accessible only to the user; a pipe that the user names does not block."""

import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dasktop.collectors.model.errors import NoSchedulerError, RecordingError
from dasktop.collectors.model.options import TlsFiles
from dasktop.collectors.recording.file import RecordingFile
from dasktop.collectors.recording.reader import Recording
from dasktop.collectors.runtime.saving import Saved, Saver
from dasktop.collectors.scaling.action_log import ActionLog, path
from dasktop.collectors.sources.address import parse_address
from dasktop.collectors.sources.dask.certificates import tls_context
from dasktop.collectors.sources.dask.scheduler_file import address_from_scheduler_file
from dasktop.collectors.system.files import make_private, open_regular
from dasktop.tui.cli.report import _write_page
from dasktop.tui.config import file
from dasktop.tui.config.file import remember
from dasktop.tui.config.settings import SETTINGS, THEME
from tests.support.plans import PLAN


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_recordings_are_private(tmp_path: Path) -> None:
    RecordingFile(str(tmp_path / "run.ndjson")).close()
    assert rights(tmp_path / "run.ndjson") == 0o600


def test_snapshots_and_pictures_are_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    saved_files: list[Saved] = []
    saver = Saver(saved_files.append)
    saver.save("json", lambda: b"{}")
    for thread in saver._threads:
        thread.join()
    (saved,) = saved_files
    assert saved.path is not None
    assert rights(Path(saved.path)) == 0o600


def test_reports_are_private(tmp_path: Path) -> None:
    _write_page(str(tmp_path / "page.html"), "page")
    assert rights(tmp_path / "page.html") == 0o600


def test_configuration_is_private(tmp_path: Path) -> None:
    setting = next(setting for setting in SETTINGS if setting.name == "theme")
    file = tmp_path / "a" / "b" / "config.toml"
    assert remember(file, {setting: "dark"}) is None
    assert rights(file) == 0o600
    assert rights(file.parent) == rights(file.parent.parent) == 0o700


def test_action_log_is_private(tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path / "state" / "of" / "ada")}
    ActionLog(environment, "ada@n1, process 7", PLAN, "tcp://a:1").begun()
    file = path(environment)
    assert json.loads(file.read_text())["event"] == "begun"
    assert rights(file) == 0o600
    for folder in (file.parent, file.parent.parent, file.parent.parent.parent):
        assert rights(folder) == 0o700


def test_existing_folders_are_unchanged(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_private(tmp_path / "new")
    make_private(tmp_path)
    assert (rights(tmp_path), rights(tmp_path / "new")) == (0o755, 0o700)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def test_pipe_as_configuration_is_reported(pipe: Path) -> None:
    assert file.load(pipe).faults == (f"{pipe} cannot be read: it is a pipe, not a file",)
    assert "it is a pipe, not a file" in (remember(pipe, {THEME: "dark"}) or "")


@pytest.mark.parametrize(
    "read",
    [
        address_from_scheduler_file,
        lambda path: Recording(str(path)),
        lambda path: tls_context(parse_address("tls://10.0.0.1:8786"), TlsFiles(ca_file=str(path))),
    ],
    ids=["scheduler file", "recording", "certificate"],
)
def test_pipe_is_reported(read: Callable[[Path], object], pipe: Path) -> None:
    with pytest.raises((NoSchedulerError, RecordingError), match="cannot read"):
        read(pipe)


def test_device_and_folder_are_reported(tmp_path: Path) -> None:
    for named, words in (("/dev/zero", "it is a device"), (tmp_path, "Is a directory")):
        with pytest.raises(OSError, match=words):
            open_regular(named)


def test_dev_null_is_an_empty_file() -> None:
    with open_regular(os.devnull) as nothing:
        assert nothing.read() == b""
