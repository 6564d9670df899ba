"""Writes snapshots to a recording while they are taken, in a thread of its own: a disk that hangs holds up nobody."""

import contextlib
import queue
import socket
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from dasktop.collectors.model.errors import RecordingError
from dasktop.collectors.model.jobs import workers_of
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.recording.file import RecordingFile, refuse_to_overwrite
from dasktop.collectors.recording.lines import RECORDING_VERSION, Head, Lines
from dasktop.collectors.recording.redaction import Redactor
from dasktop.collectors.system.user import own_name
from dasktop.collectors.text.clean import clean

BYTES_A_SECOND = 480.0
"""In the file, that is, compressed where it is: 41.5 MB a day."""
MOST_SAVED_BYTES = 4_000_000.0
"""What is not used is saved up to this, so that short recordings hold everything."""


class TokenBucket:
    """A purse that fills with time.

    Parameters
    ----------
    bytes_a_second
        ``None``: without a limit.
    """

    def __init__(self, bytes_a_second: float | None = BYTES_A_SECOND, saved: float = MOST_SAVED_BYTES) -> None:
        self._bytes_a_second = bytes_a_second
        self._most = saved
        self._bytes = saved
        self._at: float | None = None
        self._gist: Any = None

    def permits(self, snapshot: Snapshot) -> bool:
        """Tell whether to record this snapshot, the next in time."""
        gist, self._gist = self._gist, essentials(snapshot)
        if self._bytes_a_second is None:
            return True
        now = snapshot.taken_at.timestamp()
        if self._at is not None:
            self._bytes = min(self._most, self._bytes + self._bytes_a_second * max(0.0, now - self._at))
        self._at = now
        return self._bytes > 0 or gist != self._gist

    def spend(self, count: int) -> None:
        """Note how many bytes were written."""
        self._bytes -= count


def essentials(snapshot: Snapshot) -> Any:
    """Return that of which no change may go unrecorded."""
    workers = [worker for job in snapshot.jobs for worker in workers_of(job)]
    return (
        [(job.job_id, job.state, job.reason) for job in snapshot.jobs],
        [(worker.address, worker.status) for worker in (*workers, *snapshot.unplaced_workers)],
        [(finding.code, finding.job_id, finding.worker) for finding in snapshot.findings],
        [(source.name, source.state) for source in snapshot.sources],
        snapshot.cluster.scheduler_id,
        snapshot.cluster.owner,
    )


MOST_WAITING = 100
CLOSE_SECONDS = 2.0
"""How long an end waits for what is still to be written. It is little, but the disk may be slow."""


class RecordingWriter:
    """Writes one snapshot after the other to a new recording, at once.

    Parameters
    ----------
    path
        A file that is not there yet; gzipped if it ends in ``.gz``.
    redact
        Whether users, hosts, paths and names are replaced, see `Redactor`.
    allowance
        What may be left out; ``None``: nothing.

    Raises
    ------
    RecordingError
        There can't be a recording; the text says why.
    """

    def __init__(self, path: str, *, redact: bool = False, allowance: TokenBucket | None = None) -> None:
        why_not = refuse_to_overwrite(path)
        if why_not is not None:
            raise RecordingError(clean(why_not))
        self._redactor = Redactor(own_name(), socket.gethostname()) if redact else None
        self._allowance = allowance or TokenBucket(None)
        self._lines = Lines()
        self._left_out = 0
        self._is_empty = True
        head = Head(
            recording=RECORDING_VERSION, program=f"dasktop {_version()}", begun_at=datetime.now(UTC), redacted=redact
        )
        try:
            self._file = RecordingFile(path)
        except OSError as error:
            raise RecordingError(fault_words(path, error)) from None
        try:
            self._file.add(msgspec.json.encode(head), begins_member=True)
        except OSError as error:
            with contextlib.suppress(OSError):
                self.close()  # an empty file would stand in the way of the next try
            raise RecordingError(fault_words(path, error)) from None

    def learn(self, snapshot: Snapshot) -> None:
        """Note the names in a snapshot that is written later: they may stand in texts of earlier ones."""
        if self._redactor is not None:
            self._redactor.learn(snapshot)

    def write(self, snapshot: Snapshot, unseen: int = 0) -> None:
        """Write a snapshot, if the allowance permits.

        Parameters
        ----------
        snapshot
            The next in time.
        unseen
            How many before it never came here.

        Raises
        ------
        OSError
            It could not be written; the next is told whole.
        """
        self._left_out += unseen
        if not self._allowance.permits(snapshot):
            self._left_out += 1
            return
        line, is_whole = self._lines.line(
            self._redactor.redacted(snapshot) if self._redactor else snapshot, self._left_out
        )
        try:
            self._allowance.spend(self._file.add(line, begins_member=is_whole))
        except OSError:
            self._lines.begin_anew()
            self._left_out += 1
            raise
        self._left_out = 0
        self._is_empty = False

    def close(self) -> None:
        """End the file; one without any snapshot is taken away again.

        Raises
        ------
        OSError
            Its end could not be written; all lines are there all the same.
        """
        try:
            self._file.close()
        finally:
            if self._is_empty:
                Path(self._file.path).unlink(missing_ok=True)


class Recorder:
    """Takes snapshots from any thread, never waits, and tells of what goes wrong.

    Parameters
    ----------
    path, redact
        As for `RecordingWriter`.
    tell
        Called from the recorder's thread with a line for the user when writing fails, once until it works again.

    Raises
    ------
    RecordingError
        There can't be a recording.
    """

    def __init__(self, path: str, *, redact: bool = False, tell: Callable[[str], None] | None = None) -> None:
        self.fault: str | None = None
        """What is wrong just now, in one line."""
        self._path = path
        self._tell = tell
        self._scribe = RecordingWriter(path, redact=redact, allowance=TokenBucket())
        self._waiting: queue.Queue[tuple[Snapshot, int] | None] = queue.Queue(MOST_WAITING)
        self._unseen = 0
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def take(self, snapshot: Snapshot) -> None:
        """Have a snapshot written. From one thread at a time."""
        if self._is_closed:
            return
        try:
            self._waiting.put_nowait((snapshot, self._unseen))
        except queue.Full:
            self._unseen += 1
            self._fail(f"{clean(self._path)}: the disk does not keep up; what comes now is not recorded")
        else:
            self._unseen = 0

    def flush(self) -> None:
        """Wait until all that was taken so far is written, or has failed to be."""
        self._waiting.join()

    def close(self) -> None:
        """Write what is still to be written, for `CLOSE_SECONDS` at most, and end the file; tell if it took longer."""
        self._is_closed = True
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=CLOSE_SECONDS)
            self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            self._fail(f"{clean(self._path)}: the disk does not keep up; the end is not recorded")

    def _run(self) -> None:
        try:
            for snapshot, unseen in iter(self._waiting.get, None):
                self._write(snapshot, unseen)
                self._waiting.task_done()
        finally:
            try:
                self._scribe.close()
            except OSError as error:
                self._fail(fault_words(self._path, error))

    def _write(self, snapshot: Snapshot, unseen: int) -> None:
        try:
            self._scribe.write(snapshot, unseen)
        except OSError as error:
            self._fail(fault_words(self._path, error))
        except Exception as error:  # noqa: BLE001 - a fault of ours; what is watched goes on being watched
            self._fail(clean(f"{self._path}: a fault of the recorder itself: {type(error).__name__}: {error}"))
        else:
            self.fault = None

    def _fail(self, words: str) -> None:
        if self.fault is None and self._tell is not None:
            self._tell(words)
        self.fault = words


def write_all(path: str, snapshots: Iterable[Snapshot], *, redact: bool, names_of: Iterable[Snapshot] = ()) -> None:
    """Write a new recording of all these snapshots.

    Parameters
    ----------
    path, redact
        As for `RecordingWriter`.
    snapshots
        In the order of time.
    names_of
        Snapshots whose names are to be known from the beginning, if they are to be replaced.

    Raises
    ------
    RecordingError
        It could not be written.
    """
    scribe = RecordingWriter(path, redact=redact)
    try:
        try:
            for snapshot in names_of if redact else ():
                scribe.learn(snapshot)
            for snapshot in snapshots:
                scribe.write(snapshot)
        finally:
            scribe.close()
    except OSError as error:
        raise RecordingError(fault_words(path, error)) from None


def fault_words(path: str, error: OSError) -> str:
    """Return one line for what the system said."""
    if isinstance(error, FileExistsError):
        return clean(f"{path} is there already; a recording overwrites nothing: name another file")
    return clean(f"{path} can't be written: {error.strerror or error}")


def _version() -> str:
    try:
        return version("dasktop")
    except PackageNotFoundError:
        return "?"
