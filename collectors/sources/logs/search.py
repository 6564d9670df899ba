"""Search a log file for a pattern, block by block, so that the search can be cancelled at any time."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from dasktop.collectors.model.logs import Search, Searched
from dasktop.collectors.sources.logs.lines import Block, shown
from dasktop.collectors.sources.logs.log_file import LogFile
from dasktop.collectors.text.patterns import Pattern, compiled

BLOCK_BYTES = 256 * 1024
"""Read at a time; takes some milliseconds."""


def search(file: LogFile, request: Search) -> Iterator[Searched]:
    """Yield the progress after each block; the last one `is_over`. Text written meanwhile is not searched.

    Raises
    ------
    UnreadableError
        Reading failed.
    """
    pattern = compiled(request.pattern)
    required = _required_word(request.pattern, pattern)
    progress = Searched(search=request, bytes_searched=0, bytes_in_all=file.size_bytes)
    at_byte = min(request.at_byte, file.size_bytes)
    above, below = (0, at_byte), (at_byte, file.size_bytes)
    spans = (above, below) if request.is_backwards else (below, above)
    for wrapped, (start, end) in enumerate(spans):
        for block in _blocks(file, start, end, is_backwards=request.is_backwards):
            # A line that begins before the end of the span may continue beyond it; lines that begin there are not
            # searched again.
            lines = (line for line in block.lines() if line.at_byte < end)
            hits = (line.at_byte for line in lines if pattern.search(shown(line.raw)))
            if required is not None and not required.may_be_in(block.raw):
                found_at = None
            else:
                found_at = max(hits, default=None) if request.is_backwards else next(hits, None)
            if found_at is not None:
                yield replace(progress, is_over=True, found_at=found_at, wrapped=bool(wrapped))
                return
            progress = replace(progress, bytes_searched=min(progress.bytes_searched + len(block.raw), file.size_bytes))
            yield progress
    yield replace(progress, is_over=True)


def _blocks(file: LogFile, start: int, end: int, *, is_backwards: bool) -> Iterator[Block]:
    """Yield a span of the file, block by block."""
    while start < end:
        if is_backwards:
            block = file.block_before(end, BLOCK_BYTES, start)
            end = block.at_byte
        else:
            block = file.block_after(start, BLOCK_BYTES)
            start = block.end
        if not block.raw:  # truncated meanwhile
            return
        yield block


class _RequiredWord(NamedTuple):
    """A word that every match contains: blocks without it, most of them, need not be split into lines."""

    word: bytes
    is_any_case: bool

    def may_be_in(self, raw: bytes) -> bool:
        """Return whether a line of these, after cleaning, may contain the word: cleaning may join separate parts."""
        if b"\x1b" in raw:
            return True
        raw = raw.translate(None, b"\0")
        # Without case, the Kelvin sign matches k, and the long s matches s.
        return self.word in raw.lower() or not raw.isascii() if self.is_any_case else self.word in raw


_LITERAL = re.compile(r"[\w \-_:;,/='\"@#%&<>!~]+", re.ASCII)


def _required_word(typed: str, pattern: Pattern) -> _RequiredWord | None:
    """Return the longest word of a literal text; ``None`` if it is a regular expression, or has no word."""
    if not _LITERAL.fullmatch(typed):
        return None
    word = max(re.findall(r"\w+", typed, re.ASCII), key=len, default="")
    return _RequiredWord(word.encode(), pattern.is_any_case) if word else None
