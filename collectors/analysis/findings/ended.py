"""Rules for jobs that have failed, are lost or were requeued, and for the workers that were lost with them."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from dasktop.collectors.analysis.failures import job_memory_advice
from dasktop.collectors.analysis.findings.phrases import job_name, lost_workers_words, workers_words
from dasktop.collectors.analysis.findings.rule import DASK, QUEUE, PendingFinding, RuleContext, rule
from dasktop.collectors.analysis.placement import CLOCKS_DIFFER_SECONDS
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import (
    command_id,
    ended_badly,
    has_ended,
    is_pending,
    lost_jobs,
    squeue_id,
    workers_of,
)
from dasktop.collectors.model.snapshot import Fate, Job, Severity, Worker
from dasktop.collectors.text.format import counted, listed

MAX_SINGLE_FINDINGS = 3
"""If more jobs than this ended the same way, they are reported as one finding."""

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
    "DEADLINE": "resubmit it with a later deadline",
    "FAILED": "see its log",
    "TIMEOUT": "request more walltime, or let workers retire before it ends (--lifetime)",
}


@rule("lost-job", order=20, harm="lost")
def lost_job(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield jobs that have ended in SLURM but that the cluster object still counts.

    With several processes per job, the cluster object never notices, and its ``scale`` starts no replacement
    (https://github.com/dask/distributed/issues/9102).
    """
    for name, job in lost_jobs(context.snapshot):
        if _may_still_be_noticed(context, job):
            continue
        how = job.fate.explanation if job.fate is not None else f"ended as {job.state}"
        yield PendingFinding(
            severity="error",
            job_id=job.job_id,
            message=f"{job_name(job)} is lost ({how}{_at(context, job.fate)}); "
            f"the cluster object still counts it as {name}"
            + _workers_of_ended(context, job, job.fate.ended_at if job.fate else None),
            advice=("see its log; " if job.fate is not None and read_state(job.fate.state).is_failed else "")
            + "dasktop scale --replace-lost resubmits it",
            since=job.fate.ended_at if job.fate is not None else None,
        )


@rule("job-failed", order=30, needs=(QUEUE,), harm="lost")
def job_failed(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield jobs that have recently failed and that no cluster object still counts."""
    lost = {job.job_id for _, job in lost_jobs(context.snapshot)}
    same_end: dict[tuple[str, str], list[tuple[Job, Fate, datetime]]] = {}
    for job in context.jobs:
        fate = job.fate
        if fate is None or fate.ended_at is None or job.job_id in lost or not ended_badly(job):
            continue
        if (context.now - fate.ended_at).total_seconds() <= context.thresholds.ended_recently_seconds:
            same_end.setdefault((fate.state, fate.explanation), []).append((job, fate, fate.ended_at))
    for (state, explanation), ends in same_end.items():
        name = read_state(state).name or state
        has_run = all(fate.exit_code is not None or fate.signal is not None for _, fate, _ in ends)
        severity, advice = _SEVERITIES.get(name, "warning"), _ADVICE.get(name)
        if read_state(state).is_out_of_memory:
            advice = job_memory_advice(_processes(job for job, *_ in ends))
        if read_state(state).is_failed and not has_run:
            advice = None  # it has no log
        if len(ends) > MAX_SINGLE_FINDINGS:
            last, job_id = max((ended_at, job.job_id) for job, _, ended_at in ends)
            yield PendingFinding(
                severity=severity,
                message=f"{counted(len(ends), 'job')} ended the same way, the last at {context.clock(last)}: "
                f"{explanation} ({listed([squeue_id(job) for job, *_ in ends])})",
                advice=advice,
                job_id=job_id,
                job_ids=tuple(job.job_id for job, *_ in ends),
                since=min(ended_at for _, _, ended_at in ends),
            )
            continue
        for job, _, ended_at in ends:
            yield PendingFinding(
                severity=severity,
                job_id=job.job_id,
                message=f"{job_name(job)} ended at {context.clock(ended_at)}: {explanation}"
                + _workers_of_ended(context, job, ended_at),
                advice=advice,
                since=ended_at,
            )


def _processes(jobs: Iterable[Job]) -> int | None:
    """Return the highest number of worker processes that one of the jobs should have; ``None``: unknown."""
    numbers = [job.workers_expected for job in jobs]
    known = [number for number in numbers if number is not None]
    most = max(known, default=1)
    return None if most == 1 and None in numbers else most


@rule("job-requeued", order=40, needs=(QUEUE,), harm="lost")
def job_requeued(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield jobs that SLURM has requeued, for example after a node failure or preemption."""
    for job in context.jobs:
        if has_ended(job):
            continue
        seen_at, fate = context.history.requeued_at.get(job.job_id), job.previous_fate
        at = (fate.ended_at if fate else None) or seen_at
        age = context.seconds_since(at)
        if at is None or age is None or age > context.thresholds.ended_recently_seconds:
            continue
        how = f" ({fate.explanation})" if fate is not None else ""
        yield PendingFinding(
            severity="warning" if is_pending(job) else "info",
            job_id=job.job_id,
            message=f"{job_name(job)} was requeued at {context.clock(at)}{how}"
            + ("" if is_pending(job) else " and is running again")
            + _lost_at_requeue(context, job, at),
            advice=f"it restarts automatically; if you no longer need it: scancel {command_id(job)}"
            if is_pending(job)
            else None,
            since=at,
        )


def _may_still_be_noticed(context: RuleContext, job: Job) -> bool:
    """Whether the scheduler was read too early for the cluster object to have noticed the end of the job."""
    if not context.is_first_reading:
        ended_at = context.history.ended_at.get(job.job_id)
    else:  # only SLURM has the time
        ended_at = job.fate.ended_at if job.fate is not None else None
    read_at = context.dask_read_at
    if ended_at is None or read_at is None or ended_at > context.now:  # unknown, as SLURM's clock is ahead
        return False
    return read_at < ended_at + timedelta(seconds=context.thresholds.owner_forgets_seconds)


def _at(context: RuleContext, fate: Fate | None) -> str:
    return f" at {context.clock(fate.ended_at)}" if fate is not None and fate.ended_at is not None else ""


def _departed(context: RuleContext, job: Job, ended_at: datetime | None) -> list[Worker]:
    """Return the workers that left together with a job, as they were last seen."""
    return [
        departed.worker
        for departed in context.history.departed_from(job.job_id)
        if ended_at is None or (departed.at - ended_at).total_seconds() >= -CLOCKS_DIFFER_SECONDS
    ]


def _lost_at_requeue(context: RuleContext, job: Job, requeued_at: datetime) -> str:
    lost = _departed(context, job, requeued_at)
    return f"; {lost_workers_words(lost)}" if lost else ""


def _workers_of_ended(context: RuleContext, job: Job, ended_at: datetime | None) -> str:
    """Return which workers were lost with a job, and which have outlived it."""
    listed_workers = list(_still_listed(context, job))
    # A worker whose heartbeat is not overdue is not lost yet.
    fresh = [worker for worker in listed_workers if _is_fresh(context, worker)]
    surviving = [worker for worker in fresh if _has_outlived(context, job, worker, ended_at)]
    lost = [*_departed(context, job, ended_at), *(worker for worker in listed_workers if worker not in fresh)]
    words = f"; {lost_workers_words(lost)}" if lost else ""
    if surviving:
        hosts = listed(sorted({worker.host for worker in surviving if worker.host}))
        verb = "answers" if len(surviving) == 1 else "answer"
        where = f" from {hosts}" if hosts else ""
        words += f"; {workers_words(surviving)} still {verb}{where} although the job has ended"
    return words


def _has_outlived(context: RuleContext, job: Job, worker: Worker, ended_at: datetime | None) -> bool:
    """Whether a worker still runs after its job has ended, as may happen if SLURM does not track them with cgroups.

    Its heartbeat came after the job was seen to have ended, or well after the end that SLURM reports (its clock may
    differ).
    """
    heartbeat_at = _heartbeat_at(context, worker)
    if DASK in context.history.failing_since or heartbeat_at is None:
        return False
    seen_at = context.history.ended_at.get(job.job_id)
    if seen_at is not None and heartbeat_at > seen_at:
        return True
    return ended_at is not None and heartbeat_at > ended_at + timedelta(seconds=CLOCKS_DIFFER_SECONDS)


def _is_fresh(context: RuleContext, worker: Worker) -> bool:
    heartbeat_at, read_at = _heartbeat_at(context, worker), context.dask_read_at
    if DASK in context.history.failing_since or heartbeat_at is None or read_at is None:
        return False
    return (read_at - heartbeat_at).total_seconds() < context.thresholds.worker_silent_seconds


def _heartbeat_at(context: RuleContext, worker: Worker) -> datetime | None:
    """Return when the last heartbeat came. Recordings of version 0.1 have only its age at the reading."""
    read_at, seconds = context.dask_read_at, worker.last_seen_seconds
    if worker.last_seen_at is not None or read_at is None or seconds is None:
        return worker.last_seen_at
    return read_at - timedelta(seconds=seconds)


def _still_listed(context: RuleContext, job: Job) -> Iterable[Worker]:
    """Return the workers of an ended job that the scheduler has not removed.

    It lists them until their connections close; a scheduler that stopped answering before them never removes them.
    """
    if DASK in context.history.failing_since:
        return workers_of(job) or context.history.last_workers_of(job.job_id)
    return workers_of(job)
