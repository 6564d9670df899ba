"""A real terminal for tests: runs a program in tmux, sends keys and reads the screen."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.forked_python import with_forked_python
from tests.support.waiting import PATIENCE_SECONDS, wait_until

POLL_SECONDS = 0.1
_NUMBERS = count()
_ENDED = "ended with "
"""The title of the terminal after the command has ended; the exit status follows."""


class Terminal:
    """Runs a command in its own tmux server.

    Parameters
    ----------
    folder
        The folder of the socket of the server, and of the script that it runs.
    forked
        Whether a command of this Python is run by `forked_python`: then it has no controlling terminal.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        columns: int = 120,
        lines: int = 40,
        *,
        forked: bool = True,
    ) -> None:
        number = next(_NUMBERS)  # a server that was killed may not have ended yet
        self._tmux = [shutil.which("tmux") or "tmux", "-S", str(folder / f"tmux{number}.sock"), "-f", os.devnull]
        script = folder / f"run{number}.sh"
        # The shell survives a Ctrl-C, which ends the command. It reports that end in the title of the terminal, behind
        # all output: tmux may read the output late.
        report_end = f"printf '\\033]2;{_ENDED}%s\\007' $?"
        run = with_forked_python(command) if forked else command
        script.write_text(f"trap : INT\n{shlex.join(run)}\n{report_end}\nsleep 3600\n")
        self._run(
            *("new-session", "-d", "-x", str(columns), "-y", str(lines), f"exec sh '{script}'"),
            environment={**environment, "TERM": "xterm-256color", "LANG": "C.UTF-8"},
        )

    def screen(self) -> str:
        """Return the text on the screen, without trailing spaces."""
        return self._run("capture-pane", "-p").rstrip("\n")

    def sgr(self) -> set[int]:
        """Return all SGR codes on the screen; of a 256 or RGB colour only the first number."""
        sent = re.findall(r"\x1b\[([0-9;]*)m", self._run("capture-pane", "-p", "-e"))
        plain = (re.sub(r"\b([34]8);(5;\d+|2;\d+;\d+;\d+)", r"\1", numbers) for numbers in sent)
        return {int(number or 0) for numbers in plain for number in numbers.split(";")}

    def press(self, *keys: str) -> None:
        """Press keys, by tmux's names: ``q``, ``Enter``, ``Down``, ``C-c``, …"""
        self._run("send-keys", *keys)

    def send(self, text: str) -> None:
        """Send characters as they are, in one piece."""
        self._run("send-keys", "-l", text)

    def resize(self, columns: int, lines: int) -> None:
        """Make the terminal larger or smaller."""
        self._run("resize-window", "-x", str(columns), "-y", str(lines))

    def write_from_outside(self, text: str) -> None:
        """Write to the terminal as another program, such as ``wall``."""
        Path(self._variable("pane_tty")).write_text(text)

    def enable_clipboard(self) -> None:
        """Let programs set the clipboard (OSC 52), which is off by default in tmux."""
        self._run("set-option", "-s", "set-clipboard", "on")

    def clipboard(self) -> str:
        """Return the clipboard."""
        return self._run("show-buffer")

    def wait_for(self, true_of_screen: Callable[[str], object] | str) -> str:
        """Wait until the screen contains a text, or until a function of it is true, and return the screen."""
        test = (lambda screen: true_of_screen in screen) if isinstance(true_of_screen, str) else true_of_screen
        screen = ""

        def is_there() -> object:
            nonlocal screen
            screen = self.screen()
            return test(screen)

        wait_until(is_there, lambda: f"{true_of_screen}\n{screen}", every=POLL_SECONDS)
        return screen

    def wait_for_end(self) -> int:
        """Wait until the program has ended and all its output is on the screen, and return its exit status."""
        title = wait_until(
            lambda: (title := self._variable("pane_title")).startswith(_ENDED) and title,
            lambda: f"the end\n{self.screen()}",
            every=POLL_SECONDS,
        )
        return int(str(title).removeprefix(_ENDED))

    def close(self) -> None:
        """End the server and all its programs."""
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _variable(self, name: str) -> str:
        """Return a variable of tmux."""
        return self._run("display-message", "-p", f"#{{{name}}}").strip()

    def _run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        result = subprocess.run(
            [*self._tmux, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=True,
        )
        return result.stdout
