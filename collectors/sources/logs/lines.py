"""Convert bytes of a log file to lines to show. Pure."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from dasktop.collectors.model.logs import LogLine
from dasktop.collectors.text.clean import MAX_CHARACTERS, clean_line

MAX_LINE_BYTES = MAX_CHARACTERS
"""Longer lines are split, so that every line can be kept and shown whole."""

_LONGEST_CHARACTER = 4
"""Bytes, in UTF-8."""

_TERMINAL_CODES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI: colours, and cursor movement
    r"|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC and the like: titles, links
    r"|[ -/]*[0-~])"
)

# Invalid UTF-8 is read as Latin-1, which it usually is; C1 controls are not text.
_NOT_UTF_8 = {0xDC00 + byte: chr(byte) if byte >= 0xA0 else "\ufffd" for byte in range(0x80, 0x100)}


class RawLine(NamedTuple):
    """A line of the file, with its newline if it has one."""

    at_byte: int
    raw: bytes

    @property
    def end(self) -> int:
        """Where the next line begins."""
        return self.at_byte + len(self.raw)

    @property
    def is_whole(self) -> bool:
        """Whether later writes cannot extend it."""
        return self.raw.endswith(b"\n") or len(self.raw) > MAX_LINE_BYTES - _LONGEST_CHARACTER

    def line(self) -> LogLine:
        """Return the line to show."""
        return LogLine(self.at_byte, shown(self.raw))


class Block(NamedTuple):
    """Bytes of a file that begin at the start of a line."""

    at_byte: int
    raw: bytes

    @property
    def end(self) -> int:
        """Where the next block begins."""
        return self.at_byte + len(self.raw)

    def lines(self) -> Iterator[RawLine]:
        """Yield the lines; the last may be unfinished."""
        raw, start = self.raw, 0
        while start < len(raw):
            end = raw.find(b"\n", start, start + MAX_LINE_BYTES) + 1 or _broken(raw, start + MAX_LINE_BYTES)
            yield RawLine(self.at_byte + start, raw[start:end])
            start = end

    def with_whole_lines(self) -> "Block":
        """Return the block without an incomplete line at its end."""
        newline = self.raw.rfind(b"\n") + 1
        rest = Block(self.at_byte + newline, self.raw[newline:])
        end = max((line.end for line in rest.lines() if line.is_whole), default=rest.at_byte)
        return Block(self.at_byte, self.raw[: end - self.at_byte])

    def from_first_line(self) -> "Block":
        """Return the block from its first line on; within a long line, from the first complete character on."""
        start = self.raw.find(b"\n", 0, MAX_LINE_BYTES) + 1 or _broken(self.raw, _LONGEST_CHARACTER)
        return Block(self.at_byte + start, self.raw[start:])


def _broken(raw: bytes, end: int) -> int:
    """Return where to split a line: here or just before, at a character boundary."""
    if end >= len(raw):
        return len(raw)
    return next((at for at in range(end, end - _LONGEST_CHARACTER, -1) if raw[at] & 0xC0 != 0x80), end)


def shown(raw: bytes) -> str:
    """Return a line as clean text, with its indentation, without terminal codes.

    UTF-8, or Latin-1 where it is invalid. Of a progress bar, which uses carriage returns, return the last state.
    """
    text = raw.rstrip(b"\r\n").translate(None, b"\0").decode("utf-8", "surrogateescape")
    if text.isascii() and text.isprintable():
        return text
    text = _TERMINAL_CODES.sub("", text.translate(_NOT_UTF_8))
    states = [state for state in text.split("\r") if state.strip()]
    return clean_line(states[-1]) if states else ""
