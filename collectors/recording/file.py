"""Read and write lines of a recording file. Each line is flushed, so that a kill loses at most the last one."""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from dasktop.collectors.system.files import private_opener

_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 6
_LARGE_BYTES = 200_000
_LEVEL_OF_LARGE = 5
"""Of a member that begins with a large line; takes half the time, for 1 % more bytes. Small ones would grow by 7 %."""


class RecordingFile:
    """A new file that lines are appended to. Not thread-safe.

    Parameters
    ----------
    path
        Gzipped if it ends in ``.gz``.

    Raises
    ------
    OSError
        It cannot be created, or exists already (`FileExistsError`).
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._is_gzip = path.endswith(".gz")
        self._descriptor = private_opener(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC)
        self._member: zlib._Compress | None = None
        self._end = 0

    def add(self, line: bytes, *, begins_member: bool) -> int:
        """Write a line, and return its size in the file, in bytes.

        Parameters
        ----------
        line
            Without its newline.
        begins_member
            Whether to begin a new gzip member with it, so that it can be read without the lines before it.

        Raises
        ------
        OSError
            It could not be written, or only in part. The file is truncated to the previous line then.
        """
        text = line + b"\n"
        member = self._member
        if self._is_gzip:
            begins = member is None or begins_member
            end = _finished(member) if begins else b""
            # A copy, so that a failed write does not affect later lines.
            level = _LEVEL if len(text) < _LARGE_BYTES else _LEVEL_OF_LARGE
            member = zlib.compressobj(level, wbits=_GZIP) if member is None or begins else member.copy()
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
        """Finish the last gzip member, and close the file.

        Raises
        ------
        OSError
            The end could not be written. The file still contains all lines.
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
    """Return why a new file cannot be created there, in one line; ``None`` if no reason is known."""
    target = Path(path)
    if target.exists():
        return f"{path} already exists; dasktop does not overwrite files"
    if not target.parent.is_dir():
        return f"no such directory for {kind}: {target.parent}"
    if not os.access(target.parent, os.W_OK):
        return f"cannot write to the directory {target.parent}: permission denied"
    return None


_GZIP_WBITS = 16 + zlib.MAX_WBITS
_MAGIC = b"\x1f\x8b\x08"
_CHUNK_BYTES = 1 << 16
LONGEST_LINE_BYTES = 1 << 26


class LinePosition(NamedTuple):
    """The position of a line: ``start`` in a plain file; gzipped, ``skip`` bytes into the member at ``start``."""

    start: int
    skip: int


class TextLine(NamedTuple):
    """A line without its newline."""

    position: LinePosition
    text: bytes
    """UTF-8."""
    is_whole: bool = True
    """Whether its newline is in the file."""
    is_utf8: bool = True
    """Whether the file has valid UTF-8 here; if not, each bad byte is U+FFFD in the text."""


class Damage(NamedTuple):
    """An unreadable part of the file; the next item comes after it."""

    words: str
    is_end: bool = False
    """Whether nothing follows: the file is truncated."""


def _line(position: LinePosition, raw: bytes, is_whole: bool = True) -> TextLine:
    if raw.isascii():
        return TextLine(position, raw, is_whole)
    text = raw.decode("utf-8", errors="replace").encode()
    return TextLine(position, text, is_whole, is_utf8=text == raw)


def text_lines(file: BinaryIO, start: int = 0) -> Iterator[TextLine | Damage]:
    """Yield all lines from a position at which a line or a gzip member begins.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    file.seek(0)
    is_gzip = file.read(len(_MAGIC)) == _MAGIC
    return _gzip_lines(file, start) if is_gzip else _plain_lines(file, start)


def line_at(file: BinaryIO, position: LinePosition) -> bytes:
    """Return the line at this position, without its newline; empty if it no longer exists.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    for line in text_lines(file, position.start):
        if isinstance(line, TextLine) and line.position == position:
            return line.text
        if isinstance(line, Damage):
            break
    return b""


def _plain_lines(file: BinaryIO, start: int) -> Iterator[TextLine | Damage]:
    file.seek(start)
    while line := file.readline(LONGEST_LINE_BYTES):
        yield _line(LinePosition(start, 0), line.rstrip(b"\r\n"), line.endswith(b"\n"))
        start += len(line)
        file.seek(start)  # another caller may have moved the position


def _gzip_lines(file: BinaryIO, start: int) -> Iterator[TextLine | Damage]:
    """Yield the lines of all members; after a damaged one, continue with the next."""
    next_start: int | None = start
    while next_start is not None:
        member = _Member(file, next_start)
        yield from member.lines()
        if member.damage is not None:
            yield Damage(member.damage)
            next_start = _next_member(file, next_start + 1)
        else:
            next_start = member.end
            if member.is_cut:
                yield Damage("truncated, or still being written", is_end=True)


class _Member:
    """One gzip member of a file."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file = file
        self._start = start
        self.end: int | None = None
        """Start of the next member; ``None`` if the file ends with this one, or within it."""
        self.damage: str | None = None
        self.is_cut = False
        """Whether the file ends within it, but not within a line."""

    def lines(self) -> Iterator[TextLine]:
        """Yield the lines; a last line truncated by the end of the file is not whole."""
        rest, begins = b"", 0
        for text in self._texts():
            *whole, last = text.split(b"\n")
            for line in whole:
                line = rest + line
                yield _line(LinePosition(self._start, begins), line)
                rest, begins = b"", begins + len(line) + 1
            rest += last
            if len(rest) > LONGEST_LINE_BYTES:
                self.damage = "a line without end"
                return
        if rest and self.damage is None:
            self.is_cut = False
            yield _line(LinePosition(self._start, begins), rest, is_whole=False)

    def _texts(self) -> Iterator[bytes]:
        stream, position = zlib.decompressobj(_GZIP_WBITS), self._start
        try:
            while not stream.eof:
                self._file.seek(position)
                chunk = self._file.read(_CHUNK_BYTES)
                if not chunk:
                    self.is_cut = True
                    return
                position += len(chunk)
                while chunk and not stream.eof:
                    yield stream.decompress(chunk, _CHUNK_BYTES)
                    chunk = stream.unconsumed_tail
        except zlib.error as error:
            self.damage = f"the gzip data is damaged ({error})"
            return
        end = position - len(stream.unused_data)
        self._file.seek(end)
        if self._file.read(1):
            self.end = end


def _next_member(file: BinaryIO, position: int) -> int | None:
    """Return where the next gzip member may begin, or ``None``."""
    while True:
        file.seek(position)
        chunk = file.read(_CHUNK_BYTES)
        found = chunk.find(_MAGIC)
        if found >= 0:
            return position + found
        if len(chunk) < len(_MAGIC):
            return None
        position += len(chunk) - len(_MAGIC) + 1
