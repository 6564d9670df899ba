"""Escape and the next key, however soon it follows."""

import os
import string
import sys
from pathlib import Path
from typing import Any

import pytest
from textual import events

from dasktop.collectors.recording.recorder import write_all
from dasktop.tui.terminal.textual_private import escape_parser
from tests.support.snapshots import everyday
from tests.support.terminal import Terminal

TYPED = sorted(
    {*string.ascii_letters, *string.digits, *string.punctuation, " ", "\r", "\t", "\x7f", "é", "漢"} - {*"[O"}
)


def new_parser() -> Any:
    parser = escape_parser()
    assert parser is not None
    return parser()


def keys(sent: str) -> list[tuple[str, str | None]]:
    """Return the keys that are parsed from bytes of a terminal, with their characters."""
    parser = new_parser()
    heard = [*parser.feed(sent), *parser.feed("")]
    assert all(isinstance(event, events.Key) for event in heard)
    return [(event.key, event.character) for event in heard if isinstance(event, events.Key)]


@pytest.mark.parametrize("character", TYPED)
def test_character_after_escape_is_a_separate_key(character: str) -> None:
    assert keys(f"\x1b{character}w") == [("escape", "\x1b"), *keys(character), ("w", "w")]


@pytest.mark.parametrize("character", ["[", "O"])
def test_incomplete_sequence_is_two_keys(character: str) -> None:
    assert keys(f"\x1b{character}") == [("escape", "\x1b"), *keys(character)]


@pytest.mark.parametrize(
    ("sent", "key"),
    [("\x1b[A", "up"), ("\x1bOA", "up"), ("\x1b[5~", "pageup"), ("\x1b[27u", "escape"), ("\x1b", "escape")],
)
def test_a_sequence_is_one_key(sent: str, key: str) -> None:
    assert [name for name, _ in keys(sent)] == [key]


def test_a_paste_is_one_event() -> None:
    parser = new_parser()
    pasted, key = parser.feed("\x1b[200~/4711 -x\x1b[201~w")
    assert isinstance(pasted, events.Paste)
    assert pasted.text == "/4711 -x"
    assert isinstance(key, events.Key)


def test_escape_works_in_a_terminal(tmp_path: Path) -> None:
    """A page and the filter are closed by an escape that is directly followed by the next key."""
    recording = tmp_path / "everyday.ndjson"
    write_all(str(recording), [everyday()], redact=False)
    command = [sys.executable, "-m", "dasktop.tui", "replay", str(recording)]
    with Terminal(command, tmp_path, os.environ, 100, 30) as terminal:
        before = terminal.wait_for(
            lambda screen: "4712" in screen and "SLURMCluster-0" in screen and screen.endswith("q quit")
        )
        terminal.send("F\x1b/4712\x1b1")
        # Not while the filter is still being typed, which has other keys.
        terminal.wait_for(
            lambda screen: (
                "4710" in screen
                and "SLURMCluster-0" not in screen
                and screen.splitlines()[-1] == before.splitlines()[-1]
            )
        )
