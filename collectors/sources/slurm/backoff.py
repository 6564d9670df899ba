"""When a source that has failed may be asked again: later each time, up to a bound. Asks nothing itself."""

from collections.abc import Callable, Iterable, Iterator
from time import monotonic

Clock = Callable[[], float]

MAX_PAUSE_SECONDS = 300.0


def pause_seconds(interval_seconds: float, times: int) -> float:
    """Return how long to wait after something went wrong this many times: double each time."""
    return min(interval_seconds * 2.0 ** (min(times, 32) - 1), MAX_PAUSE_SECONDS)


class Backoff:
    """Keeps a source that failed from being asked at every poll."""

    def __init__(self, interval_seconds: float, clock: Clock = monotonic) -> None:
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._failures = 0
        self._over_at = float("-inf")

    @property
    def is_over(self) -> bool:
        """Whether the source may be asked."""
        return self._clock() >= self._over_at

    def after_failure(self) -> None:
        """Wait, longer than the last time."""
        self._failures += 1
        self._over_at = self._clock() + pause_seconds(self._interval_seconds, self._failures)

    def after_success(self) -> None:
        """Ask as often as you like again."""
        self._failures, self._over_at = 0, float("-inf")


def batches(items: Iterable[str], size: int) -> Iterator[tuple[str, ...]]:
    """Yield the items, at most `size` at a time."""
    kept = tuple(items)
    for start in range(0, len(kept), size):
        yield kept[start : start + size]
