"""Rules for the tasks that dask computes: failed, or without a worker that may run them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

from dasktop.collectors.analysis.erred_tasks import blocked_tasks, in_current_work
from dasktop.collectors.analysis.failures import exception_type, grouped, reason_of
from dasktop.collectors.analysis.findings.memory_kills import failed_of_memory, recent_memory_kills
from dasktop.collectors.analysis.findings.phrases import job_name
from dasktop.collectors.analysis.findings.rule import DASK, PendingFinding, RuleContext, rule
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.model.work import Failure, Progress, UnrunnableTask
from dasktop.collectors.text.format import counted, listed, plain_duration

MAX_GROUPS = 3
LEAST_AT_ONE_PLACE = 3
"""Fewer failures on one worker, or in one job, tell nothing about it."""


@rule("tasks-failed", order=15, needs=(DASK,), harm="held up")
def tasks_failed(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield one finding for all tasks that failed recently, unless `worker_killed_for_memory` names all of them.

    Its number is that of the header, or it has both.
    """
    work, seconds = context.snapshot.work, context.thresholds.tasks_failed_seconds
    earliest = context.now - timedelta(seconds=seconds)
    named = {(one.key, one.at) for one in failed_of_memory(context.snapshot, recent_memory_kills(context))}
    recent = [failure for failure in (work.failures if work is not None else None) or () if failure.at >= earliest]
    if work is None or all((failure.key, failure.at) in named for failure in recent):
        return
    groups = sorted(grouped(recent), key=lambda group: (-len(group.failures), group.failures[0].at))
    # In an order that further failures do not change.
    shown = sorted(groups[:MAX_GROUPS], key=lambda group: group.failures[0].at)
    is_short = len(groups) > 1
    parts = [
        f"{group.task_name} ({len(group.failures)}): {_reason(group.newest, is_short=is_short)}" for group in shown
    ]
    more = f"; {counted(len(groups) - MAX_GROUPS, 'more kind')}" if len(groups) > MAX_GROUPS else ""
    blocked = blocked_tasks(recent, work.progress)
    by = "it" if len(recent) == 1 else "them"
    place = _place(recent, context.snapshot)
    yield PendingFinding(
        severity="error",
        message=f"{_number(len(recent), work.progress)} failed within {plain_duration(int(seconds))}"
        + f"{in_current_work(len(recent), work.progress)}{place.words}: {'; '.join(parts)}{more}"
        + (f"; {counted(blocked, 'task')} blocked by {by}" if blocked else ""),
        advice="dasktop failures prints their tracebacks, and why the workers of killed tasks ended",
        job_ids=place.job_ids,
        workers=place.workers,
        task_names=tuple(dict.fromkeys(group.task_name for group in (*shown, *groups))),
        extent=len(recent) + blocked,
        since=min(failure.at for failure in recent),
    )


def _number(recent: int, progress: Progress) -> str:
    """Return ``3 tasks``, or ``100 or more tasks`` if the scheduler may have dropped some."""
    may_be_more = progress.failed is None and (progress.erred or 0) > recent
    return f"{recent:,} or more tasks" if may_be_more else counted(recent, "task")


class _Place(NamedTuple):
    """Where nearly all tasks failed."""

    words: str = ""
    """For the message: ``, 5 of them on worker a``."""
    job_ids: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()


def _place(failures: Sequence[Failure], snapshot: Snapshot) -> _Place:
    """Return the one worker, else the one job, with nine of ten failures; none if they are of the tasks, not of it."""
    least = max(LEAST_AT_ONE_PLACE, -(-9 * len(failures) // 10))
    at_worker, number = _most(failure.worker for failure in failures)
    if at_worker is not None and number >= least:
        job_ids = dict.fromkeys(failure.job_id for failure in failures if failure.worker == at_worker)
        known = tuple(job_id for job_id in job_ids if job_id is not None)
        return _Place(f", {_share(number, failures)} on worker {at_worker}", known, (at_worker,))
    in_job, number = _most(failure.job_id for failure in failures)
    if in_job is not None and number >= least:
        name = next((job_name(job) for job in snapshot.jobs if job.job_id == in_job), f"job {in_job}")
        return _Place(f", {_share(number, failures)} in {name}", (in_job,))
    return _Place()


def _most(places: Iterable[str | None]) -> tuple[str | None, int]:
    return next(iter(Counter(place for place in places if place is not None).most_common(1)), (None, 0))


def _share(number: int, failures: Sequence[Failure]) -> str:
    return "all" if number == len(failures) else f"{number:,} of them"


def _reason(failure: Failure, *, is_short: bool) -> str:
    """Return why a task failed; in short, so that those of several groups fit into a line."""
    if is_short:
        return exception_type(failure) or ("its workers ended" if failure.kind == "worker killed" else "unknown")
    if failure.kind == "worker killed":
        reason = reason_of(failure)
        return f"its workers ended{f' ({reason})' if reason else ''}"
    return reason_of(failure) or "unknown"


@rule("tasks-unrunnable", order=55, needs=(DASK,), harm="held up")
def tasks_unrunnable(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield a finding for each requirement that no worker meets. Without workers, tasks only wait for the first one."""
    work = context.snapshot.work
    by_requirement: dict[tuple[str, str], list[UnrunnableTask]] = defaultdict(list)
    for task in work.unrunnable if work is not None and context.snapshot.totals.workers else ():
        if (unmet := _requirement(task)) is not None:
            by_requirement[unmet].append(task)
    for (requirement, advice), tasks in by_requirement.items():
        names = sorted({task.task_name for task in tasks})
        yield PendingFinding(
            severity="error",
            message=f"{counted(len(tasks), 'task')} cannot run ({listed(names)}): no worker {requirement}",
            advice=advice,
            about=requirement,
            task_names=tuple(names),
            extent=len(tasks),
            after_seconds=max(context.another_reading_seconds, context.thresholds.tasks_unrunnable_seconds),
        )


def _requirement(task: UnrunnableTask) -> tuple[str, str] | None:
    """Return what no worker has, and the advice; ``None``: it has no requirement, so it waits for any worker."""
    if task.resources:
        needs = ", ".join(f"{name}={amount:g}" for name, amount in sorted(task.resources.items()))
        advice = f'start workers with --resources "{needs.replace(", ", " ")}", or submit the tasks without resources='
        return f"offers {needs}", advice
    if task.workers:
        return f"is {listed(task.workers)}", "these workers have left: submit the tasks again without workers="
    if task.hosts:
        return f"runs on {listed(task.hosts)}", "start workers there, or submit the tasks without workers="
    return None
