"""Exponential backoff for a source that fails, with an upper bound. Queries nothing itself."""

from collections.abc import Callable, Iterable, Iterator
from time import monotonic

Clock = Callable[[], float]

MAX_PAUSE_SECONDS = 300.0


def pause_seconds(interval_seconds: float, times: int) -> float:
    """Return the pause after this many failures: twice as long after each."""
    return min(interval_seconds * 2.0 ** (min(times, 32) - 1), MAX_PAUSE_SECONDS)


class Backoff:
    """Keeps a failing source from being queried at every poll."""

    def __init__(self, interval_seconds: float, clock: Clock = monotonic) -> None:
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._failures = 0
        self._over_at = float("-inf")

    @property
    def is_over(self) -> bool:
        """Whether the source may be queried."""
        return self._clock() >= self._over_at

    def after_failure(self) -> None:
        """Begin a pause, longer than the last one."""
        self._failures += 1
        self._over_at = self._clock() + pause_seconds(self._interval_seconds, self._failures)

    def after_success(self) -> None:
        """Reset."""
        self._failures, self._over_at = 0, float("-inf")


def batches(items: Iterable[str], size: int) -> Iterator[tuple[str, ...]]:
    """Yield the items, at most `size` at a time."""
    kept = tuple(items)
    for start in range(0, len(kept), size):
        yield kept[start : start + size]
