"""When the rest of the work will be done: a range that is meant to contain the true end in eight of ten cases. Pure.

If no thread is idle while a task is ready, work of ``w`` seconds of thread time takes at least ``w ÷ p`` on ``p``
threads, and at most ``w ÷ p`` + the longest chain of tasks that depend on each other (Graham's bound). `work_left`
estimates both; all of the graph that is known is the number of tasks in each state, so each stage may also be no stage.

- *Speed*: the number of threads × their `efficiency`. The relative errors of work and speed are independent factors;
  their logarithms are taken as normally distributed. Errors that are independent of these are added as squares.
- *Earliest*: a cluster that grows keeps growing, see `growth`. A cluster is not expected to shrink.
- *Latest*: it does not grow; if fewer tasks are ready than there are threads, only as many threads work as did before.
- *Not known*: if few tasks have finished, no worker can run some of them, none makes progress, or not all task names
  are known.

`tests/benchmarks/bench_eta.py` tells how often the true end of recorded and simulated work was in the range.
"""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from dasktop.collectors.analysis.work_history import (
    WorkHistory,
    busy_threads,
    efficiency,
    extended,
    growth,
    rates,
    recent_durations,
    rounded,
)
from dasktop.collectors.analysis.work_left import (
    LEAST_FINISHED,
    WorkLeft,
    remaining_tasks,
    together,
    usual_factor,
    work_left,
)
from dasktop.collectors.model.work import Computation, Eta, Work
from dasktop.collectors.text.format import counted

LONGEST_SECONDS = 30 * 86400.0
"""No ETA later than this is shown: it would be meaningless."""


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
    if work is None:
        return None, history if history.scheduler_id == scheduler_id else WorkHistory(scheduler_id=scheduler_id)
    history = extended(history, work, at, threads or 0, scheduler_id)
    by_name = rates(history)
    names = tuple(replace(name, rate_per_second=by_name.get(name.name)) for name in work.task_names)
    known = [rate for rate in by_name.values() if rate is not None]
    work = replace(work, task_names=names, rate_per_second=rounded(sum(known)) if known else None)
    finished = sum(name.finished_total or 0 for name in names)
    if not threads or work.more_task_names or finished < LEAST_FINISHED:
        return work, history
    durations = recent_durations(history, {name.name: name.seconds_max or 0.0 for name in names})
    parts = work_left(names, durations, threads)
    everything = together(parts.values())
    speed = _Speed(history, threads, everything.ready)
    return (
        replace(
            work,
            eta=_eta(everything, speed, at),
            # From running alone on all threads to running after all others.
            task_names=tuple(
                replace(name, eta=_eta(part, speed, at, ahead=everything.seconds - part.seconds))
                for name, part in zip(names, parts.values(), strict=True)
            ),
            computations=_computations_with_eta(work.computations, parts, speed, at),
        ),
        history,
    )


class _Speed:
    """How fast the threads work."""

    def __init__(self, history: WorkHistory, threads: int, ready: float) -> None:
        self.threads = threads
        self.efficiency = efficiency(history)
        self.growth, self.grows_for = growth(history)
        self.least_threads = min(threads, max(1.0, ready, busy_threads(history)))

    def least_seconds(self, work: float, threads: float) -> float:
        """Return how long this much thread time takes on threads that become more."""
        if not self.growth:
            return work / threads
        # threads × t + growth × t² ÷ 2 = work
        seconds = (math.sqrt(threads**2 + 2 * self.growth * work) - threads) / self.growth
        if seconds <= self.grows_for:
            return seconds
        done = threads * self.grows_for + self.growth * self.grows_for**2 / 2
        return self.grows_for + (work - done) / (threads + self.growth * self.grows_for)


def _eta(left: WorkLeft, speed: _Speed, at: datetime, ahead: float = 0.0) -> Eta | None:
    """Return the range; ``None`` if no task remains, some cannot run, or none makes progress.

    ``ahead`` is the thread time, in seconds, of other tasks that may run first.
    """
    if left.seconds <= 0 or left.unrunnable or speed.efficiency.value <= 0:
        return None
    work = left.seconds / speed.efficiency.value
    deviation = math.hypot(math.sqrt(left.variance) / left.seconds, speed.efficiency.deviation / speed.efficiency.value)
    factor = usual_factor(deviation)
    tasks = max(1.0, left.tasks)
    earlier, later = work / min(speed.threads, tasks), work / min(speed.least_threads, tasks)
    last, most = left.last + left.later, left.last_most + left.later_most
    earliest = (
        speed.least_seconds(work, min(speed.threads, tasks)) + last - math.hypot(earlier * (1 - 1 / factor), last)
    )
    latest = later + last + math.hypot(later * (factor - 1), most - last) + ahead / speed.threads
    if latest > LONGEST_SECONDS:
        return None
    based_on = f"the mean time of tasks on {counted(speed.threads, 'thread')}"
    if left.unknown_names:
        based_on += f"; assumed for {counted(left.unknown_names, 'task name')} without finished tasks"
    return Eta(
        earliest=at + timedelta(seconds=math.floor(max(0.0, earliest))),
        latest=at + timedelta(seconds=math.ceil(latest)),
        based_on=based_on,
    )


def _computations_with_eta(
    computations: tuple[Computation, ...], parts: Mapping[str, WorkLeft], speed: _Speed, at: datetime
) -> tuple[Computation, ...]:
    """Return the computations with ETAs. In dask, computations that were submitted earlier have priority.

    The scheduler counts tasks by computation and by name, but not by both: each name is assumed to have the same share.
    """
    ahead = 0.0
    found = []
    for computation in computations:
        mine = [parts[name] for name in computation.task_names if name in parts]
        total = sum(part.tasks for part in mine)
        share = min(1.0, remaining_tasks(computation.states) / total) if total else 0.0
        left = together(mine, share)
        eta = None if computation.ended_at else _eta(left, speed, at, ahead=ahead)
        found.append(replace(computation, eta=eta))
        ahead += left.seconds
    return tuple(found)
