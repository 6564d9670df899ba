"""How long tasks of each name usually take, and whether one has run much longer. Pure."""

from collections.abc import Iterable

from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.collectors.model.work import TaskName, Work


class TaskTimes:
    """The mean times of the tasks that have finished, by name.

    Parameters
    ----------
    names
        What is known of each name.
    thresholds
        The user's, as for findings.
    """

    def __init__(self, names: Iterable[TaskName] = (), thresholds: Thresholds = DEFAULTS) -> None:
        self._names = {name.name: name for name in names}
        self._thresholds = thresholds

    @classmethod
    def of(cls, work: Work | None, thresholds: Thresholds = DEFAULTS) -> "TaskTimes":
        """Return the times in the work; it may be unknown."""
        return cls(() if work is None else work.task_names, thresholds)

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
