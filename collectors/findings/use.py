"""What is made of an allocation: it ends soon, or nothing runs in it."""

from collections.abc import Iterable, Iterator

from dasktop.collectors.findings.rule import Scene, Suspicion
from dasktop.collectors.findings.words import for_about, granted_words, named, tasks_of, within
from dasktop.collectors.jobs import runs_other_programs, shown_id, workers_of
from dasktop.collectors.model import Allocated, Job, Worker
from dasktop.collectors.scaling.stranded import stranded_results
from dasktop.collectors.scaling.words import counted

IDLE = "idle-allocation"


def walltime_ending(scene: Scene) -> Iterator[Suspicion]:
    """Suspect jobs whose time is nearly over, and say what runs there."""
    for job in scene.running:
        left, limit = job.time_left_seconds, job.time_limit_seconds
        soon = scene.thresholds.walltime_ending_seconds
        if left is None or left > min(soon, limit / 4 if limit else soon) or not any(workers_of(job)):
            continue
        running, waiting = tasks_of(job)
        tasks = [counted(running, "task") + " running"] if running else []
        tasks += [f"{waiting:,} waiting" if running else counted(waiting, "task") + " waiting"] if waiting else []
        is_empty = not tasks and _tells_tasks(job)
        what = " and ".join(tasks) or ("no task" if is_empty else "workers in it")
        yield Suspicion(
            severity="info" if is_empty else "warning",
            job_id=job.job_id,
            message=f"{named(job)} ends in {within(left)} with {what}",
            advice=_way_to_keep(job, stranded_results(scene.snapshot, _workers([job]))),
        )


def idle_allocation(scene: Scene) -> Iterator[Suspicion]:
    """Suspect jobs in which nothing runs; where nothing runs anywhere, the whole cluster, once."""
    running = [job for job in scene.running if any(workers_of(job))]
    idle = [job for job in running if _is_idle(scene, job)]
    after_seconds = scene.thresholds.idle_seconds
    if len(idle) > 1 and len(idle) == len(running):
        cpus = [job.allocated.cpus for job in idle]
        memory = [job.allocated.memory_bytes for job in idle]
        granted = Allocated(
            cpus=None if None in cpus else sum(filter(None, cpus)),
            memory_bytes=None if None in memory else sum(filter(None, memory)),
            gpus=None,
        )
        yield Suspicion(
            severity="info",
            message=f"all {len(idle)} jobs are idle{_for(scene, None)}: {granted_words(granted)} for nothing",
            advice=_way_to_no_job(stranded_results(scene.snapshot, _workers(idle))) + _others_end_too(idle),
            job_ids=tuple(job.job_id for job in idle),
            after_seconds=after_seconds,
        )
    # Each is told once others work, and counts from when it became idle; until then, the sentence above says it.
    for job in idle:
        yield Suspicion(
            severity="info" if len(idle) == len(running) else "warning",
            job_id=job.job_id,
            message=f"{named(job)} is idle{_for(scene, job.job_id)}: {granted_words(job.allocated)} for nothing",
            advice=f"dasktop scale --release {shown_id(job)} gives it back"
            + _once_let_go(stranded_results(scene.snapshot, _workers([job])))
            + _others_end_too([job]),
            after_seconds=after_seconds if len(idle) == 1 or len(idle) < len(running) else float("inf"),
        )


def _is_idle(scene: Scene, job: Job) -> bool:
    if tasks_of(job) != (0, 0) or any(worker.executing is None for worker in workers_of(job)):
        return False
    used, cpus = job.used.cpu_percent, job.allocated.cpus
    return used is None or cpus is None or used < scene.thresholds.idle_cpu_percent * cpus


def _workers(jobs: Iterable[Job]) -> Iterator[Worker]:
    return (worker for job in jobs for worker in workers_of(job))


def _way_to_keep(job: Job, stranded: int) -> str:
    """Say how to keep a job's results. Where nobody could take them over, somebody has to come first."""
    move = f"dasktop scale --release {shown_id(job)} moves"
    if not stranded:
        return f"{move} its results first"
    return f"no other worker could take over its {counted(stranded, 'result')}: start one job more, then {move} them"


def _way_to_no_job(stranded: int) -> str:
    """Say how to give all jobs back. Where nobody could take over their results, one has to stay for these."""
    if not stranded:
        return "dasktop scale --jobs 0 gives them back; --adapt 0:N does so by itself"
    return (
        f"dasktop scale --jobs 1 gives back the others, and the one that stays takes over the results; "
        f"--jobs 0 gives back all{_once_let_go(stranded)}"
    )


def _once_let_go(stranded: int) -> str:
    """Say who has to let go of these results first, if there are any."""
    if not stranded:
        return ""
    return f", once the client that holds the futures has let go of {counted(stranded, 'result')}"


def _others_end_too(jobs: Iterable[Job]) -> str:
    """Mention programs other than dask workers: they may use memory without using CPU time."""
    return "; the other programs in it end too" if any(map(runs_other_programs, jobs)) else ""


def _tells_tasks(job: Job) -> bool:
    """Whether it is known of all workers what they have to do."""
    return all(worker.executing is not None and worker.queued is not None for worker in workers_of(job))


def _for(scene: Scene, job_id: str | None) -> str:
    seconds = scene.seconds_since(scene.history.began.get((IDLE, job_id, None)))
    return f" for {for_about(seconds)}" if seconds else ""
