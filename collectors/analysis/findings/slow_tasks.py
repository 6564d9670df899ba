"""Rules for tasks that do not finish: waiting on a worker that runs none, running without CPU, or much too long."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from dasktop.collectors.analysis.findings.phrases import rounded_duration
from dasktop.collectors.analysis.findings.rule import DASK, PendingFinding, RuleContext, rule
from dasktop.collectors.model.snapshot import Job, Worker
from dasktop.collectors.model.task_times import TaskTimes
from dasktop.collectors.model.thresholds import Thresholds
from dasktop.collectors.model.work import RunningTask, TaskName, Work
from dasktop.collectors.text.format import counted, listed, plain_duration


@rule("tasks-stuck", order=105, needs=(DASK,), harm="held up")
def tasks_stuck(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield workers and tasks that wait for something: without CPU, for much longer than the other tasks take."""
    yield from _idle_workers(context)
    yield from _idle_tasks(context)


def _idle_workers(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield workers with tasks that run none of them and use no CPU, although they are neither paused nor silent."""
    limit = context.thresholds.tasks_stuck_cpu_percent
    for job, worker in context.workers:
        cpu = worker.cpu_percent
        if worker.status != "running" or worker.executing != 0 or not worker.queued or cpu is None or cpu >= limit:
            continue
        incoming = worker.transfers.incoming_count if worker.transfers is not None else None
        waits = f"; it waits for {counted(incoming, 'transfer')} from other workers" if incoming else ""
        yield PendingFinding(
            severity="warning",
            job_id=job.job_id if job is not None else None,
            worker=worker.name,
            message=f"worker {worker.name} runs none of its {counted(worker.queued, 'task')} and uses almost no CPU"
            f"{waits}",
            advice="see its log; a worker that it needs results from may not answer. If it does not recover, "
            "restart it: client.restart_workers",
            extent=worker.queued,
            after_seconds=max(context.another_reading_seconds, context.thresholds.tasks_stuck_seconds),
        )


def _idle_tasks(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield one finding for each task name with tasks that run for much longer than any other and use no CPU.

    They are compared with the means of names: the longest times that were seen include running tasks. If the threads of
    the tasks were not read, the CPU time of the worker has to tell; that takes longer.
    """
    work, thresholds = context.snapshot.work, context.thresholds
    if work is None:
        return
    names = {name.name: name for name in work.task_names}
    slowest = max(_means(work), default=0.0)
    if not slowest:
        return
    least = min(thresholds.task_waits_seconds, thresholds.task_idle_seconds)
    least = max(least, thresholds.task_idle_factor * slowest)
    long = [task for task in work.running or () if task.seconds >= least and task.task_name in names]
    workers = {worker.address: (job, worker) for job, worker in context.workers} if long else {}
    by_name: dict[str, list[RunningTask]] = defaultdict(list)
    for task in long:
        job, worker = workers.get(task.address or "", (None, None))
        if worker is not None and _is_stuck(task, names[task.task_name], job, worker, thresholds):
            by_name[task.task_name].append(task)
    for name, tasks in by_name.items():
        on = tuple(dict.fromkeys(task.worker for task in tasks if task.worker is not None))
        yield PendingFinding(
            severity="warning",
            message=f"{counted(len(tasks), 'task')} of {name} {'has' if len(tasks) == 1 else 'have'} run for "
            f"{rounded_duration(max(task.seconds for task in tasks))}{f' on {listed(on)}' if on else ''} and "
            f"{_without_cpu(tasks, workers, thresholds)}; {_others(names[name], work)}",
            advice="the call stack of its thread shows what it waits for",
            about=name,
            task_names=(name,),
            extent=len(tasks),
            job_ids=tuple(dict.fromkeys(task.job_id for task in tasks if task.job_id is not None)),
            workers=on,
            after_seconds=0.0
            if any(_is_seen_to_wait(task, thresholds) for task in tasks)
            else max(context.another_reading_seconds, thresholds.tasks_stuck_seconds),
        )


def _others(name: TaskName, work: Work) -> str:
    """Return how long other tasks take: those of the same name, and those of other names."""
    if name.finished_total:
        took = plain_duration(max(1, round(name.seconds_mean or 0)))
        own = f"{name.finished_total:,} of {name.name} finished after {took} on average"
    else:
        own = f"none of {name.name} has finished"
    means = _means(work, besides=name.name)
    if not means:
        return own
    return f"{own}, and tasks of other names take at most {plain_duration(max(1, round(max(means))))} on average"


def _means(work: Work, besides: str | None = None) -> list[float]:
    """Return the mean times of all names with finished tasks, but one."""
    means = [name.seconds_mean for name in work.task_names if name.name != besides]
    return [mean for mean in (*means, work.forgotten_seconds_mean) if mean]


def _is_stuck(task: RunningTask, name: TaskName, job: Job | None, worker: Worker, thresholds: Thresholds) -> bool:
    """Return whether a long task waits for something that is neither a program nor its name's usual time."""
    is_for_program = bool(worker.children) or (job is not None and job.used.cpu_source == "slurm")
    finished, idle = name.finished_total, task.idle_seconds
    if is_for_program or idle == 0 or finished is None:
        return False
    if _is_seen_to_wait(task, thresholds):
        return finished < thresholds.task_longer_samples  # else `task_much_longer` reports it
    is_long = finished == 0 and task.seconds >= thresholds.task_idle_seconds
    return is_long and _uses_no_cpu(task, worker, thresholds.tasks_stuck_cpu_percent)


def _is_seen_to_wait(task: RunningTask, thresholds: Thresholds) -> bool:
    return task.idle_seconds is not None and task.idle_seconds >= thresholds.task_waits_seconds


def _without_cpu(
    tasks: Sequence[RunningTask], workers: Mapping[str, tuple[Job | None, Worker]], thresholds: Thresholds
) -> str:
    """Return what uses no CPU: the threads of the tasks or, if these were not read, their workers.

    The event loop of a worker whose task waits uses some per cent.
    """
    is_of_threads = all(
        _is_seen_to_wait(task, thresholds) or _cpu_of_thread(task, workers[task.address or ""][1]) is not None
        for task in tasks
    )
    if is_of_threads:
        return "its thread uses no CPU" if len(tasks) == 1 else "their threads use no CPU"
    return "its worker uses almost no CPU" if len(tasks) == 1 else "their workers use almost no CPU"


def _cpu_of_thread(task: RunningTask, worker: Worker) -> float | None:
    return next((thread.cpu_percent for thread in worker.threads if thread.task_key == task.key), None)


def _uses_no_cpu(task: RunningTask, worker: Worker, limit_percent: float) -> bool:
    """Return whether the thread of a task, else its whole worker, uses no CPU."""
    of_thread = _cpu_of_thread(task, worker)
    cpu = worker.cpu_percent if of_thread is None else of_thread
    return cpu is not None and cpu < limit_percent


@rule("task-much-longer", order=107, needs=(DASK,), harm="held up")
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
            task_names=(name,),
            extent=len(tasks),
            job_ids=tuple(dict.fromkeys(task.job_id for task in tasks if task.job_id is not None)),
            workers=workers,
        )
