"""Rules for workers: outside SLURM, silent, paused, or restarted repeatedly."""

from collections import Counter
from collections.abc import Iterator, Sequence

from dasktop.collectors.analysis.failures import worker_memory_advice
from dasktop.collectors.analysis.findings.phrases import (
    allocation_words,
    job_name,
    rounded_duration,
    rounded_percent,
    workers_words,
)
from dasktop.collectors.analysis.findings.rule import DASK, PendingFinding, RuleContext, rule
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import command_id, has_ended, workers_of
from dasktop.collectors.model.snapshot import Job, Worker
from dasktop.collectors.text.format import counted, listed, plain_duration, plain_size

MAX_SINGLE_FINDINGS = 3
"""If more workers than this run outside SLURM, they are reported as one finding."""

# distributed.worker_memory: a nanny kills a worker at 95 per cent; the last heartbeat before usually shows less.
_KILLED_ABOVE_PERCENT = 80


@rule("worker-outside-slurm", order=220)
def worker_outside_slurm(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield workers whose processes have reported that they run in no job."""
    outside = [worker for worker in context.snapshot.unplaced_workers if worker.outside_slurm]
    jobs = {
        job.job_id: job for job in context.snapshot.jobs if read_state(job.state).is_running and not workers_of(job)
    }
    for job_id in dict.fromkeys(worker.inherited_job_id for worker in outside):
        if job_id is not None and job_id in jobs:
            misplaced = [worker for worker in outside if worker.inherited_job_id == job_id]
            yield _not_in_their_job(context, jobs[job_id], misplaced)
    outside = [worker for worker in outside if worker.inherited_job_id not in jobs]
    advice = "SLURM neither limits nor accounts for processes outside its jobs"
    after_seconds = context.thresholds.worker_outside_seconds
    if len(outside) > MAX_SINGLE_FINDINGS:
        names = tuple(worker.name for worker in outside)
        message = f"{counted(len(outside), 'worker')} run outside SLURM: {listed(names)}"
        yield PendingFinding("info", message, advice, workers=names, after_seconds=after_seconds)
        return
    for worker in outside:
        on = f" on {worker.host}" if worker.host else ""
        message = f"worker {worker.name}{on} runs outside SLURM"
        yield PendingFinding("info", message, advice, worker=worker.name, after_seconds=after_seconds)


def _not_in_their_job(context: RuleContext, job: Job, workers: Sequence[Worker]) -> PendingFinding:
    """Return the finding for workers that have a job's environment but do not run in it, so its nodes are unused."""
    hosts = listed(sorted({worker.host for worker in workers if worker.host}))
    verb, they = ("runs", "its") if len(workers) == 1 else ("run", "their")
    return PendingFinding(
        severity="warning",
        job_id=job.job_id,
        message=f"{workers_words(workers)} {verb}{f' on {hosts}' if hosts else ''} outside SLURM, although {they} "
        f"environment names {job_name(job)}: none of this cluster's workers runs in it "
        f"({allocation_words(job.allocated)} unused)",
        advice="the shell that salloc starts stays on the submit host: start workers with srun, or use sbatch",
        workers=tuple(worker.name for worker in workers),
        after_seconds=context.thresholds.worker_outside_seconds,
    )


@rule("worker-silent", order=100, needs=(DASK,), harm="held up")
def worker_silent(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield workers whose heartbeat is overdue."""
    workers = context.workers
    # distributed.scheduler.heartbeat_interval: from 200 workers on, at most 200 heartbeats per second.
    limit_seconds = max(context.thresholds.worker_silent_seconds, 3 * (1 + len(workers) / 200))
    for job, worker in workers:
        seconds = worker.last_seen_seconds
        if seconds is None or seconds < limit_seconds or (job is not None and _is_over(job)):
            continue
        tasks = f" ({counted(worker.executing, 'task')} running)" if worker.executing else ""
        suspended = job is not None and read_state(job.state).is_suspended
        yield PendingFinding(
            severity="warning",
            job_id=job.job_id if job is not None else None,
            worker=worker.name,
            message=f"worker {worker.name} has sent no heartbeat for {rounded_duration(seconds)}{tasks}"
            + (": its job is suspended" if suspended else ""),
            advice=(
                f"scontrol resume {command_id(job)} resumes its job"
                if job is not None and suspended
                else "it hangs, was stopped, or a task holds the GIL"
            )
            + "; dask removes it after worker-ttl (default: 5 min)",
            extent=worker.executing or 0,
            # A busy scheduler (in a notebook, for example) may answer dasktop before it processes heartbeats.
            after_seconds=context.another_reading_seconds,
        )


@rule("worker-paused", order=110, needs=(DASK,), harm="unused")
def worker_paused(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield workers that dask has paused because of their memory: they start no new tasks."""
    for job, worker in context.workers:
        if worker.status != "paused":
            continue
        memory, limit = worker.memory_bytes, worker.memory_limit_bytes
        use = (
            f" ({rounded_percent(memory, limit)} % or more of {plain_size(limit)} used)"
            if memory is not None and limit
            else ""
        )
        yield PendingFinding(
            severity="warning",
            job_id=job.job_id if job is not None else None,
            worker=worker.name,
            message=f"worker {worker.name} is paused{use}: it starts no new tasks",
            advice=worker_memory_advice(worker.nthreads),
            extent=worker.nthreads or 1,
            after_seconds=context.thresholds.worker_paused_seconds,
        )


@rule("worker-restarting", order=120, needs=(DASK,), harm="lost")
def worker_restarting(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield workers that restart often, other than by a client or because of their memory use.

    If the scheduler does not report why workers end, restarts that all workers have in common may be a client's: they
    are reported as one finding that says so.
    """
    if not context.history.restarts:
        return
    window = context.thresholds.worker_restart_window_seconds
    events = context.snapshot.worker_events
    recent = [event for event in events or () if (context.now - event.at).total_seconds() <= window]
    explained = Counter(
        event.worker
        for event in recent
        if event.kind == "killed for memory" or (event.kind == "restarted" and event.reason != "silent")
    )
    restarts = Counter(
        {
            key: sum((context.now - at).total_seconds() <= window for at in times)
            for key, times in context.history.restarts.items()
        }
    )
    by_key = {(job.job_id if job is not None else None, worker.name): worker for job, worker in context.workers}
    common = 0
    if events is None and len(by_key) > 1:
        common = min((restarts[key] for key in by_key), default=0)
        if common >= context.thresholds.worker_restarts:
            yield PendingFinding(
                severity="info",
                about="all",
                message=f"all {len(by_key)} workers were restarted {common} times within "
                f"{plain_duration(int(window))}; this scheduler does not report why",
                advice="if nobody called Client.restart, see their logs; often tasks need more memory than the "
                "workers' limit",
                since=min((context.history.restarts[key][0] for key in by_key), default=None),
            )
    for (job_id, name), worker in by_key.items():
        number = restarts[job_id, name] - (common if events is None else explained[name])
        if number < context.thresholds.worker_restarts:
            continue
        yield PendingFinding(
            severity="warning",
            job_id=job_id,
            worker=name,
            message=f"worker {name} was restarted {number} times within {plain_duration(int(window))}"
            + _memory_after_restart(worker),
            advice="see its log; often a task needs more memory than the worker's limit"
            if events is None
            else "see its log: no nanny (because of memory use) and no client restarted it",
            since=context.history.restarts[job_id, name][0],
        )


def _is_over(job: Job) -> bool:
    return has_ended(job) or read_state(job.state).is_ending


def _memory_after_restart(worker: Worker) -> str:
    """Return how much memory a restarted worker uses, if that is near its limit again."""
    memory, limit = worker.memory_bytes, worker.memory_limit_bytes
    if memory is None or not limit or 100 * memory < _KILLED_ABOVE_PERCENT * limit:
        return ""
    return f", and again uses {rounded_percent(memory, limit)} % or more of {plain_size(limit)}"
