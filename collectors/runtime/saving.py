"""Saves something to a new file, in a thread of its own: a disk that hangs holds up nobody. Overwrites nothing."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path

from dasktop.collectors.model.errors import describe_own_fault
from dasktop.collectors.model.snapshot import Record
from dasktop.collectors.system.folders import private_opener
from dasktop.collectors.text.clean import clean

MOST_NAMES = 100
"""So many files of one second are told apart by a number."""
CLOSE_SECONDS = 2.0
"""How long an end waits for what is still to be written. It is little, but the disk may be slow."""


class Saved(Record, frozen=True, kw_only=True):
    """What became of saving something."""

    path: str | None
    """Absolute, and clean."""
    error: str | None = None
    """Why it was not saved, in one clean line."""


class Saver:
    """Writes files, each in a thread of its own.

    Parameters
    ----------
    tell
        Called from that thread with what became of it.
    """

    def __init__(self, tell: Callable[[Saved], None]) -> None:
        self._tell = tell
        self._threads: list[threading.Thread] = []

    def save(self, ending: str, made: Callable[[], bytes]) -> None:
        """Save what is made in the thread to ``dasktop-TIME.ENDING`` in the current directory. Returns at once."""
        name = f"dasktop-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"

        def run() -> None:
            try:
                saved = Saved(path=clean(str(_write_new(name, ending, made()))))
            except OSError as error:
                saved = Saved(path=None, error=clean(f"{name}.{ending} can't be written: {error.strerror or error}"))
            except Exception as error:  # noqa: BLE001 - told to the user; what is watched goes on being watched
                saved = Saved(path=None, error=describe_own_fault(error))
            self._tell(saved)

        self._threads = [thread for thread in self._threads if thread.is_alive()]
        self._threads.append(threading.Thread(target=run, name="saver", daemon=True))
        self._threads[-1].start()

    def close(self) -> None:
        """Wait for what is still being written, for `CLOSE_SECONDS` at most."""
        for thread in self._threads:
            thread.join(CLOSE_SECONDS / len(self._threads))


def _write_new(name: str, ending: str, content: bytes) -> Path:
    folder = Path.cwd()
    names = (f"{name}{'' if number == 1 else f'-{number}'}.{ending}" for number in count(1))
    for path in (folder / name for name in islice(names, MOST_NAMES)):
        try:
            file = open(path, "xb", opener=private_opener)  # noqa: SIM115 - closed below
        except FileExistsError:
            continue
        try:
            with file:
                file.write(content)
        except OSError:
            path.unlink(missing_ok=True)  # a part of it is of no use to anybody
            raise
        return path
    raise FileExistsError(f"there are {MOST_NAMES} files of that name")
