"""Which rows are unfolded: what the user chose, and else what lets the most be seen at once. Draws nothing.

By default every job shows its tasks and workers as long as all of that fits on the screen; when it doesn't, jobs stay
folded, one line each. That is weighed anew with each snapshot until the user first moves or folds something: from then
on nothing folds by itself. Threads show only where the user unfolds a worker, since that has them read.
"""

from dasktop.collectors.model import Snapshot
from dasktop.tui.rows import OTHERS, Key, split_jobs

_UNFOLDED_BY_DEFAULT = frozenset({"job", "outside"})


class Folds:
    """The state of all folds."""

    def __init__(self) -> None:
        self._chosen: dict[Key, bool] = {}
        self._jobs_unfolded = True
        self._is_frozen = False

    def is_unfolded(self, key: Key) -> bool:
        """Tell whether what is below this row shows."""
        chosen = self._chosen.get(key)
        if chosen is not None:
            return chosen
        return key[0] == "task" or (key[0] in _UNFOLDED_BY_DEFAULT and self._jobs_unfolded)

    def choose(self, key: Key, unfolded: bool) -> None:
        """Fold or unfold one row."""
        self._chosen[key] = unfolded

    def choose_all(self, unfolded: bool) -> None:
        """Fold or unfold all jobs of the cluster, down to their workers. Threads and the user's other jobs stay."""
        self._chosen = {key: chosen for key, chosen in self._chosen.items() if key[0] == "worker" or key == OTHERS}
        self._jobs_unfolded = unfolded
        self._is_frozen = True

    def freeze(self) -> None:
        """Let nothing fold by itself from now on."""
        self._is_frozen = True

    def adapt(self, snapshot: Snapshot, lines: int) -> None:
        """Weigh the default for a screen of so many lines."""
        if not self._is_frozen:
            self._jobs_unfolded = _takes_at_most(lines, snapshot)


def _takes_at_most(lines: int, snapshot: Snapshot) -> bool:
    """Tell whether all of the cluster's jobs, tasks and workers fit."""
    jobs, others = split_jobs(snapshot)
    needed = bool(others) + bool(snapshot.unplaced_workers) + len(snapshot.unplaced_workers)
    for job in jobs:
        needed += 1 + sum(1 + len(task.workers) for task in job.tasks)
        if needed > lines:
            return False
    return needed <= lines
