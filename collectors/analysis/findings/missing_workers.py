"""Jobs that run with fewer workers in them than they should have."""

from collections.abc import Iterator
from datetime import datetime

from dasktop.collectors.analysis.findings.rule import PendingFinding, RuleContext
from dasktop.collectors.analysis.findings.words import for_about, granted_words, named, workers_words
from dasktop.collectors.model.jobs import runs_other_programs, shown_id, workers_of
from dasktop.collectors.model.snapshot import Job


def job_without_workers(scene: RuleContext) -> Iterator[PendingFinding]:
    """Suspect jobs in which no worker is."""
    if _may_be_anywhere(scene):
        return
    for job in scene.running:
        if any(True for _ in workers_of(job)):
            continue
        had_some = bool(scene.history.most_workers.get(job.job_id))
        began = scene.history.began.get(("job-without-workers", job.job_id, None)) if had_some else _started(scene, job)
        seconds = scene.seconds_since(began) or 0.0
        left = scene.history.gone_from(job.job_id)
        is_used = runs_other_programs(job)
        since = f": {workers_words([gone.worker for gone in left])} left" if left else ""
        yield PendingFinding(
            severity="warning",
            job_id=job.job_id,
            message=f"{named(job)} runs {for_about(seconds)} without a worker "
            + ("(other programs run in it)" if is_used else f"({granted_words(job.allocated)} for nothing)")
            + since,
            advice="its log tells why"
            + ("" if is_used else f"; dasktop scale --release {shown_id(job)} gives it back"),
            began=None if had_some else _started(scene, job),
            after_seconds=scene.thresholds.worker_missing_seconds
            if had_some
            else scene.thresholds.worker_start_seconds,
        )


def job_missing_workers(scene: RuleContext) -> Iterator[PendingFinding]:
    """Suspect jobs in which some workers are, but not all."""
    if _may_be_anywhere(scene):
        return
    for job in scene.running:
        number, expected = sum(1 for _ in workers_of(job)), job.workers_expected
        if expected is None or not 0 < number < expected:
            continue
        were_all = scene.history.most_workers.get(job.job_id, 0) >= expected
        left = [gone.worker for gone in scene.history.gone_from(job.job_id)]
        who = f": {workers_words(left)} left" if were_all and left else ""
        yield PendingFinding(
            severity="warning",
            job_id=job.job_id,
            message=f"{named(job)} has {number} of {expected} workers{who}",
            advice=_no_restart(job),
            began=None if were_all else _started(scene, job),
            after_seconds=scene.thresholds.worker_missing_seconds
            if were_all
            else scene.thresholds.worker_start_seconds,
        )


def _started(scene: RuleContext, job: Job) -> datetime | None:
    """Return when a job started: as it was seen to, since SLURM's clock may be another; else as SLURM says."""
    return scene.history.started_at.get(job.job_id, job.started_at)


def _no_restart(job: Job) -> str:
    """Say what to do about a worker that does not come back: with a nanny, it would have."""
    if all(worker.nanny_pid is not None for worker in workers_of(job)):
        return "its log tells why"
    return "its log tells why; with a nanny, a worker that dies is started anew"


def _may_be_anywhere(scene: RuleContext) -> bool:
    """Whether there are workers of which nobody knows where they run: then a job that seems empty may be theirs."""
    return any(worker.outside_slurm is not True for worker in scene.snapshot.unplaced_workers)
