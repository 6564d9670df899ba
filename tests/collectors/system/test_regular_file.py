"""Files that the user names: a pipe is reported in one line and does not block."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dasktop.collectors.model.errors import NoSchedulerError, RecordingError
from dasktop.collectors.model.options import TlsFiles
from dasktop.collectors.recording.reader import Recording
from dasktop.collectors.sources.address import parse_address
from dasktop.collectors.sources.dask.connection import tls_context
from dasktop.collectors.sources.dask.scheduler_file import address_from_scheduler_file
from dasktop.collectors.system.regular_file import open_regular
from dasktop.tui.config import file
from dasktop.tui.config.file import remember
from dasktop.tui.config.settings import THEME


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
    for path, words in (("/dev/zero", "it is a device"), (tmp_path, "Is a directory")):
        with pytest.raises(OSError, match=words):
            open_regular(path)


def test_dev_null_is_an_empty_file() -> None:
    with open_regular(os.devnull) as nothing:
        assert nothing.read() == b""
