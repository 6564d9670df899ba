"""Rules for tasks that do not finish: assigned to a worker that runs none, or running much longer than others."""

from collections import defaultdict
from collections.abc import Iterator

from dasktop.collectors.analysis.findings.phrases import rounded_duration
from dasktop.collectors.analysis.findings.rule import DASK, PendingFinding, RuleContext, rule
from dasktop.collectors.model.jobs import workers_with_jobs
from dasktop.collectors.model.work import RunningTask
from dasktop.collectors.text.format import counted, listed, plain_duration


@rule("tasks-stuck", order=105, needs=(DASK,))
def tasks_stuck(context: RuleContext) -> Iterator[PendingFinding]:
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


@rule("task-much-longer", order=107, needs=(DASK,))
def task_much_longer(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield one finding for each task name with tasks that run much longer than those that have finished."""
    work, thresholds = context.snapshot.work, context.thresholds
    if work is None:
        return
    finished = {name.name: name.finished_total or 0 for name in work.task_names}
    by_name: dict[str, list[RunningTask]] = defaultdict(list)
    for task in work.running or ():
        longer_than = max(thresholds.task_longer_seconds, thresholds.task_longer_factor * (task.typical_seconds or 0))
        enough = finished.get(task.task_name, 0) >= thresholds.task_longer_samples
        if task.typical_seconds and enough and task.seconds >= longer_than:
            by_name[task.task_name].append(task)
    for name, tasks in by_name.items():
        longest = max(tasks, key=lambda task: task.seconds)
        workers = tuple(dict.fromkeys(task.worker for task in tasks if task.worker is not None))
        on = f" on {listed(workers)}" if workers else ""
        yield PendingFinding(
            severity="warning",
            message=f"{counted(len(tasks), 'task')} of {name} ({finished[name]:,} finished after "
            f"{plain_duration(max(1, round(longest.typical_seconds or 0)))} on average) "
            f"{'has' if len(tasks) == 1 else 'have'} run for {rounded_duration(longest.seconds)}{on}",
            advice="the call stack of its thread shows what it does",
            about=name,
            job_ids=tuple(dict.fromkeys(task.job_id for task in tasks if task.job_id is not None)),
            workers=workers,
        )
