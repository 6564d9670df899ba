"""One measured value with its goal, and how values are measured."""

import resource
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from time import process_time, thread_time
from typing import Literal, NamedTuple, Self

import msgspec

from dasktop.collectors.model.record import Record


class Row(Record, frozen=True, kw_only=True):
    """A row of the output, printed as one line of JSON."""

    name: str
    measured: float
    unit: str
    """``ms`` is CPU time, not elapsed time: other work of the machine affects it little."""
    ratio: float | None
    """`measured` by what `base` took in the same run."""
    base: str | None
    bound: float
    """The goal."""
    bounds: Literal["measured", "ratio"]
    """Which of the two must not be larger than `bound`."""
    is_met: bool

    @classmethod
    def of_ratio(cls, name: str, measured: float, unit: str, base: str, of_base: float, bound: float) -> Self:
        """Return a row whose goal is a share of something else that was measured in the same run."""
        ratio = measured / of_base
        return cls(
            name=name,
            measured=_rounded(measured),
            unit=unit,
            ratio=_rounded(ratio),
            base=f"{base}: {_rounded(of_base):g} {unit}",
            bound=bound,
            bounds="ratio",
            is_met=ratio <= bound,
        )

    @classmethod
    def of_time(cls, name: str, seconds: float, yardstick_seconds: float, bound_ms: float) -> Self:
        """Return a row whose goal is a CPU time; the ratio to the yardstick compares machines."""
        return cls(
            name=name,
            measured=_rounded(1000 * seconds),
            unit="ms",
            ratio=_rounded(seconds / yardstick_seconds),
            base=f"a loop of plain Python: {_rounded(1000 * yardstick_seconds):g} ms",
            bound=bound_ms,
            bounds="measured",
            is_met=1000 * seconds <= bound_ms,
        )

    @classmethod
    def of_amount(cls, name: str, measured: float, unit: str, bound: float) -> Self:
        """Return a row whose goal is an amount that does not depend on the machine."""
        return cls(
            name=name,
            measured=_rounded(measured),
            unit=unit,
            ratio=None,
            base=None,
            bound=bound,
            bounds="measured",
            is_met=measured <= bound,
        )

    @property
    def line(self) -> str:
        """The row as JSON."""
        return msgspec.json.encode(self).decode()


def _rounded(number: float) -> float:
    """Return three significant digits, and all digits before the point."""
    return float(round(number)) if abs(number) >= 100 else float(f"{number:.3g}")


def yardstick() -> float:
    """Return the CPU seconds of a loop of plain Python: the speed of this machine at this moment."""

    def loop() -> None:
        found: dict[str, tuple[int, str]] = {}
        for number in range(20_000):
            found[f"{number}"] = (number, "x")
        sum(number for number, _ in found.values())

    return min(cpu_seconds(loop) for _ in range(5))


def cpu_seconds(function: Callable[[], object]) -> float:
    """Return the CPU seconds of this thread for one call."""
    began_at = thread_time()
    function()
    return thread_time() - began_at


def in_turns(functions: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Return the median CPU seconds of each, measured in turns, so that all have the same load of the machine."""
    found = [[cpu_seconds(function) for function in functions] for _ in range(rounds)]
    return [median(column) for column in zip(*found, strict=True)]


class Process(NamedTuple):
    """CPU seconds of this process, and of its children that have ended."""

    own: float
    children: float

    @classmethod
    def now(cls) -> Self:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return cls(process_time(), used.ru_utime + used.ru_stime)


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the smallest value that is not exceeded by this share of all."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
