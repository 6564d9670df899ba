"""Save data to a new file in a thread of its own, so that a slow disk blocks nothing. Never overwrites a file."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path

from dasktop.collectors.model.errors import describe_own_fault
from dasktop.collectors.model.record import Record
from dasktop.collectors.system.files import private_opener
from dasktop.collectors.text.clean import clean

MOST_NAMES = 100
"""At most this many files of one second get distinct names, by a number."""
CLOSE_SECONDS = 2.0
"""How long `close` waits for pending writes. These are small, but the disk may be slow."""


class Saved(Record, frozen=True, kw_only=True):
    """The result of saving a file."""

    path: str | None
    """Absolute, and clean."""
    error: str | None = None
    """Why it was not saved, in one clean line."""


class Saver:
    """Writes files, each in a thread of its own.

    Parameters
    ----------
    report
        Called from that thread with the result.
    """

    def __init__(self, report: Callable[[Saved], None]) -> None:
        self._report = report
        self._threads: list[threading.Thread] = []

    def save(self, ending: str, made: Callable[[], bytes]) -> None:
        """Save the result of ``made`` to ``dasktop-TIME.ENDING`` in the current directory. Returns at once."""
        name = f"dasktop-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"

        def run() -> None:
            try:
                saved = Saved(path=clean(str(_write_new(name, ending, made()))))
            except OSError as error:
                saved = Saved(path=None, error=clean(f"cannot write {name}.{ending}: {error.strerror or error}"))
            except Exception as error:  # noqa: BLE001 - reported to the user; watching continues
                saved = Saved(path=None, error=describe_own_fault(error))
            self._report(saved)

        self._threads = [thread for thread in self._threads if thread.is_alive()]
        self._threads.append(threading.Thread(target=run, name="saver", daemon=True))
        self._threads[-1].start()

    def close(self) -> None:
        """Wait for pending writes, for at most `CLOSE_SECONDS`."""
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
            path.unlink(missing_ok=True)  # a partial file is useless
            raise
        return path
    raise FileExistsError(f"{MOST_NAMES} files of that name exist")
