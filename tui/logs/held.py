"""Logs that dask's processes keep in memory, answered like files: requests for lines and searches. Reads nothing."""

from collections.abc import Iterator
from itertools import accumulate

from dasktop.collectors.model.jobs import workers_of
from dasktop.collectors.model.logs import Counted, LogEvent, LogLine, LogPart, LogRequest, Page, Search, Searched, Tail
from dasktop.collectors.model.queries import Answer, ServerLogs
from dasktop.collectors.model.snapshot import Job
from dasktop.collectors.text.format import counted
from dasktop.collectors.text.patterns import compiled


def server_logs_of(job: Job) -> list[tuple[str, str, ServerLogs]]:
    """Return the logs that dask can return for a job: kind, text in place of a path, and the query for each."""
    addresses = tuple(worker.address for worker in workers_of(job))
    scheduler = (
        "scheduler",
        "the last log messages that the scheduler keeps in memory",
        ServerLogs(worker_addresses=()),
    )
    if not addresses:
        return [scheduler]
    text = f"the last log messages that {counted(len(addresses), 'worker')} and their nannies keep in memory"
    return [("workers and nannies", text, ServerLogs(worker_addresses=addresses)), scheduler]


class HeldLog:
    """The lines of one answer, by position as in a file.

    Parameters
    ----------
    path
        What identifies it in requests.
    answer
        The lines, or why there are none.
    edition
        Differs from that of an earlier answer.
    """

    def __init__(self, path: str, answer: Answer, edition: int) -> None:
        self._path = path
        self._problem = answer.error
        ends = [0, *accumulate(len(line.encode()) + 1 for line in answer.lines)]
        self._lines = tuple(LogLine(at, line) for at, line in zip(ends, answer.lines, strict=False))
        self._size = ends[-1]
        self._edition = edition

    def answers(self, request: LogRequest) -> Iterator[LogEvent]:
        """Yield what a file with these lines would answer."""
        match request:
            case Tail() | Page():
                yield self._part()
            case Search():
                hits = self._hits(request)
                found, wrapped = _next(hits, request)
                if found is not None:
                    yield self._part()
                yield Searched(
                    search=request,
                    bytes_searched=self._size,
                    bytes_in_all=self._size,
                    is_over=True,
                    found_at=found,
                    wrapped=wrapped,
                )
                if found is not None:
                    yield Counted(search=request, place=hits.index(found) + 1, number=len(hits))

    def _part(self) -> LogPart:
        return LogPart(
            path=self._path,
            size_bytes=self._size,
            end=self._size,
            lines=self._lines,
            edition=self._edition,
            problem=self._problem,
        )

    def _hits(self, search: Search) -> list[int]:
        """Return the positions of all matching lines."""
        pattern = compiled(search.pattern)
        return [line.at_byte for line in self._lines if pattern.search(line.text)]


def _next(hits: list[int], search: Search) -> tuple[int | None, bool]:
    """Return the next of these positions, and whether the search continued at the other end."""
    ordered = hits[::-1] if search.is_backwards else hits
    ahead = [at for at in ordered if (at < search.at_byte) == search.is_backwards]
    return next(iter(ahead or ordered), None), bool(hits) and not ahead
