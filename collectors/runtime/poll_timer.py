"""Decides when to poll one source next. Does no I/O."""

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Awaitable, Callable

from dasktop.collectors.model.errors import SourceError, describe_own_fault
from dasktop.collectors.sources.health import SourceLog
from dasktop.collectors.system.backoff import Backoff

LONGEST_PAUSE_SECONDS = 60.0
MOST_OF_THE_TIME = 0.5
"""Share of the time in which a source may be polled; the interval is lengthened for slower polls."""
_POLLS_COMPARED = 3
_SHORTEN_BELOW = 0.75
"""The interval is shortened when polls take less than this share of what lengthened it, so that it seldom changes."""


class PollTimer:
    """Decides when to poll one source next.

    Parameters
    ----------
    interval_seconds
        Between the starts of two successful polls. It is lengthened, up to a minute, if polls and their snapshots take
        more than half of it. Each failure in a row doubles it, up to a minute, with jitter, so that many dasktop
        processes that lost SLURM at the same moment do not all poll it again at the same moment.
    floor_seconds
        The minimum time between the starts of two polls.
    calm_seconds
        While nothing changes, each pause is one interval longer than the last, up to this.
    on_change
        Called when slow polls have lengthened the interval, or it is shortened again.
    """

    def __init__(
        self,
        log: SourceLog,
        interval_seconds: float,
        floor_seconds: float = 0.0,
        calm_seconds: float = 0.0,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._log = log
        self._interval_seconds = max(interval_seconds, floor_seconds)
        self._floor_seconds = floor_seconds
        self._calm_seconds = calm_seconds
        self._on_change = on_change
        self._durations: deque[float] = deque(maxlen=_POLLS_COMPARED)
        self._lengthened_seconds = 0.0
        self._usual_duration = 0.0
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

    @property
    def interval_seconds(self) -> float:
        """The interval between successful polls, which may be longer than the given one."""
        return max(self._interval_seconds, self._lengthened_seconds)

    @property
    def slow_poll_seconds(self) -> float | None:
        """How long polls took that made the interval longer than the given one; ``None``: it is not."""
        return self._usual_duration if self._lengthened_seconds > self._interval_seconds else None

    def note_duration(self, seconds: float) -> None:
        """Record how long a successful poll and its snapshot took, and choose the interval.

        The median of three polls counts, so that one slow poll, such as the first, changes nothing.
        """
        self._durations.append(seconds)
        usual = sorted(self._durations)[(len(self._durations) - 1) // 2]
        needed_seconds = min(usual / MOST_OF_THE_TIME, LONGEST_PAUSE_SECONDS)
        is_too_short = needed_seconds > self.interval_seconds
        is_too_long = self._lengthened_seconds > 0 and usual < _SHORTEN_BELOW * self._usual_duration
        if len(self._durations) > 1 and (is_too_short or is_too_long):
            self._usual_duration = usual
            self._lengthened_seconds = math.ceil(needed_seconds) if needed_seconds > self._interval_seconds else 0.0
            self._on_change()

    def change(self, interval_seconds: float) -> None:
        """Change the interval, and poll now."""
        self._interval_seconds = max(interval_seconds, self._floor_seconds)
        self.poll_now()

    def pause_seconds(self) -> float:
        """Return how long to pause after the latest poll."""
        failures = self._log.failures_in_a_row
        interval_seconds = self.interval_seconds
        if not failures:
            calm_seconds = interval_seconds * (1 + self._same_in_a_row)
            return max(interval_seconds, min(calm_seconds, self._calm_seconds))
        longest_seconds = max(interval_seconds, LONGEST_PAUSE_SECONDS)
        return Backoff(2 * interval_seconds, longest_seconds, jitter=0.25).pause_seconds(failures)

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
            if not self._log.failures_in_a_row:
                self.note_duration(now() - started_at)
            await asyncio.sleep(max(0.0, started_at + self._floor_seconds - now()))
            while not self._is_due and (left := started_at + self.pause_seconds() - now()) > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), left)
                self._woken.clear()
