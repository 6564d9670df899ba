"""Generated snapshots for usage reports: jobs that wait, start, work, idle and end at given times."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Allocated, Fate, Job, Snapshot, Used, Worker
from tests.support.snapshots import GIB, TAKEN_AT, job, snapshot, task, worker

GB = 10**9


def moment(seconds: float) -> datetime:
    """Return the time of a snapshot, in seconds from the first."""
    return TAKEN_AT + timedelta(seconds=seconds)


@dataclass
class FakeJob:
    """The timeline of a job, in seconds."""

    job_id: str = "4709"
    submitted: float = 0.0
    started: float | None = 0.0
    ended: float | None = None
    state: str = "CANCELLED"
    """The state in which it ends."""
    suspended: tuple[float, float] | None = None
    """Start and end of its suspension."""
    first_worker: float = 0.0
    """Seconds from its start to its first worker."""
    last_worker: float | None = None
    """Seconds from its start until the workers leave; ``None``: they stay until its end."""
    cpus: int = 12
    memory_bytes: int = 16 * GIB
    processes: int = 4
    limit_seconds: int = 14_400
    busy: Callable[[float], float] = field(default=lambda seconds: 1.0)
    """The share of busy threads, by seconds since its start."""
    cpu_per_task: float = 95.0
    memory_share: Callable[[float], float] = field(default=lambda seconds: 0.3)
    """The memory of its workers as a share of their limit, by seconds since its start."""
    cpu_seconds_by_slurm: int | None = None
    """The CPU time in accounting, after its end."""
    max_rss_bytes: int | None = None
    values: dict[str, object] = field(default_factory=dict)
    """Further fields of the job."""

    def job_at(self, now: float) -> Job | None:
        """Return the job at a time; ``None`` before it is submitted."""
        if now < self.submitted:
            return None
        started = self.started is not None and now >= self.started
        ended = self.ended is not None and now >= self.ended
        given = job(
            self.job_id,
            (task(self._workers(now)),) if started and not ended else (),
            state=self.state if ended else self._state(now) if started else "PENDING",
            submitted_at=moment(self.submitted),
            started_at=moment(self.started) if started and self.started is not None else None,
            ends_at=moment(self._must_end(now)) if self.suspended and started and not ended else None,
            time_limit_seconds=self.limit_seconds,
            time_left_seconds=None,
            allocated=Allocated(cpus=self.cpus, memory_bytes=self.memory_bytes, gpus=0),
            workers_expected=self.processes,
            evidence=("owner",),
            fate=self._fate() if ended else None,
        )
        return replace(given, **self.values)

    def _must_end(self, now: float) -> float:
        """Return when it reaches its time limit: the time of a past suspension does not count."""
        begin, end = self.suspended or (0.0, 0.0)
        was_suspended = max(0.0, end - max(begin, self.started or 0.0)) if now >= end else 0.0
        return (self.started or 0.0) + self.limit_seconds + was_suspended

    def _state(self, now: float) -> str:
        begin, end = self.suspended or (0.0, 0.0)
        return "SUSPENDED" if begin <= now < end else "RUNNING"

    def _fate(self) -> Fate:
        return Fate(
            state=self.state,
            exit_code=None,
            signal=None,
            ended_at=moment(self.ended) if self.ended is not None else None,
            max_rss_bytes=self.max_rss_bytes,
            explanation=self.state.lower(),
            cpu_seconds=self.cpu_seconds_by_slurm,
        )

    def _workers(self, now: float) -> list[Worker]:
        since = now - (self.started or 0.0)
        if since < self.first_worker or (self.last_worker is not None and since >= self.last_worker):
            return []
        threads = self.cpus // self.processes
        limit = self.memory_bytes // self.processes
        busy = self.busy(since) * threads
        return [
            worker(
                f"w-{self.job_id}-{index}",
                nthreads=threads,
                executing=round(busy),
                cpu_percent=round(busy * self.cpu_per_task, 1),
                memory_limit_bytes=limit,
                memory_bytes=int(self.memory_share(since) * limit),
                spilled_bytes=0,
            )
            for index in range(self.processes)
        ]


def snapshot_at(jobs: Sequence[FakeJob], now: float, **values: object) -> Snapshot:
    """Return the snapshot at a time."""
    present = [shown for one in jobs if (shown := one.job_at(now)) is not None]
    shown = snapshot([replace(one, used=_use(one)) for one in present], taken_at=moment(now))
    return replace(shown, **values)


def snapshots_of(jobs: Sequence[FakeJob], until: float, every: float = 5.0, begin: float = 0.0) -> Iterator[Snapshot]:
    """Yield a snapshot every so many seconds, and one at the end."""
    now = begin
    while now < until:
        yield snapshot_at(jobs, now)
        now += every
    yield snapshot_at(jobs, until)


def _use(one: Job) -> Used:
    workers = [worker for task in one.tasks for worker in task.workers]
    return Used(
        cpu_percent=sum(worker.cpu_percent or 0 for worker in workers) if workers else None,
        memory_bytes=sum(worker.memory_bytes or 0 for worker in workers) if workers else None,
        threads_busy=sum(worker.executing or 0 for worker in workers),
    )
