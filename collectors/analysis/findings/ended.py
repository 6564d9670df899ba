"""Jobs that have ended badly, or were put back into the queue, and the workers that went with them."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from dasktop.collectors.analysis.findings.rule import DASK, PendingFinding, RuleContext
from dasktop.collectors.analysis.findings.words import held_words, named, workers_words
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import ended_badly, has_ended, is_pending, lost_jobs, shown_id, workers_of
from dasktop.collectors.model.snapshot import Fate, Job, Severity, Worker
from dasktop.collectors.text.format import counted, listed

MOST_ALIKE = 3
"""More jobs than so many that ended the same way are one finding."""
CLOCKS_DIFFER_SECONDS = 120.0
"""A worker that left so long before its job's end, by another clock, may have left because of it."""

_SEVERITIES: dict[str, Severity] = {
    "BOOT_FAIL": "error",
    "DEADLINE": "warning",
    "FAILED": "error",
    "NODE_FAIL": "error",
    "OUT_OF_MEMORY": "error",
    "PREEMPTED": "warning",
    "TIMEOUT": "warning",
}
_ADVICE = {
    "DEADLINE": "submit it with another deadline",
    "FAILED": "its log tells more",
    "OUT_OF_MEMORY": "give each job more memory, or fewer processes",
    "TIMEOUT": "give jobs more walltime, or let workers retire before its end: --lifetime",
}


def lost_job(scene: RuleContext) -> Iterator[PendingFinding]:
    """Suspect jobs that the owner still counts and SLURM has ended.

    With several processes a job, the owner never notices, and stock ``scale`` brings no other
    (https://github.com/dask/distributed/issues/9102).
    """
    for name, job in lost_jobs(scene.snapshot):
        if _may_be_forgotten_yet(scene, job):
            continue
        how = job.fate.explanation if job.fate is not None else f"ended as {job.state}"
        yield PendingFinding(
            severity="error",
            job_id=job.job_id,
            message=f"{named(job)} is lost ({how}{_at(scene, job.fate)}), and its owner still counts it as {name}"
            + _with_it(scene, job, job.fate.ended_at if job.fate else None),
            advice=(
                "its log tells why; " if job.fate is not None and read_state(job.fate.state).name == "FAILED" else ""
            )
            + "dasktop scale --replace-lost submits it anew",
            began=job.fate.ended_at if job.fate is not None else None,
        )


def job_failed(scene: RuleContext) -> Iterator[PendingFinding]:
    """Suspect jobs that have ended badly of late, if their owner has noticed, or there is none."""
    lost = {job.job_id for _, job in lost_jobs(scene.snapshot)}
    alike: dict[tuple[str, str], list[tuple[Job, Fate, datetime]]] = {}
    for job in scene.jobs:
        fate = job.fate
        if fate is None or fate.ended_at is None or job.job_id in lost or not ended_badly(job):
            continue
        if (scene.now - fate.ended_at).total_seconds() <= scene.thresholds.ended_recently_seconds:
            alike.setdefault((fate.state, fate.explanation), []).append((job, fate, fate.ended_at))
    for (state, explanation), ends in alike.items():
        name = read_state(state).name or state
        has_run = all(fate.exit_code is not None or fate.signal is not None for _, fate, _ in ends)
        severity, advice = _SEVERITIES.get(name, "warning"), _ADVICE.get(name)
        if name == "FAILED" and not has_run:
            advice = None  # there is no log
        if len(ends) > MOST_ALIKE:
            last, job_id = max((ended_at, job.job_id) for job, _, ended_at in ends)
            yield PendingFinding(
                severity=severity,
                message=f"{counted(len(ends), 'job')} ended alike, the last at {scene.clock(last)}: {explanation} "
                f"({listed([shown_id(job) for job, *_ in ends])})",
                advice=advice,
                job_id=job_id,
                job_ids=tuple(job.job_id for job, *_ in ends),
                began=min(ended_at for _, _, ended_at in ends),
            )
            continue
        for job, _, ended_at in ends:
            yield PendingFinding(
                severity=severity,
                job_id=job.job_id,
                message=f"{named(job)} ended at {scene.clock(ended_at)}: {explanation}"
                + _with_it(scene, job, ended_at),
                advice=advice,
                began=ended_at,
            )


def job_requeued(scene: RuleContext) -> Iterator[PendingFinding]:
    """Suspect jobs that ran, and that SLURM has put back into the queue: a node failed, or they were preempted."""
    for job in scene.jobs:
        if has_ended(job):
            continue
        seen_at, fate = scene.history.requeued_at.get(job.job_id), job.previous_fate
        at = (fate.ended_at if fate else None) or seen_at
        age = scene.seconds_since(at)
        if at is None or age is None or age > scene.thresholds.ended_recently_seconds:
            continue
        how = f" ({fate.explanation})" if fate is not None else ""
        yield PendingFinding(
            severity="warning" if is_pending(job) else "info",
            job_id=job.job_id,
            message=f"{named(job)} was put back into the queue at {scene.clock(at)}{how}"
            + ("" if is_pending(job) else ", and runs again")
            + _with_it(scene, job, at, was_requeued=True),
            advice="it starts again by itself; scancel it if it isn't wanted any more" if is_pending(job) else None,
            began=at,
        )


def _may_be_forgotten_yet(scene: RuleContext, job: Job) -> bool:
    """Whether the scheduler was read before the owner may have noticed that the job has ended."""
    if not scene.is_first_reading:
        ended_at = scene.history.ended_at.get(job.job_id)
    else:  # only SLURM's clock tells
        ended_at = job.fate.ended_at if job.fate is not None else None
    read_at = scene.dask_read_at
    if ended_at is None or read_at is None or ended_at > scene.now:  # SLURM's clock is ahead: nobody can tell
        return False
    return read_at < ended_at + timedelta(seconds=scene.thresholds.owner_forgets_seconds)


def _at(scene: RuleContext, fate: Fate | None) -> str:
    return f" at {scene.clock(fate.ended_at)}" if fate is not None and fate.ended_at is not None else ""


def _with_it(scene: RuleContext, job: Job, ended_at: datetime | None, was_requeued: bool = False) -> str:
    """Say which workers went with a job, as they were when they were last seen."""
    gone: Sequence[Worker] = [
        gone.worker
        for gone in scene.history.gone_from(job.job_id)
        if ended_at is None or (gone.at - ended_at).total_seconds() >= -CLOCKS_DIFFER_SECONDS
    ]
    if was_requeued:
        return f"; {held_words(gone)}" if gone else ""
    there = list(_unnoticed(scene, job))
    # Of one whose heartbeat isn't overdue yet, the next one tells.
    fresh = [worker for worker in there if _is_fresh(scene, worker)]
    surviving = [worker for worker in fresh if _answers_since(scene, job, worker, ended_at)]
    lost = [*gone, *(worker for worker in there if worker not in fresh)]
    told = f"; {held_words(lost)}" if lost else ""
    if surviving:
        hosts = listed(sorted({worker.host for worker in surviving if worker.host}))
        verb = "answers" if len(surviving) == 1 else "answer"
        where = f" from {hosts}" if hosts else ""
        told += f"; {workers_words(surviving)} still {verb}{where} although the job is over"
    return told


def _answers_since(scene: RuleContext, job: Job, worker: Worker, ended_at: datetime | None) -> bool:
    """Whether a worker has outlived its job, as processes may where SLURM doesn't track them by control groups.

    Its heartbeat came after the job was seen to have ended or, as SLURM's clock may be another, long after its end.
    """
    read_at = scene.dask_read_at
    if DASK in scene.history.in_trouble_since or read_at is None or worker.last_seen_seconds is None:
        return False
    heard_at = read_at - timedelta(seconds=worker.last_seen_seconds)
    seen_at = scene.history.ended_at.get(job.job_id)
    if seen_at is not None and heard_at > seen_at:
        return True
    return ended_at is not None and heard_at > ended_at + timedelta(seconds=CLOCKS_DIFFER_SECONDS)


def _is_fresh(scene: RuleContext, worker: Worker) -> bool:
    if DASK in scene.history.in_trouble_since or worker.last_seen_seconds is None:
        return False
    return worker.last_seen_seconds < scene.thresholds.worker_silent_seconds


def _unnoticed(scene: RuleContext, job: Job) -> Iterable[Worker]:
    """Return the workers that went with a job and that the scheduler hasn't given up.

    It still waits for them, since nobody closed their connections; or it went before them, and took leave of none.
    """
    if DASK in scene.history.in_trouble_since:
        return tuple(workers_of(job)) or scene.history.latest_of(job.job_id)
    return workers_of(job)
