"""How many tasks are done of those that are being computed. Neither number shrinks while a computation runs. Pure.

Tasks that the scheduler has released or forgotten count as done: it does so when nobody needs their results any more.
Only lost results, which are computed again, make the number of done tasks smaller.
"""

from collections.abc import Iterable, Mapping

from dasktop.collectors.model.record import Record

DONE_STATES = ("memory", "released", "forgotten")
Counts = Mapping[str, int]
"""Tasks by state, including ``forgotten``."""


class Tally(Record, frozen=True, kw_only=True):
    """Tasks that are done, failed (or blocked by a failed one), and all."""

    done: int = 0
    erred: int = 0
    total: int = 0


class NameCounts(Record, frozen=True, kw_only=True):
    """The tasks of one name."""

    counts: Counts
    """Those that the scheduler knows, or has forgotten while others of their group exist."""
    forgotten_ever: int | None
    """All that the scheduler has forgotten since it started."""


class ComputationCounts(Record, frozen=True, kw_only=True):
    """The tasks of one computation."""

    counts: Counts
    is_done: bool | None
    """``None``: some of its tasks were not counted."""


def tally(counts: Counts) -> Tally:
    """Return the sums of these counts."""
    done = sum(counts.get(state, 0) for state in DONE_STATES)
    return Tally(done=done, erred=counts.get("erred", 0), total=sum(counts.values()))


def _sum(parts: Iterable[Tally]) -> Tally:
    known = tuple(parts)
    return Tally(
        done=sum(part.done for part in known),
        erred=sum(part.erred for part in known),
        total=sum(part.total for part in known),
    )


class ProgressTracker:
    """Counts the tasks of one scheduler in *bursts*: computations of which each overlaps another in time.

    Between bursts, the last one is counted until the scheduler has forgotten all tasks.
    """

    def __init__(self) -> None:
        self._running: frozenset[str] = frozenset()
        self._has_names = False
        # Of the current burst: its computations; by task name the forgotten tasks that are not of it; all tasks that
        # are not of it; and its own.
        self._burst: set[str] = set()
        self._forgotten_before: dict[str, int] = {}
        self._ever_before = 0
        self._total = 0

    def update(
        self, names: Mapping[str, NameCounts], computations: Mapping[str, ComputationCounts], forgotten_ever: int
    ) -> tuple[dict[str, Tally], Tally]:
        """Return the tasks of each name, and of the current burst as a whole.

        Parameters
        ----------
        names
            By name, those that have tasks.
        computations
            By id, the newest ones, oldest first.
        forgotten_ever
            Tasks of all names that the scheduler has forgotten since it started.
        """
        running = frozenset(number for number, one in computations.items() if one.is_done is not True)
        is_new = bool(running) and not running & self._running
        if is_new:
            self._burst.clear()
            self._forgotten_before.clear()
            self._total = 0
        is_first = is_new or not self._has_names
        self._running, self._has_names = running, self._has_names or bool(names)
        self._burst |= running
        if not self._burst and computations:  # nothing has been running since dasktop was started
            self._burst.add(tuple(computations)[-1])
        known = _sum(tally(one.counts) for one in names.values())
        # All tasks that the scheduler ever knew.
        ever = forgotten_ever + known.total - sum(one.counts.get("forgotten", 0) for one in names.values())
        of_names = {name: self._of_name(name, one, is_first) for name, one in names.items()}
        if ever == forgotten_ever:
            return of_names, Tally()
        burst = [computations.get(number) for number in self._burst]
        exact = [tally(one.counts) for one in burst if one is not None and one.is_done is not None]
        if burst and len(exact) == len(burst):
            whole = _sum(exact)
            self._ever_before = ever - whole.total
        else:
            if is_first:
                self._ever_before = ever - known.total
            unfinished = known.total - known.done
            total = max(ever - self._ever_before, unfinished)
            whole = Tally(done=total - unfinished, erred=known.erred, total=total)
        self._total = max(self._total, whole.total)
        # Tasks that are no longer counted are done.
        return of_names, Tally(done=whole.done + self._total - whole.total, erred=whole.erred, total=self._total)

    def _of_name(self, name: str, one: NameCounts, is_first: bool) -> Tally:
        """Return the tasks of a name, with those that were forgotten during the burst."""
        known = one.counts.get("forgotten", 0)
        ever = known if one.forgotten_ever is None else one.forgotten_ever
        before = self._forgotten_before.setdefault(name, ever - known if is_first else 0)
        return tally({**one.counts, "forgotten": max(known, ever - before)})
