"""Decides when to poll one source next. Does no I/O."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from dasktop.collectors.model.errors import SourceError, describe_own_fault
from dasktop.collectors.sources.health import SourceLog
from dasktop.collectors.system.backoff import Backoff

LONGEST_PAUSE_SECONDS = 60.0


class PollTimer:
    """Decides when to poll one source next.

    Parameters
    ----------
    interval_seconds
        Between two successful polls. Each failure in a row doubles it, up to a minute, with jitter, so that many
        dasktop processes that lost SLURM at the same moment do not all poll it again at the same moment.
    floor_seconds
        The minimum time between the starts of two polls.
    calm_seconds
        While nothing changes, each pause is one interval longer than the last, up to this.
    """

    def __init__(
        self, log: SourceLog, interval_seconds: float, floor_seconds: float = 0.0, calm_seconds: float = 0.0
    ) -> None:
        self._log = log
        self._interval_seconds = max(interval_seconds, floor_seconds)
        self._floor_seconds = floor_seconds
        self._calm_seconds = calm_seconds
        self._last_answer: object = None
        self._same_in_a_row = 0
        self._is_due = False
        self._woken = asyncio.Event()

    def poll_now(self) -> None:
        """Poll again as soon as `floor_seconds` allows."""
        self._is_due = True
        self._woken.set()

    def poll_soon(self) -> None:
        """Poll again after the normal interval: something may have changed."""
        self._same_in_a_row = 0
        self._woken.set()

    def note(self, answer: object) -> None:
        """Record the latest answer, to detect that nothing changes."""
        self._same_in_a_row = self._same_in_a_row + 1 if answer == self._last_answer else 0
        self._last_answer = answer

    def change(self, interval_seconds: float) -> None:
        """Change the interval, and poll now."""
        self._interval_seconds = max(interval_seconds, self._floor_seconds)
        self.poll_now()

    def pause_seconds(self) -> float:
        """Return how long to pause after the latest poll."""
        failures = self._log.failures_in_a_row
        if not failures:
            calm_seconds = self._interval_seconds * (1 + self._same_in_a_row)
            return max(self._interval_seconds, min(calm_seconds, self._calm_seconds))
        longest_seconds = max(self._interval_seconds, LONGEST_PAUSE_SECONDS)
        return Backoff(2 * self._interval_seconds, longest_seconds, jitter=0.25).pause_seconds(failures)

    async def keep(self, poll: Callable[[], Awaitable[None]], after_each: Callable[[], None]) -> None:
        """Poll forever. Errors of the source are in its log; unexpected exceptions are added there, to be shown."""
        now = asyncio.get_running_loop().time
        while True:
            started_at = now()
            self._is_due = False
            try:
                await poll()
            except SourceError:
                pass  # recorded in its log, and shown by `after_each`
            except Exception as error:  # noqa: BLE001 - shown as the source's error; polling continues
                self._log.fail(describe_own_fault(error))
            after_each()
            await asyncio.sleep(max(0.0, started_at + self._floor_seconds - now()))
            while not self._is_due and (left := started_at + self.pause_seconds() - now()) > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), left)
                self._woken.clear()
