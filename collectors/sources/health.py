"""How each source has been answering: the `Source` entries of a snapshot. Asks nothing itself."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from dasktop.collectors.model.errors import SourceError, SourceOffError
from dasktop.collectors.model.snapshot import Source, SourceState

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def seconds_awake_or_asleep() -> float:
    """Return seconds that only grow, and go on while the machine sleeps: answers grow old then, too.

    Linux has a clock of its own for that; elsewhere the monotonic one goes on.
    """
    return time.clock_gettime(_CLOCK)


class SourceLog:
    """Keeps when a source last answered, how fast, and what it said when it failed.

    Parameters
    ----------
    name
        As in the snapshot: ``dask``, ``slurm.queue``, …
    stale_after_seconds
        A good answer older than this is called stale, even if no later call has failed: a call may be hanging.
    """

    def __init__(self, name: str, stale_after_seconds: float) -> None:
        self.name = name
        self.stale_after_seconds = stale_after_seconds
        self.failures_in_a_row = 0
        self.error: str | None = None
        self.is_off = False
        """Whether it isn't there, as its last answer said, or isn't to be asked."""
        self._was_asked = False
        self._answered_at: float | None = None
        self._latency_seconds: float | None = None

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Time one call. A `SourceError` is noted and goes on to the caller."""
        started_at = seconds_awake_or_asleep()
        self._was_asked = True
        try:
            yield
        except SourceError as error:
            self.fail(str(error))
            self.is_off = isinstance(error, SourceOffError)
            raise
        self._answered_at = seconds_awake_or_asleep()
        self._latency_seconds = self._answered_at - started_at
        self.error, self.is_off, self.failures_in_a_row = None, False, 0

    def fail(self, error: str) -> None:
        """Note a failure; what was answered before stays what is known."""
        self.error, self._was_asked = error, True
        self.failures_in_a_row += 1

    def remark(self, error: str) -> None:
        """Note what was wrong with an answer that is good otherwise."""
        self.error = error

    def switch_off(self, reason: str) -> None:
        """Say that the source is not asked, and why."""
        self.error, self.is_off = reason, True

    @property
    def has_answered(self) -> bool:
        """Whether it ever gave a good answer."""
        return self._answered_at is not None

    def source(self) -> Source:
        """Return how it stands now."""
        age_seconds = None if self._answered_at is None else seconds_awake_or_asleep() - self._answered_at
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
