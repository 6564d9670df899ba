"""Which rows are unfolded: by the user's choice, else by a default that depends on the screen. Draws nothing.

By default jobs show their tasks and workers if all of them fit on the screen; otherwise jobs are folded. The default is
recomputed with each snapshot until the user first moves or folds something. Threads are shown only if the user unfolds
workers, because only then they are read.
"""

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.tui.view.left_workers import left_workers
from dasktop.tui.view.rows import EARLIER, LEFT, OTHERS, Key
from dasktop.tui.view.visible_rows import shows_tasks, split_earlier, split_jobs

JOBS, TASKS, WORKERS, THREADS = range(1, 5)
"""The levels of the tree."""


class Folds:
    """The state of all folds."""

    def __init__(self, thresholds: Thresholds = DEFAULTS) -> None:
        self._thresholds = thresholds
        self._chosen: dict[Key, bool] = {}
        self._level = WORKERS
        self._is_frozen = False
        self._without_tasks: frozenset[str] = frozenset()

    def is_unfolded(self, key: Key, *, by_default: bool = False) -> bool:
        """Return whether the rows below this row are shown."""
        chosen = self._chosen.get(key)
        if chosen is not None:
            return chosen
        if key[0] == "worker":  # first, since there are thousands
            return by_default or self._level == THREADS
        if key[0] == "task":  # unfolding a single job shows its workers, too
            return by_default or self._level != TASKS
        if key[0] == "job":
            return by_default or (WORKERS if key[1] in self._without_tasks else TASKS) <= self._level
        return by_default or (key[0] == "outside" and self._level >= WORKERS)

    @property
    def unfolded_workers(self) -> frozenset[str] | None:
        """The addresses of the only workers that may be unfolded; ``None``: any may be."""
        if self._level == THREADS:
            return None
        return frozenset(str(key[1]) for key, unfolded in self._chosen.items() if unfolded and key[0] == "worker")

    def choose(self, key: Key, unfolded: bool) -> None:
        """Fold or unfold one row."""
        self._chosen[key] = unfolded

    def choose_all(self, unfolded: bool) -> None:
        """Fold or unfold all jobs of the cluster, down to workers. Keep threads and the user's other jobs."""
        workers = {key: chosen for key, chosen in self._chosen.items() if key[0] == "worker"}
        self.choose_level(WORKERS if unfolded else JOBS)
        self._chosen |= workers

    def choose_level(self, level: int) -> None:
        """Unfold the cluster down to this level, and fold what is below. Keep the other groups."""
        self._chosen = {key: chosen for key, chosen in self._chosen.items() if key in (EARLIER, LEFT, OTHERS)}
        self._level = level
        self._is_frozen = True

    def freeze(self) -> None:
        """Stop adapting the default."""
        self._is_frozen = True

    def adapt(self, snapshot: Snapshot, lines: int) -> None:
        """Choose the default for a screen of `lines` lines, unless frozen; and see which jobs have no rows for tasks.

        Parameters
        ----------
        snapshot
            Unfiltered.
        """
        self._without_tasks = frozenset(job.job_id for job in snapshot.jobs if not shows_tasks(job))
        if not self._is_frozen:
            self._level = WORKERS if _fits(lines, snapshot, self._thresholds) else JOBS


def _fits(lines: int, snapshot: Snapshot, thresholds: Thresholds) -> bool:
    """Return whether all jobs, tasks and workers of the cluster fit into `lines` lines."""
    jobs, others = split_jobs(snapshot)
    recent, earlier = split_earlier(snapshot, jobs, thresholds)
    needed = (
        bool(earlier)
        + bool(left_workers(snapshot))
        + bool(others)
        + bool(snapshot.unplaced_workers)
        + len(snapshot.unplaced_workers)
    )
    for job in recent:
        needed += 1 + sum(shows_tasks(job) + len(task.workers) for task in job.tasks)
        if needed > lines:
            return False
    return needed <= lines
