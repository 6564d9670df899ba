"""How much work is left, in seconds of thread time, and how uncertain that is. Pure.

Work
    For each task name, the number of tasks that are left × their mean duration. With the variance ``v`` of a duration,
    that of the sum of ``n`` is ``n × v``; and since the mean is known from ``k`` tasks only, ``n² × v ÷ k`` is added. A
    running task counts with the time that it will still run, see `mean_residual`.
Unknown names
    Names without finished tasks are assumed to take as long as the others. How much those differ is the uncertainty.
    Once a task has run far longer than all others, this is evidently wrong, and their end is unknown.
Left out
    Tasks that no worker may run, tasks that wait for these, and those of an unknown end.
End of a stage
    All threads are busy until the last task starts. Then each still runs for a mean residual time, but the stage lasts
    until the longest of them ends. The stages are the running one, and each name of which all tasks wait for others.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from dasktop.collectors.analysis.durations import Durations, residual_of
from dasktop.collectors.analysis.work_history import Measure, ready_tasks, running_share
from dasktop.collectors.model.record import Record
from dasktop.collectors.model.work import TaskName

LEAST_FINISHED = 5
"""The mean of fewer tasks is weighed against that of other names."""
DEVIATIONS = 1.28
"""Eight of ten values of a normal distribution are within so many standard deviations."""
NAMES_VARY = 0.3
"""How much the mean durations of the names of one workload are assumed to differ until it is known: the standard
deviation of their logarithms. Eight of ten are within a factor of 1.5. Names often differ more, but a range that
allowed for it would say nothing until the last stage has begun; `Eta.based_on` tells that something is assumed."""
FAR_LONGER = 3.0
"""The end of a task is unknown if no other of its name has finished, and it has run this many times longer than all
that did finish."""
REMAINING_STATES = ("waiting", "no-worker", "queued", "processing")


class WorkLeft(Record, frozen=True, kw_only=True):
    """What is left of one task name or several."""

    tasks: float = 0.0
    """Without those that are left out."""
    seconds: float = 0.0
    """Expected time on threads."""
    variance: float = 0.0
    """Of this time, in s²."""
    ready: float = 0.0
    """How many tasks run or could run now."""
    no_worker: float = 0.0
    """How many tasks no worker may run: left out."""
    held_up: float = 0.0
    """How many tasks wait for these: left out."""
    open_ended: float = 0.0
    """How many tasks have no known end: left out."""
    open_names: tuple[str, ...] = ()
    """Their names."""
    last: float = 0.0
    """How much longer than the others the last tasks of the running stage run: expected …"""
    last_most: float = 0.0
    """… and at most."""
    later: float = 0.0
    """The same, summed over the stages that have not begun."""
    later_most: float = 0.0
    assumed: float = 0.0
    """How many of the tasks have a name without finished tasks."""
    assumed_names: tuple[str, ...] = ()
    """Their names."""

    left_out_by_name: tuple[tuple[str, float], ...] = ()
    """How many tasks of which name are left out."""

    @property
    def left_out(self) -> float:
        """How many tasks are left out."""
        return self.no_worker + self.held_up + self.open_ended


def usual_factor(deviation: float) -> float:
    """Return by which factor a positive number may be larger or smaller than expected, in eight of ten cases.

    Its logarithm is taken as normally distributed; ``deviation`` is its standard deviation ÷ its mean.
    """
    return math.exp(DEVIATIONS * math.sqrt(math.log1p(deviation**2)))


def remaining_tasks(states: Mapping[str, int]) -> int:
    """Return how many tasks are neither done nor failed."""
    return sum([states[state] for state in REMAINING_STATES if state in states])


def is_stuck(*states: Mapping[str, int]) -> bool:
    """Return whether no worker may run what is left: some tasks have no worker, and all others wait."""
    return any(each.get("no-worker") for each in states) and not any(map(ready_tasks, states))


def held_threads(names: Iterable[TaskName], left: Mapping[str, WorkLeft], threads: int) -> int:
    """Return how many threads run tasks of an unknown end."""
    names = tuple(names)
    running = sum(name.states.get("processing", 0) for name in names if left[name.name].open_ended)
    return min(threads, math.ceil(running * running_share(names, threads))) if running else 0


def work_left(names: Sequence[TaskName], durations: Mapping[str, Durations], threads: int) -> dict[str, WorkLeft]:
    """Return what is left, by task name."""
    share = running_share(names, threads)
    known = [name for name in names if name.name in durations]
    usual = _usual_mean(durations[name.name].mean for name in known)
    longest = max([name.seconds_max or 0.0 for name in known], default=0.0)
    return {name.name: _left_of(name, durations.get(name.name), usual, longest, share, threads) for name in names}


def _usual_mean(means: Iterable[float]) -> Measure | None:
    """Return the mean duration that another name would have, with its standard deviation ÷ the mean.

    The logarithms of the means are taken as normally distributed. `NAMES_VARY` counts as much as one name.
    """
    logarithms = [math.log(mean) for mean in means if mean > 0]
    if not logarithms:
        return None
    center = sum(logarithms) / len(logarithms)
    variance = (NAMES_VARY**2 + sum((each - center) ** 2 for each in logarithms)) / len(logarithms)
    return Measure(value=math.exp(center), deviation=math.sqrt(math.exp(variance) - 1))


def _left_of(
    name: TaskName,
    known: Durations | None,
    usual: Measure | None,
    longest_known: float,
    running_share: float,
    threads: int,
) -> WorkLeft:
    """Return what is left of one name."""
    no_worker = name.states.get("no-worker", 0)
    held_up = min(name.held_up or 0, name.states.get("waiting", 0))
    count = remaining_tasks(name.states) - no_worker - held_up
    if not count or usual is None:
        return _naming(name, WorkLeft(tasks=count, no_worker=no_worker, held_up=held_up))
    seen = name.seconds_max or 0.0
    if known is None and seen > FAR_LONGER * max(longest_known, usual.value):
        open_ended = WorkLeft(no_worker=no_worker, held_up=held_up, open_ended=count, open_names=(name.name,))
        return _naming(name, open_ended)
    durations, uncertainty = _durations(known, usual, seen)
    mean = durations.mean
    longest = max(seen, mean * usual_factor(uncertainty))
    of_one = durations.variance(longest)
    residual = residual_of(mean, of_one, longest) if mean else 0.0
    running = name.states.get("processing", 0) * running_share
    seconds = (count - running) * mean + running * residual
    # Residual times are taken as equally likely from 0 to twice their mean.
    variance = (count - running) * of_one + running * residual**2 / 3
    ready = ready_tasks(name.states)
    last, last_most = _last_tasks(residual, longest, min(threads, count))
    left = WorkLeft(
        tasks=count,
        seconds=seconds,
        variance=variance + (seconds * uncertainty) ** 2,
        ready=ready,
        no_worker=no_worker,
        held_up=held_up,
        last=last if ready else 0.0,
        last_most=last_most if ready else 0.0,
        later=0.0 if ready else last,
        later_most=0.0 if ready else last_most,
        assumed=count if known is None else 0.0,
        assumed_names=(name.name,) if known is None else (),
    )
    return _naming(name, left)


def _naming(name: TaskName, left: WorkLeft) -> WorkLeft:
    """Return what is left of a name, which also names what is left out."""
    return replace(left, left_out_by_name=((name.name, left.left_out),)) if left.left_out else left


def _durations(known: Durations | None, usual: Measure, longest: float) -> tuple[Durations, float]:
    """Return the durations of one name, and how uncertain their mean is: its standard deviation ÷ the mean.

    If few tasks have finished, what is usual counts like as many tasks as would make the mean as certain.
    """
    if known is None or not known.mean:
        return Durations(tasks=1, seconds=max(usual.value, longest)), usual.deviation
    is_few = known.tasks < LEAST_FINISHED
    known = known.with_unseen(max(longest, known.mean))
    variance = known.variance(longest) / known.mean**2
    if not is_few or not usual.deviation:
        return known, math.sqrt(variance / known.tasks)
    more = variance / usual.deviation**2
    mean = (known.seconds + more * usual.value) / (known.tasks + more)
    return replace(known, seconds=mean * known.tasks), math.sqrt(variance / (known.tasks + more))


def _last_tasks(residual: float, longest: float, threads: int) -> tuple[float, float]:
    """Return how much longer than the mean residual time the longest of all threads is, in seconds: expected, at most.

    The mean of the squares of residual times is at least ``4 ÷ 3 × residual²`` and at most ``2 ÷ 3 × longest ×
    residual``; their geometric mean is expected. The largest of ``p`` numbers is on average at most ``(p - 1) ÷ √(2 × p
    - 1)`` standard deviations above their mean (Hartley and David).
    """
    least, most = 4 / 3 * residual**2, 2 / 3 * longest * residual
    deviation = math.sqrt(max(0.0, math.sqrt(least * most) - residual**2))
    expected = min(longest - residual, deviation * (threads - 1) / math.sqrt(2 * threads - 1))
    return expected, min(longest - residual, expected + DEVIATIONS * math.sqrt(max(0.0, most - residual**2)))


def together(parts: Iterable[WorkLeft], share: float = 1.0) -> WorkLeft:
    """Return the sum of several names, or what is left of this share of their tasks."""
    tasks = seconds = variance = ready = last = last_most = later = later_most = 0.0
    no_worker = held_up = open_ended = assumed = 0.0
    open_names: list[str] = []
    assumed_names: list[str] = []
    left_out: list[tuple[str, float]] = []
    for part in parts:
        left_out += part.left_out_by_name
        no_worker += part.no_worker
        held_up += part.held_up
        open_ended += part.open_ended
        open_names += part.open_names
        if not part.tasks:
            continue
        tasks += part.tasks
        seconds += part.seconds
        variance += part.variance
        ready += part.ready
        last = max(last, part.last)
        last_most = max(last_most, part.last_most)
        later += part.later
        later_most += part.later_most
        assumed += part.assumed
        assumed_names += part.assumed_names
    return WorkLeft(
        tasks=tasks * share,
        seconds=seconds * share,
        variance=variance * share,
        ready=ready * share,
        no_worker=no_worker * share,
        held_up=held_up * share,
        open_ended=open_ended * share,
        open_names=tuple(open_names),
        last=last,
        last_most=last_most,
        later=later,
        later_most=later_most,
        assumed=assumed * share,
        assumed_names=tuple(assumed_names),
        left_out_by_name=tuple((name, number * share) for name, number in left_out),
    )
