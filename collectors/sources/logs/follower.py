"""Read, follow and search one log file at a time on request, in a thread of its own.

The thread may hang as long as a file system does: nothing waits for it, and another file gets another thread.
"""

import queue
import re
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from time import monotonic, sleep
from typing import NamedTuple

from msgspec.structs import replace

from dasktop.collectors.model.errors import describe_own_fault
from dasktop.collectors.model.logs import Counted, LogEvent, LogPart, LogRequest, Page, Search, Searched, Tail
from dasktop.collectors.sources.logs.lines import Block, RawLine, shown
from dasktop.collectors.sources.logs.log_file import LogFile, UnreadableError
from dasktop.collectors.text.patterns import Pattern, compiled

POLL_SECONDS = 1.0
"""How often a followed file is checked."""
PAGE_BYTES = 128 * 1024
PAGE_LINES = 2_000
PROGRESS_SECONDS = 0.25
"""How often a long search reports its progress."""
COUNT_BYTES = 32 * 1024 * 1024
"""The size of the largest files of which all matches are counted."""
WORK_SECONDS, REST_SECONDS = 0.01, 0.002
"""How long a search may hold the GIL, and how long it then yields to other threads, one of which draws."""


class LogFollower:
    """Serves log requests. Any thread may call; every call returns at once.

    Parameters
    ----------
    deliver
        Called with each part, in the reading thread; a last part of the previous file may follow a new request.
    """

    def __init__(self, deliver: Callable[[LogEvent], None]) -> None:
        self._deliver = deliver
        self._reader: _Reader | None = None

    def request(self, request: LogRequest | None) -> None:
        """Serve this request now; ``None``: stop. Cancels a running search."""
        if self._reader is not None and (request is None or request.path != self._reader.path):
            self._reader.stop()
            self._reader = None
        if request is not None:
            if self._reader is None:
                self._reader = _Reader(request.path, self._deliver)
            self._reader.request(request)


class _Reader:
    """Reads one file."""

    def __init__(self, path: str, deliver: Callable[[LogEvent], None]) -> None:
        self.path = path
        self._deliver_to = deliver
        self._requests: queue.SimpleQueue[LogRequest | None] = queue.SimpleQueue()
        self._is_stopped = False
        self._file = LogFile(path)
        self._problem: str | None = None
        # Of a followed file: the end of the last delivered part, and the start of its last line if that was unfinished.
        self._edition, self._end, self._continue_at = 0, 0, 0
        self._matches: list[int] = []
        self._matches_of: tuple[str, int, int] | None = None
        """Pattern, edition and size of the file for which these are all matching lines."""
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def request(self, request: LogRequest) -> None:
        self._requests.put(request)

    def stop(self) -> None:
        self._is_stopped = True
        self._requests.put(None)

    def _run(self) -> None:
        is_following = False
        while not self._is_stopped:
            try:
                request = self._requests.get(timeout=POLL_SECONDS if is_following else None)
            except queue.Empty:
                self._serve(self._follow)
                continue
            self._problem = None
            match request:
                case Tail():
                    self._serve(self._tail)
                case Page():
                    self._serve(partial(self._page, request))
                case Search():
                    self._serve(partial(self._search, request))
            is_following = isinstance(request, Tail)
        self._file.close()

    def _serve(self, read: Callable[[], None]) -> None:
        """Check the file and read; an error is reported once, until reading succeeds or is requested again."""
        try:
            self._file.look()
            read()
            self._problem = None
        except UnreadableError as error:
            self._file.close()
            self._report_problem(str(error), is_missing=error.is_missing)
        except Exception as error:  # noqa: BLE001 - shown in the file's place; the screen goes on
            self._report_problem(describe_own_fault(error))

    def _report_problem(self, problem: str, *, is_missing: bool = False) -> None:
        if self._problem != problem:
            self._problem = problem
            self._deliver(LogPart(path=self.path, problem=problem, is_missing=is_missing))

    def _deliver(self, event: LogEvent) -> None:
        if not self._is_stopped:
            self._deliver_to(event)

    def _tail(self) -> None:
        size_bytes = self._file.size_bytes
        self._deliver_end(self._lines_before(size_bytes), size_bytes)

    def _follow(self) -> None:
        """Deliver what was written since, if anything was."""
        if self._problem is not None or self._edition != self._file.edition:
            self._tail()
        elif self._file.size_bytes > self._end:
            if self._file.size_bytes - self._continue_at > PAGE_BYTES:
                self._tail()
            else:
                lines = list(self._file.block_after(self._continue_at, PAGE_BYTES).lines())[-PAGE_LINES:]
                self._deliver_end(lines, self._continue_at)

    def _deliver_end(self, lines: list[RawLine], at_byte: int) -> None:
        part = self._part(lines, at_byte)
        self._edition, self._end = part.edition, part.end
        self._continue_at = lines[-1].at_byte if lines and not lines[-1].is_whole else part.end
        self._deliver(part)

    def _page(self, page: Page) -> None:
        at_byte = min(page.at_byte, self._file.size_bytes)
        lines = self._lines_before(at_byte) if page.is_backwards else self._lines_after(at_byte)
        self._deliver(self._part(lines, at_byte))

    def _search(self, wanted: Search) -> None:
        reported_at = rested_at = monotonic()
        found_at: int | None = None
        for step in search(self._file, wanted):
            found_at = step.found_at
            if step.found_at is not None:
                lines = [*self._lines_before(step.found_at)[-PAGE_LINES // 2 :], *self._lines_after(step.found_at)]
                self._deliver(self._part(lines, step.found_at))
            if step.is_over or monotonic() - reported_at > PROGRESS_SECONDS:
                reported_at = monotonic()
                self._deliver(step)
            if self._is_interrupted:
                return
            rested_at = _rest(rested_at)
        if found_at is not None and self._file.size_bytes <= COUNT_BYTES and self._find_all(wanted.pattern):
            place = bisect_left(self._matches, found_at) + 1
            self._deliver(Counted(search=wanted, place=place, number=len(self._matches)))

    @property
    def _is_interrupted(self) -> bool:
        """Whether there is another request."""
        return self._is_stopped or not self._requests.empty()

    def _find_all(self, typed: str) -> bool:
        """Find all matching lines if they are not known yet; return ``False`` if another request interrupted this."""
        wanted = typed, self._file.edition, self._file.size_bytes
        if self._matches_of == wanted:
            return True
        self._matches_of, self._matches, rested_at = None, [], monotonic()
        for matches in all_matches(self._file, typed):
            self._matches += matches
            if self._is_interrupted:
                return False
            rested_at = _rest(rested_at)
        self._matches_of = wanted
        return True

    def _lines_before(self, end: int) -> list[RawLine]:
        return list(self._file.block_before(end, PAGE_BYTES).lines())[-PAGE_LINES:]

    def _lines_after(self, start: int) -> list[RawLine]:
        return list(islice(self._file.block_after(start, PAGE_BYTES).lines(), PAGE_LINES))

    def _part(self, lines: list[RawLine], at_byte: int) -> LogPart:
        """Return a part with these lines or, if there are none, an empty part at this position."""
        return LogPart(
            path=self.path,
            size_bytes=self._file.size_bytes,
            start=lines[0].at_byte if lines else at_byte,
            end=lines[-1].end if lines else at_byte,
            lines=tuple(line.line() for line in lines),
            edition=self._file.edition,
        )


def _rest(rested_at: float) -> float:
    """Let other threads run if this one has worked for long enough; return when it did so last."""
    if monotonic() - rested_at <= WORK_SECONDS:
        return rested_at
    sleep(REST_SECONDS)
    return monotonic()


BLOCK_BYTES = 256 * 1024
"""Read at a time; takes some milliseconds."""


def search(file: LogFile, request: Search) -> Iterator[Searched]:
    """Yield the progress after each block; the last one `is_over`. Text written during the search is not searched.

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


def all_matches(file: LogFile, typed: str) -> Iterator[list[int]]:
    """Yield the positions of all matching lines, block by block.

    Raises
    ------
    UnreadableError
        Reading failed.
    """
    pattern = compiled(typed)
    required = _required_word(typed, pattern)
    for block in _blocks(file, 0, file.size_bytes, is_backwards=False):
        may_match = required is None or required.may_be_in(block.raw)
        yield [line.at_byte for line in block.lines() if pattern.search(shown(line.raw))] if may_match else []


def _blocks(file: LogFile, start: int, end: int, *, is_backwards: bool) -> Iterator[Block]:
    """Yield a span of the file, block by block."""
    while start < end:
        if is_backwards:
            block = file.block_before(end, BLOCK_BYTES, start)
            end = block.at_byte
        else:
            block = file.block_after(start, BLOCK_BYTES)
            start = block.end
        if not block.raw:  # truncated during the search
            return
        yield block


class _RequiredWord(NamedTuple):
    """A word that every match contains. Blocks without it are skipped without being split into lines."""

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
