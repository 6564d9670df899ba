"""The lines of a recording's file, gzipped or not, with where each begins; reads past what is damaged or cut short."""

import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

_GZIP = 16 + zlib.MAX_WBITS
_MAGIC = b"\x1f\x8b\x08"
_CHUNK_BYTES = 1 << 16
LONGEST_LINE_BYTES = 1 << 26


class Place(NamedTuple):
    """Where a line begins: in a plain file ``start`` alone; in a gzipped one so far into the text from there on."""

    start: int
    skip: int


class TextLine(NamedTuple):
    """A line without its newline."""

    place: Place
    text: bytes
    """UTF-8."""
    is_whole: bool = True
    """Whether its newline was there."""
    is_utf8: bool = True
    """Whether it was UTF-8 as it stands in the file; if not, each bad byte is U+FFFD in the text."""


class Damage(NamedTuple):
    """Here something can't be read; what comes next is behind it."""

    words: str
    is_end: bool = False
    """Whether nothing comes: the file ends too early."""


def _line(place: Place, raw: bytes, is_whole: bool = True) -> TextLine:
    if raw.isascii():
        return TextLine(place, raw, is_whole)
    text = raw.decode("utf-8", errors="replace").encode()
    return TextLine(place, text, is_whole, is_utf8=text == raw)


def text_lines(file: BinaryIO, start: int = 0) -> Iterator[TextLine | Damage]:
    """Yield all lines from a place on where a line or a gzip member begins.

    Raises
    ------
    OSError
        The file can't be read.
    """
    file.seek(0)
    is_gzip = file.read(len(_MAGIC)) == _MAGIC
    return _gzip_lines(file, start) if is_gzip else _plain_lines(file, start)


def line_at(file: BinaryIO, place: Place) -> bytes:
    """Return the line that begins there, without its newline; empty if there is none any more.

    Raises
    ------
    OSError
        The file can't be read.
    """
    for line in text_lines(file, place.start):
        if isinstance(line, TextLine) and line.place == place:
            return line.text
        if isinstance(line, Damage):
            break
    return b""


def _plain_lines(file: BinaryIO, start: int) -> Iterator[TextLine | Damage]:
    file.seek(start)
    while line := file.readline(LONGEST_LINE_BYTES):
        yield _line(Place(start, 0), line.rstrip(b"\r\n"), line.endswith(b"\n"))
        start += len(line)
        file.seek(start)  # somebody else may have read elsewhere meanwhile


def _gzip_lines(file: BinaryIO, start: int) -> Iterator[TextLine | Damage]:
    """Yield the lines of one member after the other; behind a damaged one, go on with the next that there is."""
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
                yield Damage("cut short, or still being written", is_end=True)


class _Member:
    """One gzip member of a file, read from its beginning."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file = file
        self._start = start
        self.end: int | None = None
        """Where the next one begins; ``None`` if the file ends with this one, or in it."""
        self.damage: str | None = None
        self.is_cut = False
        """Whether the file ends in it, without a line that is cut."""

    def lines(self) -> Iterator[TextLine]:
        """Yield the lines; one that the file's end has cut short is the last, and not whole."""
        rest, begins = b"", 0
        for text in self._texts():
            *whole, last = text.split(b"\n")
            for line in whole:
                line = rest + line
                yield _line(Place(self._start, begins), line)
                rest, begins = b"", begins + len(line) + 1
            rest += last
            if len(rest) > LONGEST_LINE_BYTES:
                self.damage = "a line without an end"
                return
        if rest and self.damage is None:
            self.is_cut = False
            yield _line(Place(self._start, begins), rest, is_whole=False)

    def _texts(self) -> Iterator[bytes]:
        stream, position = zlib.decompressobj(_GZIP), self._start
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
