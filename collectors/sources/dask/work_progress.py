"""How many tasks are done of those that are being computed. Neither number shrinks while a computation runs. Pure.

Tasks that the scheduler has released or forgotten count as done: it does so when nobody needs their results any more.
Only lost results, which are computed again, make the number of done tasks smaller.

Which computations belong together is told by their times, so that the first reading agrees with later ones.
"""

import math
from collections.abc import Iterable, Mapping

from dasktop.collectors.model.record import Record

DONE_STATES = ("memory", "released", "forgotten")
CLOCK_ERROR_SECONDS = 0.25
"""A computation's end is by the clock of a worker. If it is so little after the begin of another, they do not overlap:
else computations that follow each other would be counted together."""
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
    began: float | None = None
    """When it was submitted, in seconds by the scheduler's clock."""
    ended: float | None = None
    """When its last task ended so far; ``None``: unknown."""

    @property
    def is_running(self) -> bool:
        """Whether it has tasks that are not done, as far as is known."""
        return self.is_done is not True

    def overlaps(self, other: "ComputationCounts") -> bool:
        """Return whether both were running at one time; ``False`` if unknown."""
        if self.began is None or other.began is None:
            return False
        return self.began <= other._surely_until() and other.began <= self._surely_until()

    def _surely_until(self) -> float:
        if self.is_running or self.began is None:
            return math.inf
        ended = max(self.began, self.ended or 0.0)
        return ended - min(CLOCK_ERROR_SECONDS, (ended - self.began) / 2)


def overlapping(computations: Mapping[str, ComputationCounts], with_these: Iterable[str]) -> set[str]:
    """Return these computations, those that overlapped one of them in time, those that overlapped these, and so on."""
    found = set(with_these)
    new = list(found)
    while new:
        one = computations[new.pop()]
        more = [number for number, other in computations.items() if number not in found and one.overlaps(other)]
        found.update(more)
        new += more
    return found


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
        self._has_names = False
        self._known: frozenset[str] = frozenset()  # the computations of the previous reading
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
        current = [number for number, one in computations.items() if one.is_running]
        newest = next(reversed(tuple(computations)), None)
        if not current and newest is not None and newest not in self._known:
            current = [newest]  # it has begun and ended since the previous reading
        self._known = frozenset(computations)
        together = overlapping(computations, current)
        is_new = bool(current) and not together & self._burst
        if is_new:
            self._burst.clear()
            self._forgotten_before.clear()
            self._total = 0
        is_first = is_new or not self._has_names
        self._has_names = self._has_names or bool(names)
        self._burst |= together
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
