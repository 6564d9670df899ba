"""The file of a recording: lines out, each flushed as a whole, so that a kill loses at most the one being written."""

import os
import zlib
from pathlib import Path

from dasktop.collectors.system.folders import private_opener

_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 6


class RecordingFile:
    """A new file that lines are added to. Not for use by several threads at once.

    Parameters
    ----------
    path
        Gzipped if it ends in ``.gz``.

    Raises
    ------
    OSError
        It can't be made, or is there already (`FileExistsError`).
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._is_gzip = path.endswith(".gz")
        self._descriptor = private_opener(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC)
        self._member: zlib._Compress | None = None
        self._end = 0

    def add(self, line: bytes, *, begins_member: bool) -> int:
        """Write a line, and return how many bytes that took in the file.

        Parameters
        ----------
        line
            Without its newline.
        begins_member
            Whether a new gzip member is to begin with it, so that it can be read without what is before it.

        Raises
        ------
        OSError
            It could not be written, or not wholly. The file then ends behind the line before, as if it had not been
            tried.
        """
        text = line + b"\n"
        member = self._member
        if self._is_gzip:
            begins = member is None or begins_member
            end = _finished(member) if begins else b""
            # A copy, since what could not be written must not count for what comes after it.
            member = zlib.compressobj(_LEVEL, wbits=_GZIP) if member is None or begins else member.copy()
            text = end + member.compress(text) + member.flush(zlib.Z_SYNC_FLUSH)
        try:
            self._write(text)
        except OSError:
            os.ftruncate(self._descriptor, self._end)
            os.lseek(self._descriptor, self._end, os.SEEK_SET)
            raise
        self._member = member
        self._end += len(text)
        return len(text)

    def close(self) -> None:
        """End the last member, and the file.

        Raises
        ------
        OSError
            The end could not be written. All lines are there all the same.
        """
        try:
            self._write(_finished(self._member))
        finally:
            os.close(self._descriptor)

    def _write(self, text: bytes) -> None:
        left = memoryview(text)
        while left:
            left = left[os.write(self._descriptor, left) :]


def _finished(member: "zlib._Compress | None") -> bytes:
    return member.copy().flush(zlib.Z_FINISH) if member is not None else b""


def refuse_to_overwrite(path: str, kind: str = "a recording") -> str | None:
    """Return why a new file of this kind can't be made there, if that can be told before; one line."""
    place = Path(path)
    if place.exists():
        return f"{path} is there already; {kind} overwrites nothing: name another file"
    if not place.parent.is_dir():
        return f"there is no folder {place.parent} for {kind}"
    if not os.access(place.parent, os.W_OK):
        return f"the folder {place.parent} may not be written to"
    return None
