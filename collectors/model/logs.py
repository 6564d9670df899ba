"""What a screen may wish to see of a log file, and what it gets. Types, and nothing else.

Places in a file are told in bytes from its start; lines are known by where they begin.
"""

from typing import NamedTuple

from dasktop.collectors.model.snapshot import Record


class Tail(Record, frozen=True, kw_only=True):
    """The end of a file, and from then on whatever is written to it. The file need not be there yet."""

    path: str


class Page(Record, frozen=True, kw_only=True):
    """The lines from a place on or, backwards, those up to it; and nothing after them."""

    path: str
    at_byte: int
    is_backwards: bool = False


class Search(Record, frozen=True, kw_only=True):
    """The next line that a pattern is found in; past the end it goes on at the start, and the other way round."""

    path: str
    pattern: str
    """As typed; see `patterns.compiled`."""
    at_byte: int
    """Where to begin: with the line there or, backwards, with the one that ends there."""
    is_backwards: bool = False


class Idle(Record, frozen=True, kw_only=True):
    """Nothing, for now: what was being done is given up."""

    path: str


LogRequest = Tail | Page | Search | Idle


class LogLine(NamedTuple):
    """A line, clean; one of more than `lines.MAX_LINE_BYTES` comes as several."""

    at_byte: int
    text: str


class LogPart(Record, frozen=True, kw_only=True):
    """Some lines of a file, one after the other without a gap; or why there are none."""

    path: str
    size_bytes: int = 0
    start: int = 0
    """Where the first line begins."""
    end: int = 0
    """Where the last line ends. It may be unfinished: the next part then begins where it began."""
    lines: tuple[LogLine, ...] = ()
    edition: int = 0
    """Another number after the file was cut short, written anew or replaced: places in another edition mean nothing."""
    problem: str | None = None
    """Why it can't be read, in one clean line."""
    is_missing: bool = False
    """Whether the problem is that there is no such file, on this host and now."""


class Searched(Record, frozen=True, kw_only=True):
    """How a search goes. Comes now and then, and once with `is_over`; what was found has come as a `LogPart` before."""

    search: Search
    bytes_searched: int
    bytes_in_all: int
    is_over: bool = False
    found_at: int | None = None
    """The line that it was found in."""
    went_round: bool = False
    """Whether it was found beyond the end (or the start) of the file, where the search went on."""


LogEvent = LogPart | Searched
