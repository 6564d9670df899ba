"""A terminal that reads slowly or not at all blocks nothing, and shows the newest drawing in the end."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from dasktop.collectors.recording.reader import Recording
from dasktop.tui.terminal.nonblocking_writer import BEHIND_CHARACTERS, MAX_WAITING_CHARACTERS, NonBlockingWriter

FILLS_ANY_TERMINAL = "x" * (BEHIND_CHARACTERS + 1)


@pytest.fixture
def terminal() -> Iterator[tuple[int, TextIO]]:
    """A file descriptor to read from, and a file to write to."""
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as file:
        yield ours, file
        os.close(ours)


def test_writing_never_blocks(terminal: tuple[int, TextIO]) -> None:
    writer = NonBlockingWriter(terminal[1])
    writer.start()
    for _ in range(100):
        writer.write(FILLS_ANY_TERMINAL)
    assert writer.is_behind
    assert sum(map(len, writer._waiting)) <= MAX_WAITING_CHARACTERS + len(FILLS_ANY_TERMINAL)
    writer.stop()  # which returns, though nothing was read


def test_skipped_update_is_reported_when_caught_up(terminal: tuple[int, TextIO]) -> None:
    ours, file = terminal
    writer = NonBlockingWriter(file)
    has_caught_up = threading.Event()
    writer.on_caught_up = has_caught_up.set
    writer.start()
    writer.write(FILLS_ANY_TERMINAL)
    writer.skip_update()
    assert not has_caught_up.is_set()
    read = ""
    while len(read) < len(FILLS_ANY_TERMINAL):
        read += os.read(ours, 4096).decode()
    assert has_caught_up.wait(60)
    writer.stop()
    assert (read, writer.is_alive()) == (FILLS_ANY_TERMINAL, False)


SCREEN = """
import os, sys, threading
from pathlib import Path
from dasktop.collectors.recording.recorded_feed import RecordedFeed
from dasktop.collectors.recording.recorder import Recorder
from dasktop.tui.cli import screen as run
from dasktop.tui.app import DasktopApp
from dasktop.tui.config.config import Config
from dasktop.tui.terminal import nonblocking_writer
from tests.support.fake_feed import FakeFeed
from tests.support.recordings import busy_snapshots

nonblocking_writer.BEHIND_CHARACTERS = 1000
path, ready = sys.argv[1], int(sys.argv[2])
feed = FakeFeed()
pause = threading.Event()
app = DasktopApp(RecordedFeed(feed, Recorder(path)))

def deliver_snapshots():
    for number, snapshot in enumerate(busy_snapshots(jobs=30, count=1_000_000)):
        if feed.stops:
            return
        if feed.deliver is not None:
            feed.deliver(snapshot)
        writer = getattr(app._driver, "_writer_thread", None)
        if writer is not None and writer.is_behind and number % 10 == 0:
            os.write(ready, b".")
        pause.wait(0.01)

threading.Thread(target=deliver_snapshots, daemon=True).start()
run._run(app, Config(path + ".toml"))
"""


def test_signal_ends_the_screen_on_unread_terminal(tmp_path: Path) -> None:
    """The program reports when its output is blocked; after a signal it ends, with a complete recording."""
    path = tmp_path / "run.ndjson.gz"
    ours, theirs = os.openpty()
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", SCREEN, str(path), str(writing)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        pass_fds=(writing,),
        env=os.environ | {"TERM": "xterm-256color"},
        start_new_session=True,
    )
    try:
        os.close(writing)
        for _ in range(3):
            assert os.read(reading, 1) == b"."
        process.terminate()
        assert process.wait(60) == 143
    finally:
        process.kill()
        process.wait()
        for descriptor in (ours, theirs, reading):
            os.close(descriptor)
    recording = Recording(str(path))
    assert [*recording.scan()]
    assert recording.remark is None
