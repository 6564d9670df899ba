"""Which stretches of time were observed. Pure; times are seconds since 1970."""

from collections.abc import Iterable


class Coverage:
    """A set of stretches, added in order. One after the other becomes one; a gap costs two numbers."""

    def __init__(self, parts: "Iterable[Coverage]" = ()) -> None:
        self._stretches: list[tuple[float, float]] = sorted(stretch for part in parts for stretch in part._stretches)

    def add(self, begin: float, end: float) -> None:
        """Note that this stretch was observed."""
        if self._stretches and self._stretches[-1][0] <= begin <= self._stretches[-1][1]:
            begin, end = self._stretches[-1][0], max(end, self._stretches.pop()[1])
        self._stretches.append((begin, end))

    def seconds(self, begin: float = float("-inf"), end: float = float("inf")) -> float:
        """Return how much was observed between two moments."""
        return sum(max(0.0, min(end, last) - max(begin, first)) for first, last in self._stretches)

    def begins_at(self, moment: float) -> bool:
        """Whether a stretch begins at this moment: nothing is known of just before."""
        return any(first == moment for first, _ in self._stretches)
