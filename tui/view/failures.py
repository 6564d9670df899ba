"""Failed tasks as text: one paragraph for each task name and type of exception. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from dasktop.collectors.analysis.erred_tasks import blocked_tasks, in_current_work
from dasktop.collectors.analysis.failures import FailureGroup, advice_for, grouped, reason_of
from dasktop.collectors.model.snapshot import WorkerEvent
from dasktop.collectors.model.work import Attempt, Failure, Progress
from dasktop.collectors.text.format import counted
from dasktop.tui.draw.prose import Words
from dasktop.tui.draw.times import local, moment
from dasktop.tui.view.worker_ends import without_job

MOST_KEYS = 24
"""Keys that are listed of one group."""
_MOST_WORKERS = 5
UNKNOWN_FAILURES = "Failed tasks are unknown: not reported by the scheduler (or --no-probe)."


def failure_paragraphs(failures: Sequence[Failure] | None, now: datetime) -> Iterator[list[Words]]:
    """Yield a summary, then each group with its newest traceback or attempts; ``None``: unknown."""
    if failures is None:
        yield [Words(UNKNOWN_FAILURES, "quiet")]
        return
    if not failures:
        yield [Words("No failed tasks.", "quiet")]
        return
    yield [Words(_summary(failures), "strong")]
    for group in grouped(failures):
        yield list(_group(group, now))


def failures_summary(
    failures: Sequence[Failure] | None, ends: Sequence[WorkerEvent], progress: Progress | None = None
) -> str:
    """Return how many tasks failed and are blocked, and how many workers ended, in one line; ``None``: unknown.

    With the ``progress`` of the work, also how many failed in that, if it is another number.
    """
    ended = f"{counted(len(ends), 'worker')} ended unexpectedly" if ends else ""
    if failures is None:
        failed = "failed tasks are unknown"
    else:
        failed = _summary(failures, progress) if failures else "no failed tasks"
    return "; ".join(filter(None, (failed, ended)))


def _summary(failures: Sequence[Failure], progress: Progress | None = None) -> str:
    blocked = blocked_tasks(failures, progress)
    waiting = f"; {counted(blocked, 'task')} blocked by {'it' if len(failures) == 1 else 'them'}" if blocked else ""
    return f"{counted(len(failures), 'failed task')}{in_current_work(len(failures), progress)}{waiting}"


def _group(group: FailureGroup, now: datetime) -> Iterator[Words]:
    newest, is_one = group.newest, len(group.failures) == 1
    others = "" if len({reason_of(failure) for failure in group.failures}) == 1 else " (the newest; others differ)"
    yield Words(f"{group.task_name}: {reason_words(newest)}{others}", "bad")
    times = moment(newest.at, now)
    if not is_one:
        times = f"{local(group.failures[0].at):%H:%M:%S} to {local(newest.at):%H:%M:%S}, the last at {times}"
    yield Words(f"{counted(len(group.failures), 'task')}, {times}", "quiet", 2)
    keys = [failure.key for failure in group.failures]
    more = f" and {len(keys) - MOST_KEYS:,} more" if len(keys) > MOST_KEYS else ""
    yield Words(f"{', '.join(keys[-MOST_KEYS:])}{more}", "quiet", 2)
    if not is_one:
        yield from _workers(group)
    if newest.attempts:
        if not is_one:
            yield Words(f"the newest, {newest.key}:", indent=2)
        for number, attempt in enumerate(newest.attempts, start=1):
            yield Words(f"attempt {number}: {attempt_words(attempt)}", indent=2)
    elif newest.worker is not None:
        yield Words(f"{'' if is_one else 'the newest '}on {place_words(newest)}", indent=2)
    if (advice := advice_for(newest)) is not None:
        yield Words(f"what helps: {advice}", indent=2)
    for line in newest.traceback or ():
        code = line.lstrip()
        yield Words(code, indent=4 + len(line) - len(code))


def _workers(group: FailureGroup) -> Iterator[Words]:
    """Yield how many tasks failed on which workers, if there are several."""
    tasks = Counter(failure.worker for failure in group.failures if failure.worker is not None)
    if len(tasks) < 2:
        return
    named = ", ".join(f"{worker} ({number:,})" for worker, number in tasks.most_common(_MOST_WORKERS))
    more = f" and {len(tasks) - _MOST_WORKERS:,} more" if len(tasks) > _MOST_WORKERS else ""
    yield Words(f"on workers {named}{more}", "quiet", 2)


def reason_words(failure: Failure) -> str:
    """Return why a task failed, in words."""
    reason = reason_of(failure)
    if failure.kind == "worker killed":
        return f"its workers ended while they ran it{f' ({reason})' if reason else ''}"
    return reason or "failed; the scheduler does not report why"


def short_reason(failure: Failure) -> str:
    """Return the exception, or what ended the last of its workers, without the job's id."""
    if failure.kind != "worker killed":
        return reason_words(failure)
    known = [without_job(one.cause, one.job_id) for one in failure.attempts if one.cause is not None]
    return failure.exception or (known[-1] if known else "its workers ended while they ran it")


def attempt_words(attempt: Attempt) -> str:
    """Return when and where a task was tried, and what ended its worker."""
    at = f"{local(attempt.at):%H:%M:%S} " if attempt.at is not None else ""
    cause = attempt.cause and without_job(attempt.cause, attempt.job_id)
    return f"{at}{place_words(attempt)}: {cause or 'it ended for an unknown reason'}"


def place_words(of: Failure | Attempt | WorkerEvent) -> str:
    """Return the worker, its job and its node as far as known: ``worker w-1 in job 4709 on node n000``."""
    name = of.worker or (of.address if isinstance(of, WorkerEvent) else None) or "unknown"
    within = f" in job {of.job_id}" if of.job_id else ""
    return f"worker {name}{within}{f' on node {of.node}' if of.node else ''}"
