"""The screen in a real terminal with foreign output, wrong variables or hostile text."""

import os
import re
import sys
from pathlib import Path

import pytest

from dasktop.collectors.recording.recorder import write_all
from tests.support.screen import HOSTILE
from tests.support.snapshots import everyday, job, snapshot, task, worker
from tests.support.terminal import Terminal

DASKTOP = (sys.executable, "-m", "dasktop.tui")
WHOLE_SCREEN = ("4712", "laptop", "2 other jobs", "paused", "1/1", "quit")
"""Texts from all parts of the screen; once "paused" is shown, the screen no longer changes by itself."""


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "everyday.ndjson"
    write_all(str(path), [everyday()], redact=False)
    return path


@pytest.fixture
def terminal(recording, tmp_path):
    with Terminal([*DASKTOP, "replay", str(recording)], tmp_path, os.environ, 100, 30) as terminal:
        terminal.wait_for(lambda screen: all(words in screen for words in WHOLE_SCREEN))
        yield terminal


def test_redraw_removes_output_of_others(terminal):
    whole = terminal.screen()
    terminal.write_from_outside("\x1b[20;10HBroadcast message from root")  # not on a row that the selection passes
    terminal.wait_for("Broadcast message")
    terminal.press("Down", "Up")
    assert "Broadcast message" in terminal.screen()
    terminal.press("C-l")
    terminal.wait_for(lambda screen: screen == whole)


def test_size_variables_are_ignored(recording, tmp_path):
    command = ["env", "COLUMNS=200", "LINES=50", *DASKTOP, "replay", str(recording)]
    with Terminal(command, tmp_path, os.environ, 90, 30) as terminal:
        lines = terminal.wait_for("quit").splitlines()
        assert len(lines) == 30
        assert max(map(len, lines)) <= 90


def test_dumb_terminal_gets_plain_text(recording, tmp_path):
    command = ["env", "TERM=dumb", *DASKTOP, "replay", str(recording)]
    with Terminal(command, tmp_path, os.environ, 120, 60) as terminal:
        assert terminal.wait_for_end() == 0
        assert "4712 dask-worker" in terminal.screen()
        assert "quit" not in terminal.screen()


def test_resize_redraws_the_screen(terminal):
    whole = terminal.screen()
    terminal.resize(70, 20)
    terminal.wait_for(lambda screen: len(screen.splitlines()) == 20 and screen.splitlines()[-1].startswith(" "))
    terminal.resize(100, 30)
    terminal.wait_for(lambda screen: screen == whole)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_columns_are_aligned_for_any_name(tmp_path, columns):
    """Text that another program writes at the position of a column is in that column of the terminal."""
    raw = (*HOSTILE, "\x1b[31mred\x1b[0m", "two\nlines\tand a tab", "\u202egnp.exe\u200b\u2066", "\x9b2J\x07bell")
    jobs = [
        job(str(100 + number), [task([worker(text, status="RUNNING")], node=text)], name=text, nodes=(text,))
        for number, text in enumerate(raw)
    ]
    recording = tmp_path / "hostile.ndjson"
    write_all(str(recording), [snapshot(jobs)], redact=False)
    with Terminal([*DASKTOP, "replay", str(recording)], tmp_path, os.environ, columns, 100) as terminal:
        terminal.wait_for("paused")
        terminal.press("d")  # the details name the state, too
        lines = terminal.wait_for(lambda screen: screen.count("RUNNING") == 2 * len(raw)).splitlines()
        column = next(line.index("STATE") for line in lines if "STATE" in line)
        rows = [y for y, line in enumerate(lines) if "RUNNING" in line]
        terminal.write_from_outside("".join(f"\x1b[{y + 1};{column + 1}HX" for y in rows))
        changed = terminal.wait_for(lambda screen: screen.count("XUNNING") == len(rows))
        assert [line for line in changed.splitlines() if "RUNNING" in line] == []
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", changed)
