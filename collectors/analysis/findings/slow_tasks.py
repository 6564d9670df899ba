"""Rules for tasks that do not finish: waiting on a worker that runs none, running without CPU, or much too long."""

from collections import defaultdict
from collections.abc import Iterator

from dasktop.collectors.analysis.findings.phrases import rounded_duration
from dasktop.collectors.analysis.findings.rule import DASK, PendingFinding, RuleContext, rule
from dasktop.collectors.model.jobs import workers_with_jobs
from dasktop.collectors.model.snapshot import Job, Worker
from dasktop.collectors.model.task_times import TaskTimes
from dasktop.collectors.model.work import RunningTask
from dasktop.collectors.text.format import counted, listed, plain_duration


@rule("tasks-stuck", order=105, needs=(DASK,))
def tasks_stuck(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield workers and tasks that wait for something: without CPU, for much longer than the other tasks take."""
    yield from _idle_workers(context)
    yield from _idle_tasks(context)


def _idle_workers(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield workers with tasks that run none of them and use no CPU, although they are neither paused nor silent."""
    limit = context.thresholds.tasks_stuck_cpu_percent
    for job, worker in workers_with_jobs(context.snapshot):
        cpu = worker.cpu_percent
        if worker.status != "running" or worker.executing != 0 or not worker.queued or cpu is None or cpu >= limit:
            continue
        incoming = worker.transfers.incoming_count if worker.transfers is not None else None
        waits = f"; it waits for {counted(incoming, 'transfer')} from other workers" if incoming else ""
        yield PendingFinding(
            severity="warning",
            job_id=job.job_id if job is not None else None,
            worker=worker.name,
            message=f"worker {worker.name} runs none of its {counted(worker.queued, 'task')} and uses no CPU{waits}",
            advice="see its log; a worker that it needs results from may not answer. If it does not recover, "
            "restart it: client.restart_workers",
            after_seconds=max(context.another_reading_seconds, context.thresholds.tasks_stuck_seconds),
        )


def _idle_tasks(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield one finding for each task name of which none has finished, with tasks that run for long and use no CPU.

    They are compared with the means of the other names: the longest times that were seen include running tasks.
    """
    work, thresholds = context.snapshot.work, context.thresholds
    others = [name.seconds_mean for name in (work.task_names if work is not None else ()) if name.seconds_mean]
    if work is None or not others:
        return
    slowest = max(others)
    longer_than = max(thresholds.task_idle_seconds, thresholds.task_idle_factor * slowest)
    unfinished = {name.name for name in work.task_names if name.finished_total == 0}
    long = [task for task in work.running or () if task.seconds >= longer_than and task.task_name in unfinished]
    workers = {worker.address: (job, worker) for job, worker in workers_with_jobs(context.snapshot)} if long else {}
    by_name: dict[str, list[RunningTask]] = defaultdict(list)
    for task in long:
        job, worker = workers.get(task.address or "", (None, None))
        if worker is not None and _uses_no_cpu(task, job, worker, thresholds.tasks_stuck_cpu_percent):
            by_name[task.task_name].append(task)
    for name, tasks in by_name.items():
        names = tuple(dict.fromkeys(task.worker for task in tasks if task.worker is not None))
        on = f" on {listed(names)}" if names else ""
        yield PendingFinding(
            severity="warning",
            message=f"{counted(len(tasks), 'task')} of {name} {'has' if len(tasks) == 1 else 'have'} run for "
            f"{rounded_duration(max(task.seconds for task in tasks))}{on} and {'uses' if len(tasks) == 1 else 'use'} "
            f"no CPU; none of {name} has finished, and tasks of other names take at most "
            f"{plain_duration(max(1, round(slowest)))} on average",
            advice="the call stack of its thread shows what it waits for",
            about=name,
            job_ids=tuple(dict.fromkeys(task.job_id for task in tasks if task.job_id is not None)),
            workers=names,
            after_seconds=max(context.another_reading_seconds, thresholds.tasks_stuck_seconds),
        )


def _uses_no_cpu(task: RunningTask, job: Job | None, worker: Worker, limit_percent: float) -> bool:
    """Return whether the thread of a task, else its whole worker, uses no CPU, nor may a program that it started."""
    if worker.children or (job is not None and job.used.cpu_source == "slurm"):
        return False
    of_thread = next((thread.cpu_percent for thread in worker.threads if thread.task_key == task.key), None)
    cpu = worker.cpu_percent if of_thread is None else of_thread
    return cpu is not None and cpu < limit_percent


@rule("task-much-longer", order=107, needs=(DASK,))
def task_much_longer(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield one finding for each task name with tasks that run much longer than those that have finished."""
    work = context.snapshot.work
    if work is None:
        return
    times = TaskTimes.of(work, context.thresholds)
    by_name: dict[str, list[RunningTask]] = defaultdict(list)
    for task in work.running or ():
        if times.is_much_longer(task.task_name, task.seconds, task.typical_seconds):
            by_name[task.task_name].append(task)
    for name, tasks in by_name.items():
        longest = max(tasks, key=lambda task: task.seconds)
        workers = tuple(dict.fromkeys(task.worker for task in tasks if task.worker is not None))
        on = f" on {listed(workers)}" if workers else ""
        yield PendingFinding(
            severity="warning",
            message=f"{counted(len(tasks), 'task')} of {name} ({times.finished(name):,} finished after "
            f"{plain_duration(max(1, round(longest.typical_seconds or 0)))} on average) "
            f"{'has' if len(tasks) == 1 else 'have'} run for {rounded_duration(longest.seconds)}{on}",
            advice="the call stack of its thread shows what it does",
            about=name,
            job_ids=tuple(dict.fromkeys(task.job_id for task in tasks if task.job_id is not None)),
            workers=workers,
        )
