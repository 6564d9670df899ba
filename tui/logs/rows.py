"""Which rows of a screen the lines of a log take: one each or, wrapped, as many as they need. Pure."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple

from dasktop.collectors.model.logs import LogLine
from dasktop.tui.draw.piece import Role
from dasktop.tui.draw.text_width import chop, printable, window


class Place(NamedTuple):
    """A row: of which line, and which of its rows."""

    line: int = 0
    row: int = 0


class Row(NamedTuple):
    """What a row shows."""

    line: LogLine
    text: str
    """The whole line, settled."""
    first: int
    last: int
    """Which part of it, behind the last character."""


class LogRows(NamedTuple):
    """Lines laid out for a width of so many cells.

    Nothing is laid out before it is asked for: with a hundred thousand lines, only what shows.
    """

    lines: Sequence[LogLine]
    cells: int
    wraps: bool
    left: int = 0
    """Cells that are scrolled out at the left, where lines aren't wrapped."""

    def rows_of(self, line: int) -> list[tuple[int, int]]:
        """Return which part of a line each of its rows shows."""
        text = settled(self.lines[line].text)
        return list(_wrapped(text, max(1, self.cells))) if self.wraps else [window(text, self.left, self.cells)]

    def from_place(self, place: Place, height: int) -> Iterator[Row]:
        """Yield at most ``height`` rows from a place on."""
        line, skipped = place
        while height > 0 and line < len(self.lines):
            for first, last in self.rows_of(line)[skipped:][:height]:
                yield Row(self.lines[line], settled(self.lines[line].text), first, last)
                height -= 1
            line, skipped = line + 1, 0

    def moved(self, place: Place, rows: int) -> Place:
        """Return the place so many rows below or, negative, above; at most the first or the last."""
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
        """Return the place from which on the last rows fill so many."""
        if not self.lines:
            return Place()
        last = len(self.lines) - 1
        return self.moved(Place(last, self._last_row_of(last)), 1 - height)

    def _last_row_of(self, line: int) -> int:
        return len(self.rows_of(line)) - 1 if self.wraps else 0


@lru_cache(maxsize=4096)
def settled(text: str) -> str:
    """Return a line's text without the characters whose width is not agreed on."""
    return printable(text)


@lru_cache(maxsize=4096)
def _wrapped(text: str, cells: int) -> tuple[tuple[int, int], ...]:
    return tuple(pairwise(accumulate(map(len, chop(text, cells)), initial=0)))


_LOOKED_AT = 200
"""Characters at the beginning of a line; in a longer one it is not the whole line that failed."""

_TONES: tuple[tuple[Role, re.Pattern[str]], ...] = (
    (
        "bad",
        re.compile(
            r"\b(?:ERROR|CRITICAL|FATAL)\b"  # of Python's logging
            r"|\b(?:error|fatal): "  # of programs, SLURM's among them
            r"|Traceback \(most recent call last\)"
            r"|^(?:\w+\.)*\w*(?:Error|Exception)(?::|$)"  # what a traceback ends with
        ),
    ),
    ("waiting", re.compile(r"\bWARN(?:ING)?\b|\bwarning: |\b\w+Warning: ")),
)


@lru_cache(maxsize=4096)
def tone(text: str) -> Role:
    """Return the role of a line."""
    begin = text[:_LOOKED_AT]
    return next((role for role, pattern in _TONES if pattern.search(begin)), "text")
