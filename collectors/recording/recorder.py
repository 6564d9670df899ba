"""Write snapshots to a recording in a thread of its own, so that a slow disk blocks nothing."""

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
"""Average size in the file, compressed if it is gzipped: 41.5 MB per day."""
MOST_SAVED_BYTES = 4_000_000.0
"""The capacity of the token bucket, so that short recordings are complete."""


class TokenBucket:
    """A token bucket that limits the average size of a recording.

    Parameters
    ----------
    bytes_a_second
        ``None``: unlimited.
    saved
        The capacity, and the initial content, in bytes.
    """

    def __init__(self, bytes_a_second: float | None = BYTES_A_SECOND, saved: float = MOST_SAVED_BYTES) -> None:
        self._bytes_a_second = bytes_a_second
        self._most = saved
        self._bytes = saved
        self._at: float | None = None
        self._previous: Snapshot | None = None

    def permits(self, snapshot: Snapshot) -> bool:
        """Return whether to record this snapshot, the next in time. Always true if its essentials changed."""
        previous, self._previous = self._previous, snapshot
        if self._bytes_a_second is None:
            return True
        now = snapshot.taken_at.timestamp()
        if self._at is not None:
            self._bytes = min(self._most, self._bytes + self._bytes_a_second * max(0.0, now - self._at))
        self._at = now
        return self._bytes > 0 or previous is None or essentials(previous) != essentials(snapshot)

    def spend(self, count: int) -> None:
        """Deduct written bytes."""
        self._bytes -= count


def essentials(snapshot: Snapshot) -> Any:
    """Return the parts of a snapshot whose every change must be recorded."""
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
"""How long `close` waits for pending writes. These are small, but the disk may be slow."""


class RecordingWriter:
    """Writes snapshots to a new recording, synchronously.

    Parameters
    ----------
    path
        A file that does not exist yet; gzipped if it ends in ``.gz``.
    redact
        Whether to redact users, hosts, paths and names, see `Redactor`.
    rate_limit
        Decides which snapshots to skip; ``None``: none.

    Raises
    ------
    RecordingError
        The recording cannot be created; the text says why.
    """

    def __init__(self, path: str, *, redact: bool = False, rate_limit: TokenBucket | None = None) -> None:
        problem = refuse_to_overwrite(path)
        if problem is not None:
            raise RecordingError(clean(problem))
        self._redactor = Redactor(own_name(), socket.gethostname()) if redact else None
        self._rate_limit = rate_limit or TokenBucket(None)
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
                self.close()  # an empty file would make the next attempt fail
            raise RecordingError(fault_words(path, error)) from None

    def learn(self, snapshot: Snapshot) -> None:
        """Collect the names in a snapshot that is written later: they may occur in texts of earlier ones."""
        if self._redactor is not None:
            self._redactor.learn(snapshot)

    def write(self, snapshot: Snapshot, unseen: int = 0) -> None:
        """Write a snapshot, if the rate limit permits.

        Parameters
        ----------
        snapshot
            The next in time.
        unseen
            How many snapshots before it were dropped.

        Raises
        ------
        OSError
            It could not be written; the next one is written as a keyframe.
        """
        self._left_out += unseen
        if not self._rate_limit.permits(snapshot):
            self._left_out += 1
            return
        line, is_whole = self._lines.line(
            self._redactor.redacted(snapshot) if self._redactor else snapshot, self._left_out
        )
        try:
            self._rate_limit.spend(self._file.add(line, begins_member=is_whole))
        except OSError:
            self._lines.restart()
            self._left_out += 1
            raise
        self._left_out = 0
        self._is_empty = False

    def close(self) -> None:
        """Close the file; delete it if it has no snapshot.

        Raises
        ------
        OSError
            Its end could not be written; the file still contains all lines.
        """
        try:
            self._file.close()
        finally:
            if self._is_empty:
                Path(self._file.path).unlink(missing_ok=True)


class Recorder:
    """Records snapshots in a thread of its own, never blocks, and reports errors.

    Parameters
    ----------
    path, redact
        As for `RecordingWriter`.
    report
        Called from the recorder's thread with one line for the user when writing fails; once, until it works again.

    Raises
    ------
    RecordingError
        The recording cannot be created.
    """

    def __init__(self, path: str, *, redact: bool = False, report: Callable[[str], None] | None = None) -> None:
        self.fault: str | None = None
        """The current error, in one line."""
        self._path = path
        self._report = report
        self._writer = RecordingWriter(path, redact=redact, rate_limit=TokenBucket())
        self._waiting: queue.Queue[tuple[Snapshot, int] | None] = queue.Queue(MOST_WAITING)
        self._unseen = 0
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def take(self, snapshot: Snapshot) -> None:
        """Queue a snapshot for writing. From one thread at a time."""
        if self._is_closed:
            return
        try:
            self._waiting.put_nowait((snapshot, self._unseen))
        except queue.Full:
            self._unseen += 1
            self._fail(f"{clean(self._path)}: the disk is too slow; snapshots are not being recorded")
        else:
            self._unseen = 0

    def flush(self) -> None:
        """Wait until all queued snapshots are written, or have failed."""
        self._waiting.join()

    def close(self) -> None:
        """Write the queued snapshots, for at most `CLOSE_SECONDS`, and close the file; report if it takes longer."""
        self._is_closed = True
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=CLOSE_SECONDS)
            self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            self._fail(f"{clean(self._path)}: the disk is too slow; the last snapshots are not recorded")

    def _run(self) -> None:
        try:
            for snapshot, unseen in iter(self._waiting.get, None):
                self._write(snapshot, unseen)
                self._waiting.task_done()
        finally:
            try:
                self._writer.close()
            except OSError as error:
                self._fail(fault_words(self._path, error))

    def _write(self, snapshot: Snapshot, unseen: int) -> None:
        try:
            self._writer.write(snapshot, unseen)
        except OSError as error:
            self._fail(fault_words(self._path, error))
        except Exception as error:  # noqa: BLE001 - our bug; watching continues
            self._fail(clean(f"{self._path}: internal error of the recorder: {type(error).__name__}: {error}"))
        else:
            self.fault = None

    def _fail(self, words: str) -> None:
        if self.fault is None and self._report is not None:
            self._report(words)
        self.fault = words


def write_all(path: str, snapshots: Iterable[Snapshot], *, redact: bool, names_of: Iterable[Snapshot] = ()) -> None:
    """Write a new recording of these snapshots.

    Parameters
    ----------
    path, redact
        As for `RecordingWriter`.
    snapshots
        In order of time.
    names_of
        Snapshots whose names to redact from the beginning, if ``redact``.

    Raises
    ------
    RecordingError
        It could not be written.
    """
    writer = RecordingWriter(path, redact=redact)
    try:
        try:
            for snapshot in names_of if redact else ():
                writer.learn(snapshot)
            for snapshot in snapshots:
                writer.write(snapshot)
        finally:
            writer.close()
    except OSError as error:
        raise RecordingError(fault_words(path, error)) from None


def fault_words(path: str, error: OSError) -> str:
    """Return one line for an error of the operating system."""
    if isinstance(error, FileExistsError):
        return clean(f"{path} already exists; dasktop does not overwrite files")
    return clean(f"cannot write {path}: {error.strerror or error}")


def _version() -> str:
    try:
        return version("dasktop")
    except PackageNotFoundError:
        return "?"
