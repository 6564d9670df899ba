"""The private names of Textual exist in the installed version, and the screen runs without them."""

import os
import sys
from importlib import import_module
from pathlib import Path

import pytest
from textual.drivers import linux_driver

from dasktop.collectors.recording.recorder import write_all
from dasktop.tui.dialogs.commands import CommandBox
from dasktop.tui.terminal.nonblocking_writer import NonBlockingWriter
from dasktop.tui.terminal.textual_private import PRIVATE_NAMES, escape_parser, extend_driver, palette_containers
from tests.support.screen import running
from tests.support.snapshots import everyday
from tests.support.terminal import Terminal

WITHOUT = """
import sys
from dasktop.tui.terminal import textual_private
textual_private.extend_driver = lambda: None
from dasktop.tui.cli.main import main
sys.argv = ["dasktop", "replay", sys.argv[1]]
main()
"""


@pytest.mark.parametrize("name", [name for name in PRIVATE_NAMES if "#" not in name])
def test_each_private_name_exists(name: str) -> None:
    module, _, rest = name.partition(".linux_driver") if ".linux_driver" in name else name.partition(".command")
    found = import_module(module + _)
    for part in rest.strip(".").split("."):
        is_attribute_of_instances = part == "_writer_thread"
        found = found.__init__.__code__.co_names.index(part) if is_attribute_of_instances else getattr(found, part)


async def test_the_palette_has_its_container() -> None:
    async with running() as screen:
        await screen.show(everyday())
        await screen.press("ctrl+p")
        palette = screen.app.screen
        assert isinstance(palette, CommandBox)
        assert len(list(palette_containers(palette))) == 1


@pytest.mark.parametrize("name", ["XTermParser", "WriterThread"])
def test_without_the_name_the_driver_is_unchanged(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(linux_driver, name)
    extend_driver()
    assert not hasattr(linux_driver, name)


def test_parser_with_other_signature_is_not_extended(monkeypatch: pytest.MonkeyPatch) -> None:
    class Parser:
        def _sequence_to_key_events(self, sequence: str) -> None:
            """Do not accept ``alt``."""

    monkeypatch.setattr(linux_driver, "XTermParser", Parser)
    assert escape_parser() is None


def test_writer_with_more_methods_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    class Writer(NonBlockingWriter):
        def write_later(self) -> None:
            """Do what `NonBlockingWriter` does not."""

    monkeypatch.setattr(linux_driver, "WriterThread", Writer)
    extend_driver()
    assert linux_driver.WriterThread is Writer


def test_screen_runs_on_textuals_parser_and_writer(tmp_path: Path) -> None:
    recording = tmp_path / "everyday.ndjson"
    write_all(str(recording), [everyday()], redact=False)
    with Terminal([sys.executable, "-c", WITHOUT, str(recording)], tmp_path, os.environ, 100, 30) as terminal:
        terminal.wait_for(lambda screen: "4712" in screen and screen.endswith("q quit"))
        terminal.send("q")
        assert terminal.wait_for_end() == 0
