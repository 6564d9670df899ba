"""The load of workers at one moment, its peaks, and its sums over a run. Pure.

Figures of an edited recording may be any number: negative and impossibly large ones count as unknown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from dasktop.collectors.model.jobs import threads_busy
from dasktop.collectors.model.report import Hours, Peaks
from dasktop.collectors.model.snapshot import UseSource, Worker
from dasktop.collectors.model.sums import Number, sum_if_all_known, sum_of_known
from dasktop.collectors.text.format import GIB

_TOO_LARGE = 1e18
_LAST = datetime.max.replace(microsecond=0, tzinfo=UTC).timestamp()


@dataclass(slots=True)
class Load:
    """Sums over some workers, and the values of the largest; ``None`` if unknown."""

    workers: int = 0
    threads: int = 0
    threads_busy: int | None = 0
    """``None`` if it is unknown for any worker."""
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    largest_bytes: int | None = None
    """The memory of the worker that uses most."""
    largest_limit_bytes: int | None = None
    spilled_bytes: int | None = None
    """The spilled bytes of the worker that has spilled most."""
    several_workers: int = 0
    """How many run two or more tasks and have a known CPU use."""
    several_tasks: int = 0
    several_cpu_percent: float = 0.0

    def add(self, other: "Load") -> None:
        """Add the load of other workers."""
        self.workers += other.workers
        self.threads += other.threads
        are_known = self.threads_busy is not None and other.threads_busy is not None
        self.threads_busy = (self.threads_busy or 0) + (other.threads_busy or 0) if are_known else None
        if other.cpu_percent is not None:
            self.cpu_percent = (self.cpu_percent or 0.0) + other.cpu_percent
        if other.memory_bytes is not None:
            self.memory_bytes = (self.memory_bytes or 0) + other.memory_bytes
        self._note_largest(other)

    def add_memory(self, memory_bytes: int | None, limit_bytes: int | None, spilled_bytes: int | None) -> None:
        """Add the memory of one more worker."""
        if memory_bytes is not None and 0 <= memory_bytes < _TOO_LARGE:
            self.memory_bytes = (self.memory_bytes or 0) + memory_bytes
            if self.largest_bytes is None or memory_bytes > self.largest_bytes:
                self.largest_bytes, self.largest_limit_bytes = memory_bytes, sane(limit_bytes)
        if spilled_bytes is not None and 0 <= spilled_bytes < _TOO_LARGE and spilled_bytes > (self.spilled_bytes or -1):
            self.spilled_bytes = spilled_bytes

    def raise_to(self, other: "Load") -> None:
        """Keep the higher of each value."""
        if other.workers > self.workers:
            self.workers = other.workers
        if other.threads > self.threads:
            self.threads = other.threads
        self.threads_busy = higher(self.threads_busy, other.threads_busy)
        self.cpu_percent = higher(self.cpu_percent, other.cpu_percent)
        self.memory_bytes = higher(self.memory_bytes, other.memory_bytes)
        self._note_largest(other)

    def _note_largest(self, other: "Load") -> None:
        if other.largest_bytes is not None and other.largest_bytes >= (self.largest_bytes or 0):
            self.largest_bytes, self.largest_limit_bytes = other.largest_bytes, other.largest_limit_bytes
        self.spilled_bytes = higher(self.spilled_bytes, other.spilled_bytes)

    def peaks(self, max_rss_bytes: int | None = None) -> Peaks:
        """Return the values as peaks."""
        return Peaks(
            workers=self.workers or None,
            threads=self.threads or None,
            threads_busy=self.threads_busy,
            cpu_percent=None if self.cpu_percent is None else round(self.cpu_percent, 1),
            memory_bytes=self.memory_bytes,
            worker_memory_bytes=self.largest_bytes,
            worker_memory_limit_bytes=self.largest_limit_bytes,
            worker_spilled_bytes=self.spilled_bytes,
            max_rss_bytes=max_rss_bytes,
        )


def load_of(workers: Iterable[Worker]) -> Load:
    """Return the load of these workers."""
    load = Load()
    for worker in workers:
        load.workers += 1
        nthreads = sane(worker.nthreads)
        load.threads += nthreads or 0
        busy = threads_busy(sane(worker.executing), nthreads)
        load.threads_busy = sum_if_all_known((load.threads_busy, busy))
        load.add_memory(worker.memory_bytes, worker.memory_limit_bytes, worker.spilled_bytes)
        cpu = worker.cpu_percent
        if cpu is not None and 0 <= cpu < _TOO_LARGE:
            load.cpu_percent = (load.cpu_percent or 0.0) + cpu
            if busy is not None and busy >= 2:
                load.several_workers += 1
                load.several_tasks += busy
                load.several_cpu_percent += cpu
    return load


def sane(value: int | None) -> int | None:
    """Return a count, or ``None`` if it is impossible."""
    return value if value is not None and 0 <= value < _TOO_LARGE else None


def moment(seconds: float) -> datetime:
    """Return the time for seconds since 1970, at most the latest that ``datetime`` can hold."""
    return datetime.fromtimestamp(min(seconds, _LAST), UTC)


def higher(one: Number | None, other: Number | None) -> Number | None:
    """Return the higher value; an unknown one counts as lower."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


class Coverage:
    """A set of time intervals, added in order. Adjacent ones are merged."""

    def __init__(self, parts: "Iterable[Coverage]" = ()) -> None:
        self._stretches: list[tuple[float, float]] = sorted(stretch for part in parts for stretch in part._stretches)

    def add(self, begin: float, end: float) -> None:
        """Add an observed interval."""
        if self._stretches and self._stretches[-1][0] <= begin <= self._stretches[-1][1]:
            begin, end = self._stretches[-1][0], max(end, self._stretches.pop()[1])
        self._stretches.append((begin, end))

    def seconds(self, begin: float = float("-inf"), end: float = float("inf")) -> float:
        """Return the observed seconds between two times."""
        return sum(max(0.0, min(end, last) - max(begin, first)) for first, last in self._stretches)

    def begins_at(self, moment: float) -> bool:
        """Whether an interval begins at this time, so that the time just before was not observed."""
        return any(first == moment for first, _ in self._stretches)


@dataclass(slots=True)
class Sum:
    """A value integrated over time."""

    seconds: float = 0.0
    """How long the value was known."""
    total: float = 0.0
    """Value times seconds."""

    def add(self, value: float | None, seconds: float) -> None:
        """Add a value that was constant for this many seconds."""
        if value is not None:
            self.seconds += seconds
            self.total += value * seconds


class Seconds(NamedTuple):
    """How the time of a run was spent."""

    elapsed: float | None
    """From start to end without suspended time; ``None`` if SLURM does not report it."""
    observed: float
    waiting: float | None
    """Until the first worker; ``None`` if that was there before the first snapshot."""
    with_workers: float
    without_workers: float
    without_tasks: float


@dataclass(slots=True)
class Run:
    """What is known of a run so far. A job that SLURM requeues has several runs."""

    started_at: float | None = None
    ended_at: float | None = None
    """Its end, or when SLURM last reported it as running."""
    cpus: int | None = None
    """Allocated CPUs."""
    memory_bytes: int | None = None
    first_worker_at: float | None = None
    with_workers_seconds: float = 0.0
    without_tasks_seconds: float = 0.0
    suspended_seconds: float = 0.0
    """Time that SLURM does not count as allocated."""
    suspended_observed_seconds: float = 0.0
    """The part of it in which dask answered."""
    cores: Sum = field(default_factory=Sum)
    """Busy cores."""
    gib: Sum = field(default_factory=Sum)
    """Memory in use, in GiB."""
    cpu_seconds_by_slurm: int | None = None
    _latest: tuple[Load, float, float] | None = None
    """The latest load, when it began, and its seconds."""

    _latest_suspension: tuple[float, float, bool] | None = None
    """When the latest suspended interval began, its seconds, and whether dask answered in it."""

    @property
    def granted_gib(self) -> float | None:
        """Allocated memory in GiB."""
        return None if self.memory_bytes is None else self.memory_bytes / GIB

    def use(self, load: Load, begin: float, seconds: float) -> None:
        """Add the load of its workers, which lasted ``seconds`` from ``begin`` on."""
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
        """Add suspended time."""
        self._latest_suspension = begin, seconds, is_observed
        self._add_suspension(seconds, is_observed=is_observed)

    def _add_suspension(self, seconds: float, *, is_observed: bool) -> None:
        self.suspended_seconds += seconds
        if is_observed:
            self.suspended_observed_seconds += seconds

    def end(self, moment: float) -> None:
        """Set the end, and subtract the part of the latest load that was counted beyond it."""
        self.ended_at = moment
        if self._latest is not None:
            load, begin, seconds = self._latest
            excess = min(seconds, begin + seconds - moment)
            if excess > 0:
                self._latest = load, begin, seconds - excess
                self._add(load, -excess)
        if self._latest_suspension is not None:
            begin, seconds, is_observed = self._latest_suspension
            excess = min(seconds, begin + seconds - moment)
            if excess > 0:
                self._latest_suspension = begin, seconds - excess, is_observed
                self._add_suspension(-excess, is_observed=is_observed)

    def seconds(self, coverage: Coverage, longest_gap_seconds: float) -> Seconds:
        """Return how the time of the run was spent, as far as it was observed."""
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


_SECONDS_AN_HOUR = 3600
_FIELDS = Hours.__struct_fields__
_DIGITS = 6

NOTHING = Hours(**dict.fromkeys(_FIELDS, 0.0))
"""The hours of a job that has not started."""


class Use(NamedTuple):
    """How much of a resource was used during a run."""

    total: float | None
    """Core-seconds or GiB-seconds."""
    source: UseSource | None
    watched_seconds: float
    """Observed time with workers: only for this time is idleness known."""
    only_slurm: float = 0.0
    """The part of the total that no worker measured; when it was used is unknown."""


def use_of(seconds: Seconds, measured: Sum, by_slurm: float | None = None) -> Use:
    """Return how much was used.

    SLURM's figure is taken if it is higher than what the workers measured, since both may be too low
    and none is too high. If the run was observed and had no worker, dask's figure is 0.
    """
    measured_seconds = min(measured.seconds, seconds.with_workers)
    by_dask = measured.total if measured.seconds else None
    if by_dask is None and seconds.observed and not seconds.with_workers:
        by_dask = 0.0
    if by_slurm is not None and (by_dask is None or by_slurm > by_dask):
        return Use(by_slurm, "slurm", seconds.with_workers, by_slurm - (by_dask or 0.0))
    return Use(by_dask, None if by_dask is None else "dask", measured_seconds)


def hours_of(granted: float | None, seconds: Seconds, use: Use) -> Hours:
    """Return how a run's hours were used; ``granted`` is in cores or GiB.

    Time that was not observed never counts as idle, as there may have been no worker. What only SLURM measured is
    attributed to that time as far as it fits, and the rest to the observed time (programs that tasks start).
    """
    if granted is None or seconds.elapsed is None:
        return _hours({"used": use.total})
    without_workers = (seconds.waiting or 0.0) + seconds.without_workers
    unobserved = granted * max(0.0, seconds.elapsed - without_workers - use.watched_seconds)
    used_unobserved = min(use.only_slurm, unobserved)
    idle = granted * use.watched_seconds - ((use.total or 0.0) - used_unobserved)
    was_observed = seconds.observed > 0
    return _hours(
        {
            "granted": granted * seconds.elapsed,
            "used": use.total,
            "idle": max(0.0, idle) if was_observed and use.total is not None else None,
            "without_tasks": granted * seconds.without_tasks if was_observed else None,
            "waiting_for_first_worker": granted * seconds.waiting
            if was_observed and seconds.waiting is not None
            else None,
            "without_workers": granted * seconds.without_workers if was_observed else None,
            "unobserved": unobserved - used_unobserved,
        }
    )


def sum_of_hours(parts: Iterable[Hours]) -> Hours:
    """Return the sums of the known values; ``None`` where none is known."""
    parts = tuple(parts)
    return _hours({field: sum_of_known(getattr(part, field) for part in parts) for field in _FIELDS}, 1.0)


def _hours(values: Mapping[str, float | None], per_hour: float = _SECONDS_AN_HOUR) -> Hours:
    return Hours(
        **{
            field: None if (value := values.get(field)) is None else round(value / per_hour, _DIGITS)
            for field in _FIELDS
        }
    )
