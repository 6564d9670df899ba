"""Which rows are unfolded: what the user chose, and else what lets the most be seen at once. Draws nothing.

By default every job shows its tasks and workers as long as all of that fits on the screen; when it doesn't, jobs stay
folded, one line each. That is weighed anew with each snapshot until the user first moves or folds something: from then
on nothing folds by itself. Threads show only where the user unfolds a worker, since that has them read.
"""

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.tui.view.rows import EARLIER, OTHERS, Key, split_earlier, split_jobs

JOBS, TASKS, WORKERS, THREADS = range(1, 5)
"""Levels of the tree."""

_SHOWN_BELOW = {"job": TASKS, "outside": WORKERS, "worker": THREADS}
"""The level of what is below a row."""


class Folds:
    """The state of all folds."""

    def __init__(self) -> None:
        self._chosen: dict[Key, bool] = {}
        self._level = WORKERS
        self._is_frozen = False

    def is_unfolded(self, key: Key, *, by_default: bool = False) -> bool:
        """Tell whether what is below this row shows."""
        chosen = self._chosen.get(key)
        if chosen is not None:
            return chosen
        if key[0] == "task":  # whoever unfolds a single job wants to see its workers
            return by_default or self._level != TASKS
        return by_default or _SHOWN_BELOW.get(str(key[0]), THREADS + 1) <= self._level

    def choose(self, key: Key, unfolded: bool) -> None:
        """Fold or unfold one row."""
        self._chosen[key] = unfolded

    def choose_all(self, unfolded: bool) -> None:
        """Fold or unfold all jobs of the cluster, down to their workers. Threads and the user's other jobs stay."""
        workers = {key: chosen for key, chosen in self._chosen.items() if key[0] == "worker"}
        self.choose_level(WORKERS if unfolded else JOBS)
        self._chosen |= workers

    def choose_level(self, level: int) -> None:
        """Unfold all of the cluster down to this level, and fold what is below. Jobs of earlier and others stay."""
        self._chosen = {key: chosen for key, chosen in self._chosen.items() if key in (EARLIER, OTHERS)}
        self._level = level
        self._is_frozen = True

    def fold_threads(self) -> bool:
        """Fold those workers that nobody unfolded one by one; return whether there may have been any."""
        were_shown, self._level = self._level == THREADS, min(self._level, WORKERS)
        return were_shown

    def freeze(self) -> None:
        """Let nothing fold by itself from now on."""
        self._is_frozen = True

    def adapt(self, snapshot: Snapshot, lines: int) -> None:
        """Weigh the default for a screen of so many lines."""
        if not self._is_frozen:
            self._level = WORKERS if _takes_at_most(lines, snapshot) else JOBS


def _takes_at_most(lines: int, snapshot: Snapshot) -> bool:
    """Tell whether all of the cluster's jobs, tasks and workers fit."""
    jobs, others = split_jobs(snapshot)
    recent, earlier = split_earlier(snapshot, jobs)
    needed = bool(earlier) + bool(others) + bool(snapshot.unplaced_workers) + len(snapshot.unplaced_workers)
    for job in recent:
        needed += 1 + sum(1 + len(task.workers) for task in job.tasks)
        if needed > lines:
            return False
    return needed <= lines
