"""The configuration in a real terminal: view settings are saved at any kind of exit; themes use existing colours."""

import os
import sys
from pathlib import Path

import psutil
import pytest

from dasktop.collectors.recording.recorder import write_all
from dasktop.tui.config import file
from dasktop.tui.config.settings import COLUMNS_SHOWN, FILTER, FLAT, REVERSE, SORT
from tests.support.dask_processes import Scheduler
from tests.support.snapshots import everyday
from tests.support.terminal import Terminal
from tests.support.waiting import wait_until

PROGRAM = [sys.executable, "-m", "dasktop.tui"]


@pytest.fixture
def recorded(tmp_path: Path) -> str:
    path = str(tmp_path / "recorded")
    write_all(path, [everyday()], redact=False)
    return path


@pytest.fixture
def path() -> Path:
    return file.path(os.environ)


def test_view_settings_are_kept_for_the_next_start(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text('# mine\n[view]\nsort = "cpu"  # the busiest first\n')
    with Scheduler() as scheduler:
        command = [*PROGRAM, scheduler.address, "--no-slurm"]
        with Terminal(command, tmp_path, os.environ, 80, 24) as terminal:
            terminal.wait_for("CPU↓")
            terminal.press("O", "w", "c")
            terminal.wait_for("[x] STATE")
            terminal.press("Space")
            terminal.wait_for("[ ] STATE")
            terminal.press("Enter")
            terminal.wait_for(lambda screen: "[ ] STATE" not in screen)
            terminal.press("/")
            terminal.wait_for("esc clear")
            terminal.press("n", "o")
            terminal.wait_for("nothing matches no")
            terminal.press("Enter")
            terminal.wait_for(lambda screen: "esc clear" not in screen)
            terminal.press("q")
            assert terminal.wait_for_end() == 0
        assert path.read_text().startswith('# mine\n[view]\nsort = "cpu"  # the busiest first\n')
        read = file.load(path)
        assert (read[SORT], read[REVERSE], read[FLAT], read[FILTER]) == ("cpu", False, False, "")
        assert read[COLUMNS_SHOWN] == ("node", "cpu", "memory", "busy", "now", "left")
        with Terminal(command, tmp_path, os.environ, 80, 24) as terminal:
            screen = terminal.wait_for("CPU↓")
            assert "STATE" not in screen
            terminal.press("C-c")
            assert terminal.wait_for_end() == 0


@pytest.mark.parametrize("end", ["the terminal closes", "SIGTERM"])
def test_view_settings_are_kept_after_a_signal(path: Path, recorded: str, tmp_path: Path, end: str) -> None:
    with Terminal([*PROGRAM, "replay", recorded], tmp_path, os.environ, 80, 24, forked=False) as terminal:
        terminal.wait_for("4709")
        terminal.press("c")
        terminal.wait_for("[x] STATE")
        terminal.press("Space")
        terminal.wait_for("[ ] STATE")
        command_lines = {process: process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])}
        [process] = [process for process, words in command_lines.items() if {recorded, "dasktop.tui"} <= set(words)]
        if end == "SIGTERM":
            process.terminate()
            assert terminal.wait_for_end() == 143
        else:
            terminal.close()
        wait_until(lambda: not process.is_running(), "the program ends")
    assert "state" not in file.load(path)[COLUMNS_SHOWN]


def test_failure_to_save_is_reported_at_exit(recorded: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environment = os.environ | {"XDG_CONFIG_HOME": str(tmp_path / "file")}
    with Terminal([*PROGRAM, "replay", recorded], tmp_path, environment, 200, 24) as terminal:
        terminal.wait_for("4709")
        terminal.press("c")
        terminal.wait_for("[x] STATE")
        terminal.press("Space")
        terminal.wait_for("[ ] STATE")
        terminal.press("Enter")
        terminal.wait_for(lambda screen: "[ ] STATE" not in screen)
        terminal.press("q")
        assert terminal.wait_for_end() == 0
        message = f"dasktop: view settings not saved: {tmp_path}/file/dasktop/config.toml"
        assert message in terminal.screen()


def test_invalid_file_is_reported_before_the_screen(path: Path, recorded: str, tmp_path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("[keys]\nquit = 'o'\n")
    with Terminal([*PROGRAM, "replay", recorded], tmp_path, os.environ, 200, 24) as terminal:
        assert terminal.wait_for_end() == 2
        assert terminal.screen() == f'dasktop: {path}: [keys] "o" is bound to both sort and quit'


# The SGR codes of 16 colours, and those that a theme may always use.
SIXTEEN = {*range(30, 38), *range(40, 48), *range(90, 98), *range(100, 108)}
PLAIN = {0, 1, 2, 4, 7, 39, 49}


@pytest.mark.parametrize(
    ("theme", "settings", "sent"),
    [
        pytest.param("terminal", ["TERM=xterm"], SIXTEEN, id="terminal-16"),
        pytest.param("colour-blind", ["TERM=xterm"], SIXTEEN, id="colour-blind-16"),
        pytest.param("dark", ["TERM=xterm-256color"], {38, 48}, id="dark-256"),
        pytest.param("light", ["TERM=xterm-256color", "NO_COLOR=1"], set(), id="light-none"),
    ],
)
def test_only_colours_of_the_terminal_are_sent(
    path: Path, recorded: str, tmp_path: Path, theme: str, settings: list[str], sent: set[int]
) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(f'theme = "{theme}"\n')
    command = ["env", "-u", "COLORTERM", *settings, *PROGRAM, "replay", recorded]
    with Terminal(command, tmp_path, os.environ, 120, 30) as terminal:
        terminal.wait_for("4709")
        terminal.wait_for("1/1")
        codes = terminal.sgr()
        terminal.press("q")
        assert terminal.wait_for_end() == 0
    assert codes - PLAIN <= sent
    assert bool(codes - PLAIN) == bool(sent), "colours are used if the terminal has any"
