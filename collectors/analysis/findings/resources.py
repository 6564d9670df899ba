"""Rules for memory and threads compared with the allocation: near a limit, or configured so that they do not fit."""

from collections.abc import Iterator

from dasktop.collectors.analysis.failures import worker_memory_advice
from dasktop.collectors.analysis.findings.phrases import job_name, rounded_percent
from dasktop.collectors.analysis.findings.rule import PendingFinding, RuleContext, rule
from dasktop.collectors.model.jobs import MOST_NANNY_BYTES, other_memory_bytes, workers_of
from dasktop.collectors.model.snapshot import Job, Worker
from dasktop.collectors.model.sums import sum_if_all_known
from dasktop.collectors.text.format import counted, plain_size

HYSTERESIS_PERCENT = 5.0
"""Hysteresis: a finding ends only once memory is this far below the threshold."""

_NEAR_LIMIT = "memory-near-limit"


@rule(_NEAR_LIMIT, order=130)
def memory_near_limit(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield workers near their memory limit, and jobs near their allocation, beyond which SLURM may kill them."""
    least = context.thresholds.memory_near_limit_percent - HYSTERESIS_PERCENT  # most workers use less
    for job in context.running:
        near = [
            worker
            for worker in workers_of(job)
            if worker.memory_limit_bytes
            and 100 * (worker.memory_bytes or 0) >= least * worker.memory_limit_bytes
            and worker.status != "paused"
            and _reaches(context, worker.memory_bytes, worker.memory_limit_bytes, job.job_id, worker.name)
        ]
        for worker in near:
            yield _near(context, job, worker)
        reaches = not near and _reaches(context, job.used.memory_bytes, job.allocated.memory_bytes, job.job_id, None)
        if reaches and not _is_bounded(job):
            yield _near(context, job, None)


@rule("memory-overcommitted", order=140)
def memory_overcommitted(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield jobs whose workers' memory limits add up to more than the job's allocation."""
    for job in context.running:
        limits = [worker.memory_limit_bytes for worker in workers_of(job)]
        granted = job.allocated.memory_bytes
        allowed = sum(limit for limit in limits if limit is not None)
        if not granted or 100 * allowed <= context.thresholds.memory_overcommitted_percent * granted:
            continue
        yield PendingFinding(
            severity="warning",
            job_id=job.job_id,
            message=f"{job_name(job)} has {plain_size(granted)} but its {counted(len(limits), 'worker')} "
            f"may use {plain_size(allowed)}",
            advice="lower --memory-limit or request more memory: otherwise SLURM may kill the job before dask acts",
        )


@rule("threads-oversubscribed", order=150)
def threads_oversubscribed(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield jobs with more worker threads than CPUs."""
    for job in context.running:
        threads, cpus = _threads(job), job.allocated.cpus
        if cpus and 100 * threads > context.thresholds.threads_oversubscribed_percent * cpus:
            yield PendingFinding(
                severity="warning",
                job_id=job.job_id,
                message=f"{job_name(job)} has {counted(cpus, 'CPU')} but {counted(threads, 'worker thread')}",
                advice=f"use {_fewer(job)}, or request more CPUs (cores= of the cluster)",
                after_seconds=context.thresholds.worker_missing_seconds,  # a worker is listed twice while it restarts
            )


@rule("threads-undersubscribed", order=200, harm="unused")
def threads_undersubscribed(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield jobs with too few worker threads for their CPUs, where tasks do not use several CPUs each either."""
    for job in context.running:
        workers, cpus = workers_of(job), job.allocated.cpus
        share = context.thresholds.threads_undersubscribed_percent
        if not cpus or (job.used.cpu_percent or 0.0) >= share * cpus:
            continue
        threads = sum_if_all_known(worker.nthreads for worker in workers)
        if not threads or 100 * threads >= share * cpus:
            continue
        if job.allocated.gpus or len(workers) < (job.workers_expected or 0):
            continue
        yield PendingFinding(
            severity="info",
            job_id=job.job_id,
            message=f"{job_name(job)} has {counted(cpus, 'CPU')} but only {counted(threads, 'worker thread')}",
            advice="use more threads or processes, or request fewer cores",
            after_seconds=context.thresholds.worker_start_seconds,
        )


def _is_bounded(job: Job) -> bool:
    """Return whether a worker reaches its own limit before the job does: all have one, and these fit into it."""
    limits, granted = [worker.memory_limit_bytes for worker in workers_of(job)], job.allocated.memory_bytes
    if job.used.memory_source == "slurm":
        return False  # dask does not limit other programs
    return granted is not None and all(limits) and sum(limit or 0 for limit in limits) <= granted


def _reaches(context: RuleContext, used: int | None, limit: int | None, job_id: str, worker: str | None) -> bool:
    is_active = context.is_active(_NEAR_LIMIT, job_id, worker)
    percent = context.thresholds.memory_near_limit_percent - (HYSTERESIS_PERCENT if is_active else 0)
    return used is not None and bool(limit) and 100 * used >= percent * (limit or 0)


def _near(context: RuleContext, job: Job, worker: Worker | None) -> PendingFinding:
    used, limit = (
        (job.used.memory_bytes, job.allocated.memory_bytes)
        if worker is None
        else (worker.memory_bytes, worker.memory_limit_bytes)
    )
    share = f"{rounded_percent(used or 0, limit or 1)} % or more of its {plain_size(limit or 0)}"
    return PendingFinding(
        severity="warning",
        job_id=job.job_id,
        worker=worker.name if worker is not None else None,
        message=f"worker {worker.name} uses {share}"
        if worker is not None
        else f"{job_name(job)} uses {share}" + _outside_workers(job),
        advice=f"dask kills a worker at 95 %: {worker_memory_advice(worker.nthreads)}"
        if worker is not None
        else "SLURM may kill a job that uses more: request more memory, or set --memory-limit for its workers",
        after_seconds=context.thresholds.memory_near_limit_seconds,
    )


def _outside_workers(job: Job) -> str:
    """Return how much of the memory other programs use; empty if it is no more than nannies use."""
    other = other_memory_bytes(job)
    if other < MOST_NANNY_BYTES:
        return ""
    share = "most of it" if 2 * other > (job.used.memory_bytes or 0) else "part of it"
    return f", {share} outside its dask workers"


def _threads(job: Job) -> int:
    return sum(worker.nthreads or 0 for worker in workers_of(job))


def _fewer(job: Job) -> str:
    """Return what a job can have fewer of. With one thread each, the processes are too many."""
    has_one_each = all(worker.nthreads == 1 for worker in workers_of(job))
    return "fewer processes (processes= of the cluster)" if has_one_each else "fewer threads (--nthreads)"
