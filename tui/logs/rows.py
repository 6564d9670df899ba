"""Maps the lines of a log to rows: one each or, wrapped, as many as needed. Pure."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple

from dasktop.collectors.model.logs import LogLine
from dasktop.tui.draw.piece import Role
from dasktop.tui.draw.text_width import chop, printable, window


class Place(NamedTuple):
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

    def from_place(self, place: Place, height: int) -> Iterator[Row]:
        """Yield at most `height` rows, starting at a place."""
        line, skipped = place
        while height > 0 and line < len(self.lines):
            for first, last in self.rows_of(line)[skipped:][:height]:
                yield Row(self.lines[line], printable_line(self.lines[line].text), first, last)
                height -= 1
            line, skipped = line + 1, 0

    def moved(self, place: Place, rows: int) -> Place:
        """Return the place `rows` below or, if negative, above; at most the first or last row."""
        line, row = place
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
        return Place(line, row)

    def last_top(self, height: int) -> Place:
        """Return the place from which the last `height` rows start."""
        if not self.lines:
            return Place()
        last = len(self.lines) - 1
        return self.moved(Place(last, self._last_row_of(last)), 1 - height)

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
"""Only the start of a line is searched for words such as ERROR."""

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
