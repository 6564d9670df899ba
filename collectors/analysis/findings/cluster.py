"""Rules for the cluster as a whole: adaptive scaling, version mismatches, and sources that do not answer."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from dasktop.collectors.analysis.findings.rule import DASK, QUEUE, PendingFinding, RuleContext, rule
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.snapshot import Job, Severity, Source, Worker
from dasktop.collectors.model.sources import is_failing
from dasktop.collectors.text.format import counted, listed, plain_duration

_SOURCES: dict[str, tuple[str, Severity, str]] = {
    DASK: (
        "the scheduler does not answer",
        "error",
        "dasktop keeps trying; check on the scheduler's host whether its process is running",
    ),
    QUEUE: (
        "SLURM's queue does not answer",
        "warning",
        "dasktop keeps trying; run squeue in a shell to see whether it is slow",
    ),
    "slurm.accounting": (
        "SLURM's accounting does not answer",
        "info",
        "dasktop keeps trying; until then, how jobs ended is read from slurmctld",
    ),
}


@rule("source-stale", order=60, needs=(), harm="held up")
def source_stale(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield sources that have stopped answering, or that have failed from the start.

    A source that has answered before may fail for a while. A known source that never has is reported at once, since a
    single snapshot has no later one. Waiting for a first answer is not a failure.
    """
    for source in context.snapshot.sources:
        words, severity, advice = _SOURCES.get(
            source.name, (f"{source.name} does not answer", "info", "dasktop keeps trying")
        )
        if not is_failing(source):
            continue
        since = context.history.failing_since.get(source.name)
        shown = f"; showing data from {context.clock(since)}" if since and source.age_seconds is not None else ""
        yield PendingFinding(
            severity=severity,
            message=f"{words}{f' ({source.error})' if source.error else ''}{shown}",
            advice=advice,
            since=since,
            about=source.name,
            after_seconds=0.0 if _never_answered(context, source) else context.thresholds.source_stale_seconds,
        )


def _never_answered(context: RuleContext, source: Source) -> bool:
    is_first_request = source.error is None
    return source.name in _SOURCES and not is_first_request and source.name not in context.history.ever_answered


@rule("adaptive-thrashing", order=170, harm="unused")
def adaptive_thrashing(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield adaptive scaling that repeatedly submits jobs and cancels them.

    If ``processes`` is not passed explicitly, dask-jobqueue compares names that never match, and thrashes
    (https://github.com/dask/dask-jobqueue/issues/498).
    """
    owner, limits = context.snapshot.cluster.owner, context.thresholds
    if owner is None or owner.adaptive is None:
        return
    short_lived = [found for job in context.jobs if (found := _short_lived(context, job)) is not None]
    rounds = _count_rounds(short_lived)
    if rounds < limits.thrashing_jobs:
        return
    window = plain_duration(int(limits.thrashing_window_seconds))
    yield PendingFinding(
        severity="warning",
        message=f"adaptive scaling has submitted jobs and cancelled them soon after, {rounds} times within {window}: "
        f"{listed([job.job_id for job in short_lived])}",
        advice="dasktop scale --no-adapt stops it; to fix it, set narrower bounds or pass processes= explicitly",
        job_ids=tuple(job.job_id for job in short_lived),
        since=min(job.ended_at for job in short_lived),
    )


@rule("version-mismatch", order=180, needs=(DASK,))
def version_mismatch(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield workers whose dask or Python version differs from the scheduler's."""
    cluster = context.snapshot.cluster
    python = _minor(cluster.python_version)
    others: dict[tuple[str, ...], list[Worker]] = defaultdict(list)
    job_ids: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for job, worker in context.workers:
        differs = []
        if worker.dask_version and cluster.dask_version and worker.dask_version != cluster.dask_version:
            differs.append(f"dask {worker.dask_version} (scheduler: {cluster.dask_version})")
        if worker.python_version and python and _minor(worker.python_version) != python:
            differs.append(f"Python {_minor(worker.python_version)} (scheduler: {python})")
        if differs:
            others[tuple(differs)].append(worker)
            job_ids[tuple(differs)] += [job.job_id] if job is not None else []
    for versions, workers in others.items():
        verb = "has" if len(workers) == 1 else "have"
        names = listed([worker.name for worker in workers])
        yield PendingFinding(
            severity="warning",
            worker=workers[0].name,
            job_ids=tuple(dict.fromkeys(job_ids[versions])),
            workers=tuple(worker.name for worker in workers),
            message=f"{counted(len(workers), 'worker')} {verb} {' and '.join(versions)}: {names}",
            advice="start workers in the scheduler's environment (python= of the cluster)",
            after_seconds=context.thresholds.version_mismatch_seconds,
        )


class _ShortLivedJob(NamedTuple):
    submitted_at: datetime
    ended_at: datetime
    job_id: str


def _short_lived(context: RuleContext, job: Job) -> _ShortLivedJob | None:
    """Return a job that was cancelled soon after its submission, within the window; else ``None``."""
    fate = job.fate
    if fate is None or not read_state(fate.state).is_cancelled or fate.ended_at is None or job.submitted_at is None:
        return None
    lived_seconds = (fate.ended_at - job.submitted_at).total_seconds()
    ended_ago = (context.now - fate.ended_at).total_seconds()
    limits = context.thresholds
    if lived_seconds > limits.thrashing_job_seconds or ended_ago > limits.thrashing_window_seconds:
        return None
    return _ShortLivedJob(job.submitted_at, fate.ended_at, job.job_id)


def _count_rounds(jobs: Iterable[_ShortLivedJob]) -> int:
    """Count how often jobs were submitted after others were cancelled: scaling up and down once is not thrashing."""
    rounds, round_ended_at = 0, None
    for job in sorted(jobs):
        if round_ended_at is None or job.submitted_at >= round_ended_at:
            rounds, round_ended_at = rounds + 1, job.ended_at
    return rounds


def _minor(version: str | None) -> str | None:
    """Return ``3.11`` of ``3.11.7``: pickles may not be compatible between minor versions of Python."""
    return ".".join(version.split(".")[:2]) if version else None
