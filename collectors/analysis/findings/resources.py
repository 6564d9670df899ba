"""Memory and threads against what was granted: near the limit, or sized so that they don't fit it."""

from collections.abc import Iterator

from dasktop.collectors.analysis.findings.rule import PendingFinding, RuleContext
from dasktop.collectors.analysis.findings.words import named, rounded_percent
from dasktop.collectors.model.jobs import MOST_NANNY_BYTES, other_memory_bytes, workers_of
from dasktop.collectors.model.snapshot import Job, Worker
from dasktop.collectors.text.format import counted, plain_size

HYSTERESIS_PERCENT = 5.0
"""What was near its limit is so until it is clearly farther away."""

NEAR_LIMIT = "memory-near-limit"


def memory_near_limit(scene: RuleContext) -> Iterator[PendingFinding]:
    """Suspect workers near their limit, and jobs near their allocation, beyond which SLURM may kill them."""
    for job in scene.running:
        workers = list(workers_of(job))
        near = [worker for worker in workers if worker.status != "paused" and _is_near(scene, job, worker)]
        for worker in near:
            yield _near(scene, job, worker)
        granted = job.allocated.memory_bytes
        has_limits = all(worker.memory_limit_bytes for worker in workers)
        used = job.used.memory_bytes
        # Where each worker is bounded and all fit in, the workers' own limits come first.
        bounded = has_limits and granted is not None and sum(w.memory_limit_bytes or 0 for w in workers) <= granted
        if job.used.memory_source == "slurm":
            bounded = False  # what runs beside the workers has no limit of dask's
        if not near and not bounded and _reaches(scene, used, granted, job.job_id, None):
            yield _near(scene, job, None)


def memory_overcommitted(scene: RuleContext) -> Iterator[PendingFinding]:
    """Suspect jobs whose workers may use more memory together than the job was granted."""
    for job in scene.running:
        limits = [worker.memory_limit_bytes for worker in workers_of(job)]
        granted = job.allocated.memory_bytes
        allowed = sum(limit for limit in limits if limit is not None)
        if not granted or 100 * allowed <= scene.thresholds.memory_overcommitted_percent * granted:
            continue
        yield PendingFinding(
            severity="warning",
            job_id=job.job_id,
            message=f"{named(job)} has {plain_size(granted)}, but its {counted(len(limits), 'worker')} "
            f"may use {plain_size(allowed)}",
            advice="a lower --memory-limit, or more memory for the job: else SLURM kills it before dask acts",
        )


def threads_oversubscribed(scene: RuleContext) -> Iterator[PendingFinding]:
    """Suspect jobs with more threads than CPUs."""
    for job in scene.running:
        threads, cpus = _threads(job), job.allocated.cpus
        if cpus and 100 * threads > scene.thresholds.threads_oversubscribed_percent * cpus:
            yield PendingFinding(
                severity="warning",
                job_id=job.job_id,
                message=f"{named(job)} has {counted(cpus, 'CPU')}, but {counted(threads, 'thread')} to run tasks",
                advice="fewer threads (--nthreads), or more CPUs (cores= of the cluster)",
                after_seconds=scene.thresholds.worker_missing_seconds,  # two of one worker, while it is started anew
            )


def threads_undersubscribed(scene: RuleContext) -> Iterator[PendingFinding]:
    """Suspect jobs whose workers can't use their CPUs: few threads, none of which uses several CPUs."""
    for job in scene.running:
        workers, cpus = list(workers_of(job)), job.allocated.cpus
        threads = _threads(job) if all(worker.nthreads is not None for worker in workers) else None
        if not cpus or not threads or job.allocated.gpus or len(workers) < (job.workers_expected or 0):
            continue
        share = scene.thresholds.threads_undersubscribed_percent
        if 100 * threads >= share * cpus or (job.used.cpu_percent or 0.0) >= share * cpus:
            continue
        yield PendingFinding(
            severity="info",
            job_id=job.job_id,
            message=f"{named(job)} has {counted(cpus, 'CPU')}, but only {counted(threads, 'thread')} to run tasks",
            advice="more threads or processes, or fewer cores",
            after_seconds=scene.thresholds.worker_start_seconds,
        )


def _is_near(scene: RuleContext, job: Job, worker: Worker) -> bool:
    return _reaches(scene, worker.memory_bytes, worker.memory_limit_bytes, job.job_id, worker.name)


def _reaches(scene: RuleContext, used: int | None, limit: int | None, job_id: str, worker: str | None) -> bool:
    is_told = scene.is_told(NEAR_LIMIT, job_id, worker)
    percent = scene.thresholds.memory_near_limit_percent - (HYSTERESIS_PERCENT if is_told else 0)
    return used is not None and bool(limit) and 100 * used >= percent * (limit or 0)


def _near(scene: RuleContext, job: Job, worker: Worker | None) -> PendingFinding:
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
        else f"{named(job)} uses {share}" + _outside_workers(job),
        advice="dask kills a worker at 95 %: smaller partitions, fewer threads a worker, or more memory"
        if worker is not None
        else "SLURM kills a job that uses more: give it more memory, or its workers a --memory-limit",
        after_seconds=scene.thresholds.memory_near_limit_seconds,
    )


def _outside_workers(job: Job) -> str:
    """Say that programs other than the workers hold the memory; what nannies hold is not worth a word."""
    other = other_memory_bytes(job)
    if other < MOST_NANNY_BYTES:
        return ""
    much = "most of it" if 2 * other > (job.used.memory_bytes or 0) else "part of it"
    return f", {much} in other processes than its dask workers"


def _threads(job: Job) -> int:
    return sum(worker.nthreads or 0 for worker in workers_of(job))
