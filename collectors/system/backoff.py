"""Exponential back-off: how long to wait before a failed call is repeated. Does not wait or call anything itself."""

import random
from collections.abc import Callable
from math import inf
from time import monotonic

Clock = Callable[[], float]
"""A monotonic clock, in seconds."""

LONGEST_PAUSE_SECONDS = 300.0


class Backoff:
    """Counts failures in a row; each doubles the pause, up to a bound.

    Parameters
    ----------
    first_seconds
        The pause after the first failure.
    longest_seconds
        The bound.
    clock
        A monotonic clock, in seconds.
    jitter
        The random part of each pause: 0.25 makes a pause up to 25 % shorter or longer.
    """

    def __init__(
        self,
        first_seconds: float,
        longest_seconds: float = LONGEST_PAUSE_SECONDS,
        *,
        clock: Clock = monotonic,
        jitter: float = 0.0,
    ) -> None:
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds
        self._clock = clock
        self._jitter = jitter
        self._failures = 0
        self._over_at = -inf

    @property
    def is_over(self) -> bool:
        """Whether the pause is over, or there is none."""
        return self._clock() >= self._over_at

    def after_failure(self) -> None:
        """Begin a pause, longer than the last one."""
        self._failures += 1
        self._over_at = self._clock() + self.pause_seconds(self._failures)

    def after_success(self) -> None:
        """Reset."""
        self._failures, self._over_at = 0, -inf

    def pause_forever(self) -> None:
        """Begin a pause that only a success ends."""
        self._over_at = inf

    def pause_seconds(self, failures: int) -> float:
        """Return how long the pause is after this many failures in a row (at least one)."""
        seconds = min(self._first_seconds * 2.0 ** (min(failures, 32) - 1), self._longest_seconds)
        return seconds * random.uniform(1 - self._jitter, 1 + self._jitter)  # noqa: S311 - no secret
