"""Workers that don't work: outside SLURM, silent, paused, or started again and again."""

from collections import Counter
from collections.abc import Iterator, Sequence

from dasktop.collectors.analysis.findings.rule import PendingFinding, RuleContext
from dasktop.collectors.analysis.findings.words import for_about, granted_words, named, rounded_percent, workers_words
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import has_ended, workers_of, workers_with_jobs
from dasktop.collectors.model.snapshot import Job, Worker, WorkerEvent
from dasktop.collectors.text.format import counted, listed, plain_duration, plain_size

MOST_OUTSIDE = 3
"""More workers than so many outside SLURM are one finding."""

# distributed.worker_memory: a nanny ends a worker at 95 per cent, which seldom is the moment of a heartbeat.
_KILLED_ABOVE_PERCENT = 80


def worker_outside_slurm(scene: RuleContext) -> Iterator[PendingFinding]:
    """Suspect workers that said themselves that they run in no job."""
    outside = [worker for worker in scene.snapshot.unplaced_workers if worker.outside_slurm]
    jobs = {
        job.job_id: job for job in scene.snapshot.jobs if read_state(job.state).is_running and not any(workers_of(job))
    }
    for job_id in dict.fromkeys(worker.inherited_job_id for worker in outside):
        if job_id is not None and job_id in jobs:
            mistaken = [worker for worker in outside if worker.inherited_job_id == job_id]
            yield _beside_their_job(scene, jobs[job_id], mistaken)
    outside = [worker for worker in outside if worker.inherited_job_id not in jobs]
    advice = "SLURM neither limits nor counts what runs there"
    patience = scene.thresholds.worker_outside_seconds
    if len(outside) > MOST_OUTSIDE:
        names = tuple(worker.name for worker in outside)
        message = f"{counted(len(outside), 'worker')} run outside SLURM: {listed(names)}"
        yield PendingFinding("info", message, advice, workers=names, after_seconds=patience)
        return
    for worker in outside:
        on = f" on {worker.host}" if worker.host else ""
        message = f"worker {worker.name}{on} runs outside SLURM"
        yield PendingFinding("info", message, advice, worker=worker.name, after_seconds=patience)


def _beside_their_job(scene: RuleContext, job: Job, workers: Sequence[Worker]) -> PendingFinding:
    """Suspect workers that were started with the variables of a job, but not in it: the job's nodes do nothing."""
    hosts = listed(sorted({worker.host for worker in workers if worker.host}))
    verb, they = ("runs", "its") if len(workers) == 1 else ("run", "their")
    return PendingFinding(
        severity="warning",
        job_id=job.job_id,
        message=f"{workers_words(workers)} {verb}{f' on {hosts}' if hosts else ''} outside SLURM, although {they} "
        f"environment names {named(job)}: none of this cluster's workers runs in it "
        f"({granted_words(job.allocated)} unused)",
        advice="a shell started by salloc stays on the submit host: start workers with srun, or use sbatch",
        workers=tuple(worker.name for worker in workers),
        after_seconds=scene.thresholds.worker_outside_seconds,
    )


def worker_silent(scene: RuleContext) -> Iterator[PendingFinding]:
    """Suspect workers whose heartbeat is overdue."""
    workers = list(workers_with_jobs(scene.snapshot))
    # distributed.scheduler.heartbeat_interval: from 200 workers on no more than 200 heartbeats a second.
    patience = max(scene.thresholds.worker_silent_seconds, 3 * (1 + len(workers) / 200))
    for job, worker in workers:
        seconds = worker.last_seen_seconds
        if seconds is None or seconds < patience or (job is not None and _is_over(job)):
            continue
        runs = f", {counted(worker.executing, 'task')} on it" if worker.executing else ""
        suspended = job is not None and read_state(job.state).is_suspended
        yield PendingFinding(
            severity="warning",
            job_id=job.job_id if job is not None else None,
            worker=worker.name,
            message=f"worker {worker.name} has been silent for {for_about(seconds)}{runs}"
            + (": its job is suspended" if suspended else ""),
            advice=(
                "scontrol resume lets its job go on" if suspended else "it hangs, was stopped, or a task holds the GIL"
            )
            + "; dask gives it up after worker-ttl (5 min)",
            # A scheduler that was busy itself (it runs in a notebook) reads heartbeats later than it is read.
            after_seconds=scene.another_reading_seconds,
        )


def worker_paused(scene: RuleContext) -> Iterator[PendingFinding]:
    """Suspect workers that start no task, as they have too little memory left."""
    for job, worker in workers_with_jobs(scene.snapshot):
        if worker.status != "paused":
            continue
        memory, limit = worker.memory_bytes, worker.memory_limit_bytes
        at = (
            f" at {rounded_percent(memory, limit)} % or more of {plain_size(limit)}"
            if memory is not None and limit
            else ""
        )
        yield PendingFinding(
            severity="warning",
            job_id=job.job_id if job is not None else None,
            worker=worker.name,
            message=f"worker {worker.name} is paused{at}: it starts no task",
            advice="smaller partitions, fewer threads a worker, or more memory",
            after_seconds=scene.thresholds.worker_paused_seconds,
        )


def worker_restarting(scene: RuleContext) -> Iterator[PendingFinding]:
    """Suspect workers that a nanny kills for their memory, at once, and those that end again and again otherwise.

    A client that restarts workers is no fault of theirs. Where the scheduler doesn't tell why workers end, what all of
    them have in common may have been that, and it is said that nobody knows.
    """
    window = scene.thresholds.worker_restart_window_seconds
    events = scene.snapshot.worker_events
    recent = [event for event in events or () if (scene.now - event.at).total_seconds() <= window]
    kills = [event for event in recent if event.kind == "killed for memory"]
    if kills:
        yield _killed_for_memory(kills, window)
    explained = Counter(
        event.worker
        for event in recent
        if event.kind == "killed for memory" or (event.kind == "restarted" and event.reason != "silent")
    )
    restarts = Counter(
        {
            seat: sum((scene.now - at).total_seconds() <= window for at in times)
            for seat, times in scene.history.restarts.items()
        }
    )
    by_seat = {
        (job.job_id if job is not None else None, worker.name): worker
        for job, worker in workers_with_jobs(scene.snapshot)
    }
    common = 0
    if events is None and len(by_seat) > 1:
        common = min((restarts[seat] for seat in by_seat), default=0)
        if common >= scene.thresholds.worker_restarts:
            yield PendingFinding(
                severity="info",
                about="all",
                message=f"all {len(by_seat)} workers were started anew {common} times within "
                f"{plain_duration(int(window))}; this scheduler does not tell why",
                advice="if nobody called Client.restart, their logs tell why; often tasks need more memory than the "
                "workers' limit",
                began=min((scene.history.restarts[seat][0] for seat in by_seat), default=None),
            )
    for (job_id, name), worker in by_seat.items():
        number = restarts[job_id, name] - (common if events is None else explained[name])
        if number < scene.thresholds.worker_restarts:
            continue
        yield PendingFinding(
            severity="warning",
            job_id=job_id,
            worker=name,
            message=f"worker {name} was started anew {number} times within {plain_duration(int(window))}"
            + _is_near_limit(worker),
            advice="its log tells why; often a task needs more memory than the worker's limit"
            if events is None
            else "its log tells why: no nanny killed it for its memory, and no client restarted it",
            began=scene.history.restarts[job_id, name][0],
        )


def _killed_for_memory(kills: Sequence[WorkerEvent], window_seconds: float) -> PendingFinding:
    """Suspect workers that their nannies have killed: one finding, as a task that is too large moves on.

    A worker that is killed soon after its start may have come and gone between two readings, and has no name here.
    """
    last, names = kills[-1], sorted({event.worker for event in kills if event.worker is not None})
    is_one = len(names) == 1 and all(event.worker is not None for event in kills)
    times = "once" if len(kills) == 1 else f"{len(kills)} times"
    if is_one:
        who = f"worker {names[0]} was killed for memory by its nanny {times}"
    elif len(kills) == 1:
        who = "a worker was killed for memory by its nanny once"
    else:
        among = f" ({listed(names)})" if names else ""
        who = f"workers{among} were killed for memory by their nannies {times}"
    held = f"; the last held {plain_size(last.memory_bytes)}" if last.memory_bytes is not None else ""
    held += f" of {plain_size(last.limit_bytes)}" if held and last.limit_bytes else ""
    return PendingFinding(
        severity="warning",
        message=f"{who} within {plain_duration(int(window_seconds))}{held}",
        advice="a task needs more memory than a worker's limit: smaller partitions, fewer threads a worker, or more "
        "memory for each",
        about="killed for memory",
        job_ids=tuple(dict.fromkeys(event.job_id for event in kills if event.job_id is not None)),
        workers=tuple(names),
        began=kills[0].at,
    )


def _is_over(job: Job) -> bool:
    return has_ended(job) or read_state(job.state).is_ending


def _is_near_limit(worker: Worker) -> str:
    memory, limit = worker.memory_bytes, worker.memory_limit_bytes
    if memory is None or not limit or 100 * memory < _KILLED_ABOVE_PERCENT * limit:
        return ""
    return f", and holds {rounded_percent(memory, limit)} % or more of {plain_size(limit)} again"
