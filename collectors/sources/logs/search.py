"""Looks through a log file for a pattern, block by block, so that it can be given up at any time."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from dasktop.collectors.model.logs import Search, Searched
from dasktop.collectors.sources.logs.lines import Block, shown
from dasktop.collectors.sources.logs.log_file import LogFile
from dasktop.collectors.text.patterns import Pattern, compiled

BLOCK_BYTES = 256 * 1024
"""Read at a time: some milliseconds' work."""


def search(file: LogFile, request: Search) -> Iterator[Searched]:
    """Yield how it goes after each block; the last one `is_over`. What is written meanwhile is not looked at.

    Raises
    ------
    UnreadableError
        Reading failed.
    """
    pattern = compiled(request.pattern)
    needle = _needle(request.pattern, pattern)
    told = Searched(search=request, bytes_searched=0, bytes_in_all=file.size_bytes)
    at_byte = min(request.at_byte, file.size_bytes)
    above, below = (0, at_byte), (at_byte, file.size_bytes)
    spans = (above, below) if request.is_backwards else (below, above)
    for went_round, (start, end) in enumerate(spans):
        for block in _blocks(file, start, end, is_backwards=request.is_backwards):
            # A line may begin before the span's end and go on behind it, but what begins there has been looked at.
            lines = (line for line in block.lines() if line.at_byte < end)
            hits = (line.at_byte for line in lines if pattern.search(shown(line.raw)))
            if needle is not None and not needle.may_be_in(block.raw):
                found_at = None
            else:
                found_at = max(hits, default=None) if request.is_backwards else next(hits, None)
            if found_at is not None:
                yield replace(told, is_over=True, found_at=found_at, went_round=bool(went_round))
                return
            told = replace(told, bytes_searched=min(told.bytes_searched + len(block.raw), file.size_bytes))
            yield told
    yield replace(told, is_over=True)


def _blocks(file: LogFile, start: int, end: int, *, is_backwards: bool) -> Iterator[Block]:
    """Yield a span of the file, some lines at a time."""
    while start < end:
        if is_backwards:
            block = file.block_before(end, BLOCK_BYTES, start)
            end = block.at_byte
        else:
            block = file.block_after(start, BLOCK_BYTES)
            start = block.end
        if not block.raw:  # cut short meanwhile
            return
        yield block


class _Needle(NamedTuple):
    """A word that every hit holds: most blocks don't hold it, and need not be taken apart."""

    word: bytes
    is_any_case: bool

    def may_be_in(self, raw: bytes) -> bool:
        """Tell whether a line of these, once it is clean, could hold the word: cleaning may join what stood apart."""
        if b"\x1b" in raw:
            return True
        raw = raw.translate(None, b"\0")
        # The Kelvin sign and the long s are a K and an s too, where capitals don't matter.
        return self.word in raw.lower() or not raw.isascii() if self.is_any_case else self.word in raw


_MEANS_ITSELF = re.compile(r"[\w \-_:;,/='\"@#%&<>!~]+", re.ASCII)


def _needle(typed: str, pattern: Pattern) -> _Needle | None:
    """Return the longest word of what was typed; ``None`` if that isn't just words but a pattern."""
    if not _MEANS_ITSELF.fullmatch(typed):
        return None
    word = max(re.findall(r"\w+", typed, re.ASCII), key=len, default="")
    return _Needle(word.encode(), pattern.is_any_case) if word else None
