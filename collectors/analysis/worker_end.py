"""Why a worker ended, from all that is known: events of the scheduler and its nannies, and how its job ended. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from dasktop.collectors.model.jobs import squeue_id
from dasktop.collectors.model.snapshot import Job, WorkerEvent
from dasktop.collectors.model.work import Failure, WorkerEndKey
from dasktop.collectors.text.format import plain_sizes

BEFORE = timedelta(seconds=60)
"""A nanny logs a memory kill up to this long before the scheduler notices that the worker is gone."""
AFTER = timedelta(seconds=10)
"""Events are logged in any order, and clocks differ."""
JOB_BEFORE = timedelta(seconds=120)
"""SLURM kills a job's processes up to this long before the time that it records as the job's end."""


UNEXPLAINED = (None, "expected", "unexpected")
"""The reasons of a removal of which only that is known."""


class WorkerEnds:
    """Why workers ended.

    Parameters
    ----------
    events
        What the scheduler reports, with the jobs of the workers, oldest first.
    jobs
        The jobs by id, with how they ended.
    known
        Causes that were found earlier: SLURM forgets its jobs.
    in_logs
        What the logs of jobs say about their workers.
    """

    def __init__(
        self,
        events: Sequence[WorkerEvent],
        jobs: Mapping[str, Job],
        known: Mapping[WorkerEndKey, str],
        in_logs: Mapping[WorkerEndKey, str],
    ) -> None:
        self._jobs = jobs
        self._known = known
        self._in_logs = in_logs
        self._of_address: dict[str | None, list[WorkerEvent]] = defaultdict(list)
        for event in events:
            self._of_address[event.address].append(event)
        self.events = tuple(map(self._explained, events))
        """The events, each removal with its cause as its reason, and each memory kill with what it cost."""

    def cause(self, address: str | None, job_id: str | None, at: datetime | None) -> str | None:
        """Return what ended the worker at this address at about this time, in words; ``None``: unknown."""
        if at is None:
            return None
        if (known := self._known.get((address, at))) is not None:
            return known
        near = [event for event in self._of_address.get(address, ()) if at - BEFORE <= event.at <= at + AFTER]
        for event in reversed(near):
            if event.kind == "killed for memory":
                return _memory_kill(event)
        if (job_end := _job_end(self._jobs.get(job_id or ""), at)) is not None:
            return job_end
        for event in reversed(near):
            if event.kind == "restarted":
                by_whom = "the scheduler because it sent no heartbeat" if event.reason == "silent" else "a client"
                return f"restarted by {by_whom}"
        removals = [(event.address, event.at) for event in near if event.kind == "removed" and event.at >= at - AFTER]
        return next((self._in_logs[key] for key in reversed(removals) if key in self._in_logs), None)

    def _explained(self, event: WorkerEvent) -> WorkerEvent:
        if event.address is None:
            return event
        if event.kind == "removed":
            cause = self.cause(event.address, event.job_id, event.at)
            return event if cause is None else replace(event, reason=cause)
        if event.kind == "killed for memory":
            removal = next(
                (
                    one
                    for one in self._of_address[event.address]
                    if one.kind == "removed" and event.at - AFTER <= one.at <= event.at + BEFORE
                ),
                None,
            )
            if removal is not None:
                return replace(event, tasks_interrupted=removal.tasks_interrupted, results_lost=removal.results_lost)
        return event


def with_failed_tasks(events: Sequence[WorkerEvent], failures: Iterable[Failure]) -> tuple[WorkerEvent, ...]:
    """Return the events, each removal and memory kill with the number of tasks that failed because of it."""
    last_attempts: dict[str | None, list[datetime]] = defaultdict(list)
    for failure in failures:
        if failure.attempts and failure.attempts[-1].at is not None:
            last_attempts[failure.attempts[-1].address].append(failure.attempts[-1].at)

    def failed(event: WorkerEvent) -> WorkerEvent:
        if event.address is None or event.kind not in ("removed", "killed for memory"):
            return event
        number = sum(event.at - AFTER <= at <= event.at + BEFORE for at in last_attempts.get(event.address, ()))
        return replace(event, tasks_failed=number)

    return tuple(map(failed, events))


def _job_end(job: Job | None, at: datetime) -> str | None:
    """Return how the job, or its previous run, ended; ``None`` if that cannot have ended a worker at this time."""
    if job is None:
        return None
    fate, before = job.fate, job.previous_fate
    if fate is not None and (fate.ended_at is None or at >= fate.ended_at - JOB_BEFORE):
        return f"job {squeue_id(job)} ended: {fate.explanation}"
    was_before = job.started_at is None or at < job.started_at
    if was_before and before is not None and before.ended_at is not None and at >= before.ended_at - JOB_BEFORE:
        return f"job {squeue_id(job)} was requeued: {before.explanation}"
    return None


def _memory_kill(event: WorkerEvent) -> str:
    if event.memory_bytes is None:
        return "killed by its nanny because of its memory use"
    if not event.limit_bytes:
        used, _ = plain_sizes(event.memory_bytes, event.memory_bytes)
        return f"killed by its nanny because of its memory use: {used}"
    used, limit = plain_sizes(event.memory_bytes, event.limit_bytes)
    return f"killed by its nanny because of its memory use: {used} of {limit}"
