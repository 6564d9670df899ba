"""Rules for the use of an allocation: its time limit is near, or it is idle."""

from collections.abc import Iterable, Iterator

from dasktop.collectors.analysis.findings.phrases import (
    allocation_words,
    job_name,
    rounded_duration,
    tasks_of,
)
from dasktop.collectors.analysis.findings.rule import PendingFinding, RuleContext, rule
from dasktop.collectors.model.jobs import StrandedResults, command_id, ends_soon, runs_other_programs, workers_of
from dasktop.collectors.model.snapshot import Allocated, Job, Worker
from dasktop.collectors.model.sums import sum_if_all_known
from dasktop.collectors.text.format import counted, whole_minutes

_IDLE = "idle-allocation"
SOONER_IF_OTHERS_WAIT = 5
"""dask moves tasks that wait to idle workers within seconds, unless their restrictions or results prevent it."""


@rule("walltime-ending", order=70, harm="lost")
def walltime_ending(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield jobs that soon reach their time limit, with what runs in them."""
    stranded = StrandedResults(context.snapshot)
    for job in context.running:
        if not ends_soon(job, context.thresholds) or not workers_of(job):
            continue
        running, waiting = tasks_of(job)
        tasks = [counted(running, "task") + " running"] if running else []
        tasks += [f"{waiting:,} waiting" if running else counted(waiting, "task") + " waiting"] if waiting else []
        is_empty = not tasks and _knows_tasks(job)
        what = " and ".join(tasks) or ("no tasks" if is_empty else "workers whose tasks are unknown")
        yield PendingFinding(
            severity="info" if is_empty else "warning",
            job_id=job.job_id,
            message=f"{job_name(job)} ends in {whole_minutes(job.time_left_seconds or 0)} with {what}",
            advice=_keep_results(job, stranded.of(workers_of(job))) + _other_programs_end([job]),
            extent=running,
        )


@rule(_IDLE, order=190, harm="unused")
def idle_allocation(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield idle jobs; if all jobs are idle, one finding for the whole cluster."""
    running = [job for job in context.running if workers_of(job)]
    idle = [job for job in running if _is_idle(context, job)]
    after_seconds = context.thresholds.idle_seconds
    stranded = StrandedResults(context.snapshot)
    if len(idle) > 1 and len(idle) == len(running):
        granted = Allocated(
            cpus=sum_if_all_known(job.allocated.cpus for job in idle),
            memory_bytes=sum_if_all_known(job.allocated.memory_bytes for job in idle),
            gpus=None,
        )
        yield PendingFinding(
            severity="info",
            message=f"all {len(idle)} jobs have been idle{_for(context, None)} ({allocation_words(granted)} unused)",
            advice=_release_all(stranded.of(_workers(idle))) + _other_programs_end(idle),
            job_ids=tuple(job.job_id for job in idle),
            extent=granted.cpus or len(idle),
            after_seconds=after_seconds,
        )
    # While all are idle, the finding above covers them. Each still counts from when it became idle.
    others_wait = bool(idle) and any(worker.queued for worker in _workers(running))
    meanwhile = ", while tasks wait on other workers" if others_wait else ""
    for job in idle:
        yield PendingFinding(
            severity="info" if len(idle) == len(running) else "warning",
            job_id=job.job_id,
            message=f"{job_name(job)} has been idle{_for(context, job.job_id)} "
            f"({allocation_words(job.allocated)} unused){meanwhile}",
            advice=f"dasktop scale --release {command_id(job)} releases it"
            + _once_released(stranded.of(workers_of(job)))
            + _other_programs_end([job]),
            extent=job.allocated.cpus or 1,
            after_seconds=_idle_seconds(context, others_wait=others_wait)
            if len(idle) == 1 or len(idle) < len(running)
            else float("inf"),
        )


def _idle_seconds(context: RuleContext, *, others_wait: bool) -> float:
    """Return how long a job has to be idle: not as long if it could run tasks that wait elsewhere."""
    seconds = context.thresholds.idle_seconds
    return seconds / SOONER_IF_OTHERS_WAIT if others_wait else seconds


def _is_idle(context: RuleContext, job: Job) -> bool:
    if job.used.threads_busy or tasks_of(job) != (0, 0) or any(worker.executing is None for worker in workers_of(job)):
        return False
    used, cpus = job.used.cpu_percent, job.allocated.cpus
    return used is None or cpus is None or used < context.thresholds.idle_cpu_percent * cpus


def _workers(jobs: Iterable[Job]) -> Iterator[Worker]:
    return (worker for job in jobs for worker in workers_of(job))


def _keep_results(job: Job, stranded: int) -> str:
    """Return how to keep a job's results. If no other worker can take them, a job has to be added first."""
    move = f"dasktop scale --release {command_id(job)} moves"
    if not stranded:
        return f"{move} its results to other workers before the job is released"
    return f"no other worker can take its {counted(stranded, 'result')}: add a job, then {move} them there"


def _release_all(stranded: int) -> str:
    """Return how to release all jobs. If no other worker can take their results, one job has to stay."""
    if not stranded:
        return "dasktop scale --jobs 0 releases them; --adapt 0:N releases idle jobs automatically"
    return (
        "dasktop scale --jobs 1 releases all but one, which takes the results of the others; "
        f"--jobs 0 releases all{_once_released(stranded)}"
    )


def _once_released(stranded: int) -> str:
    """Return the condition for releasing workers whose results no other worker can take."""
    if not stranded:
        return ""
    return f", once the client has released the futures of {counted(stranded, 'result')}"


def _other_programs_end(jobs: Iterable[Job]) -> str:
    """Return a warning if programs other than dask workers run: they may hold memory without using CPU time."""
    return "; this also ends the other programs in it" if any(map(runs_other_programs, jobs)) else ""


def _knows_tasks(job: Job) -> bool:
    """Whether the running and queued tasks of all workers are known."""
    return all(worker.executing is not None and worker.queued is not None for worker in workers_of(job))


def _for(context: RuleContext, job_id: str | None) -> str:
    seconds = context.seconds_since(context.history.first_seen.get((_IDLE, job_id, None)))
    return f" for {rounded_duration(seconds)}" if seconds else ""
