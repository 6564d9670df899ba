"""A real terminal for tests: a program in tmux, keys in, screen out."""

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

POLL_SECONDS = 0.1
WAIT_SECONDS = 30


class Terminal:
    """Runs a command in a tmux server of its own, which ends with it.

    Parameters
    ----------
    folder
        For the server's socket and the command's exit status.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        columns: int = 120,
        lines: int = 40,
    ) -> None:
        self._tmux = [shutil.which("tmux") or "tmux", "-S", str(folder / "tmux.sock"), "-f", os.devnull]
        self._status = folder / "status"
        script = folder / "run.sh"
        script.write_text(f"{shlex.join(command)}\necho $? >'{self._status}'\nsleep 600\n")
        # Who sets these means another terminal's size, and programs would believe it rather than this one's.
        inherited = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
        self._run(
            *("new-session", "-d", "-x", str(columns), "-y", str(lines), f"exec sh '{script}'"),
            environment={**inherited, "TERM": "xterm-256color", "LANG": "C.UTF-8"},
        )

    def screen(self) -> str:
        """Return what is on the screen, lines without their trailing spaces."""
        return self._run("capture-pane", "-p").rstrip("\n")

    def press(self, *keys: str) -> None:
        """Press keys, by tmux's names: ``q``, ``Enter``, ``Down``, ``C-c``, …"""
        self._run("send-keys", *keys)

    def wait_for(self, true_of_screen: Callable[[str], object] | str, timeout: float = WAIT_SECONDS) -> str:
        """Wait until the screen holds a text, or until a function of it is true, and return the screen."""
        test = (lambda screen: true_of_screen in screen) if isinstance(true_of_screen, str) else true_of_screen
        deadline = time.monotonic() + timeout
        while not test(screen := self.screen()):
            assert time.monotonic() < deadline, f"never came: {true_of_screen}\n{screen}"
            time.sleep(POLL_SECONDS)
        return screen

    def wait_for_end(self, timeout: float = WAIT_SECONDS) -> int:
        """Wait until the program has ended, and return its exit status."""
        deadline = time.monotonic() + timeout
        while not (self._status.exists() and (status := self._status.read_text().strip())):
            assert time.monotonic() < deadline, f"it goes on:\n{self.screen()}"
            time.sleep(POLL_SECONDS / 10)
        return int(status)

    def close(self) -> None:
        """End the server, and with it whatever still runs in it."""
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        result = subprocess.run(
            [*self._tmux, *arguments], env=environment, capture_output=True, text=True, timeout=10, check=True
        )
        return result.stdout
