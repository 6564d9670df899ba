"""One run of a job: the sums over its time, from its start to its end. Pure; times are seconds since 1970."""

from dataclasses import dataclass, field
from typing import NamedTuple

from dasktop.collectors.waste.coverage import Coverage
from dasktop.collectors.waste.load import Load

GIB = 1 << 30


@dataclass(slots=True)
class Sum:
    """A value summed over time."""

    seconds: float = 0.0
    """For how long it was known."""
    total: float = 0.0
    """The value times seconds."""

    def add(self, value: float | None, seconds: float) -> None:
        """Add a value that held for so long."""
        if value is not None:
            self.seconds += seconds
            self.total += value * seconds


class Seconds(NamedTuple):
    """How long a run was, and what was there in the meantime."""

    elapsed: float | None
    """From its start to its end, but for when it was suspended; ``None`` where SLURM doesn't tell."""
    observed: float
    waiting: float | None
    """Until its first worker; ``None`` where that was there before anybody looked."""
    with_workers: float
    without_workers: float
    without_tasks: float


@dataclass(slots=True)
class Run:
    """What is known of a run so far. SLURM may put a job back into the queue: then its next run is another one."""

    started_at: float | None = None
    ended_at: float | None = None
    """Its end, or when SLURM said last that it runs."""
    cpus: int | None = None
    """How many were granted."""
    memory_bytes: int | None = None
    first_worker_at: float | None = None
    with_workers_seconds: float = 0.0
    without_tasks_seconds: float = 0.0
    suspended_seconds: float = 0.0
    """In which SLURM counts nothing as granted."""
    suspended_observed_seconds: float = 0.0
    """So much of that dask answered."""
    cores: Sum = field(default_factory=Sum)
    """How many were busy."""
    gib: Sum = field(default_factory=Sum)
    """How much memory was in use."""
    cpu_seconds_by_slurm: int | None = None
    _latest: tuple[Load, float, float] | None = None
    """What its workers did last, from when on, and for how long."""

    _latest_suspension: tuple[float, float, bool] | None = None
    """When the latest suspended interval began, its seconds, and whether dask answered in it."""

    @property
    def granted_gib(self) -> float | None:
        """How much memory was granted."""
        return None if self.memory_bytes is None else self.memory_bytes / GIB

    def use(self, load: Load, begin: float, seconds: float) -> None:
        """Add what its workers did for so long, from ``begin`` on."""
        if self.first_worker_at is None:
            self.first_worker_at = begin
        self._latest = load, begin, seconds
        self._add(load, seconds)

    def _add(self, load: Load, seconds: float) -> None:
        self.with_workers_seconds += seconds
        if load.threads_busy == 0:
            self.without_tasks_seconds += seconds
        self.cores.add(None if load.cpu_percent is None else load.cpu_percent / 100, seconds)
        self.gib.add(None if load.memory_bytes is None else load.memory_bytes / GIB, seconds)

    def suspend(self, begin: float, seconds: float, *, is_observed: bool) -> None:
        """Note that it was suspended for so long."""
        self._latest_suspension = begin, seconds, is_observed
        self._add_suspension(seconds, is_observed=is_observed)

    def _add_suspension(self, seconds: float, *, is_observed: bool) -> None:
        self.suspended_seconds += seconds
        if is_observed:
            self.suspended_observed_seconds += seconds

    def end(self, moment: float) -> None:
        """Note when it ended: what was seen last stood for the time after it, too, but for no longer than that."""
        self.ended_at = moment
        if self._latest is not None:
            load, begin, seconds = self._latest
            too_long = min(seconds, begin + seconds - moment)
            if too_long > 0:
                self._latest = load, begin, seconds - too_long
                self._add(load, -too_long)
        if self._latest_suspension is not None:
            begin, seconds, is_observed = self._latest_suspension
            excess = min(seconds, begin + seconds - moment)
            if excess > 0:
                self._latest_suspension = begin, seconds - excess, is_observed
                self._add_suspension(-excess, is_observed=is_observed)

    def seconds(self, coverage: Coverage, longest_gap_seconds: float) -> Seconds:
        """Return how its time was spent, as far as it was observed."""
        if self.started_at is None or self.ended_at is None:
            return Seconds(None, 0.0, None, self.with_workers_seconds, 0.0, self.without_tasks_seconds)
        start, end = self.started_at, max(self.started_at, self.ended_at)
        elapsed = max(0.0, end - start - self.suspended_seconds)
        observed = min(elapsed, max(0.0, coverage.seconds(start, end) - self.suspended_observed_seconds))
        with_workers = min(self.with_workers_seconds, observed)
        waiting: float | None = observed - with_workers
        if self.first_worker_at is not None:
            waiting = min(waiting or 0.0, coverage.seconds(start, self.first_worker_at))
            if coverage.begins_at(self.first_worker_at) and self.first_worker_at - start > longest_gap_seconds:
                waiting = None
        return Seconds(
            elapsed=elapsed,
            observed=observed,
            waiting=waiting,
            with_workers=with_workers,
            without_workers=observed - with_workers - (waiting or 0.0),
            without_tasks=min(self.without_tasks_seconds, with_workers),
        )
