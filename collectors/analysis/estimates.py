"""How fast tasks finish, and when the rest will be done. Pure: the history is passed in and returned.

Rates come from counts of finished tasks that never decrease, so that results that were released still count. The range
of an ETA spans what is possible (all threads busy) and what the last minutes say (with the time lost between tasks),
the time of the last tasks on one thread, and the uncertainty of the mean.
"""

import itertools
import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from dasktop.collectors.model.record import Record
from dasktop.collectors.model.work import Computation, Eta, TaskName, Work

WINDOW_SECONDS = 120.0
"""Rates are averages over this time."""
MOST_SAMPLES = 60
LEAST_FINISHED = 5
"""As many tasks must have finished before anything is estimated from them."""
LEAST_EFFICIENCY = 0.3
LONGEST_SECONDS = 30 * 86400.0
"""No ETA later than this is shown: it would be meaningless."""
LEFT = ("waiting", "no-worker", "queued", "processing")


class Sample(Record, frozen=True, kw_only=True):
    """The totals at one time."""

    at: datetime
    threads: int
    is_full: bool
    """Whether there were tasks for all threads."""
    finished: dict[str, int]
    """Task name → tasks finished so far."""
    compute_seconds: dict[str, float]
    """Task name → their time on threads."""


class WorkHistory(Record, frozen=True, kw_only=True):
    """Samples of one scheduler in the last minutes, oldest first, at most `MOST_SAMPLES`."""

    scheduler_id: str | None = None
    samples: tuple[Sample, ...] = ()


class _Left(Record, frozen=True, kw_only=True):
    """Time on threads of the tasks that are left, and of the longest of them, in seconds."""

    least: float = 0.0
    most: float = 0.0
    chain_least: float = 0.0
    """The time in which the last of them run, however many threads there are."""
    chain_most: float = 0.0
    count: int = 0
    names_unknown: int = 0
    """Names of which none has finished."""


def estimated(
    work: Work | None, at: datetime, threads: int | None, scheduler_id: str | None, history: WorkHistory
) -> tuple[Work | None, WorkHistory]:
    """Return the work with rates and ETAs, and the history with this work in it.

    Parameters
    ----------
    work
        As the scheduler reported it; ``None``: unknown.
    at
        When, by the clock of this host.
    threads
        Threads of all workers; ``None``: unknown.
    history
        Of the snapshots before. Ignored if it is of another scheduler.
    """
    if history.scheduler_id != scheduler_id:
        history = WorkHistory(scheduler_id=scheduler_id)
    if work is None:
        return None, history
    history = _with_sample(history, _sample(work, at, threads or 0))
    rates = _rates(history.samples)
    names = tuple(replace(name, rate_per_second=rates.get(name.name)) for name in work.task_names)
    known = [rate for rate in rates.values() if rate is not None]
    work = replace(work, task_names=names, rate_per_second=_rounded(sum(known)) if known else None)
    if not threads or work.more_task_names:
        return work, history
    by_name = {name.name: name for name in names}
    speeds = _Speeds(history.samples, threads)
    everything = _left(names, by_name, threads)
    return (
        replace(
            work,
            eta=_eta(everything, speeds, at),
            task_names=tuple(_name_with_eta(name, by_name, everything, speeds, at) for name in names),
            computations=_computations_with_eta(work.computations, by_name, speeds, at),
        ),
        history,
    )


def _sample(work: Work, at: datetime, threads: int) -> Sample:
    names = work.task_names
    return Sample(
        at=at,
        threads=threads,
        is_full=sum(_ready(name.states) for name in names) >= threads > 0,
        finished={name.name: name.finished_total for name in names if name.finished_total is not None},
        compute_seconds={name.name: name.compute_seconds for name in names if name.compute_seconds is not None},
    )


def _with_sample(history: WorkHistory, sample: Sample) -> WorkHistory:
    """Return the history with this sample; the oldest ones, and every other one if there are too many, are dropped."""
    samples = [old for old in history.samples if old.at < sample.at]
    if samples and _decreases(samples[-1].finished, sample.finished):
        samples = []  # the scheduler has restarted
    begin = sample.at - timedelta(seconds=WINDOW_SECONDS)
    while len(samples) > 1 and samples[1].at <= begin:
        del samples[0]
    samples.append(sample)
    if len(samples) > MOST_SAMPLES:
        samples = [*samples[:-1:2], samples[-1]]
    return replace(history, samples=tuple(samples))


def _decreases(old: Mapping[str, int], new: Mapping[str, int]) -> bool:
    return any(new[name] < count for name, count in old.items() if name in new)


def _rates(samples: tuple[Sample, ...]) -> dict[str, float | None]:
    """Return the tasks that finished per second, by name; since it began to be known, or since its tasks came."""
    last = samples[-1]
    found: dict[str, float | None] = {}
    for name, count in last.finished.items():
        known = [sample for sample in samples[:-1] if name in sample.finished]
        if not known:
            found[name] = None
            continue
        seconds = (last.at - known[0].at).total_seconds()
        found[name] = _rounded((count - known[0].finished[name]) / seconds) if seconds > 0 else None
    return found


def _rounded(rate: float) -> float:
    return float(f"{rate:.3g}")


def _ready(states: Mapping[str, int]) -> int:
    return states.get("processing", 0) + states.get("queued", 0) + states.get("no-worker", 0)


def _left_of(states: Mapping[str, int]) -> int:
    return sum(states.get(state, 0) for state in LEFT)


class _Speeds:
    """How many seconds of work all threads together do per second: at least, and at most."""

    def __init__(self, samples: tuple[Sample, ...], threads: int) -> None:
        efficiency = _efficiency(samples)
        self.is_measured = efficiency is not None
        self.least = threads * min(0.97, max(LEAST_EFFICIENCY, (efficiency or 0.9) * 0.95))
        self.most = threads * min(1.0, max(LEAST_EFFICIENCY, (efficiency or 1.0) * 1.05))
        changes = [sample.threads for sample in samples if sample.threads]
        before = min(changes, default=threads)
        seconds = (samples[-1].at - samples[0].at).total_seconds()
        self.growth_per_second = max(0.0, (threads - before) / seconds) if seconds > 0 else 0.0
        self.grows_for = seconds
        self.threads = threads

    def least_seconds(self, work_seconds: float) -> float:
        """Return the time for this much work if the cluster grows as it did, for as long as it did."""
        growth = self.growth_per_second * self.most / self.threads
        if not growth:
            return work_seconds / self.most
        # most × t + growth × t² ÷ 2 = work
        seconds = (math.sqrt(self.most**2 + 2 * growth * work_seconds) - self.most) / growth
        if seconds <= self.grows_for:
            return seconds
        done = self.most * self.grows_for + growth * self.grows_for**2 / 2
        return self.grows_for + (work_seconds - done) / (self.most + growth * self.grows_for)


def _efficiency(samples: tuple[Sample, ...]) -> float | None:
    """Return the share of the threads' time that tasks used while there were enough tasks; ``None``: unknown."""
    used = available = 0.0
    for before, after in itertools.pairwise(samples):
        if before.is_full and after.is_full:
            used += sum(
                max(0.0, seconds - before.compute_seconds.get(name, 0.0))
                for name, seconds in after.compute_seconds.items()
            )
            available += (after.at - before.at).total_seconds() * (before.threads + after.threads) / 2
    return min(1.0, used / available) if available and used else None


def _left(names: Iterable[TaskName], all_names: Mapping[str, TaskName], threads: int) -> _Left:
    """Return what is left of these names. A name of which no task has finished is taken to be like the others."""
    measured = [name.seconds_mean for name in all_names.values() if name.seconds_mean and (name.finished_total or 0)]
    finished = sum(name.finished_total or 0 for name in all_names.values())
    if finished < LEAST_FINISHED or not measured:
        return _Left(count=sum(_left_of(name.states) for name in names), names_unknown=1)
    typical = sum(name.compute_seconds or 0.0 for name in all_names.values()) / finished
    total = _Left()
    variance = 0.0
    for name in names:
        count = _left_of(name.states)
        if not count:
            continue
        running = min(name.states.get("processing", 0), threads)
        known = name.finished_total or 0
        mean = name.seconds_mean or typical
        longest = max(name.seconds_max or 0.0, mean)
        # The spread is known only from the mean and the longest; more tasks that finished make the mean surer.
        spread = max(0.25 * mean, (longest - mean) / 8)
        variance += spread**2 * (count + count**2 / max(known, 1))
        begun = min(count, running) * mean / 2
        seconds = max(0.0, count * mean - begun)
        if known < LEAST_FINISHED:
            least, most = seconds * 0.8, seconds * 1.2
        else:
            least = most = seconds
        is_stage = not _ready(name.states)  # all wait for others
        total = replace(
            total,
            least=total.least + least,
            most=total.most + most,
            chain_least=max(total.chain_least, mean * 0.5),
            chain_most=max(total.chain_most, mean + (longest - mean) / 4) + (mean if is_stage else 0.0),
            count=total.count + count,
        )
    deviation = math.sqrt(variance) * 1.2
    return replace(total, least=max(total.least * 0.5, total.least - deviation), most=total.most + deviation)


def _eta(left: _Left, speeds: _Speeds, at: datetime, ahead: float = 0.0) -> Eta | None:
    """Return the range; ``None`` if nothing is left or nothing is known of it.

    ``ahead`` is the work, in seconds, that other computations may do first.
    """
    if not left.count or left.names_unknown:
        return None
    earliest = max(speeds.least_seconds(left.least), left.chain_least * 0.5)
    latest = (left.most + ahead) / speeds.least + left.chain_most * 0.8
    if latest > LONGEST_SECONDS:
        return None
    return _range(at, earliest, latest, speeds.threads)


def _range(at: datetime, earliest: float, latest: float, threads: int) -> Eta:
    return Eta(
        earliest=at + timedelta(seconds=math.floor(earliest)),
        latest=at + timedelta(seconds=math.ceil(max(latest, earliest))),
        based_on=f"mean time of tasks, and {threads} threads",
    )


def _name_with_eta(
    name: TaskName, by_name: Mapping[str, TaskName], everything: _Left, speeds: _Speeds, at: datetime
) -> TaskName:
    """Return the name with its ETA: between it alone on all threads, and it last of all."""
    left = _left([name], by_name, speeds.threads)
    return replace(name, eta=_eta(left, speeds, at, ahead=max(0.0, everything.most - left.most)))


def _computations_with_eta(
    computations: tuple[Computation, ...], by_name: Mapping[str, TaskName], speeds: _Speeds, at: datetime
) -> tuple[Computation, ...]:
    """Return the computations with ETAs; those submitted before have priority in dask."""
    ahead = 0.0
    found = []
    for computation in computations:
        left = _left(_shares(computation, by_name), by_name, speeds.threads)
        found.append(replace(computation, eta=None if computation.ended_at else _eta(left, speeds, at, ahead=ahead)))
        ahead += left.most
    return tuple(found)


def _shares(computation: Computation, by_name: Mapping[str, TaskName]) -> list[TaskName]:
    """Return its names with its part of the tasks that are left, which states tell only for all names together."""
    names = [by_name[name] for name in computation.task_names if name in by_name]
    left = _left_of(computation.states)
    total = sum(_left_of(name.states) for name in names)
    if not total:
        return []
    share = min(1.0, left / total)
    return [
        replace(name, states={state: math.ceil(count * share) for state, count in name.states.items()})
        for name in names
    ]
