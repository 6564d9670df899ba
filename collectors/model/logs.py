"""Requests for parts of a log file, and the replies. Types only.

Positions are in bytes from the start of the file; a line is identified by the position of its first byte.
"""

from typing import NamedTuple

from dasktop.collectors.model.record import Record


class Tail(Record, frozen=True, kw_only=True):
    """Follow the end of a file. The file need not exist yet."""

    path: str


class Page(Record, frozen=True, kw_only=True):
    """The lines from a position on or, backwards, those up to it; without following the file."""

    path: str
    at_byte: int
    is_backwards: bool = False


class Search(Record, frozen=True, kw_only=True):
    """The next line that matches a pattern; the search continues at the other end of the file."""

    path: str
    pattern: str
    """As typed; see `patterns.compiled`."""
    at_byte: int
    """Where to start: with the line that begins there or, backwards, with the line that ends there."""
    is_backwards: bool = False


class Idle(Record, frozen=True, kw_only=True):
    """No request: cancel the current one."""

    path: str


LogRequest = Tail | Page | Search | Idle


class LogLine(NamedTuple):
    """A cleaned line; one longer than `lines.MAX_LINE_BYTES` is split into several."""

    at_byte: int
    text: str


class LogPart(Record, frozen=True, kw_only=True):
    """Consecutive lines of a file, or why there are none."""

    path: str
    size_bytes: int = 0
    start: int = 0
    """Position of the first line."""
    end: int = 0
    """End of the last line. If it is incomplete, the next part starts with it again."""
    lines: tuple[LogLine, ...] = ()
    edition: int = 0
    """Changes when the file is truncated, rewritten or replaced; positions of another edition are invalid."""
    problem: str | None = None
    """Why the file can't be read, in one clean line."""
    is_missing: bool = False
    """Whether the problem is that the file does not exist, on this host at this moment."""


class Searched(Record, frozen=True, kw_only=True):
    """Progress of a search; the last one has `is_over`. The found lines are delivered before, as a `LogPart`."""

    search: Search
    bytes_searched: int
    bytes_in_all: int
    is_over: bool = False
    found_at: int | None = None
    """Position of the matching line."""
    wrapped: bool = False
    """Whether the search continued at the other end of the file before it found the line."""


class Counted(Record, frozen=True, kw_only=True):
    """Which of all matching lines a search found; delivered after it, unless the file is large."""

    search: Search
    place: int
    """From 1."""
    number: int


LogEvent = LogPart | Searched | Counted
