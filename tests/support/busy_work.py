"""Generated work of a busy cluster for tests and benchmarks of recordings, as noisy as real one."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from dasktop.collectors.model.work import Eta, Progress, RunningTask, TaskActivity, TaskName, Work
from tests.support.snapshots import TAKEN_AT
from tests.support.work import computation, failure

TASKS_A_NAME = 100_000
AT_WORK = 5
"""Names of which tasks run at the same time."""
RUNNING = 50
POLLS_BETWEEN_RUNNING = 5
POLLS_BETWEEN_ACTIVITIES = 15
POLLS_BETWEEN_FAILURES = 60
MOST_FAILURES = 100
ACTIVITIES = ("thread-cpu", "thread-noncpu", "deserialize", "disk-read", "disk-write", "executor", "other")


class BusyWork:
    """The work of each snapshot in turn, as a reader would report it."""

    def __init__(self, names: int, chance: random.Random) -> None:
        self._names = [f"task-{number:03}" for number in range(names)]
        self._chance = chance
        self._done = dict.fromkeys(self._names, 0)
        self._running: tuple[RunningTask, ...] = ()
        self._activities: tuple[TaskActivity, ...] = ()
        self._failed = 0
        self._tick = 0

    def __iter__(self) -> Iterator[Work]:
        while True:
            yield self._next(TAKEN_AT + timedelta(seconds=2 * self._tick))
            self._tick += 1

    def _next(self, now: datetime) -> Work:
        chance, tick = self._chance, self._tick
        first = tick // 200 % len(self._names)
        busy = [self._names[(first + number) % len(self._names)] for number in range(AT_WORK)]
        for name in busy:
            self._done[name] = min(TASKS_A_NAME, self._done[name] + chance.randrange(1, 60))
        if tick % POLLS_BETWEEN_RUNNING == 0:
            self._running = tuple(self._run(chance.choice(busy)) for _ in range(RUNNING))
        if tick % POLLS_BETWEEN_ACTIVITIES == 0:
            self._activities = tuple(
                TaskActivity(task_name=name, activity=activity, seconds=round(done * (number + 0.731) / 7, 3))
                for name, done in self._done.items()
                for number, activity in enumerate(ACTIVITIES)
                if done
            )
        if tick % POLLS_BETWEEN_FAILURES == 0:
            self._failed += 1
        failures = [
            failure(f"('{busy[0]}-8a7f0d5e', {number})", at=TAKEN_AT + timedelta(seconds=120 * number))
            for number in range(max(0, self._failed - MOST_FAILURES), self._failed)
        ]
        names = tuple(self._name(name, name in busy, now) for name in self._names)
        done, total = sum(self._done.values()), TASKS_A_NAME * len(names)
        return Work(
            computations=(
                computation(states={"memory": done, "waiting": total - done}, task_names=tuple(self._names[:50])),
            ),
            task_names=names,
            running=self._running,
            failures=tuple(failures),
            activities=self._activities,
            progress=Progress(done=done, total=total, failed=self._failed, blocked=0),
            eta=self._eta(now),
            rate_per_second=round(chance.uniform(90, 110), 1),
        )

    def _run(self, name: str) -> RunningTask:
        return RunningTask(
            key=f"('{name}-8a7f0d5e', {self._chance.randrange(TASKS_A_NAME)})",
            task_name=name,
            worker=f"SLURMCluster-{self._chance.randrange(100)}",
            address=f"tcp://10.1.0.7:{40000 + self._chance.randrange(100)}",
            job_id=str(4000 + self._chance.randrange(100)),
            seconds=round(self._chance.uniform(1, 300), 3),
            typical_seconds=12.5,
        )

    def _name(self, name: str, is_busy: bool, now: datetime) -> TaskName:
        done = self._done[name]
        running = self._chance.randrange(20, 80) if is_busy else 0
        mean = round(12.5 + self._chance.gauss(0, 0.01), 6) if is_busy else 12.5
        return TaskName(
            name=name,
            states={"memory": done, "processing": running, "waiting": TASKS_A_NAME - done - running},
            seconds_mean=mean,
            seconds_max=90.0,
            bytes_stored=done << 20,
            compute_seconds=round(done * mean, 6),
            transfer_seconds=round(done * 0.1, 6),
            suspicious=0,
            finished_total=done,
            done=done,
            total=TASKS_A_NAME,
            rate_per_second=round(self._chance.uniform(10, 30), 1) if is_busy else 0.0,
            eta=self._eta(now) if is_busy else None,
        )

    def _eta(self, now: datetime) -> Eta:
        earliest = now + timedelta(seconds=self._chance.randrange(3000, 4000))
        return Eta(earliest=earliest, latest=earliest + timedelta(minutes=20), based_on="mean time of tasks")
