"""Rules for running jobs that have fewer workers than expected."""

from collections.abc import Iterator
from datetime import datetime

from dasktop.collectors.analysis.findings.phrases import allocation_words, job_name, rounded_duration, workers_words
from dasktop.collectors.analysis.findings.rule import PendingFinding, RuleContext, rule
from dasktop.collectors.model.jobs import command_id, runs_other_programs, workers_of
from dasktop.collectors.model.snapshot import Job

_WITHOUT_WORKERS = "job-without-workers"


@rule(_WITHOUT_WORKERS, order=80, harm="unused")
def job_without_workers(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield running jobs that have no worker."""
    if _has_workers_of_unknown_job(context):
        return
    for job in context.running:
        if workers_of(job):
            continue
        had_some = bool(context.history.most_workers.get(job.job_id))
        first_seen = context.history.first_seen.get((_WITHOUT_WORKERS, job.job_id, None))
        seconds = context.seconds_since(first_seen if had_some else _started_at(context, job)) or 0.0
        left = context.history.departed_from(job.job_id)
        is_used = runs_other_programs(job)
        yield PendingFinding(
            severity="warning",
            job_id=job.job_id,
            message=f"{job_name(job)} has had no worker for {rounded_duration(seconds)} "
            + ("(other programs run in it)" if is_used else f"({allocation_words(job.allocated)} unused)")
            + (f": {workers_words([departed.worker for departed in left])} left" if left else ""),
            advice="see its log" + ("" if is_used else f"; dasktop scale --release {command_id(job)} releases it"),
            extent=job.allocated.cpus or 1,
            since=None if had_some else _started_at(context, job),
            after_seconds=context.thresholds.worker_missing_seconds
            if had_some
            else context.thresholds.worker_start_seconds,
        )


@rule("job-missing-workers", order=90, harm="unused")
def job_missing_workers(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield running jobs that have some of their workers, but not all."""
    if _has_workers_of_unknown_job(context):
        return
    for job in context.running:
        number, expected = len(workers_of(job)), job.workers_expected
        if expected is None or not 0 < number < expected:
            continue
        had_all = context.history.most_workers.get(job.job_id, 0) >= expected
        left = [departed.worker for departed in context.history.departed_from(job.job_id)]
        yield PendingFinding(
            severity="warning",
            job_id=job.job_id,
            message=f"{job_name(job)} has {number} of {expected} workers"
            + (f": {workers_words(left)} left" if had_all and left else ""),
            advice=_advice(job),
            since=None if had_all else _started_at(context, job),
            after_seconds=context.thresholds.worker_missing_seconds
            if had_all
            else context.thresholds.worker_start_seconds,
        )


def _started_at(context: RuleContext, job: Job) -> datetime | None:
    """Return when a job was seen to start (SLURM's clock may differ); if it was not seen, the time that SLURM gives."""
    return context.history.started_at.get(job.job_id, job.started_at)


def _advice(job: Job) -> str:
    if all(worker.nanny_pid is not None for worker in workers_of(job)):
        return "see its log"
    return "see its log; with a nanny, a worker that dies is restarted"


def _has_workers_of_unknown_job(context: RuleContext) -> bool:
    """Whether some workers can't be matched to a job: they may run in a job that seems to have no worker."""
    return any(worker.outside_slurm is not True for worker in context.snapshot.unplaced_workers)
