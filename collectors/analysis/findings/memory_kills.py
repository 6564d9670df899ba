"""The rule for workers that their nannies killed because of their memory use."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from dasktop.collectors.analysis.failures import worker_memory_advice
from dasktop.collectors.analysis.findings.rule import DASK, PendingFinding, RuleContext, rule
from dasktop.collectors.analysis.worker_end import AFTER, BEFORE
from dasktop.collectors.model.snapshot import Snapshot, WorkerEvent
from dasktop.collectors.model.work import Attempt, Failure
from dasktop.collectors.text.format import counted, listed, plain_duration, plain_sizes


@rule("worker-killed-for-memory", order=115, needs=(DASK,), harm="lost")
def worker_killed_for_memory(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield one finding for all workers killed recently, since a task that is too large moves to the next one.

    One kill is enough: a heartbeat rarely shows the memory that led to it.
    """
    kills = recent_memory_kills(context)
    if not kills:
        return
    failed = failed_of_memory(context.snapshot, kills)
    parts = [
        _used(kills[-1], is_only=len(kills) == 1),
        _failed(failed),
        _rescheduled(kills, failed),
    ]
    yield PendingFinding(
        severity="error" if failed else "warning",
        message="; ".join(filter(None, (_subject(kills, context.thresholds.worker_killed_seconds), *parts))),
        advice=f"a task needs more memory than a worker's limit: {worker_memory_advice(_threads(context, kills))}",
        about="killed for memory",
        job_ids=tuple(dict.fromkeys(event.job_id for event in kills if event.job_id is not None)),
        workers=tuple(sorted({event.worker for event in kills if event.worker is not None})),
        since=kills[0].at,
    )


def recent_memory_kills(context: RuleContext) -> Sequence[WorkerEvent]:
    """Return the kills that are reported now, oldest first."""
    earliest = context.now - timedelta(seconds=context.thresholds.worker_killed_seconds)
    events = context.snapshot.worker_events or ()
    return [event for event in events if event.kind == "killed for memory" and event.at >= earliest]


def _threads(context: RuleContext, kills: Sequence[WorkerEvent]) -> int | None:
    """Return the highest number of threads of the workers that were killed; ``None``: unknown.

    A nanny starts a worker of the same name.
    """
    seen = [gone.worker for gone in context.history.departed]
    seen += [worker for _, worker in context.workers]
    known = {worker.name: worker.nthreads for worker in seen}
    numbers = [known.get(event.worker or "") for event in kills]
    several = [number for number in numbers if number is not None and number > 1]
    return max(several) if several else None if None in numbers else 1


def failed_of_memory(snapshot: Snapshot, kills: Sequence[WorkerEvent]) -> Sequence[Failure]:
    """Return the tasks that failed because the last worker that ran them was killed."""
    failures = (snapshot.work.failures if snapshot.work is not None else None) or ()
    times = _times(kills)
    return [failure for failure in failures if failure.attempts and _is_of(failure.attempts[-1], times)]


_Times = dict[str | None, list[datetime]]


def _times(kills: Sequence[WorkerEvent]) -> _Times:
    """Return when workers were killed, by address."""
    times: _Times = defaultdict(list)
    for event in kills:
        times[event.address].append(event.at)
    return times


def _is_of(attempt: Attempt, times: _Times) -> bool:
    """Return whether one of the kills ended this attempt."""
    ended_at = attempt.at
    return ended_at is not None and any(at - AFTER <= ended_at <= at + BEFORE for at in times.get(attempt.address, ()))


def _subject(kills: Sequence[WorkerEvent], window_seconds: float) -> str:
    """Return who was killed, and how often. The name of a worker that was never read is unknown."""
    names = sorted({event.worker for event in kills if event.worker is not None})
    if len(kills) == 1:
        return f"a nanny killed {f'worker {names[0]}' if names else 'a worker'} because of its memory use"
    often = f"{len(kills)} times within {plain_duration(int(window_seconds))}"
    if len(names) == 1 and all(event.worker is not None for event in kills):
        return f"a nanny killed worker {names[0]} {often} because of its memory use"
    return f"nannies killed workers{f' ({listed(names)})' if names else ''} {often} because of their memory use"


def _used(event: WorkerEvent, is_only: bool) -> str:
    if event.memory_bytes is None:
        return ""
    if event.limit_bytes:
        used, limit = plain_sizes(event.memory_bytes, event.limit_bytes)
        limit = f" of {limit}"
    else:
        (used, _), limit = plain_sizes(event.memory_bytes, event.memory_bytes), ""
    return f"{'' if is_only else 'last: '}{used}{limit} used"


def _failed(failures: Sequence[Failure]) -> str:
    """Return ``3 tasks failed because of that: load (2), mosaic (1)``."""
    names = Counter(failure.task_name for failure in failures)
    parts = list(names) if len(names) == 1 else [f"{name} ({names[name]})" for name in sorted(names)]
    return f"{counted(len(failures), 'task')} failed because of that: {listed(parts)}" if names else ""


def _rescheduled(kills: Sequence[WorkerEvent], failures: Sequence[Failure]) -> str:
    """Return how many tasks were assigned to the workers and did not fail in the end.

    In the past tense: dask has rescheduled them, and they may have run again since.
    """
    assigned = sum(event.tasks_interrupted or 0 for event in kills)
    times = _times(kills)
    others = assigned - sum(_is_of(attempt, times) for failure in failures for attempt in failure.attempts)
    if others <= 0:
        return ""
    other = "other task" if failures else "task"
    verb = "was" if others == 1 else "were"
    return f"{counted(others, other)} assigned to {'it' if len(kills) == 1 else 'them'} {verb} rescheduled"
