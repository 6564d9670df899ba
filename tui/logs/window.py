"""The contiguous part of a log file that the screen holds in memory, and its lines laid out as rows. Pure."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from operator import attrgetter
from typing import NamedTuple

from dasktop.collectors.model.logs import LogLine, LogPart
from dasktop.tui.draw.piece import Role
from dasktop.tui.draw.text_width import chop, printable, window

MAX_LINES = 10_000
MAX_BYTES = 4 * 1024 * 1024

_TRACEBACK = "Traceback (most recent call last)"


class LogWindow(NamedTuple):
    """The lines of a file from byte `start` to byte `end`."""

    lines: tuple[LogLine, ...] = ()
    start: int = 0
    end: int = 0
    size_bytes: int = 0
    edition: int = 0

    @property
    def go_on_at(self) -> int:
        """Offset to continue reading: the start of the last line, which may have been incomplete."""
        return self.lines[-1].at_byte if self.lines else self.end

    def index_of(self, at_byte: int) -> int:
        """Return the index of the line that contains this byte, or of the nearest one."""
        return max(0, bisect_right(self.lines, at_byte, key=attrgetter("at_byte")) - 1)

    def has_line(self, at_byte: int) -> bool:
        """Return whether a line starts at this byte."""
        return bool(self.lines) and self.lines[self.index_of(at_byte)].at_byte == at_byte

    def end_of(self, index: int) -> int:
        """Return the offset at which a line ends."""
        return self.lines[index + 1].at_byte if index + 1 < len(self.lines) else self.end

    def joined(self, part: LogPart) -> "LogWindow":
        """Return the window extended by an adjacent part, else the part alone. Lines far from the part are dropped."""
        old = self.lines
        if part.edition != self.edition or not old:
            return _of(part)
        if part.start == self.end:
            return _of(part, before=old)
        if part.start == old[-1].at_byte:
            return _of(part, before=old[:-1])
        if part.end == self.start and part.lines:
            lines = (*part.lines, *old)[:MAX_LINES]
            lines = lines[: bisect_right(lines, part.start + MAX_BYTES, key=attrgetter("at_byte"))]
            end = self.end if len(lines) == len(part.lines) + len(old) else lines[-1].at_byte
            return LogWindow(lines if end == self.end else lines[:-1], part.start, end, part.size_bytes, part.edition)
        return _of(part)


def _of(part: LogPart, before: tuple[LogLine, ...] = ()) -> LogWindow:
    """Return the window that ends with this part."""
    lines = (*before, *part.lines)[-MAX_LINES:]
    lines = lines[bisect_left(lines, part.end - MAX_BYTES, key=attrgetter("at_byte")) :]
    start = lines[0].at_byte if lines else part.start
    return LogWindow(lines, start, part.end, part.size_bytes, part.edition)


def last_traceback(lines: tuple[LogLine, ...]) -> tuple[int, int] | None:
    """Return the first line of the last Python traceback and the line of its exception; ``None`` without one."""
    begin = next((at for at in range(len(lines) - 1, -1, -1) if _TRACEBACK in lines[at].text), None)
    if begin is None:
        return None
    # The first line after the indented frames. A logging prefix may precede it, or the traceback may be cut off.
    margin = lines[begin].text.index(_TRACEBACK)
    for at in range(begin + 1, len(lines)):
        text = lines[at].text
        if text.strip() and not text[margin:].startswith(" "):
            return begin, at
    return begin, len(lines) - 1


class Position(NamedTuple):
    """The position of a row: index of the line, and of the row within it."""

    line: int = 0
    row: int = 0


class Row(NamedTuple):
    """The part of a line that a row shows."""

    line: LogLine
    text: str
    """The whole line, printable."""
    first: int
    last: int
    """The row shows ``text[first:last]``."""


class LogRows(NamedTuple):
    """Lines laid out for a width of `cells`.

    Lines are laid out on demand: of a hundred thousand lines, only the visible ones.
    """

    lines: Sequence[LogLine]
    cells: int
    wraps: bool
    left: int = 0
    """Horizontal scroll offset in cells, without wrapping."""

    def rows_of(self, line: int) -> list[tuple[int, int]]:
        """Return the start and end of each row of a line."""
        text = printable_line(self.lines[line].text)
        return list(_wrapped(text, max(1, self.cells))) if self.wraps else [window(text, self.left, self.cells)]

    def from_position(self, position: Position, height: int) -> Iterator[Row]:
        """Yield at most `height` rows, starting at a position."""
        line, skipped = position
        while height > 0 and line < len(self.lines):
            for first, last in self.rows_of(line)[skipped:][:height]:
                yield Row(self.lines[line], printable_line(self.lines[line].text), first, last)
                height -= 1
            line, skipped = line + 1, 0

    def moved(self, position: Position, rows: int) -> Position:
        """Return the position `rows` below or, if negative, above; at most the first or last row."""
        line, row = position
        while rows < 0 and (line, row) > (0, 0):
            step = min(-rows, row)
            row, rows = row - step, rows + step
            if rows < 0 and line > 0:
                line, rows = line - 1, rows + 1
                row = self._last_row_of(line)
        while rows > 0 and line < len(self.lines):
            step = min(rows, self._last_row_of(line) - row)
            row, rows = row + step, rows - step
            if rows > 0:
                if line == len(self.lines) - 1:
                    break
                line, row, rows = line + 1, 0, rows - 1
        return Position(line, row)

    def last_top(self, height: int) -> Position:
        """Return the position from which the last `height` rows start."""
        if not self.lines:
            return Position()
        last = len(self.lines) - 1
        return self.moved(Position(last, self._last_row_of(last)), 1 - height)

    def _last_row_of(self, line: int) -> int:
        return len(self.rows_of(line)) - 1 if self.wraps else 0


@lru_cache(maxsize=4096)
def printable_line(text: str) -> str:
    """Return `printable` of a line, cached."""
    return printable(text)


@lru_cache(maxsize=4096)
def _wrapped(text: str, cells: int) -> tuple[tuple[int, int], ...]:
    return tuple(pairwise(accumulate(map(len, chop(text, cells)), initial=0)))


_TONE_CHARACTERS = 200
"""How many characters of a line are searched for words such as ERROR."""

_TONES: tuple[tuple[Role, re.Pattern[str]], ...] = (
    (
        "bad",
        re.compile(
            r"\b(?:ERROR|CRITICAL|FATAL)\b"  # of Python's logging
            r"|\b(?:error|fatal): "  # of programs, SLURM's among them
            r"|Traceback \(most recent call last\)"
            r"|^(?:\w+\.)*\w*(?:Error|Exception)(?::|$)"  # the last line of a traceback
        ),
    ),
    ("waiting", re.compile(r"\bWARN(?:ING)?\b|\bwarning: |\b\w+Warning: ")),
)


@lru_cache(maxsize=4096)
def tone(text: str) -> Role:
    """Return the role of a line."""
    begin = text[:_TONE_CHARACTERS]
    return next((role for role, pattern in _TONES if pattern.search(begin)), "text")
