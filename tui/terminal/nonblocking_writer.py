"""Writes to a terminal that may read slowly or not at all. Callers never wait."""

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import TextIO

BEHIND_CHARACTERS = 32_768
"""With more than this unread, screen updates are skipped: they would be outdated when they are read."""
MAX_WAITING_CHARACTERS = 16 * BEHIND_CHARACTERS
CHUNK_BYTES = 1024
"""Size of one write, small enough to show whether a slow terminal reads at all."""
CLOSE_SECONDS = 1.0
"""At the end, how long to wait for a terminal that reads nothing."""


class NonBlockingWriter(threading.Thread):
    """A writer thread in place of Textual's ``WriterThread``, whose callers wait for the terminal.

    It does not use Python's stream object, whose lock a blocked thread would hold until the program ends.

    Parameters
    ----------
    file
        The terminal.

    Attributes
    ----------
    on_caught_up
        Called from the thread when everything was read after an update was skipped (see `skip_update`).
    """

    def __init__(self, file: TextIO) -> None:
        super().__init__(daemon=True, name="terminal-output")
        self._descriptor = file.fileno()
        self._encoding = file.encoding or "utf-8"
        self._waiting: deque[str] = deque()
        self._size = 0
        self._has_skipped = self._is_ending = False
        self._changed = threading.Condition()
        self._chunks = 0
        self.on_caught_up: Callable[[], None] = lambda: None

    @property
    def is_behind(self) -> bool:
        """Whether the terminal has much left to read."""
        return self._size > BEHIND_CHARACTERS

    def skip_update(self) -> None:
        """Note that an update was not written because the terminal is behind."""
        with self._changed:
            self._has_skipped = True
            self._changed.notify()

    def write(self, text: str) -> None:
        """Queue a text; skip it if far too much is waiting."""
        with self._changed:
            if self._size > MAX_WAITING_CHARACTERS:
                self._has_skipped = True
                return
            self._waiting.append(text)
            self._size += len(text)
            self._changed.notify()

    def drop_waiting(self) -> None:
        """Drop the queued texts, if the terminal is behind."""
        with self._changed:
            if self.is_behind:
                self._waiting.clear()
                self._size = 0

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""

    def isatty(self) -> bool:
        """Return true: it is a terminal."""
        return True

    def fileno(self) -> int:
        """Return the terminal's file descriptor."""
        return self._descriptor

    def run(self) -> None:
        """Write queued texts, until stopped or the terminal is gone."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_ending or self._has_skipped)
                text = self._waiting.popleft() if self._waiting else None
                if text is None:
                    if self._is_ending:
                        return
                    self._has_skipped = False
            if text is None:
                self.on_caught_up()
            elif self._write(text):
                with self._changed:
                    self._size = max(0, self._size - len(text))
            else:
                return

    def _write(self, text: str) -> bool:
        """Write a text; return false if the terminal is gone."""
        left = memoryview(text.encode(self._encoding, "replace"))
        while left:
            try:
                left = left[os.write(self._descriptor, left[:CHUNK_BYTES]) :]
            except OSError:  # hung up; the program also gets a signal
                return False
            self._chunks += 1
        return True

    def stop(self) -> None:
        """End when everything is written, or the terminal reads nothing for `CLOSE_SECONDS`."""
        with self._changed:
            self._is_ending = True
            self._changed.notify()
        chunks = -1
        while self.is_alive() and chunks != self._chunks:
            chunks = self._chunks
            self.join(CLOSE_SECONDS)
