"""The cells of one row, as text and whole percent. Pure; does not depend on widths or colours.

CPU and memory are shares: of a job's allocation (``S``: SLURM's figures), of a worker's threads and memory limit, of
the sum of these for a task, of one core for a thread. Values are rounded here: equal cells need no redraw.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from dasktop.collectors.model.job_states import Phase, read_state
from dasktop.collectors.model.jobs import (
    ends_soon,
    has_ended,
    is_pending,
    number_of_jobs,
    squeue_id,
    threads_busy,
    workers_of,
)
from dasktop.collectors.model.snapshot import (
    EXACT_EVIDENCE,
    Evidence,
    Job,
    Task,
    Thread,
    UseSource,
    Worker,
    WorkerEvent,
)
from dasktop.collectors.model.sums import sum_if_all_known, sum_of_known
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.collectors.text.format import counted, short_host
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.bars import PAUSE, TARGET
from dasktop.tui.draw.numbers import UNKNOWN
from dasktop.tui.draw.piece import Role
from dasktop.tui.draw.times import local
from dasktop.tui.view.both_figures import marked_difference
from dasktop.tui.view.columns import ColumnName
from dasktop.tui.view.ended_jobs import ended_words, why_ended
from dasktop.tui.view.left_workers import (
    DIED,
    how_it_left,
    is_bad_end,
    left_counts,
    left_words,
    left_words_in_short,
    total_cost,
)
from dasktop.tui.view.now import Now
from dasktop.tui.view.rows import (
    MOST_GONE,
    ArrayRow,
    AskingRow,
    EarlierRow,
    GoneRow,
    IdleRow,
    JobRow,
    LeftRow,
    OthersRow,
    OutsideRow,
    Row,
    TaskRow,
    ThreadRow,
    WorkerRow,
)
from dasktop.tui.view.visible_rows import shows_tasks
from dasktop.tui.view.workers import WAITS, status_words

Tone = Literal["plain", "quiet", "good", "waiting", "bad"]

_NEWS = timedelta(minutes=30)
"""How long the group of workers that left has the state that one of them died."""
_SCHEDULER_UNKNOWN = "scheduler unknown"
"""For a job whose script starts dask workers without naming the scheduler."""
_PHASE_NOTES: dict[Phase | None, str] = {
    "starting": "nodes are being prepared",
    "ending": "processes are being ended",
}
"""Notes for a job without a worker, in the phases before and after it runs."""
# distributed names compute threads Dask-Default-Threads-PID-I, prefixed with the worker's name.
_POOL_THREAD = re.compile(r"(?:.*-)?Dask-(?P<pool>[\w-]+?)-Threads?-\d+-(?P<number>\d+)")


class Cells(NamedTuple):
    """The cells of one row: ``""`` if a column does not apply, ``–`` if the value is unknown."""

    label: str
    """Without indent and fold marker."""
    state: str = ""
    tone: Tone = "plain"
    node: str = ""
    cpu_percent: int | None = None
    cpu: str = ""
    memory_percent: int | None = None
    memory: str = ""
    memory_role: Role = "memory"
    managed_percent: int | None = None
    """The part of `memory_percent` that dask manages, its results; ``None``: unknown."""
    is_of_limit: bool = False
    """Whether `memory_percent` is of the limit of one worker, on which dask acts."""
    memory_bytes: str = ""
    busy: str = ""
    now: Now = Now()
    """What its workers run, from `now_of`, if that is shown."""
    left: str = ""
    ends_soon: bool = False
    more: Mapping[ColumnName, str] = {}
    """Cells of the optional columns that are shown, from `more_cells`."""
    note: str = ""
    """Text shown across the columns that do not apply to this row."""
    medium_note: str = ""
    short_note: str = ""
    """Shorter notes, if there are any, of which the first that fits is shown, else the last."""
    remark: tuple[str, str] = ("", "")
    """Of a job, that it only waits, or else what dask and what SLURM say of its use, if that differs clearly; and a
    shorter form."""
    step: str = ""
    """The label's end: the SLURM task (``batch.0``) without a row of its own, or the job of a worker that left."""


def cells(row: Row, taken_at: datetime, thresholds: Thresholds = DEFAULTS) -> Cells:
    """Return the cells of a row.

    Parameters
    ----------
    row
        One of `rows.visible_rows`.
    taken_at
        When its snapshot was taken; aware.
    thresholds
        The user's, as for findings.
    """
    found = _cells(row, taken_at, thresholds)
    role = (limit_role if found.is_of_limit else memory_role)(found.memory_percent, thresholds)
    return found if role == found.memory_role else found._replace(memory_role=role)


def memory_role(percent: int | None, thresholds: Thresholds) -> Role:
    """Return the role of a memory bar: ``full`` from the share on from which findings report it."""
    return "full" if (percent or 0) >= thresholds.memory_near_limit_percent else "memory"


def limit_role(percent: int | None, thresholds: Thresholds) -> Role:
    """Return the role of a bar of a worker's limit: ``full`` once dask pauses it, ``high`` once dask spills."""
    role = memory_role(percent, thresholds)
    if role == "full" or percent is None:
        return role
    return "full" if percent >= PAUSE else "high" if percent >= TARGET else role


def managed_share(workers: Iterable[Worker], of: float | None) -> int | None:
    """Return the share of an amount of memory that the results of workers take; ``None`` unless all are known."""
    return figures.share(sum_if_all_known(worker.managed_bytes for worker in workers), of)


def _cells(row: Row, taken_at: datetime, thresholds: Thresholds) -> Cells:
    match row:
        case JobRow():
            return _job(row.job, taken_at, thresholds)._replace(step=_only_step(row.job), remark=_remark(row.job))
        case TaskRow():
            return _task(row.task, row.job)
        case WorkerRow():
            cells = _worker(row.worker, row.task)
            if row.parent is not None or row.task is None:
                return cells
            node = row.task.node or row.worker.host
            # A flat list of workers: there is no job or task row above.
            return cells._replace(label=f"{row.job_id} {cells.label}", node=short_host(node) if node else UNKNOWN)
        case ThreadRow():
            return _thread(row.thread)
        case IdleRow():
            return _idle(row.threads)
        case ArrayRow():
            return _array(row.jobs)
        case EarlierRow():
            return _earlier(row.jobs)
        case LeftRow():
            return _left(row.ends, taken_at)
        case GoneRow():
            return _gone(row.end, row.job, taken_at)
        case OutsideRow():
            return _group(place_words(row.workers), row.workers)
        case OthersRow():
            return _others(row.jobs)
        case AskingRow():
            return Cells("threads not read yet", tone="quiet")


def place_words(workers: Iterable[Worker]) -> str:
    """Return the label of workers without a job: outside SLURM only if that is known of all of them."""
    return "outside SLURM" if all(worker.outside_slurm for worker in workers) else "without a known job"


def _job(job: Job, taken_at: datetime, thresholds: Thresholds) -> Cells:
    label = _mark(job.evidence[:1]) + " ".join(filter(None, (squeue_id(job), job.name)))
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
        cpu=_with_source(figures.percent_text(cpu_percent), job.used.cpu_source),
        memory_percent=memory_percent,
        memory=_with_source(figures.percent_text(memory_percent), job.used.memory_source),
        memory_bytes=figures.bytes_text(job.used.memory_bytes),
        managed_percent=managed_share(workers, job.allocated.memory_bytes),
        busy=figures.ratio(job.used.threads_busy, sum_of_known(worker.nthreads for worker in workers)),
    )


def _with_source(percent: str, source: UseSource | None) -> str:
    """Put ``S`` before a figure from SLURM, which differs from the sum of the rows below."""
    if source != "slurm":
        return percent
    marked = f"S{percent}"
    return marked if len(marked) <= 4 else marked.rstrip("%")[:4]


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
    state = _end_state(job)
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


def _end_state(job: Job) -> str:
    return (job.fate.state if job.fate is not None else job.state) or UNKNOWN


def _waiting(job: Job, taken_at: datetime, starts_about: str = "starts about ") -> str:
    start = job.expected_start_at
    starts = f"{starts_about}{clock(start, taken_at)}" if start is not None and start > taken_at else None
    return ", ".join(filter(None, (_SCHEDULER_UNKNOWN if job.scheduler_unknown else None, job.reason, starts)))


def clock(moment: datetime, now: datetime) -> str:
    """Return a future time in local time; from tomorrow on with the day."""
    then, today = local(moment), local(now).date()
    if then.date() == today:
        return f"{then:%H:%M}"
    return f"{then:%a %H:%M}" if then.date() - today < timedelta(days=7) else f"{then:%Y-%m-%d}"


def _nodes(nodes: tuple[str, ...]) -> str:
    return short_host(nodes[0]) if len(nodes) == 1 else f"{len(nodes)} nodes" if nodes else ""


def _remark(job: Job) -> tuple[str, str]:
    """Return `Cells.remark`."""
    workers = workers_of(job)
    waiting = sum(worker.status == WAITS for worker in workers)
    if waiting:
        return "only waits" if waiting == len(
            workers
        ) else f"{waiting:,} of {len(workers):,} workers only wait", "waits"
    return marked_difference(job)


def _only_step(job: Job) -> str:
    """Return the step and id of a job's task if that has no row of its own, and its node if the job has several."""
    if shows_tasks(job) or not job.tasks:
        return ""
    [task] = job.tasks
    step = _step(task)
    return f"{step} · {short_host(task.node)}" if task.node and len(job.nodes) > 1 else step


def _step(task: Task) -> str:
    """Return ``batch.0``, with ``–`` for an unknown part; an empty string if both are unknown."""
    if task.step_id is None and task.task_id is None:
        return ""
    return f"{UNKNOWN if task.step_id is None else task.step_id}.{UNKNOWN if task.task_id is None else task.task_id}"


def _task(task: Task, job: Job) -> Cells:
    label = _step(task) or UNKNOWN
    node = short_host(task.node) if task.node else _nodes(job.nodes) if len(job.nodes) == 1 else UNKNOWN
    if not task.workers:
        workers_elsewhere = any(other.workers and other.step_id is None for other in job.tasks)
        return Cells(label, node=node, note="" if workers_elsewhere else "no worker")
    return _together(Cells(label, node=node), task.workers)


def _together(cells: Cells, workers: tuple[Worker, ...]) -> Cells:
    """Return the cells with the usage of several workers, as a share of all their threads and memory limits."""
    nthreads = sum_if_all_known(worker.nthreads for worker in workers)
    cpu_percent = figures.share(sum_of_known(worker.cpu_percent for worker in workers), nthreads and 100 * nthreads)
    memory_bytes = sum_of_known(worker.memory_bytes for worker in workers)
    limit = sum_if_all_known(worker.memory_limit_bytes for worker in workers)
    memory_percent = figures.share(memory_bytes, limit)
    return cells._replace(
        cpu_percent=cpu_percent,
        cpu=figures.percent_text(cpu_percent),
        memory_percent=memory_percent,
        memory=figures.percent_text(memory_percent),
        memory_bytes=figures.bytes_text(memory_bytes),
        managed_percent=managed_share(workers, limit),
        busy=figures.ratio(sum_of_known(map(_busy, workers)), nthreads),
    )


def _worker(worker: Worker, task: Task | None) -> Cells:
    status = status_words(worker)
    cells = Cells(
        _mark((worker.evidence,) if worker.evidence else ()) + worker.name,
        status,
        "plain" if status == "running" else "waiting",
        node="" if task is not None else short_host(worker.host) if worker.host else UNKNOWN,
    )
    return _together(cells, (worker,))._replace(is_of_limit=True)


def _busy(worker: Worker) -> int | None:
    return threads_busy(worker.executing, worker.nthreads)


def _thread(thread: Thread) -> Cells:
    name = thread.name or f"thread {thread.native_id}"
    if match := _POOL_THREAD.fullmatch(name):
        name = f"{'Dask' if match['pool'] == 'Default' else match['pool']}-{match['number']}"
    cpu_percent = figures.percent(thread.cpu_percent)
    is_long = figures.is_long(thread.task_seconds, thread.typical_seconds)
    time = figures.task_time(thread.task_seconds, thread.typical_seconds) if thread.task_seconds is not None else ""
    return Cells(
        f"{name}  {thread.task_key}" if thread.task_key else name,
        thread.role,
        "plain" if is_long else "quiet",
        note=time,
        short_note=figures.seconds_text(thread.task_seconds) if time else "",
        cpu_percent=cpu_percent,
        cpu=figures.percent_text(cpu_percent),
    )


def _idle(threads: tuple[Thread, ...]) -> Cells:
    cpu_percent = figures.percent(sum_of_known(thread.cpu_percent for thread in threads))
    label = f"{figures.count(len(threads))} idle threads"
    return Cells(label, tone="quiet", cpu_percent=cpu_percent, cpu=figures.percent_text(cpu_percent))


def _array(jobs: tuple[Job, ...]) -> Cells:
    """Return the cells of an array whose jobs share one row."""
    states = Counter[str]()
    for job in jobs:
        states[job.state or UNKNOWN] += number_of_jobs([job])
    label = " ".join(filter(None, (f"{jobs[0].array_job_id}_[{figures.count(states.total())}]", jobs[0].name)))
    words = ", ".join(f"{figures.count(number)} {state.lower()}" for state, number in states.most_common())
    workers = tuple(worker for job in jobs for worker in workers_of(job))
    if not workers:
        return Cells(label, "ARRAY", "quiet", note=words)
    cells = _together(Cells(label, "ARRAY", "quiet", node=counted(len(jobs), "job")), workers)
    return _by_slurm(cells, [job for job in jobs if read_state(job.state).is_running])


def _by_slurm(cells: Cells, jobs: Sequence[Job]) -> Cells:
    """Return the cells with SLURM's usage, as a share of the allocations, if one of the jobs has it from SLURM."""
    if any(job.used.cpu_source == "slurm" for job in jobs):
        cpus = sum_if_all_known(job.allocated.cpus for job in jobs)
        cpu_percent = figures.share(sum_of_known(job.used.cpu_percent for job in jobs), cpus and 100 * cpus)
        cells = cells._replace(cpu_percent=cpu_percent, cpu=_with_source(figures.percent_text(cpu_percent), "slurm"))
    if any(job.used.memory_source == "slurm" for job in jobs):
        memory_bytes = sum_of_known(job.used.memory_bytes for job in jobs)
        allocated = sum_if_all_known(job.allocated.memory_bytes for job in jobs)
        percent = figures.share(memory_bytes, allocated)
        cells = cells._replace(
            memory_percent=percent,
            managed_percent=managed_share((worker for job in jobs for worker in workers_of(job)), allocated),
            memory=_with_source(figures.percent_text(percent), "slurm"),
            memory_bytes=figures.bytes_text(memory_bytes),
        )
    return cells


def _group(label: str, workers: tuple[Worker, ...]) -> Cells:
    return _together(Cells(label, counted(len(workers), "worker")), workers)


def _earlier(jobs: tuple[Job, ...]) -> Cells:
    """Return the cells of the group of earlier jobs: how many ended in which state, the most common first."""
    states = Counter(read_state(_end_state(job)).name or UNKNOWN for job in jobs)
    note = ", ".join(f"{figures.count(number)} {state}" for state, number in states.most_common())
    return Cells(f"{figures.count(len(jobs))} jobs that ended earlier", tone="quiet", note=note)


def _left(ends: tuple[WorkerEvent, ...], taken_at: datetime) -> Cells:
    """Return the cells of the group of workers that left: how many how, and what that cost."""
    news = {how_it_left(end) for end in ends if taken_at - end.at <= _NEWS}
    worst = next((how for how in DIED if how in news), "")
    listed = f"the last {MOST_GONE:,} are listed" if len(ends) > MOST_GONE else ""
    note = "; ".join(filter(None, (left_counts(ends), total_cost(ends), listed)))
    label = f"{counted(len(ends), 'worker')} that left"
    return Cells(label, worst, "waiting" if worst else "quiet", note=note)


def _gone(end: WorkerEvent, job: Job | None, taken_at: datetime) -> Cells:
    """Return the cells of a worker that left."""
    return Cells(
        end.worker or end.address or UNKNOWN,
        how_it_left(end),
        "bad" if is_bad_end(end, job) else "quiet",
        note=left_words(end, taken_at),
        short_note=left_words_in_short(end, taken_at),
        step=f"job {squeue_id(job) if job is not None else end.job_id}" if end.job_id else "",
    )


def _others(jobs: tuple[Job, ...]) -> Cells:
    return Cells(counted(len(jobs), "other job"), tone="quiet", note="not matched to this cluster")


def _mark(best: tuple[Evidence, ...]) -> str:
    """Return ``~`` if the best evidence is an inference."""
    return "~" if best and best[0] not in EXACT_EVIDENCE else ""
