"""The cells of jobs and SLURM tasks. Pure."""

from datetime import datetime

from dasktop.collectors.model.job_states import Phase, read_state
from dasktop.collectors.model.jobs import ends_soon, has_ended, is_pending, squeue_id, workers_of
from dasktop.collectors.model.snapshot import Job, Task
from dasktop.collectors.model.sums import sum_of_known
from dasktop.collectors.model.thresholds import Thresholds
from dasktop.collectors.text.format import counted, short_host
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.numbers import UNKNOWN
from dasktop.tui.draw.times import clock
from dasktop.tui.view.both_figures import marked_difference
from dasktop.tui.view.cell_values import Cells, Tone, evidence_mark, managed_share, together, with_source
from dasktop.tui.view.ended_jobs import ended_words, why_ended
from dasktop.tui.view.visible_rows import shows_tasks
from dasktop.tui.view.workers import WAITS

_SCHEDULER_UNKNOWN = "scheduler unknown"
"""For a job whose script starts dask workers without naming the scheduler."""
_PHASE_NOTES: dict[Phase | None, str] = {
    "starting": "nodes are being prepared",
    "ending": "processes are being ended",
}
"""Notes for a job without a worker, in the phases before and after it runs."""


def job_cells(job: Job, taken_at: datetime, thresholds: Thresholds) -> Cells:
    """Return the cells of a job."""
    label = evidence_mark(job.evidence[:1]) + " ".join(filter(None, (squeue_id(job), job.name)))
    if has_ended(job):
        return _ended(label, job)
    state = job.state or UNKNOWN
    if is_pending(job):
        return Cells(label, state, "waiting", note=_waiting(job, taken_at), short_note=_waiting(job, taken_at, "from "))
    workers = workers_of(job)
    left = figures.time_left(job.time_left_seconds)
    cells = Cells(
        label,
        state,
        "good" if read_state(job.state).is_running else "waiting",
        node=_nodes(job.nodes),
        left=left,
        ends_soon=ends_soon(job, thresholds),
    )
    if not workers:
        is_starting = _is_starting(job, taken_at, thresholds)
        return cells._replace(note=_no_worker(job, is_starting), short_note=_no_worker(job, is_starting, in_short=True))
    cpu_percent = figures.share(job.used.cpu_percent, job.allocated.cpus and 100 * job.allocated.cpus)
    memory_percent = figures.share(job.used.memory_bytes, job.allocated.memory_bytes)
    return cells._replace(
        cpu_percent=cpu_percent,
        cpu=with_source(figures.percent_text(cpu_percent), job.used.cpu_source),
        memory_percent=memory_percent,
        memory=with_source(figures.percent_text(memory_percent), job.used.memory_source),
        memory_bytes=figures.bytes_text(job.used.memory_bytes),
        managed_percent=managed_share(workers, job.allocated.memory_bytes),
        busy=figures.ratio(job.used.threads_busy, sum_of_known(worker.nthreads for worker in workers)),
    )


def _no_worker(job: Job, is_starting: bool, *, in_short: bool = False) -> str:
    """Return the note of a running job without a worker; for a job unrelated to dask, its allocation."""
    if job.evidence and (note := _PHASE_NOTES.get(read_state(job.state).phase)):
        return note
    if job.evidence and job.used.threads_busy is not None:
        note = "no worker"
        if is_starting:
            note = "no worker yet" if in_short else "starting, no worker yet"
        return f"{note} ({job.workers_expected} expected)" if job.workers_expected and not in_short else note
    granted = job.allocated
    words = [] if granted.cpus is None else [counted(granted.cpus, "CPU")]
    words += [] if granted.memory_bytes is None else [figures.bytes_text(granted.memory_bytes)]
    words += [counted(granted.gpus, "GPU")] if granted.gpus else []
    if job.scheduler_unknown:
        words = [_SCHEDULER_UNKNOWN, *(() if in_short else words)]
    return ", ".join(words)


def _is_starting(job: Job, taken_at: datetime, thresholds: Thresholds) -> bool:
    """Return whether a job may still be starting its workers."""
    if job.started_at is None:
        return False
    return (taken_at - job.started_at).total_seconds() < thresholds.worker_start_seconds


def _ended(label: str, job: Job) -> Cells:
    """Return the cells of an ended job."""
    state = end_state(job)
    is_plain = read_state(state).is_completed or read_state(state).is_cancelled
    tone: Tone = "quiet" if is_plain else "bad"
    return Cells(
        label,
        state,
        tone,
        note=ended_words(job),
        medium_note=ended_words(job, with_use=False),
        short_note=why_ended(job),
    )


def end_state(job: Job) -> str:
    """Return the state in which a job ended."""
    return (job.fate.state if job.fate is not None else job.state) or UNKNOWN


def _waiting(job: Job, taken_at: datetime, starts_about: str = "starts about ") -> str:
    start = job.expected_start_at
    starts = f"{starts_about}{clock(start, taken_at)}" if start is not None and start > taken_at else None
    return ", ".join(filter(None, (_SCHEDULER_UNKNOWN if job.scheduler_unknown else None, job.reason, starts)))


def _nodes(nodes: tuple[str, ...]) -> str:
    return short_host(nodes[0]) if len(nodes) == 1 else f"{len(nodes)} nodes" if nodes else ""


def remark(job: Job) -> tuple[str, str]:
    """Return `Cells.remark`."""
    workers = workers_of(job)
    waiting = sum(worker.status == WAITS for worker in workers)
    if not waiting:
        return marked_difference(job)
    is_all = waiting == len(workers)
    return "only waits" if is_all else f"{waiting:,} of {len(workers):,} workers only wait", "waits"


def only_step(job: Job) -> str:
    """Return the step and id of a job's task if that has no row of its own, and its node if the job has several."""
    if shows_tasks(job) or not job.tasks:
        return ""
    [task] = job.tasks
    step = _step(task)
    return f"{step} · {short_host(task.node)}" if task.node and len(job.nodes) > 1 else step


def task_cells(task: Task, job: Job) -> Cells:
    """Return the cells of a SLURM task."""
    label = _step(task) or UNKNOWN
    node = short_host(task.node) if task.node else _nodes(job.nodes) if len(job.nodes) == 1 else UNKNOWN
    if not task.workers:
        workers_elsewhere = any(other.workers and other.step_id is None for other in job.tasks)
        return Cells(label, node=node, note="" if workers_elsewhere else "no worker")
    return together(Cells(label, node=node), task.workers)


def _step(task: Task) -> str:
    """Return ``batch.0``, with ``–`` for an unknown part; an empty string if both are unknown."""
    if task.step_id is None and task.task_id is None:
        return ""
    return f"{UNKNOWN if task.step_id is None else task.step_id}.{UNKNOWN if task.task_id is None else task.task_id}"
