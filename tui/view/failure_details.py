"""The details of a group of failed tasks, a failed task, or ended workers: reason, attempts, traceback, keys. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from dasktop.collectors.analysis.failures import advice_for, reason_of
from dasktop.collectors.model.snapshot import WorkerEvent
from dasktop.collectors.model.work import Attempt, Failure
from dasktop.collectors.text.format import counted, plain_sizes
from dasktop.tui.draw.numbers import UNKNOWN
from dasktop.tui.draw.prose import KEY_TAIL, Entry, Fact, Section, Words
from dasktop.tui.draw.times import local, moment
from dasktop.tui.view.failure_rows import EndRow, EndsRow, FailedTaskRow, FailureRow, GroupRow
from dasktop.tui.view.failures import attempt_words, place_words, reason_words
from dasktop.tui.view.worker_ends import cause_words, cost_words, end_words


def failure_title(row: FailureRow) -> str:
    """Return the heading of the details; it may contain unprintable characters."""
    match row:
        case GroupRow(group=group):
            return f"{counted(len(group.failures), 'failed task')} of {group.task_name}"
        case FailedTaskRow(failure=failure):
            return f"failed task {failure.key}"
        case EndsRow(ends=ends):
            return f"{counted(len(ends), 'worker')} ended unexpectedly"
        case EndRow():
            return f"ended worker {row.label}"


def failure_sections(row: FailureRow, failures: Sequence[Failure], now: datetime) -> list[Section]:
    """Return the details of a row; `failures` are all failed tasks."""
    match row:
        case GroupRow(group=group):
            return _of_group(group.failures, now)
        case FailedTaskRow(failure=failure):
            return _of_task(failure, now)
        case EndsRow(ends=ends):
            lines = [Words(f"{local(end.at):%H:%M:%S} {end_words(end, place_words(end))}") for end in reversed(ends)]
            return [_wide("NEWEST FIRST", lines)]
        case EndRow(end=end):
            return _of_end(end, failures, now)


def _of_group(failures: Sequence[Failure], now: datetime) -> list[Section]:
    newest = failures[-1]
    if len(failures) == 1:
        return _of_task(newest, now)
    differ = len({reason_of(failure) for failure in failures}) > 1
    first, last = _time(failures[0].at, now), _time(newest.at, now)
    facts = [
        Fact("why", reason_words(newest) + (" (the newest; others differ)" if differ else ""), "bad"),
        *_help(newest),
        Fact("failed", last if first == last else f"{first} to {last}"),
        Fact("blocks", _blocked(failures)),
    ]
    keys = [Words(failure.key, tail=KEY_TAIL) for failure in reversed(failures)]
    return [
        Section("", facts),
        _wide("WORKERS THAT ENDED", list(_ended_under(failures))),
        _wide("WHERE", list(_where(failures))),
        _wide("TRACEBACK", _traceback(newest, is_one=False)),
        _wide("KEYS, NEWEST FIRST", keys),
    ]


def _of_task(failure: Failure, now: datetime) -> list[Section]:
    where = [] if failure.worker is None or failure.attempts else [Fact("where", place_words(failure))]
    facts = [
        Fact("why", reason_words(failure), "bad"),
        *_help(failure),
        Fact("task name", failure.task_name),
        Fact("failed", _time(failure.at, now)),
        *where,
        Fact("blocks", _blocked([failure])),
    ]
    attempts = [
        Words(f"attempt {number}: {attempt_words(attempt)}") for number, attempt in enumerate(failure.attempts, start=1)
    ]
    return [
        Section("", facts),
        _wide("ATTEMPTS", attempts),
        _wide("TRACEBACK", _traceback(failure)),
        _wide("KEY", [Words(failure.key)]),
    ]


def _of_end(end: WorkerEvent, failures: Sequence[Failure], now: datetime) -> list[Section]:
    memory = UNKNOWN
    if end.memory_bytes is not None:
        used, limit = plain_sizes(end.memory_bytes, end.limit_bytes or end.memory_bytes)
        memory = f"{used} of {limit}" if end.limit_bytes else used
    facts = [
        Fact("why", cause_words(end), "bad"),
        Fact("ended", _time(end.at, now)),
        Fact("cost", cost_words(end) or UNKNOWN),
        Fact("worker", end.worker or UNKNOWN),
        Fact("address", end.address or UNKNOWN),
        Fact("job", end.job_id or UNKNOWN),
        Fact("node", end.node or UNKNOWN),
        *([Fact("memory", memory)] if end.memory_bytes is not None else []),
    ]
    died = (end.address, end.at)
    keys = [
        Words(failure.key, tail=KEY_TAIL)
        for failure in reversed(failures)
        if any((attempt.address, attempt.at) == died for attempt in failure.attempts)
    ]
    return [Section("", facts), _wide("TASKS THAT FAILED", keys)]


def _wide(title: str, entries: Sequence[Entry]) -> Section:
    return Section(title, entries, is_wide=True, wraps=True)


def _time(at: datetime, now: datetime) -> str:
    """Return ``14:05:10``, and the day if it is not today."""
    is_today = local(at).date() == local(now).date()
    return f"{local(at):%H:%M:%S}{'' if is_today else f' ({moment(at, now)})'}"


def _help(failure: Failure) -> Iterator[Fact]:
    if (advice := advice_for(failure)) is not None:
        yield Fact("what helps", advice, "good")


def _blocked(failures: Iterable[Failure]) -> str:
    known = [failure.blocks for failure in failures if failure.blocks is not None]
    return counted(sum(known), "task") if known else UNKNOWN


def _ended_under(failures: Iterable[Failure]) -> Iterator[Entry]:
    """Yield each worker that ended while it ran one of the tasks, the newest first, and how many it ran."""
    tasks = Counter(attempt for failure in failures for attempt in failure.attempts)
    for attempt, number in sorted(tasks.items(), key=_ended_at, reverse=True):
        yield Words(f"{attempt_words(attempt)} ({counted(number, 'task')})")


def _ended_at(counted_attempt: tuple[Attempt, int]) -> float:
    at = counted_attempt[0].at
    return 0.0 if at is None else at.timestamp()


def _where(failures: Iterable[Failure]) -> Iterator[Entry]:
    """Yield on which workers the tasks failed, those first with most of them."""
    tasks = Counter(place_words(failure) for failure in failures if failure.worker is not None and not failure.attempts)
    for place, number in tasks.most_common():
        yield Words(f"{place}: {counted(number, 'task')}")


def _traceback(failure: Failure, *, is_one: bool = True) -> list[Entry]:
    """Return the traceback; of one of several tasks, below its key."""
    lines = failure.traceback or ()
    of = [] if is_one or not lines else [Words(f"of the newest, {failure.key}", "quiet", tail=KEY_TAIL)]
    return [*of, *(Words(line.lstrip(), indent=len(line) - len(line.lstrip())) for line in lines)]
