"""Where a moment, or a value, stands in a chart, and which of them are told beside it. Pure."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from math import ceil, floor, log10
from typing import NamedTuple

from dasktop.tui.draw.times import local

_STEPS_SECONDS = (1, 2, 5, 10, 15, 30, *(60 * n for n in (1, 2, 5, 10, 15, 30)), *(3600 * n for n in (1, 2, 3, 6, 12)))
_DAY_SECONDS = 86_400


class TimeAxis(NamedTuple):
    """From left to right."""

    begin: float
    """In seconds since 1970."""
    end: float
    left: float
    right: float

    def x(self, moment: float) -> float:
        """Return where a moment stands; one outside at the edge."""
        share = (moment - self.begin) / (self.end - self.begin) if self.end > self.begin else 0.0
        return self.left + (self.right - self.left) * min(1.0, max(0.0, share))

    def ticks(self, most: int = 9) -> Iterator[tuple[float, str]]:
        """Yield where round times of day stand, and their names."""
        length = self.end - self.begin
        step = next((step for step in _STEPS_SECONDS if length / step <= most), None)
        if step is None:
            step = _DAY_SECONDS * ceil(length / _DAY_SECONDS / most)
        # Without an offset from UTC: clocks may change between two ticks.
        first = local(datetime.fromtimestamp(self.begin, UTC)).replace(tzinfo=None)
        midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
        passed = ceil((first - midnight).total_seconds() / step) * step
        with suppress(OverflowError, ValueError):  # the end of all time, of an edited file
            while (at := (midnight + timedelta(seconds=passed)).timestamp()) <= self.end:
                told = midnight + timedelta(seconds=passed)
                if at >= self.begin and datetime.fromtimestamp(at) == told:
                    yield self.x(at), f"{told:{_form(step, passed)}}"
                passed += step


def _form(step: int, passed: int) -> str:
    if step >= _DAY_SECONDS or passed % _DAY_SECONDS == 0:
        return "%d %b"
    return "%H:%M" if step >= 60 else "%H:%M:%S"


class ValueAxis(NamedTuple):
    """From the bottom upwards; begins at 0."""

    top: float
    """The value at the upper edge."""
    step: float
    upper: float
    lower: float

    @classmethod
    def up_to(cls, highest: float, upper: float, lower: float, most: int = 4) -> "ValueAxis":
        """Return an axis of which round steps reach the highest value."""
        if highest < 1e-6:
            return cls(1.0, 1.0, upper, lower)
        rough = highest / most
        power = 10.0 ** floor(log10(rough))
        step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
        return cls(step * ceil(highest / step - 1e-9), step, upper, lower)

    def y(self, value: float) -> float:
        """Return where a value stands."""
        return self.lower - (self.lower - self.upper) * min(1.0, value / self.top)

    def ticks(self) -> Iterator[tuple[float, float]]:
        """Yield where round values stand, and the values."""
        for index in range(round(self.top / self.step) + 1):
            yield self.y(index * self.step), index * self.step
