"""The state of each source: the `Source` entries of a snapshot. Queries nothing itself."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from dasktop.collectors.model.errors import SourceError, SourceOffError
from dasktop.collectors.model.snapshot import Source, SourceState

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boottime_seconds() -> float:
    """Return monotonic seconds that also count while the machine sleeps, since answers age then, too.

    Linux has `CLOCK_BOOTTIME` for that; on other systems, the monotonic clock does.
    """
    return time.clock_gettime(_CLOCK)


class SourceLog:
    """Records when a source last answered, how fast, and its last error.

    Parameters
    ----------
    name
        As in the snapshot: ``dask``, ``slurm.queue``, …
    stale_after_seconds
        An answer older than this is stale, even if no later call has failed: a call may hang.
    """

    def __init__(self, name: str, stale_after_seconds: float) -> None:
        self.name = name
        self.stale_after_seconds = stale_after_seconds
        self.failures_in_a_row = 0
        self.error: str | None = None
        self.is_off = False
        """Whether it is unavailable, by its last answer, or not to be queried."""
        self._was_asked = False
        self._answered_at: float | None = None
        self._latency_seconds: float | None = None

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Time one call. A `SourceError` is recorded and re-raised."""
        started_at = boottime_seconds()
        self._was_asked = True
        try:
            yield
        except SourceError as error:
            self.fail(str(error))
            self.is_off = isinstance(error, SourceOffError)
            raise
        self._answered_at = boottime_seconds()
        self._latency_seconds = self._answered_at - started_at
        self.error, self.is_off, self.failures_in_a_row = None, False, 0

    def fail(self, error: str) -> None:
        """Record a failure; the last answer stays valid."""
        self.error, self._was_asked = error, True
        self.failures_in_a_row += 1

    def remark(self, error: str) -> None:
        """Record an error in an otherwise valid answer."""
        self.error = error

    def switch_off(self, reason: str) -> None:
        """Record that the source is not queried, and why."""
        self.error, self.is_off = reason, True

    @property
    def has_answered(self) -> bool:
        """Whether it has ever answered."""
        return self._answered_at is not None

    def source(self) -> Source:
        """Return its current state."""
        age_seconds = None if self._answered_at is None else boottime_seconds() - self._answered_at
        return Source(
            name=self.name,
            state=self._state(age_seconds),
            age_seconds=None if age_seconds is None else round(age_seconds, 3),
            latency_seconds=None if self._latency_seconds is None else round(self._latency_seconds, 4),
            error=self.error,
        )

    def _state(self, age_seconds: float | None) -> SourceState:
        if self.is_off or not self._was_asked:
            return "off"
        if age_seconds is None:
            return "error" if self.failures_in_a_row else "stale"
        return "stale" if self.failures_in_a_row or age_seconds > self.stale_after_seconds else "ok"
