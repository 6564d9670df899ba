"""What a job uses besides its dask workers: SLURM's figures minus dask's over the same time. Pure.

SLURM counts all processes of a job and is asked every few minutes at most; dask reports its workers every second. The
two figures are from different times, so SLURM's is used only if it is clearly larger. Without the tolerances, a job's
figure would change its source and value whenever a worker allocates or frees memory between two answers.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec.structs import replace

from dasktop.collectors.model.jobs import workers_of
from dasktop.collectors.model.readings import Step
from dasktop.collectors.model.record import Record
from dasktop.collectors.model.snapshot import Job, Snapshot
from dasktop.collectors.model.sums import sum_if_all_known, sum_of_known

LEAST_MEMORY_SHARE = 0.1
"""SLURM's figure has to exceed the workers' by this share of the job's memory. Shells and nannies use 100 to 200 MiB,
and a heartbeat and SLURM's sample may be some seconds apart (up to ``JobAcctGatherFrequency``, 30 s by default)."""
LEAST_CPU_PERCENT = 20.0
"""Lower limit, 100 = one core. SLURM reports whole seconds, and nannies use a few per cent."""
LEAST_CPU_SHARE = 0.3
"""Lower limit as a share of the workers' own use. Their CPU time is estimated from one heartbeat per second, and each
of SLURM's two samples may be up to 30 s older than its answer: a quarter of a span of two minutes."""
SHORTEST_SPAN_SECONDS = 120.0
"""Shortest time between the two answers from which CPU use is computed; answers in between give memory only."""


class OtherUse(Record, frozen=True, kw_only=True):
    """What other programs use in a job."""

    cpu_percent: float | None = None
    """Average over the last two minutes or more; ``None``: too little, or unknown."""
    memory_bytes: int | None = None
    """Of the whole job, in SLURM's last answer; ``None`` if it is not clearly more than the workers use."""


class SlurmFigures(Record, frozen=True, kw_only=True):
    """What SLURM's accounting says of all processes of a job."""

    cpu_percent: float | None = None
    """Average over the last two minutes or more; ``None``: unknown."""
    memory_bytes: int | None = None
    read_at: datetime


class _Span(Record, frozen=True, kw_only=True):
    """What is known of a job since the SLURM answer from which CPU use is counted."""

    began_at: datetime
    read_at: datetime
    """When SLURM last answered."""
    cpu_seconds: float | None
    """At `began_at`."""
    workers_cpu_seconds: float | None = 0.0
    noted_at: datetime
    beyond: OtherUse = OtherUse()
    figures: SlurmFigures


class OtherUseTracker:
    """Computes the use of other programs, snapshot by snapshot."""

    def __init__(self) -> None:
        self._spans: dict[str, _Span] = {}
        self._with_children: frozenset[str] = frozenset()

    @property
    def beyond(self) -> Mapping[str, OtherUse]:
        """What other programs use, by job id; only jobs in which it is clearly measurable."""
        return {job_id: span.beyond for job_id, span in self._spans.items() if span.beyond != OtherUse()}

    @property
    def figures(self) -> Mapping[str, SlurmFigures]:
        """What SLURM says of each job, by job id."""
        return {job_id: span.figures for job_id, span in self._spans.items()}

    @property
    def with_other_programs(self) -> frozenset[str]:
        """The jobs in which SLURM counts clearly more than the workers use, or a worker has child processes."""
        return frozenset(self.beyond) | self._with_children

    def note(self, snapshot: Snapshot, steps: Iterable[Step]) -> None:
        """Add a snapshot and SLURM's steps; drop the jobs without steps."""
        by_job: dict[str, list[Step]] = {}
        for step in steps:
            by_job.setdefault(step.job_id, []).append(step)
        jobs = {job.job_id: job for job in snapshot.jobs}
        self._with_children = frozenset(
            job_id for job_id, job in jobs.items() if any(worker.children for worker in workers_of(job))
        )
        self._spans = {
            job_id: span
            for job_id, job_steps in by_job.items()
            if job_id in jobs and (span := self._next(jobs[job_id], job_steps, snapshot.taken_at)) is not None
        }

    def _next(self, job: Job, steps: list[Step], now: datetime) -> _Span | None:
        read_at = max((step.read_at for step in steps if step.read_at is not None), default=None)
        if read_at is None:
            return None
        before = self._spans.get(job.job_id)
        workers = workers_of(job)
        cpu_percent = sum_if_all_known(worker.cpu_percent for worker in workers)
        used = None
        if before is not None and before.workers_cpu_seconds is not None and cpu_percent is not None:
            seconds = max(0.0, (now - before.noted_at).total_seconds())
            used = before.workers_cpu_seconds + cpu_percent / 100 * seconds
        if before is not None and read_at == before.read_at:
            return replace(before, workers_cpu_seconds=used, noted_at=now)
        resident = sum_of_known(
            None if step.rss_bytes is None else step.rss_bytes * (step.ntasks or 1) for step in steps
        )
        memory_bytes = _memory(job, resident, sum_of_known(worker.memory_bytes for worker in workers) or 0)
        total = _total_cpu_seconds(steps)
        percent = of_slurm = None
        if before is not None and before.cpu_seconds is not None and total is not None and used is not None:
            seconds = (read_at - before.began_at).total_seconds()
            if seconds < SHORTEST_SPAN_SECONDS and total >= before.cpu_seconds:
                return replace(
                    before,
                    read_at=read_at,
                    workers_cpu_seconds=used,
                    noted_at=now,
                    beyond=replace(before.beyond, memory_bytes=memory_bytes),
                    figures=replace(before.figures, memory_bytes=resident, read_at=read_at),
                )
            percent = _percent(total - before.cpu_seconds, used, seconds)
            of_slurm = _mean_percent(total - before.cpu_seconds, seconds)
        return _Span(
            began_at=read_at,
            read_at=read_at,
            cpu_seconds=total,
            noted_at=now,
            beyond=OtherUse(cpu_percent=percent, memory_bytes=memory_bytes),
            figures=SlurmFigures(cpu_percent=of_slurm, memory_bytes=resident, read_at=read_at),
        )


def _total_cpu_seconds(steps: Iterable[Step]) -> float | None:
    return sum_of_known(
        None if step.cpu_seconds is None else float(step.cpu_seconds * (step.ntasks or 1)) for step in steps
    )


def _percent(slurm_seconds: float, workers_seconds: float, span_seconds: float) -> float | None:
    if span_seconds < SHORTEST_SPAN_SECONDS or slurm_seconds < 0:
        return None
    other = slurm_seconds - workers_seconds
    percent = 100 * other / span_seconds
    is_clear = percent >= LEAST_CPU_PERCENT and other >= LEAST_CPU_SHARE * workers_seconds
    return round(percent, 1) if is_clear else None


def _mean_percent(seconds: float, span_seconds: float) -> float | None:
    return round(100 * seconds / span_seconds, 1) if span_seconds >= SHORTEST_SPAN_SECONDS and seconds >= 0 else None


def _memory(job: Job, total: int | None, workers_bytes: int) -> int | None:
    granted = job.allocated.memory_bytes
    if total is None or granted is None or total - workers_bytes < LEAST_MEMORY_SHARE * granted:
        return None
    return total
