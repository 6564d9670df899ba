"""The contiguous part of a log file that the screen holds in memory, limited in lines and bytes. Pure."""

from bisect import bisect_left, bisect_right
from operator import attrgetter
from typing import NamedTuple

from dasktop.collectors.model.logs import LogLine, LogPart

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
