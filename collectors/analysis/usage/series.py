"""Time series with a bounded number of steps: when there are too many, steps double in length. Pure."""

MOST_STEPS = 240

Pieces = list[tuple[int, float]]
"""Step indices, each with the seconds in that step."""


class Grid:
    """The steps that all time series share.

    Parameters
    ----------
    step_seconds
        Initial length of a step.
    """

    def __init__(self, step_seconds: float) -> None:
        self.begin: float | None = None
        """When the first step begins, in seconds since 1970: at the first interval that is added."""
        self.step_seconds = step_seconds
        self._tracks: list[Track] = []

    def track(self) -> "Track":
        """Return a new time series on this grid."""
        track = Track()
        self._tracks.append(track)
        return track

    def pieces(self, begin: float, end: float) -> Pieces:
        """Return an interval divided into steps; the part before the first step is left out."""
        if begin >= end:
            return []
        if self.begin is None:
            self.begin = begin
        first, last = max(0.0, begin - self.begin), end - self.begin
        while last > MOST_STEPS * self.step_seconds:
            self.step_seconds *= 2
            for track in self._tracks:
                track.fold()
        pieces: Pieces = []
        index = int(first // self.step_seconds)
        while first < last:
            border = min(last, (index + 1) * self.step_seconds)
            pieces.append((index, border - first))
            first, index = border, index + 1
        return pieces


class Track:
    """Sums of several values times seconds, for each step."""

    def __init__(self) -> None:
        self._sums: dict[int, list[float]] = {}

    def add(self, pieces: Pieces, *values: float) -> None:
        """Add values that were constant over these pieces."""
        for index, seconds in pieces:
            sums = self._sums.get(index)
            if sums is None:
                sums = self._sums[index] = [0.0] * (len(values) + 1)
            sums[0] += seconds
            for place, value in enumerate(values, start=1):
                sums[place] += value * seconds

    def fold(self) -> None:
        """Merge each pair of steps into one."""
        folded: dict[int, list[float]] = {}
        for index, sums in self._sums.items():
            into = folded.setdefault(index // 2, [0.0] * len(sums))
            for place, value in enumerate(sums):
                into[place] += value
        self._sums = folded

    @property
    def steps(self) -> range:
        """The range from the first to the last step with data."""
        return range(min(self._sums), max(self._sums) + 1) if self._sums else range(0)

    def means(self, place: int, steps: range, digits: int) -> tuple[float | None, ...]:
        """Return the rounded mean of one value in each of these steps; ``None`` in steps without data."""
        found = (self._sums.get(index) for index in steps)
        return tuple(round(sums[place + 1] / sums[0], digits) if sums else None for sums in found)
