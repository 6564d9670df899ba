"""Decide which jobs start on which nodes, and why others wait: first in, first out, with backfill.

Pure: jobs, nodes and the time are arguments. Backfill never delays an earlier job.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dasktop.collectors.embedded_slurm.records import Needs, Resources

# SLURM's backfill also considers a limited number of jobs (bf_max_job_test).
_MOST_JOBS = 30


@dataclass(frozen=True, slots=True)
class PendingJob:
    """A pending job: `seconds` is how long it may run (infinite without a limit)."""

    id: int
    needs: Needs
    seconds: float
    partition: str


@dataclass(frozen=True, slots=True)
class Reservation:
    """Resources of a job, used or planned, from `start` (epoch seconds) until `end`."""

    start: float
    end: float
    shares: Mapping[str, Resources]


@dataclass(frozen=True, slots=True)
class Placement:
    """A job's share of each of its nodes, and how many of its tasks run there."""

    shares: dict[str, Resources]
    tasks: dict[str, int]


@dataclass(slots=True)
class Plan:
    """Which jobs start now, why the others wait, and when these are expected to start."""

    starts: dict[int, Placement] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    expected: dict[int, float] = field(default_factory=dict)


def plan(
    now: float, waiting: Sequence[PendingJob], taken: Iterable[Reservation], nodes: Mapping[str, Resources]
) -> Plan:
    """Decide for every pending job whether it starts now.

    Each job in turn gets the earliest time at which it fits beside all reservations so far, so a small job may start
    before a large one only if that does not delay it.

    Parameters
    ----------
    now
        Epoch seconds.
    waiting
        Jobs that may start, by descending priority.
    taken
        What running jobs hold.
    nodes
        Resources by node, in the order in which nodes are filled.
    """
    result = Plan()
    timeline = _Timeline(now, nodes)
    for entry in taken:
        timeline.take(entry)
    blocked: set[str] = set()
    for job in waiting[:_MOST_JOBS]:
        for start in timeline.starts():
            placement = place(job.needs, timeline.free(start, start + job.seconds))
            if placement is None:
                continue
            timeline.take(Reservation(start, start + job.seconds, placement.shares))
            if start == now:
                result.starts[job.id] = placement
            else:
                result.expected[job.id] = start
            break
        if job.id not in result.starts:
            result.reasons[job.id] = "Priority" if job.partition in blocked else "Resources"
            blocked.add(job.partition)
    result.reasons.update({job.id: "Priority" for job in waiting[_MOST_JOBS:]})
    return result


class _Timeline:
    """Free resources of each node from now on: a list of times, each with what is free until the next."""

    def __init__(self, now: float, nodes: Mapping[str, Resources]) -> None:
        self._times = [now]
        self._free = [dict(nodes)]

    def starts(self) -> list[float]:
        """Return the times at which a job may begin to fit: now, and when a reservation ends."""
        return list(self._times)

    def free(self, start: float, end: float) -> dict[str, Resources]:
        """Return what each node has left during the whole of a time span."""
        least = dict(self._free[bisect_right(self._times, start) - 1])
        for time, free in zip(self._times, self._free, strict=True):
            if start < time < end:
                least = {name: least[name].least(share) for name, share in free.items()}
        return least

    def take(self, entry: Reservation) -> None:
        """Add a reservation."""
        self._split(entry.start)
        self._split(entry.end)
        for time, free in zip(self._times, self._free, strict=True):
            if entry.start <= time < entry.end:
                for name, share in entry.shares.items():
                    free[name] -= share

    def _split(self, time: float) -> None:
        index = bisect_right(self._times, time)
        if index and self._times[index - 1] != time and math.isfinite(time):
            self._times.insert(index, time)
            self._free.insert(index, dict(self._free[index - 1]))


def place(needs: Needs, free: Mapping[str, Resources]) -> Placement | None:
    """Place a job's tasks on as few nodes as possible, filled in order, with at least one task on each.

    Returns
    -------
    Placement or None
        None if it does not fit.
    """
    room = {name: _tasks_that_fit(needs, share) for name, share in free.items()}
    able = [name for name, tasks in room.items() if tasks > 0]
    if needs.required_nodes:
        # Simpler than SLURM, which adds other nodes if more are requested than named.
        able = [name for name in able if name in needs.required_nodes]
    counts = range(needs.least_nodes, (needs.nodes or len(able)) + 1)
    for count in counts:
        chosen = _choose(able, room, needs.tasks, count)
        if chosen is not None:
            return _share_out(needs, chosen, room)
    return None


def _choose(able: Sequence[str], room: Mapping[str, int], tasks: int, count: int) -> Sequence[str] | None:
    if len(able) < count or tasks < count:
        return None
    first = able[:count]
    if sum(room[name] for name in first) >= tasks:
        return first
    roomiest = set(sorted(able, key=lambda name: -room[name])[:count])
    chosen = [name for name in able if name in roomiest]
    return chosen if sum(room[name] for name in chosen) >= tasks else None


def _share_out(needs: Needs, chosen: Sequence[str], room: Mapping[str, int]) -> Placement:
    tasks = dict.fromkeys(chosen, 1)
    left = needs.tasks - len(chosen)
    for name in chosen:
        more = min(left, room[name] - 1)
        tasks[name] += more
        left -= more
    return Placement({name: share(needs, count) for name, count in tasks.items()}, tasks)


def share(needs: Needs, tasks: int) -> Resources:
    """Return the resources that this number of tasks needs on one node."""
    cpus = tasks * (needs.cpus_per_task or 1)
    memory = needs.memory_per_node_mb
    if memory is None:
        memory = cpus * (needs.memory_per_cpu_mb or 0)
    return Resources(cpus, memory, needs.gpus_per_node)


def _tasks_that_fit(needs: Needs, free: Resources) -> int:
    tasks = free.cpus // (needs.cpus_per_task or 1)
    if needs.tasks_per_node is not None:
        tasks = min(tasks, needs.tasks_per_node)
    while tasks > 0 and not free.covers(share(needs, tasks)):
        tasks -= 1
    return tasks
