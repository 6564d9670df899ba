"""Failed tasks and ended workers of one or many snapshots: collected once each; the tasks grouped by reason. Pure."""

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from dasktop.collectors.model.record import Record
from dasktop.collectors.model.snapshot import Snapshot, WorkerEvent
from dasktop.collectors.model.work import Failure, WorkerEndKey

_AMOUNT = re.compile(r"\d[\d.,_]*(?: (?:[KMGTP]iB|B|s|min|h|d)\b)?")


class FailureGroup(Record, frozen=True, kw_only=True):
    """Failed tasks of one name with the same type of exception, or whose workers ended for the same reason."""

    task_name: str
    failures: tuple[Failure, ...]
    """The oldest first."""

    @property
    def newest(self) -> Failure:
        """The one that failed last."""
        return self.failures[-1]


def reason_of(failure: Failure) -> str | None:
    """Return the exception, or for a task whose workers ended what ended the last of them; ``None``: unknown."""
    if failure.exception is not None:
        return failure.exception
    return next((attempt.cause for attempt in reversed(failure.attempts) if attempt.cause is not None), None)


def exception_type(failure: Failure) -> str:
    """Return ``ValueError`` for ``ValueError('no grid')``; empty without an exception."""
    return re.split(r"[^\w.]", failure.exception or "", maxsplit=1)[0]


def worker_memory_advice(threads: int | None) -> str:
    """Return what helps a worker with so many threads that has too little memory; ``None``: an unknown number."""
    if threads == 1:
        return "use smaller partitions, or more memory per worker"
    if threads is None:
        return "use smaller partitions, more memory per worker, or fewer threads per worker if it has several"
    return "use smaller partitions, fewer threads per worker, or more memory per worker"


def job_memory_advice(processes: int | None) -> str:
    """Return what helps a job with so many worker processes that ran out of memory; ``None``: an unknown number."""
    if processes == 1:
        return "request more memory per job"
    return f"request more memory per job, or use fewer processes{' if it has several' if processes is None else ''}"


_ADVICE = (
    ("because of its memory use", worker_memory_advice(None)),
    ("ran out of memory", job_memory_advice(None)),
    ("time limit", "request more walltime, or let workers retire before it ends (--lifetime)"),
    ("a node failed", "submit the tasks again"),
    ("preempted", "submit the tasks again, or use a partition or QOS that is not preempted"),
    ("cancelled", "submit the tasks again"),
    ("signal 9", "request more memory per job: signal 9 often means that the job had none left"),
)
"""Phrases of causes, and what helps."""


def advice_for(failure: Failure) -> str | None:
    """Return what would help a task whose workers ended; ``None`` for other tasks."""
    if failure.kind != "worker killed":
        return None
    reason = reason_of(failure) or ""
    return next((advice for phrase, advice in _ADVICE if phrase in reason), "see the logs of the jobs of its workers")


def kind_of_reason(failure: Failure) -> str:
    """Return what failures of one group have in common: the type of exception, or a cause without its numbers."""
    if failure.kind != "worker killed":
        return exception_type(failure)
    return _AMOUNT.sub("", reason_of(failure) or "")


def grouped(failures: Iterable[Failure]) -> tuple[FailureGroup, ...]:
    """Return the groups, the one with the newest failure first."""
    groups: dict[tuple[str, str, str], list[Failure]] = {}
    for failure in sorted(failures, key=lambda one: one.at):
        groups.setdefault((failure.task_name, failure.kind, kind_of_reason(failure)), []).append(failure)
    found = (FailureGroup(task_name=name, failures=tuple(members)) for (name, _, _), members in groups.items())
    return tuple(sorted(found, key=lambda group: group.newest.at, reverse=True))


def unexpected_ends(snapshot: Snapshot) -> tuple[WorkerEvent, ...]:
    """Return the removals of workers that the scheduler did not expect, oldest first.

    Without the workers of jobs that dasktop or the cluster object released, unless that cost tasks or results.
    """
    removed = [one for one in snapshot.worker_events or () if one.kind == "removed" and one.reason != "expected"]
    if not removed:
        return ()
    fates = ((job.job_id, job.fate) for job in snapshot.jobs)
    released = {job_id for job_id, fate in fates if fate is not None and fate.released_by is not None}
    return tuple(one for one in removed if not _is_released(one, released))


def _is_released(end: WorkerEvent, released: Collection[str]) -> bool:
    """Return whether a worker ended with its job, one of those that were released, and nothing was lost with it."""
    with_its_job = end.job_id in released and (end.reason or "").startswith("job ")
    return with_its_job and not end.tasks_interrupted and not end.results_lost


class FailureCollector:
    """Collects the failures and ended workers of consecutive snapshots, each once, as the latest describes it."""

    def __init__(self) -> None:
        self._failures: dict[tuple[str, datetime], Failure] = {}
        self._ends: dict[WorkerEndKey, WorkerEvent] = {}
        self.ends_are_known = False
        """Whether at least one scheduler reported why workers ended, even if none did."""
        self.is_known = False
        """Whether at least one scheduler reported its failures, even if there were none."""

    def add(self, snapshot: Snapshot) -> None:
        """Add the failures and ended workers of a snapshot."""
        if snapshot.worker_events is not None:
            self.ends_are_known = True
            for end in snapshot.worker_events:  # later, one may turn out to be expected: who released a job
                self._ends.pop((end.address, end.at), None)
            self._ends.update({(end.address, end.at): end for end in unexpected_ends(snapshot)})
        failures = snapshot.work.failures if snapshot.work is not None else None
        if failures is None:
            return
        self.is_known = True
        for failure in failures:
            self._failures[failure.key, failure.at] = failure

    @property
    def failures(self) -> Sequence[Failure]:
        """All of them, the oldest first."""
        return sorted(self._failures.values(), key=lambda failure: failure.at)

    @property
    def ends(self) -> Sequence[WorkerEvent]:
        """The workers that ended unexpectedly, the oldest first."""
        return sorted(self._ends.values(), key=lambda end: end.at)
