"""What a job uses beside its dask workers: SLURM's figures against dask's over the same time. Pure.

SLURM counts all processes of a job and is asked every few minutes at most; dask reports its workers every second. The
two figures are of different moments, so SLURM's counts only where it is clearly larger. Without the tolerances, a job's
figure would change its source, and its value, whenever a worker allocates or frees memory between two answers.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec.structs import replace

from dasktop.collectors.jobs import workers_of
from dasktop.collectors.model import Job, Record, Snapshot
from dasktop.collectors.readings import Step

LEAST_MEMORY_SHARE = 0.1
"""Of the job's memory, by which SLURM's figure has to exceed the workers'. Shells and nannies hold 100 to 200 MiB, and
a heartbeat and SLURM's sample may be some seconds apart (up to ``JobAcctGatherFrequency``, 30 s by default)."""
LEAST_CPU_PERCENT = 20.0
"""In percent of one core. SLURM reports whole seconds, and nannies use a few percent."""
LEAST_CPU_SHARE = 0.3
"""Of the workers' own use. Their CPU time is estimated from one heartbeat a second, and SLURM's two samples may begin
and end up to 30 s before its answers: of a span of two minutes, that is a quarter."""
SHORTEST_SPAN_SECONDS = 120.0
"""Between the two answers that CPU use is worked out from; those in between tell the memory only."""


class Beyond(Record, frozen=True, kw_only=True):
    """What runs in a job beside its workers."""

    cpu_percent: float | None = None
    """On average over the last two minutes or more; ``None``: too little to count, or unknown."""
    memory_bytes: int | None = None
    """SLURM's latest value for the job; ``None`` if it is not clearly higher than the sum of its workers."""


class _Span(Record, frozen=True, kw_only=True):
    """What is known of a job since the answer of SLURM's that CPU use is counted from."""

    began_at: datetime
    read_at: datetime
    """When the last answer came."""
    cpu_seconds: float | None
    """At the beginning."""
    workers_cpu_seconds: float | None = 0.0
    noted_at: datetime
    beyond: Beyond = Beyond()


class UseLedger:
    """Follows the jobs from snapshot to snapshot."""

    def __init__(self) -> None:
        self._spans: dict[str, _Span] = {}
        self._with_children: frozenset[str] = frozenset()

    @property
    def beyond(self) -> Mapping[str, Beyond]:
        """By job, what it uses beside its workers; only jobs in which that is worth telling."""
        return {job_id: span.beyond for job_id, span in self._spans.items() if span.beyond != Beyond()}

    @property
    def with_other_programs(self) -> frozenset[str]:
        """Jobs for which SLURM reports more than the workers do, or whose workers have child processes."""
        return frozenset(self.beyond) | self._with_children

    def note(self, snapshot: Snapshot, steps: Iterable[Step]) -> None:
        """Take in what SLURM and dask tell now; forget the jobs of which SLURM tells no steps any more."""
        by_job: dict[str, list[Step]] = {}
        for step in steps:
            by_job.setdefault(step.job_id, []).append(step)
        jobs = {job.job_id: job for job in snapshot.jobs}
        self._with_children = frozenset(
            job_id for job_id, job in jobs.items() if any(worker.children for worker in workers_of(job))
        )
        self._spans = {
            job_id: span
            for job_id, told in by_job.items()
            if job_id in jobs and (span := self._next(jobs[job_id], told, snapshot.taken_at)) is not None
        }

    def _next(self, job: Job, steps: list[Step], now: datetime) -> _Span | None:
        read_at = max((step.read_at for step in steps if step.read_at is not None), default=None)
        if read_at is None:
            return None
        before = self._spans.get(job.job_id)
        workers = list(workers_of(job))
        known_cpu = [worker.cpu_percent for worker in workers if worker.cpu_percent is not None]
        used = None
        if before is not None and before.workers_cpu_seconds is not None and len(known_cpu) == len(workers):
            seconds = max(0.0, (now - before.noted_at).total_seconds())
            used = before.workers_cpu_seconds + sum(known_cpu) / 100 * seconds
        if before is not None and read_at == before.read_at:
            return replace(before, workers_cpu_seconds=used, noted_at=now)
        memory_bytes = _memory(job, steps, sum(worker.memory_bytes or 0 for worker in workers))
        total = _total_cpu_seconds(steps)
        percent = None
        if before is not None and before.cpu_seconds is not None and total is not None and used is not None:
            seconds = (read_at - before.began_at).total_seconds()
            if seconds < SHORTEST_SPAN_SECONDS and total >= before.cpu_seconds:
                beyond = replace(before.beyond, memory_bytes=memory_bytes)
                return replace(before, read_at=read_at, workers_cpu_seconds=used, noted_at=now, beyond=beyond)
            percent = _percent(total - before.cpu_seconds, used, seconds)
        return _Span(
            began_at=read_at,
            read_at=read_at,
            cpu_seconds=total,
            noted_at=now,
            beyond=Beyond(cpu_percent=percent, memory_bytes=memory_bytes),
        )


def _total_cpu_seconds(steps: Iterable[Step]) -> float | None:
    known = [step.cpu_seconds * (step.ntasks or 1) for step in steps if step.cpu_seconds is not None]
    return float(sum(known)) if known else None


def _percent(slurm_seconds: float, workers_seconds: float, span_seconds: float) -> float | None:
    if span_seconds < SHORTEST_SPAN_SECONDS or slurm_seconds < 0:
        return None
    other = slurm_seconds - workers_seconds
    percent = 100 * other / span_seconds
    is_clear = percent >= LEAST_CPU_PERCENT and other >= LEAST_CPU_SHARE * workers_seconds
    return round(percent, 1) if is_clear else None


def _memory(job: Job, steps: Iterable[Step], workers_bytes: int) -> int | None:
    known = [step.rss_bytes * (step.ntasks or 1) for step in steps if step.rss_bytes is not None]
    granted = job.allocated.memory_bytes
    if not known or granted is None or sum(known) - workers_bytes < LEAST_MEMORY_SHARE * granted:
        return None
    return sum(known)
