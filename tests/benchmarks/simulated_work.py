"""Simulated runs for `bench_eta`: what a scheduler would report of tasks of given durations. No clock, no dask.

The scheduler starts tasks in their order, each on the thread that is free first. A stage begins when all tasks of the
one before have ended. Many runs show what a single recorded run cannot: in how many of ten cases the range is right.
"""

import heapq
import itertools
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

from dasktop.collectors.model.work import Progress, TaskName, Work

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS_BETWEEN = 1.0
SECONDS_TO_START = 0.01
"""Time of a thread between two tasks."""


class Moment(NamedTuple):
    """What one poll reports."""

    at: datetime
    work: Work | None
    threads: int | None


class _Stage:
    """When the tasks of one name run."""

    def __init__(self, name: str, runs: Sequence[tuple[float, float]]) -> None:
        self.name = name
        self.runs = sorted(runs)
        self.begins = [begin for begin, _ in self.runs]
        by_end = sorted(runs, key=lambda run: run[1])
        self.ends = [end for _, end in by_end]
        durations = [end - begin for begin, end in by_end]
        self.seconds = [0.0, *itertools.accumulate(durations)]
        self.longest = [0.0, *itertools.accumulate(durations, max)]

    def at(self, now: float, can_run: bool) -> TaskName:
        """Return what the scheduler reports after this many seconds."""
        begun, ended = bisect_right(self.begins, now), bisect_right(self.ends, now)
        may_run = bisect_right(self.begins, now - self.longest[-1])
        running = max((now - begin for begin, end in self.runs[may_run:begun] if now < end), default=0.0)
        waiting = "queued" if can_run else "waiting"
        states = {waiting: len(self.ends) - begun, "processing": begun - ended, "memory": ended}
        return TaskName(
            name=self.name,
            states={state: count for state, count in states.items() if count},
            seconds_mean=self.seconds[ended] / ended if ended else None,
            seconds_max=max(self.longest[ended], running) or None,
            bytes_stored=0,
            compute_seconds=self.seconds[ended],
            transfer_seconds=0.0,
            suspicious=0,
            finished_total=ended,
        )


def simulated(
    stages: Sequence[Sequence[float]], threads: int = 4, growth: Sequence[tuple[float, int]] = ()
) -> list[Moment]:
    """Return what polls report of stages with tasks of these durations, in seconds.

    ``growth`` has the times at which the cluster gains threads, and how many.
    """
    free = [0.0] * threads + [at for at, more in growth for _ in range(more)]
    heapq.heapify(free)
    begin = 0.0
    run: list[_Stage] = []
    for number, durations in enumerate(stages):
        runs = []
        for seconds in durations:
            start = max(heapq.heappop(free), begin)
            runs.append((start, start + seconds))
            heapq.heappush(free, start + seconds + SECONDS_TO_START)
        run.append(_Stage(f"stage{number}", runs))
        begin = run[-1].ends[-1]
    moments = []
    for poll in range(int(begin / SECONDS_BETWEEN) + 2):
        now = poll * SECONDS_BETWEEN
        ends = [0.0, *(stage.ends[-1] for stage in run)]
        names = tuple(stage.at(now, can_run=now >= before) for stage, before in zip(run, ends, strict=False))
        moments.append(
            Moment(
                at=BEGIN + timedelta(seconds=now),
                work=Work(computations=(), task_names=names, progress=Progress(done=0, total=0, failed=0, blocked=0)),
                threads=threads + sum(more for at, more in growth if at <= now),
            )
        )
    return moments


def _uniform(random_: Random, least: float, most: float, count: int) -> list[float]:
    return [random_.uniform(least, most) for _ in range(count)]


def _parallel(random_: Random) -> list[Moment]:
    return simulated([_uniform(random_, 0.2, 2.8, 200)])


def _barrier(random_: Random) -> list[Moment]:
    """Return a run of which the second stage takes 0.7 to 1.5 times as long by task as the first, mostly."""
    times = random_.lognormvariate(0.0, 0.3)
    later = [seconds * times for seconds in _uniform(random_, 0.5, 1.1, 120)]
    return simulated([_uniform(random_, 0.5, 1.1, 200), [0.5], later])


def _heavy(random_: Random) -> list[Moment]:
    return simulated([[min(8.0, 0.3 * random_.paretovariate(1.4)) for _ in range(350)]])


def _lognormal(random_: Random) -> list[Moment]:
    return simulated([[random_.lognormvariate(-0.3, 0.8) for _ in range(300)]])


def _growing(random_: Random) -> list[Moment]:
    step = random_.uniform(5.0, 9.0)
    return simulated([_uniform(random_, 0.7, 1.3, 300)], threads=2, growth=[(step * n, 2) for n in (1, 2, 3)])


SHAPES: dict[str, Callable[[Random], list[Moment]]] = {
    "parallel": _parallel,
    "barrier": _barrier,
    "heavy": _heavy,
    "lognormal": _lognormal,
    "growing": _growing,
}
