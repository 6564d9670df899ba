"""One log file, read in blocks at any position. Blocking I/O: never use it in an event loop's thread."""

import os
import stat
from itertools import count

from dasktop.collectors.sources.logs.lines import Block
from dasktop.collectors.text.clean import clean

_ANCHOR_BYTES = 64
"""How much of the last read is compared, to notice that a file was rewritten."""

_EDITIONS = count(1)


class UnreadableError(Exception):
    """The file cannot be read. The text says why, in one clean line."""

    def __init__(self, why: str, *, is_missing: bool = False) -> None:
        super().__init__(why)
        self.is_missing = is_missing


class LogFile:
    """A file that may not exist yet, may grow, be truncated, or be replaced; only `look` detects that.

    Parameters
    ----------
    path
        Absolute. A pipe or a device is never opened: reading could block forever, or consume data of other readers.

    Attributes
    ----------
    size_bytes
        As of the last look.
    edition
        A new number, unique in the process, whenever what was read before may no longer be the file's content.
    bytes_read
        In total.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.size_bytes = 0
        self.edition = 0
        self.bytes_read = 0
        self._descriptor: int | None = None
        self._seen: os.stat_result | None = None
        self._anchor = b""

    def look(self) -> None:
        """Check the current state of the file, and open it if needed.

        Raises
        ------
        UnreadableError
            It cannot be read now.
        """
        try:
            self._look()
        except OSError as error:
            raise _unreadable(error) from error

    def _look(self) -> None:
        now = os.stat(self.path)  # noqa: PTH116 - a foreign path, unchanged
        _check_kind(self.path, now)
        if self._seen is None or self._descriptor is None or not os.path.samestat(now, self._seen):
            self.close()
            # If it has become a pipe since, do not wait for a writer.
            self._descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
            now = os.fstat(self._descriptor)
            _check_kind(self.path, now)
            is_new = True
        else:
            if (now.st_size, now.st_mtime_ns) == (self._seen.st_size, self._seen.st_mtime_ns):
                return
            is_new = now.st_size < self.size_bytes or self._read_anchor() != self._anchor
        if is_new:
            self.edition = next(_EDITIONS)
        self._seen, self.size_bytes = now, now.st_size
        self._anchor = self._read_anchor()

    def _read_anchor(self) -> bytes:
        start = max(0, self.size_bytes - _ANCHOR_BYTES)
        return self._read(start, self.size_bytes)

    def _read(self, start: int, end: int) -> bytes:
        """Return these bytes, or fewer at the end of the file."""
        if self._descriptor is None:
            raise ValueError("look() must be called before reading")
        block = b""
        while len(block) < end - start:  # some file systems return fewer bytes at a time
            more = os.pread(self._descriptor, end - start - len(block), start + len(block))
            if not more:
                break
            block += more
        self.bytes_read += len(block)
        return block

    def block_after(self, start: int, most_bytes: int) -> Block:
        """Return the lines of the ``most_bytes`` bytes from ``start`` on, where a line begins.

        Omits a line that continues beyond these bytes, but not an unfinished one at the end of the file.

        Raises
        ------
        UnreadableError
            Reading failed.
        """
        end = min(start + most_bytes, self.size_bytes)
        block = Block(start, self._checked_read(start, end))
        return block if end == self.size_bytes else block.with_whole_lines()

    def block_before(self, end: int, most_bytes: int, start: int = 0) -> Block:
        """Return the lines of the ``most_bytes`` bytes up to ``end``, where a line begins or the file ends.

        None of them begins before ``start``, where a line begins too.

        Raises
        ------
        UnreadableError
            Reading failed.
        """
        first = max(start, end - most_bytes)
        if first == start:
            return Block(start, self._checked_read(start, end))
        # From one byte before: if a line ends right there, the next one begins at the first.
        return Block(first - 1, self._checked_read(first - 1, end)).from_first_line()

    def _checked_read(self, start: int, end: int) -> bytes:
        try:
            return self._read(start, end)
        except OSError as error:
            raise _unreadable(error) from error

    def close(self) -> None:
        """Close the file, until the next `look`."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _check_kind(path: str, status: os.stat_result) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    if path == os.devnull:
        raise UnreadableError(f"the job's output is discarded ({os.devnull})")
    kinds = ((stat.S_ISDIR, "a directory"), (stat.S_ISCHR, "a device"), (stat.S_ISFIFO, "a pipe"))
    kind = next((words for is_kind, words in kinds if is_kind(status.st_mode)), "something else")
    raise UnreadableError(f"it is {kind}, not a regular file")


def _unreadable(error: OSError) -> UnreadableError:
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return UnreadableError("no such file on this host", is_missing=True)
        case PermissionError():
            return UnreadableError("permission denied")
        case _:
            return UnreadableError(clean(f"cannot read it: {error.strerror or error}"))
