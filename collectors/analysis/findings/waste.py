"""Rules for allocations that are used for nothing: threads that only wait, and memory that is never used."""

from collections.abc import Iterator

from dasktop.collectors.analysis.findings.phrases import job_name, rounded_duration
from dasktop.collectors.analysis.findings.rule import PendingFinding, RuleContext, rule
from dasktop.collectors.model.jobs import workers_of
from dasktop.collectors.model.snapshot import Job, Worker
from dasktop.collectors.model.sums import sum_if_all_known
from dasktop.collectors.text.format import counted, plain_size

LEAST_UNUSED_BYTES = 4 << 30
"""To request less memory is worth the trouble from here on."""


@rule("threads-only-wait", order=185, harm="unused")
def threads_only_wait(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield jobs with workers all of whose threads run tasks that neither compute nor move data.

    In a large cluster only some workers are asked, so there may be more of them. Tasks that hang are reported as such.
    Which tasks they are is not said: short ones have another name at each poll.
    """
    for job in context.running:
        waiting = [worker for worker in workers_of(job) if _only_waits(context, worker)]
        if not waiting or job.used.cpu_source == "slurm":
            continue
        threads = sum(worker.nthreads or 0 for worker in waiting)
        all_threads = sum_if_all_known(worker.nthreads for worker in workers_of(job))
        of = "" if all_threads is None else f" of {all_threads:,}"
        seconds = min(worker.waiting_seconds or 0.0 for worker in waiting)
        yield PendingFinding(
            severity="warning",
            job_id=job.job_id,
            message=f"{job_name(job)}: {threads:,}{of} threads run tasks but have only waited for "
            f"{rounded_duration(seconds)}: they use no CPU and move no data",
            advice="the call stack of its thread shows what a task waits for; if it has to wait, use more threads per "
            "CPU (--nthreads) or fewer jobs",
            workers=tuple(worker.name for worker in waiting),
            extent=threads,
        )


def _only_waits(context: RuleContext, worker: Worker) -> bool:
    seconds = worker.waiting_seconds
    if seconds is None or seconds < context.thresholds.threads_waiting_seconds:
        return False
    hangs = context.is_active("tasks-stuck", None, worker.longest_task_name)
    return not hangs


@rule("memory-unused", order=205, harm="unused")
def memory_unused(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield one finding for all jobs that have used little of their memory for long."""
    found = {job.job_id: (job, most) for job in context.running if (most := _most_used(context, job)) is not None}
    if not found:
        return
    jobs = [job for job, _ in found.values()]
    most = max(used for _, used in found.values())
    granted = {job.allocated.memory_bytes or 0 for job in jobs}
    or_more = " or more" if len(granted) > 1 else ""
    subject = job_name(jobs[0]) if len(jobs) == 1 else f"{counted(len(jobs), 'job')} each"
    yield PendingFinding(
        severity="info",
        message=f"{subject} {'has' if len(jobs) == 1 else 'have'} used at most {plain_size(most)} of "
        f"{plain_size(min(granted))}{or_more} of memory since the start",
        advice="request less memory per job (memory= of the cluster): SLURM can start smaller jobs sooner; "
        "or use more threads per job",
        about="memory",
        job_ids=tuple(found),
        extent=len(jobs),
    )


def _most_used(context: RuleContext, job: Job) -> int | None:
    """Return the highest memory use of a job, if it has run for long and that is little; else ``None``.

    It is what SLURM sampled; without that, what was seen, if for long enough.
    """
    granted, least_seconds = job.allocated.memory_bytes, context.thresholds.memory_unused_seconds
    ran_seconds = context.seconds_since(job.started_at)
    workers = workers_of(job)
    if not granted or not workers or ran_seconds is None or ran_seconds < least_seconds:
        return None
    sampled = sum_if_all_known(task.max_rss_bytes for task in job.tasks)
    seen_seconds = context.seconds_since(context.history.first_read_at) or 0.0
    if sampled is None and seen_seconds < least_seconds:
        return None
    most = max(sampled or 0, context.history.most_memory.get(job.job_id, 0))
    if not most or granted - most < LEAST_UNUSED_BYTES:
        return None
    is_little = 100 * most <= context.thresholds.memory_unused_percent * granted
    return most if is_little and not any(worker.spilled_bytes for worker in workers) else None
