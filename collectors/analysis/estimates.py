"""How fast tasks finish, and when the rest will be done. Pure: the history is passed in and returned.

Rates come from counts of finished tasks that never decrease, so that results that were released still count. The range
of an ETA includes the time that threads were idle in the last minutes, the time of the last tasks on one thread, and
the uncertainty of the mean. Its factors were chosen with `tests/benchmarks/bench_eta.py`.
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
"""Nothing is estimated until this many tasks have finished."""
LEAST_EFFICIENCY = 0.3
"""A lower efficiency is not assumed for the rest: what made the threads wait may be over."""
LONGEST_SECONDS = 30 * 86400.0
"""No ETA later than this is shown: it would be meaningless."""
REMAINING_STATES = ("waiting", "no-worker", "queued", "processing")


class Sample(Record, frozen=True, kw_only=True):
    """The totals at one time."""

    at: datetime
    threads: int
    is_full: bool
    """Whether at least as many tasks were ready as there were threads."""
    finished: dict[str, int]
    """Number of finished tasks, by task name."""
    compute_seconds: dict[str, float]
    """Time that they took, by task name."""


class WorkHistory(Record, frozen=True, kw_only=True):
    """Samples of one scheduler over `WINDOW_SECONDS`, oldest first; at most `MOST_SAMPLES`."""

    scheduler_id: str | None = None
    samples: tuple[Sample, ...] = ()


class _Remaining(Record, frozen=True, kw_only=True):
    """The remaining tasks, and the range of their thread time, in seconds."""

    count: int = 0
    least: float = 0.0
    most: float = 0.0
    chain_least: float = 0.0
    """The range of the time in which the last of them run, however many threads there are."""
    chain_most: float = 0.0


def estimated(
    work: Work | None, at: datetime, threads: int | None, scheduler_id: str | None, history: WorkHistory
) -> tuple[Work | None, WorkHistory]:
    """Return the work with rates and ETAs, and the history that includes it.

    Parameters
    ----------
    work
        The work that the scheduler reported; ``None`` if unknown.
    at
        The time of the snapshot.
    threads
        Number of threads of all workers; ``None`` if unknown.
    scheduler_id
        The scheduler that reported it. Another scheduler's history is ignored.
    history
        What the previous call returned.
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
    everything = _remaining(names, by_name, threads)
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
    """Return the history with this sample, and without older ones than it needs."""
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
    """Return the finished tasks per second, by task name, over the samples that have this name."""
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


def remaining_tasks(states: Mapping[str, int]) -> int:
    """Return how many tasks are neither done nor failed."""
    return sum(states.get(state, 0) for state in REMAINING_STATES)


class _Speeds:
    """How many seconds of thread time all threads together work per second, as a range."""

    def __init__(self, samples: tuple[Sample, ...], threads: int) -> None:
        efficiency = _efficiency(samples)
        self.least = threads * min(0.97, max(LEAST_EFFICIENCY, (efficiency or 0.9) * 0.95))
        self.most = threads * min(1.0, max(LEAST_EFFICIENCY, (efficiency or 1.0) * 1.05))
        before = min((sample.threads for sample in samples if sample.threads), default=threads)
        seconds = (samples[-1].at - samples[0].at).total_seconds()
        self.growth_per_second = max(0.0, (threads - before) / seconds) if seconds > 0 else 0.0
        self.grows_for = seconds
        self.threads = threads

    def least_seconds(self, work_seconds: float) -> float:
        """Return the least time for this much thread time: the cluster keeps growing as in the samples, for as long."""
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
    """Return the share of the thread time that tasks used while all threads had tasks; ``None`` if unknown."""
    used = available = 0.0
    for before, after in itertools.pairwise(samples):
        if before.is_full and after.is_full:
            used += sum(
                max(0.0, seconds - before.compute_seconds.get(name, 0.0))
                for name, seconds in after.compute_seconds.items()
            )
            available += (after.at - before.at).total_seconds() * (before.threads + after.threads) / 2
    return min(1.0, used / available) if available and used else None


def _remaining(names: Iterable[TaskName], all_names: Mapping[str, TaskName], threads: int) -> _Remaining | None:
    """Return the remaining work of these names; ``None`` until enough tasks of any name have finished.

    For a name without finished tasks, the mean time of all names is assumed.
    """
    measured = [name.seconds_mean for name in all_names.values() if name.seconds_mean and (name.finished_total or 0)]
    finished = sum(name.finished_total or 0 for name in all_names.values())
    if finished < LEAST_FINISHED or not measured:
        return None
    typical = sum(name.compute_seconds or 0.0 for name in all_names.values()) / finished
    total = _Remaining()
    variance = 0.0
    for name in names:
        count = remaining_tasks(name.states)
        if not count:
            continue
        running = min(name.states.get("processing", 0), threads)
        known = name.finished_total or 0
        mean = name.seconds_mean or typical
        longest = max(name.seconds_max or 0.0, mean)
        # The standard deviation is estimated from the mean and the longest. The mean of more tasks is more certain.
        spread = max(0.25 * mean, (longest - mean) / 8)
        variance += spread**2 * (count + count**2 / max(known, 1))
        begun = min(count, running) * mean / 2
        seconds = max(0.0, count * mean - begun)
        if known < LEAST_FINISHED:
            least, most = seconds * 0.8, seconds * 1.2
        else:
            least = most = seconds
        is_later_stage = not _ready(name.states)  # all of them depend on unfinished tasks
        total = replace(
            total,
            least=total.least + least,
            most=total.most + most,
            chain_least=max(total.chain_least, mean * 0.5),
            chain_most=max(total.chain_most, mean + (longest - mean) / 4) + (mean if is_later_stage else 0.0),
            count=total.count + count,
        )
    deviation = math.sqrt(variance) * 1.2
    return replace(total, least=max(total.least * 0.5, total.least - deviation), most=total.most + deviation)


def _eta(remaining: _Remaining | None, speeds: _Speeds, at: datetime, ahead: float = 0.0) -> Eta | None:
    """Return the range; ``None`` if no task remains or the remaining work is unknown.

    ``ahead`` is the thread time, in seconds, of other tasks that may run first.
    """
    if remaining is None or not remaining.count:
        return None
    earliest = max(speeds.least_seconds(remaining.least), remaining.chain_least * 0.5)
    latest = (remaining.most + ahead) / speeds.least + remaining.chain_most * 0.8
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
    name: TaskName, by_name: Mapping[str, TaskName], everything: _Remaining | None, speeds: _Speeds, at: datetime
) -> TaskName:
    """Return the name with its ETA: from running alone on all threads to running after all others."""
    remaining = _remaining([name], by_name, speeds.threads)
    others = max(0.0, everything.most - remaining.most) if everything and remaining else 0.0
    return replace(name, eta=_eta(remaining, speeds, at, ahead=others))


def _computations_with_eta(
    computations: tuple[Computation, ...], by_name: Mapping[str, TaskName], speeds: _Speeds, at: datetime
) -> tuple[Computation, ...]:
    """Return the computations with ETAs. In dask, computations that were submitted earlier have priority."""
    ahead = 0.0
    found = []
    for computation in computations:
        remaining = _remaining(_shares(computation, by_name), by_name, speeds.threads)
        eta = None if computation.ended_at else _eta(remaining, speeds, at, ahead=ahead)
        found.append(replace(computation, eta=eta))
        ahead += remaining.most if remaining else 0.0
    return tuple(found)


def _shares(computation: Computation, by_name: Mapping[str, TaskName]) -> list[TaskName]:
    """Return the computation's task names, each with its estimated part of the name's tasks.

    The scheduler counts tasks by computation and by name, but not by both.
    """
    names = [by_name[name] for name in computation.task_names if name in by_name]
    total = sum(remaining_tasks(name.states) for name in names)
    if not total:
        return []
    share = min(1.0, remaining_tasks(computation.states) / total)
    return [
        replace(name, states={state: math.ceil(count * share) for state, count in name.states.items()})
        for name in names
    ]
