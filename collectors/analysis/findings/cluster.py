"""What lies around the jobs: adaptive scaling, versions that differ, and sources that don't answer."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from dasktop.collectors.analysis.findings.rule import DASK, QUEUE, PendingFinding, RuleContext
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import workers_with_jobs
from dasktop.collectors.model.snapshot import Job, Severity, Source, Worker
from dasktop.collectors.text.format import counted, listed, plain_duration

_SOURCES: dict[str, tuple[str, Severity, str]] = {
    DASK: (
        "the scheduler does not answer",
        "error",
        "it is asked again; whether its process still runs, its host tells",
    ),
    QUEUE: (
        "SLURM's queue does not answer",
        "warning",
        "it is asked again; squeue in a shell tells whether it is slow",
    ),
    "slurm.accounting": (
        "SLURM's accounting does not answer",
        "info",
        "it is asked again; how jobs ended is as slurmctld knows it meanwhile",
    ),
}


def adaptive_thrashing(scene: RuleContext) -> Iterator[PendingFinding]:
    """Suspect adaptive scaling that submits jobs and cancels them in turn.

    With ``processes`` not passed explicitly, dask-jobqueue compares names that never match, and does so for ever
    (https://github.com/dask/dask-jobqueue/issues/498).
    """
    owner, limits = scene.snapshot.cluster.owner, scene.thresholds
    if owner is None or owner.adaptive is None:
        return
    in_vain = [life for job in scene.jobs if (life := _life_in_vain(scene, job)) is not None]
    rounds = _rounds(in_vain)
    if rounds < limits.thrashing_jobs:
        return
    window = plain_duration(int(limits.thrashing_window_seconds))
    yield PendingFinding(
        severity="warning",
        message=f"adaptive scaling has submitted jobs and soon cancelled them, {rounds} times within {window}: "
        f"{listed([life.job_id for life in in_vain])}",
        advice="dasktop scale --no-adapt stops it; narrower bounds, or processes= said plainly, cure it",
        job_ids=tuple(life.job_id for life in in_vain),
        began=min(life.ended_at for life in in_vain),
    )


def version_mismatch(scene: RuleContext) -> Iterator[PendingFinding]:
    """Suspect workers with another dask, or another Python, than the scheduler's."""
    cluster = scene.snapshot.cluster
    python = _minor(cluster.python_version)
    others: dict[tuple[str, ...], list[Worker]] = defaultdict(list)
    job_ids: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for job, worker in workers_with_jobs(scene.snapshot):
        differs = []
        if worker.dask_version and cluster.dask_version and worker.dask_version != cluster.dask_version:
            differs.append(f"dask {worker.dask_version} (the scheduler {cluster.dask_version})")
        if worker.python_version and python and _minor(worker.python_version) != python:
            differs.append(f"Python {_minor(worker.python_version)} (the scheduler {python})")
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
            advice="start workers from the environment of the scheduler: python= of the cluster",
            after_seconds=scene.thresholds.version_mismatch_seconds,
        )


def source_stale(scene: RuleContext) -> Iterator[PendingFinding]:
    """Suspect sources that don't answer any more, or never did.

    One that was good may stumble for a while. The scheduler or SLURM that has failed and was never seen to be good is
    told at once: a single snapshot has no later one to tell it. That a first answer is still awaited is no failure.
    """
    for source in scene.snapshot.sources:
        words, severity, advice = _SOURCES.get(
            source.name, (f"{source.name} does not answer", "info", "it is asked again")
        )
        if source.state not in ("stale", "error"):
            continue
        since = scene.history.in_trouble_since.get(source.name)
        shown = f"; what is shown is as of {scene.clock(since)}" if since and source.age_seconds is not None else ""
        yield PendingFinding(
            severity=severity,
            message=f"{words}{f' ({source.error})' if source.error else ''}{shown}",
            advice=advice,
            began=since,
            about=source.name,
            after_seconds=0.0 if _has_only_failed(scene, source) else scene.thresholds.source_stale_seconds,
        )


def _has_only_failed(scene: RuleContext, source: Source) -> bool:
    is_asked_first = source.error is None
    return source.name in _SOURCES and not is_asked_first and source.name not in scene.history.have_answered


class _Life(NamedTuple):
    submitted_at: datetime
    ended_at: datetime
    job_id: str


def _life_in_vain(scene: RuleContext, job: Job) -> _Life | None:
    fate = job.fate
    if fate is None or read_state(fate.state).name != "CANCELLED" or fate.ended_at is None or job.submitted_at is None:
        return None
    lived_seconds = (fate.ended_at - job.submitted_at).total_seconds()
    ended_ago = (scene.now - fate.ended_at).total_seconds()
    limits = scene.thresholds
    if lived_seconds > limits.thrashing_job_seconds or ended_ago > limits.thrashing_window_seconds:
        return None
    return _Life(job.submitted_at, fate.ended_at, job.job_id)


def _rounds(lives: Iterable[_Life]) -> int:
    """Count how often jobs were submitted after others were cancelled: once up and down is no thrashing."""
    rounds, over_at = 0, None
    for life in sorted(lives):
        if over_at is None or life.submitted_at >= over_at:
            rounds, over_at = rounds + 1, life.ended_at
    return rounds


def _minor(version: str | None) -> str | None:
    """Return ``3.11`` of ``3.11.7``: what workers with another one can't unpickle everything from."""
    return ".".join(version.split(".")[:2]) if version else None
