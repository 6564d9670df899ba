"""How long tasks of each name usually take, and whether one has run much longer. Pure."""

from collections.abc import Collection, Iterable

from dasktop.collectors.model.jobs import worker_names_of
from dasktop.collectors.model.snapshot import Finding
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.collectors.model.work import TaskName, Work

SLOW_CODES = frozenset({"tasks-stuck", "task-much-longer"})
"""Codes of the findings about tasks that run too long."""


class TaskTimes:
    """The mean times of the tasks that have finished, by name.

    Parameters
    ----------
    names
        What is known of each name.
    thresholds
        The user's, as for findings.
    forgotten_mean
        The longest mean time of a name whose tasks the scheduler has forgotten, in seconds.
    reported
        Task names and workers of which a finding says that a task runs too long.
    """

    def __init__(
        self,
        names: Iterable[TaskName] = (),
        thresholds: Thresholds = DEFAULTS,
        forgotten_mean: float | None = None,
        reported: Collection[tuple[str, str]] = (),
    ) -> None:
        self._names = {name.name: name for name in names}
        self._thresholds = thresholds
        means = [name.seconds_mean or 0.0 for name in self._names.values()]
        self._longest_mean = max([forgotten_mean or 0.0, *means])
        self._reported = frozenset(reported)

    @classmethod
    def of(cls, work: Work | None, thresholds: Thresholds = DEFAULTS, findings: Iterable[Finding] = ()) -> "TaskTimes":
        """Return the times in the work, which may be unknown, with what findings say of running tasks."""
        reported = {
            (name, worker)
            for finding in findings
            if finding.code in SLOW_CODES
            for name in finding.task_names
            for worker in worker_names_of(finding)
        }
        if work is None:
            return cls((), thresholds, reported=reported)
        return cls(work.task_names, thresholds, work.forgotten_seconds_mean, reported)

    def finished(self, name: str) -> int:
        """Return how many tasks of a name have finished, as far as known."""
        known = self._names.get(name)
        return 0 if known is None else known.finished_total or 0

    def typical_seconds(self, name: str | None) -> float | None:
        """Return the mean time of the tasks of a name that have finished; ``None``: unknown."""
        known = self._names.get(name or "")
        return None if known is None else known.seconds_mean

    def is_much_longer(self, name: str, seconds: float, typical_seconds: float | None) -> bool:
        """Return whether a task that has run so long has run much longer than the others of its name."""
        limits = self._thresholds
        if not typical_seconds or self.finished(name) < limits.task_longer_samples:
            return False
        return seconds >= max(limits.task_longer_seconds, limits.task_longer_factor * typical_seconds)

    def is_far_longer_than_any(self, name: str, seconds: float) -> bool:
        """Return whether a task has run far longer than tasks of any name take, while few of its own have finished."""
        limits = self._thresholds
        if not self._longest_mean or name not in self._names or self.finished(name) >= limits.task_longer_samples:
            return False
        return seconds >= max(limits.task_longer_seconds, limits.task_idle_factor * self._longest_mean)

    def is_reported(self, name: str, worker: str) -> bool:
        """Return whether a finding says that a task of this name runs too long on this worker."""
        return (name, worker) in self._reported
