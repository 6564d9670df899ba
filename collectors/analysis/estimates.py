"""When the rest of the work will be done: a range that is meant to contain the true end in eight of ten cases. Pure.

If no thread is idle while a task is ready, work of ``w`` seconds of thread time takes at least ``w ÷ p`` on ``p``
threads, and at most ``w ÷ p`` + the longest chain of tasks that depend on each other (Graham's bound). `work_left`
estimates both; all of the graph that is known is the number of tasks in each state, so each stage may also be no stage.

- *Speed*: the number of threads × their `efficiency`. The relative errors of work and speed are independent factors;
  their logarithms are taken as normally distributed. Errors that are independent of these are added as squares.
- *Earliest*: a cluster that grows keeps growing, see `growth`. A cluster is not expected to shrink. It stays where it
  is until something is learnt, see `eta_held`.
- *Latest*: it does not grow; if fewer tasks are ready than there are threads, only as many threads work as did before.
- *Left out*: tasks that no worker may run or whose end is unknown, see `work_left`. The latter hold their threads.
- *Not known*: if few tasks have finished, none makes progress, nothing that is left can run, or not all task names are
  known; and of a task name or a computation without a finished task.
- *Parts*: a task name ends no later than its computations, these no later than the whole, and the last part with the
  whole, see `eta_parts`.

`tests/benchmarks/bench_eta.py` tells how often the true end of recorded and simulated work was in the range.
"""

import math
from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from dasktop.collectors.analysis.eta_held import HeldEnds, with_held_ends
from dasktop.collectors.analysis.eta_parts import with_consistent_parts
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
    held_threads,
    is_stuck,
    remaining_tasks,
    together,
    usual_factor,
    work_left,
)
from dasktop.collectors.model.work import Computation, Eta, LeftOut, Work
from dasktop.collectors.text.format import counted, listed

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
        The time of the snapshot; counts if the work does not tell when it was read.
    threads
        Number of threads of all workers; ``None`` if unknown.
    scheduler_id
        The scheduler that reported it. Another scheduler's history is ignored.
    history
        What the previous call returned.
    """
    if work is None:
        return None, history if history.scheduler_id == scheduler_id else WorkHistory(scheduler_id=scheduler_id)
    at = work.read_at or at
    ends = history.ends if history.scheduler_id == scheduler_id else HeldEnds()
    history = extended(history, work, at, threads or 0, scheduler_id)
    by_name = rates(history)
    names = tuple(replace(name, rate_per_second=by_name.get(name.name)) for name in work.task_names)
    work = replace(work, task_names=names, rate_per_second=_whole_rate(by_name.values(), history))
    finished = sum(name.finished_total or 0 for name in names)
    if not threads or work.more_task_names or finished < LEAST_FINISHED:
        return work, history
    durations = recent_durations(history, {name.name: name.seconds_max or 0.0 for name in names})
    parts = work_left(names, durations, threads)
    everything = together(parts.values())
    held = held_threads(names, parts, threads)
    if not everything.tasks or threads - held < 1 or is_stuck(*(name.states for name in names)):
        return work, history
    speed = _Speed(history, threads - held, everything.ready)
    whole = _eta(everything, speed, at)
    of_computations = _etas_of_computations(work.computations, parts, durations, speed, at)
    work = replace(
        work,
        eta=whole,
        computations=tuple(
            replace(computation, eta=eta) for computation, eta in zip(work.computations, of_computations, strict=True)
        ),
        task_names=tuple(
            # From running alone on all threads to running after all others.
            replace(name, eta=_eta(part, speed, at, ahead=everything.seconds - part.seconds))
            if not part.assumed
            else name
            for name, part in zip(names, parts.values(), strict=True)
        ),
    )
    work, ends = with_held_ends(work, threads, ends)
    work = with_consistent_parts(work, dict.fromkeys(name for name, part in parts.items() if part.tasks))
    return work, replace(history, ends=ends)


def _whole_rate(of_names: Iterable[float | None], history: WorkHistory) -> float | None:
    """Return the sum; names that are new now do not count, but in a first snapshot all that have tasks left are new."""
    rates = tuple(of_names)
    known = [rate for rate in rates if rate is not None]
    is_known = len(history.samples) > 1 or len(known) == len(rates)
    return rounded(sum(known)) if known and is_known else None


class _Speed:
    """How fast the threads work."""

    def __init__(self, history: WorkHistory, threads: int, ready: float) -> None:
        self.threads = threads
        self.basis = f"the mean time of tasks on {counted(threads, 'thread')}"
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
    """Return the range; ``None`` if no task remains that can run, or none makes progress.

    ``ahead`` is the thread time, in seconds, of other tasks that may run first.
    """
    if left.seconds <= 0 or speed.efficiency.value <= 0:
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
    return Eta(
        earliest=at + timedelta(seconds=math.floor(max(0.0, earliest))),
        latest=at + timedelta(seconds=math.ceil(latest)),
        based_on=speed.basis + _exceptions(left),
        tasks_left_out=math.ceil(left.left_out),
        left_out=_left_out(left),
    )


def _left_out(left: WorkLeft) -> tuple[LeftOut, ...]:
    """Return what is left out by name, if that is known: a computation may have fewer of a name than its share."""
    named = tuple(LeftOut(task_name=name, tasks=math.ceil(number)) for name, number in left.left_out_by_name)
    return named if sum(one.tasks for one in named) == math.ceil(left.left_out) else ()


def _exceptions(left: WorkLeft) -> str:
    """Return what an estimate assumes, and what it leaves out."""
    words = ""
    if left.assumed_names:
        number = math.ceil(left.assumed)
        words += (
            f"; assumed that {counted(number, 'task')} of {listed(left.assumed_names)}, "
            f"of which none has finished, {'takes' if number == 1 else 'take'} as long as the others"
        )
    if left.no_worker:
        words += f"; without {counted(math.ceil(left.no_worker), 'task')} that cannot run"
        words += f" and {math.ceil(left.held_up):,} that wait for them" if left.held_up else ""
    if left.open_names:
        words += (
            f"; without {counted(math.ceil(left.open_ended), 'task')} of {listed(left.open_names)}: "
            "none has finished, and the longest has run far longer than any other task"
        )
    return words


def _etas_of_computations(
    computations: Iterable[Computation],
    parts: Mapping[str, WorkLeft],
    known: Container[str],
    speed: _Speed,
    at: datetime,
) -> Iterator[Eta | None]:
    """Yield the ETA of each computation; ``None`` if none of its names is `known`, which have finished tasks.

    In dask, computations that were submitted earlier have priority.

    The scheduler counts tasks by computation and by name, but not by both: each name is assumed to have the same share.
    """
    ahead = 0.0
    for computation in computations:
        mine = [parts[name] for name in computation.task_names if name in parts]
        no_worker = computation.states.get("no-worker", 0)
        total = sum(part.tasks + part.left_out - part.no_worker for part in mine)
        share = min(1.0, (remaining_tasks(computation.states) - no_worker) / total) if total else 0.0
        left = replace(together(mine, share), no_worker=no_worker)
        is_over = computation.ended_at is not None or is_stuck(computation.states)
        is_new = not any(name in known for name in computation.task_names)
        yield None if is_over or is_new else _eta(left, speed, at, ahead=ahead)
        ahead += left.seconds
