"""What successive polls tell of the work: rates, durations, how busy threads are, how the cluster grows. Pure.

All are from totals that never decrease, so that results that were released still count.
"""

import itertools
import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from dasktop.collectors.analysis.durations import Durations, mean_residual
from dasktop.collectors.analysis.eta_held import HeldEnds
from dasktop.collectors.model.record import Record
from dasktop.collectors.model.work import TaskName, Work

WINDOW_SECONDS = 120.0
"""Rates are averages over this time."""
MOST_SAMPLES = 60
MOST_NAMES = 1000
"""Names without tasks are kept up to this number, since the same names may be computed again."""


class Measure(Record, frozen=True, kw_only=True):
    """A number, and its standard deviation."""

    value: float
    deviation: float


USUAL_EFFICIENCY = Measure(value=0.95, deviation=0.1)
"""The share of the time that threads with enough tasks are busy, until it has been measured."""


class Sample(Record, frozen=True, kw_only=True):
    """The totals at one time."""

    at: datetime
    threads: int
    finished: dict[str, int]
    """Number of finished tasks, by task name."""
    rate_from: dict[str, tuple[datetime, int]]
    """When the rate of a name begins, and how many tasks had finished then: its last sample at which nothing was left
    to run, or the one before its first task ran."""
    idle: frozenset[str]
    """Names of which nothing is left that can run; all names, while nothing at all runs."""
    durations: dict[str, Durations]
    """Those of all names that have finished tasks."""
    is_full: bool
    """Whether at least as many tasks were ready as there were threads."""
    in_flight: float
    """Estimated time that the running tasks have used so far, in seconds, summed over all threads."""
    used_seconds: float = 0.0
    """Time on threads since the history began, of tasks that finished or run."""
    used_while_full: float = 0.0
    """The same, between polls at which all threads had tasks …"""
    seconds_while_full: float = 0.0
    """… and the time of all threads between these polls."""


class WorkHistory(Record, frozen=True, kw_only=True):
    """Samples of one scheduler over `WINDOW_SECONDS`, oldest first; at most `MOST_SAMPLES`."""

    scheduler_id: str | None = None
    samples: tuple[Sample, ...] = ()
    ends: HeldEnds = HeldEnds()
    """The early ends of the last estimates."""


def extended(history: WorkHistory, work: Work, at: datetime, threads: int, scheduler_id: str | None) -> WorkHistory:
    """Return the history with what is known now, and without what is too old; a new one if the scheduler is new."""
    finished = {name.name: name.finished_total for name in work.task_names if name.finished_total is not None}
    samples = [sample for sample in history.samples if sample.at < at]
    if history.scheduler_id != scheduler_id or (samples and _decreases(samples[-1], finished)):
        samples = []
    before = samples[-1] if samples else None
    known = before.durations if before else {}
    durations = _with_totals(known, work.task_names)
    in_flight = _seconds_in_flight(work.task_names, durations, threads)
    idle = _idle(work.task_names, finished, before)
    sample = Sample(
        at=at,
        threads=threads,
        finished=finished,
        rate_from=_rate_from(work.task_names, finished, idle, before, at),
        idle=idle,
        durations=durations,
        is_full=sum(ready_tasks(name.states) for name in work.task_names) >= threads > 0,
        in_flight=in_flight,
    )
    if before is not None:
        used = in_flight - before.in_flight
        used += sum(each.seconds - known.get(name, Durations()).seconds for name, each in durations.items())
        is_full = before.is_full and sample.is_full
        seconds = (at - before.at).total_seconds() * (before.threads + threads) / 2
        sample = replace(
            sample,
            used_seconds=before.used_seconds + used,
            used_while_full=before.used_while_full + (used if is_full else 0.0),
            seconds_while_full=before.seconds_while_full + (seconds if is_full else 0.0),
        )
    begin = at - timedelta(seconds=WINDOW_SECONDS)
    while len(samples) > 1 and samples[1].at <= begin:
        del samples[0]
    samples.append(sample)
    if len(samples) > MOST_SAMPLES:
        samples = [*samples[:-1:2], samples[-1]]
    return WorkHistory(scheduler_id=scheduler_id, samples=tuple(samples))


def _decreases(before: Sample, finished: Mapping[str, int]) -> bool:
    """Return whether a total has decreased, also that of a name without tasks lately: the scheduler has restarted."""
    return any(
        count < before.finished.get(name, 0) or (name in before.durations and count < before.durations[name].tasks)
        for name, count in finished.items()
    )


def _idle(names: Iterable[TaskName], finished: Mapping[str, int], before: Sample | None) -> frozenset[str]:
    """Return `Sample.idle`."""
    names = tuple(names)
    is_still = not any(name.states.get("processing") for name in names)
    if is_still and (before is None or all(before.finished.get(name) == count for name, count in finished.items())):
        return frozenset(finished)
    running = ("processing", "queued", "waiting")
    return frozenset(name.name for name in names if not any(map(name.states.get, running)))


def _rate_from(
    names: Iterable[TaskName],
    finished: Mapping[str, int],
    idle: frozenset[str],
    before: Sample | None,
    at: datetime,
) -> dict[str, tuple[datetime, int]]:
    """Return `Sample.rate_from`."""
    known = before.rate_from if before is not None else {}
    found = {}
    for name in names:
        count = finished.get(name.name)
        if count is None:
            continue
        begin = known.get(name.name)
        has_not_begun = begin is not None and begin[1] == count and not name.states.get("processing")
        found[name.name] = (at, count) if begin is None or has_not_begun or name.name in idle else begin
    return found


def _with_totals(durations: dict[str, Durations], names: Iterable[TaskName]) -> dict[str, Durations]:
    found = {
        name.name: durations.get(name.name, Durations()).until(
            name.finished_total, name.compute_seconds, name.seconds_max or 0.0
        )
        for name in names
        if name.finished_total and name.compute_seconds is not None
    }
    both = {**durations, **found}
    return both if len(both) <= MOST_NAMES else found


def _seconds_in_flight(names: Iterable[TaskName], durations: Mapping[str, Durations], threads: int) -> float:
    """Return how long the running tasks have run, estimated; those of a name without finished tasks began together."""
    seconds = 0.0
    for name in names:
        known, longest = durations.get(name.name), name.seconds_max or 0.0
        seconds += name.states.get("processing", 0) * (mean_residual(known, longest) if known else longest)
    return seconds * running_share(names, threads)


def ready_tasks(states: Mapping[str, int]) -> int:
    """Return how many tasks run or could run now."""
    return states.get("processing", 0) + states.get("queued", 0)


def running_share(names: Iterable[TaskName], threads: int) -> float:
    """Return the share of the tasks in ``processing`` that run: workers also hold tasks that wait for a thread."""
    processing = sum(name.states.get("processing", 0) for name in names)
    return min(1.0, threads / processing) if processing else 1.0


def rates(history: WorkHistory) -> dict[str, float | None]:
    """Return the finished tasks per second, by task name, since it has been running, at most over the window.

    It is 0 at once if nothing of a name is left to run. ``None``: a first sample.
    """
    first, last = history.samples[0], history.samples[-1]
    found: dict[str, float | None] = {}
    for name, count in last.finished.items():
        since, before = last.rate_from[name]
        if since < first.at:
            since, before = first.at, first.finished.get(name, before)
        seconds = (last.at - since).total_seconds()
        found[name] = 0.0 if name in last.idle else rounded((count - before) / seconds) if seconds > 0 else None
    return found


def rounded(rate: float) -> float:
    """Return a rate with three significant digits."""
    return float(f"{rate:.3g}")


def recent_durations(history: WorkHistory, longest: Mapping[str, float]) -> dict[str, Durations]:
    """Return the durations by task name: those of the window if they have changed, else all."""
    old = history.samples[0].durations
    return {
        name: each.since(old[name], longest.get(name, 0.0)) if name in old else each
        for name, each in history.samples[-1].durations.items()
    }


def efficiency(history: WorkHistory) -> Measure:
    """Return the share of the time that threads are busy while there are enough tasks.

    How long the tasks have run that run at the first and the last poll is not known. If each of ``p`` is equally likely
    from 0 to twice its mean ``r``, the variance of both sums is ``2 ÷ 3 × p × r²``. The measured value is weighed
    against the usual one accordingly, which decides while tasks take longer than the window.
    """
    first, last = history.samples[0], history.samples[-1]
    available = last.seconds_while_full - first.seconds_while_full
    if not available or not last.threads:
        return USUAL_EFFICIENCY
    measured = (last.used_while_full - first.used_while_full) / available
    variance = 2 / 3 * max(first.in_flight, last.in_flight) ** 2 / last.threads / available**2
    usual = USUAL_EFFICIENCY.deviation**2
    value = (measured * usual + USUAL_EFFICIENCY.value * variance) / (usual + variance)
    return Measure(value=min(1.0, max(0.0, value)), deviation=math.sqrt(usual * variance / (usual + variance)))


def busy_threads(history: WorkHistory) -> float:
    """Return how many threads were busy on average; 0 if unknown."""
    first, last = history.samples[0], history.samples[-1]
    seconds = (last.at - first.at).total_seconds()
    return (last.used_seconds - first.used_seconds) / seconds if seconds else 0.0


def growth(history: WorkHistory) -> tuple[float, float]:
    """Return how many threads the cluster may gain per second, and for how many seconds; twice 0 if it does not grow.

    After ``n`` steps in a time ``t``, the rate of steps is ``(n + 1/2) ÷ t`` on average (a Poisson process; Jeffreys).
    If now is a random moment of the growth, it lasts at most nine times as long again, in nine of ten cases (Gott).
    """
    samples = history.samples
    start = min(range(len(samples)), key=lambda index: samples[index].threads)
    seconds = (samples[-1].at - samples[start].at).total_seconds()
    gained = samples[-1].threads - samples[start].threads
    if gained <= 0:
        return 0.0, 0.0
    steps = sum(after.threads > before.threads for before, after in itertools.pairwise(samples[start:]))
    return gained * (1 + 0.5 / steps) / seconds, 9 * seconds
