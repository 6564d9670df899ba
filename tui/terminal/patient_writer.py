"""Writes to a terminal that may read slowly or not at all, so that nobody who has something to write ever waits."""

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import TextIO

MOST_WAITING_CHARACTERS = 32_768
"""With more than this unread, no updates of the screen are taken: what they show would be old when it is read."""
MOST_WAITING_AT_ALL = 16 * MOST_WAITING_CHARACTERS
CHUNK_BYTES = 1024
"""Written at a time, so that it shows whether a slow terminal reads at all."""
CLOSE_SECONDS = 1.0
"""How long a terminal that reads nothing is waited for at the end."""


class PatientWriter(threading.Thread):
    """A thread that writes, in place of Textual's `WriterThread`, which lets its callers wait for the terminal.

    Not through Python's own stream, whose lock a blocked thread would hold until the program ends.

    Parameters
    ----------
    file
        The terminal.

    Attributes
    ----------
    on_caught_up
        Called from the thread when all was read after something had been left out (see `leave_out`).
    """

    def __init__(self, file: TextIO) -> None:
        super().__init__(daemon=True, name="terminal-output")
        self._descriptor = file.fileno()
        self._encoding = file.encoding or "utf-8"
        self._waiting: deque[str] = deque()
        self._size = 0
        self._has_left_out = self._is_ending = False
        self._changed = threading.Condition()
        self._chunks = 0
        self.on_caught_up: Callable[[], None] = lambda: None

    @property
    def is_behind(self) -> bool:
        """Whether the terminal has a lot to read still."""
        return self._size > MOST_WAITING_CHARACTERS

    def leave_out(self) -> None:
        """Note that something was not written since the terminal is behind."""
        with self._changed:
            self._has_left_out = True
            self._changed.notify()

    def write(self, text: str) -> None:
        """Have a text written, after those before it; where there is far too much of them, it is left out."""
        with self._changed:
            if self._size > MOST_WAITING_AT_ALL:
                self._has_left_out = True
                return
            self._waiting.append(text)
            self._size += len(text)
            self._changed.notify()

    def drop_waiting(self) -> None:
        """Give up what waits to be written, where the terminal is behind."""
        with self._changed:
            if self.is_behind:
                self._waiting.clear()
                self._size = 0

    def flush(self) -> None:
        """Do nothing: what is written is never held back."""

    def isatty(self) -> bool:
        """Tell that it is a terminal."""
        return True

    def fileno(self) -> int:
        """Return the terminal's file descriptor."""
        return self._descriptor

    def run(self) -> None:
        """Write what comes, until told to stop or the terminal is gone."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_ending or self._has_left_out)
                text = self._waiting.popleft() if self._waiting else None
                if text is None:
                    if self._is_ending:
                        return
                    self._has_left_out = False
            if text is None:
                self.on_caught_up()
            elif self._write(text):
                with self._changed:
                    self._size = max(0, self._size - len(text))
            else:
                return

    def _write(self, text: str) -> bool:
        """Return whether the terminal is there still."""
        left = memoryview(text.encode(self._encoding, "replace"))
        while left:
            try:
                left = left[os.write(self._descriptor, left[:CHUNK_BYTES]) :]
            except OSError:  # it hung up: a signal says so, too
                return False
            self._chunks += 1
        return True

    def stop(self) -> None:
        """End when all is written; don't wait any longer for a terminal that reads nothing."""
        with self._changed:
            self._is_ending = True
            self._changed.notify()
        chunks = -1
        while self.is_alive() and chunks != self._chunks:
            chunks = self._chunks
            self.join(CLOSE_SECONDS)
