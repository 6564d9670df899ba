"""Splits dask's erred tasks into those that failed themselves and those that need a failed one. Pure.

dask counts both as ``erred``. Which of them failed is known from the failures that the scheduler still has: they say
how many others each one blocks. If they do not account for all erred tasks, older failures are missing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from dasktop.collectors.model.record import Record
from dasktop.collectors.model.work import Computation, Failure, Progress, TaskName, TaskStates, Work

SPLIT_STATES = ("failed", "blocked")
"""Failed themselves · need a failed one; in place of ``erred``."""
_START_IS_EXACT_WITHIN = timedelta(seconds=5)
"""A task may fail before the first of those that finish has started."""


class ErredTasks(Record, frozen=True, kw_only=True):
    """The erred tasks of each name, and of all of them."""

    failed_of_name: Mapping[str, int]
    """How many failed themselves, as far as known; by the names that have erred tasks."""
    erred_of_name: Mapping[str, int]
    is_complete: bool
    """Whether the failures account for all erred tasks."""

    def of_name(self, name: TaskName) -> TaskStates:
        """Return the states of a name with ``failed`` and ``blocked`` in place of ``erred``; not split: unchanged."""
        erred = self.erred_of_name.get(name.name, 0)
        failed = min(erred, self.failed_of_name.get(name.name, 0))
        return _split(name.states, failed if self.is_complete or failed == erred else None)

    def of_computation(self, computation: Computation) -> TaskStates:
        """Return the states of a computation, split if all erred tasks of its names are its own."""
        erred = computation.states.get("erred", 0)
        names = [name for name in computation.task_names if name in self.erred_of_name]
        return _split(computation.states, self._failed_of(erred, names))

    def of_progress(self, progress: Progress) -> Progress:
        """Return the progress with failed and blocked tasks apart, as far as known."""
        if progress.erred is None:
            return progress
        failed = self._failed_of(progress.erred, list(self.erred_of_name)) if progress.erred else 0
        blocked = None if failed is None else progress.erred - failed
        return replace(progress, failed=failed, blocked=blocked)

    def _failed_of(self, erred: int, names: list[str]) -> int | None:
        """Return how many of these erred tasks failed themselves, given all names that they may have."""
        total = sum(self.erred_of_name[name] for name in names)
        failed = sum(min(self.erred_of_name[name], self.failed_of_name.get(name, 0)) for name in names)
        if total < erred:  # some names are not listed
            return None
        if failed == total:
            return erred
        if not self.is_complete:
            return None
        return 0 if not failed else failed if total == erred else None


def erred_tasks(work: Work) -> ErredTasks:
    """Return the erred tasks of each name. Failures from before its current computations do not count."""
    erred = {name.name: name.states["erred"] for name in work.task_names if name.states.get("erred")}
    since = _starts(work)
    failed: dict[str, dict[str, int]] = {name: {} for name in erred}
    for failure in work.failures or ():
        start = since.get(failure.task_name)
        if failure.task_name in failed and (start is None or failure.at >= start - _START_IS_EXACT_WITHIN):
            failed[failure.task_name][failure.key] = failure.blocks or 0
    known = sum(1 + blocks for tasks in failed.values() for blocks in tasks.values())
    return ErredTasks(
        failed_of_name={name: len(tasks) for name, tasks in failed.items()},
        erred_of_name=erred,
        is_complete=work.failures is not None and known >= sum(erred.values()),
    )


def progress_states(progress: Progress) -> TaskStates:
    """Return the erred tasks of the current computations: ``failed`` and ``blocked``, or ``erred``."""
    if progress.failed is None or progress.blocked is None:
        return {"erred": progress.erred or 0}
    return _split({"erred": progress.failed + progress.blocked}, progress.failed)


def blocked_tasks(failures: Sequence[Failure], progress: Progress | None) -> int:
    """Return how many tasks need one of these; each counts once if these are all that failed in the current work."""
    if progress is not None and progress.failed == len(failures) and progress.blocked is not None:
        return progress.blocked
    return sum(failure.blocks or 0 for failure in failures)


def in_current_work(number: int, progress: Progress | None) -> str:
    """Return `` (4 in the current work)`` if not this number of tasks failed there, which the header shows."""
    failed = None if progress is None else progress.failed
    return "" if failed in (None, number) else f" ({failed:,} in the current work)"


def _starts(work: Work) -> dict[str, datetime]:
    """Return by task name when the first computation began that has erred tasks; unknown: left out."""
    starts: dict[str, datetime] = {}
    for computation in work.computations:
        if computation.states.get("erred") and computation.started_at is not None:
            for name in computation.task_names:
                starts[name] = min(computation.started_at, starts.get(name, computation.started_at))
    return starts


def _split(states: TaskStates, failed: int | None) -> TaskStates:
    erred = states.get("erred", 0)
    if failed is None or not erred:
        return states
    failed = min(failed, erred)
    others = {state: number for state, number in states.items() if state != "erred"}
    parts = zip(SPLIT_STATES, (failed, erred - failed), strict=True)
    return others | {state: number for state, number in parts if number}
