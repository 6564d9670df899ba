"""What workers do at one moment, and the highest that was seen of it. Pure.

Recordings come from anywhere: in one that was edited, a figure may be anything that JSON can hold. What is below 0, or
beyond anything that there is, is taken for unknown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, NamedTuple, TypeVar

from dasktop.collectors.model.report import Hours, Peaks
from dasktop.collectors.model.snapshot import Worker

Number = TypeVar("Number", int, float)

_BEYOND = 1e18
_LAST = datetime.max.replace(microsecond=0, tzinfo=UTC).timestamp()


@dataclass(slots=True)
class Load:
    """Sums over some workers, and the largest of them; ``None`` where nobody tells."""

    workers: int = 0
    threads: int = 0
    threads_busy: int | None = 0
    """``None`` as soon as one worker doesn't tell."""
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    largest_bytes: int | None = None
    """The memory of the worker that has most."""
    largest_limit_bytes: int | None = None
    spilled_bytes: int | None = None
    """Of the worker that has spilled most."""
    several_workers: int = 0
    """Those that run two tasks or more, and whose CPU is known."""
    several_tasks: int = 0
    several_cpu_percent: float = 0.0

    def add(self, other: "Load") -> None:
        """Add other workers."""
        self.workers += other.workers
        self.threads += other.threads
        both_tell = self.threads_busy is not None and other.threads_busy is not None
        self.threads_busy = (self.threads_busy or 0) + (other.threads_busy or 0) if both_tell else None
        if other.cpu_percent is not None:
            self.cpu_percent = (self.cpu_percent or 0.0) + other.cpu_percent
        if other.memory_bytes is not None:
            self.memory_bytes = (self.memory_bytes or 0) + other.memory_bytes
        self._note_largest(other)

    def add_memory(self, memory_bytes: int | None, limit_bytes: int | None, spilled_bytes: int | None) -> None:
        """Add what one more worker holds."""
        if memory_bytes is not None and 0 <= memory_bytes < _BEYOND:
            self.memory_bytes = (self.memory_bytes or 0) + memory_bytes
            if self.largest_bytes is None or memory_bytes > self.largest_bytes:
                self.largest_bytes, self.largest_limit_bytes = memory_bytes, sane(limit_bytes)
        if spilled_bytes is not None and 0 <= spilled_bytes < _BEYOND and spilled_bytes > (self.spilled_bytes or -1):
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
        """Return it as the highest that was seen."""
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
    """Return what these workers do."""
    load = Load()
    for worker in workers:
        load.workers += 1
        nthreads = worker.nthreads if worker.nthreads is not None and 0 <= worker.nthreads < _BEYOND else 0
        load.threads += nthreads
        executing = worker.executing if worker.executing is not None and 0 <= worker.executing < _BEYOND else None
        if executing is None:
            load.threads_busy = None
        elif load.threads_busy is not None:
            load.threads_busy += min(executing, nthreads)  # a task that has seceded holds no thread
        load.add_memory(worker.memory_bytes, worker.memory_limit_bytes, worker.spilled_bytes)
        cpu = worker.cpu_percent
        if cpu is not None and 0 <= cpu < _BEYOND:
            load.cpu_percent = (load.cpu_percent or 0.0) + cpu
            if executing is not None and min(executing, nthreads) >= 2:
                load.several_workers += 1
                load.several_tasks += min(executing, nthreads)
                load.several_cpu_percent += cpu
    return load


def sane(value: int | None) -> int | None:
    """Return a count, unless it can't be one."""
    return value if value is not None and 0 <= value < _BEYOND else None


def moment(seconds: float) -> datetime:
    """Return when that is, in seconds since 1970; the end of all time is not exact, and may lie behind it."""
    return datetime.fromtimestamp(min(seconds, _LAST), UTC)


def higher(one: Number | None, other: Number | None) -> Number | None:
    """Return the higher one; what is unknown is lower than anything."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


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

    def suspend(self, seconds: float, *, is_observed: bool) -> None:
        """Note that it was suspended for so long."""
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


Source = Literal["dask", "slurm"]

_SECONDS_AN_HOUR = 3600
_FIELDS = Hours.__struct_fields__
_DIGITS = 6

NOTHING = Hours(**dict.fromkeys(_FIELDS, 0.0))
"""Of a job that has not started."""


class Use(NamedTuple):
    """How much of something was in use over a run's time."""

    total: float | None
    """Cores or GiB, times seconds."""
    source: Source | None
    watched_seconds: float
    """With workers, and looked at: only of this time can it be told what was not used."""
    told_by_slurm_alone: float = 0.0
    """Part of the total that no worker has measured. When it was used, SLURM doesn't tell."""


def use_of(seconds: Seconds, measured: Sum, by_slurm: float | None = None) -> Use:
    """Return what was in use.

    SLURM's figure is taken where it is more than what the workers measured: both may miss something, and neither tells
    too much. Where somebody looked and there was no worker, nothing was used as far as dask can tell.
    """
    measured_seconds = min(measured.seconds, seconds.with_workers)
    by_dask = measured.total if measured.seconds else None
    if by_dask is None and seconds.observed and not seconds.with_workers:
        by_dask = 0.0
    if by_slurm is not None and (by_dask is None or by_slurm > by_dask):
        return Use(by_slurm, "slurm", seconds.with_workers, by_slurm - (by_dask or 0.0))
    return Use(by_dask, None if by_dask is None else "dask", measured_seconds)


def hours_of(granted: float | None, seconds: Seconds, use: Use) -> Hours:
    """Return where a run's hours went, where so much was granted: cores, or GiB.

    What nobody watched is never idle: there may have been no worker yet. Of that time it is known at most how much was
    used: what SLURM alone tells was used in it, as far as it has room for that, and else under the workers' eyes, by
    programs that tasks start.
    """
    if granted is None or seconds.elapsed is None:
        return _hours({"used": use.total})
    without_workers = (seconds.waiting or 0.0) + seconds.without_workers
    unwatched = granted * max(0.0, seconds.elapsed - without_workers - use.watched_seconds)
    used_unwatched = min(use.told_by_slurm_alone, unwatched)
    idle = granted * use.watched_seconds - ((use.total or 0.0) - used_unwatched)
    somebody_looked = seconds.observed > 0
    return _hours(
        {
            "granted": granted * seconds.elapsed,
            "used": use.total,
            "idle": max(0.0, idle) if somebody_looked and use.total is not None else None,
            "without_tasks": granted * seconds.without_tasks if somebody_looked else None,
            "waiting_for_first_worker": granted * seconds.waiting
            if somebody_looked and seconds.waiting is not None
            else None,
            "without_workers": granted * seconds.without_workers if somebody_looked else None,
            "unobserved": unwatched - used_unwatched,
        }
    )


def sum_of(parts: Iterable[Hours]) -> Hours:
    """Return the sums of what is known; ``None`` where it is of none."""
    parts = tuple(parts)
    return _hours({field: sum_of_known(getattr(part, field) for part in parts) for field in _FIELDS}, 1.0)


def sum_of_known(values: Iterable[float | None]) -> float | None:
    """Return the sum of what is known; ``None`` where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _hours(values: Mapping[str, float | None], per_hour: float = _SECONDS_AN_HOUR) -> Hours:
    return Hours(
        **{
            field: None if (value := values.get(field)) is None else round(value / per_hour, _DIGITS)
            for field in _FIELDS
        }
    )
