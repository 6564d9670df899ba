"""The cells of one row, as text and whole percent. Pure; does not depend on widths or colours.

CPU and memory are shares: of a job's allocation (``S``: SLURM's figures), of a worker's threads and memory limit, of
the sum of these for a task, of one core for a thread. Values are rounded here: equal cells need no redraw.
"""

import re
from datetime import datetime

from dasktop.collectors.model.snapshot import Task, Thread, Worker
from dasktop.collectors.model.sums import sum_of_known
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.collectors.text.format import short_host
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.numbers import UNKNOWN
from dasktop.tui.view.cell_values import Cells, evidence_mark, limit_role, memory_role, together
from dasktop.tui.view.group_cells import (
    array_cells,
    earlier_cells,
    gone_cells,
    group_cells,
    left_cells,
    others_cells,
    place_words,
)
from dasktop.tui.view.job_cells import job_cells, only_step, remark, task_cells
from dasktop.tui.view.rows import (
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
from dasktop.tui.view.workers import status_words

# distributed names compute threads Dask-Default-Threads-PID-I, prefixed with the worker's name.
_POOL_THREAD = re.compile(r"(?:.*-)?Dask-(?P<pool>[\w-]+?)-Threads?-\d+-(?P<number>\d+)")


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


def _cells(row: Row, taken_at: datetime, thresholds: Thresholds) -> Cells:
    match row:
        case JobRow():
            return job_cells(row.job, taken_at, thresholds)._replace(step=only_step(row.job), remark=remark(row.job))
        case TaskRow():
            return task_cells(row.task, row.job)
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
            return array_cells(row.jobs)
        case EarlierRow():
            return earlier_cells(row.jobs)
        case LeftRow():
            return left_cells(row.ends, taken_at)
        case GoneRow():
            return gone_cells(row.end, row.job, taken_at)
        case OutsideRow():
            return group_cells(place_words(row.workers), row.workers)
        case OthersRow():
            return others_cells(row.jobs)
        case AskingRow():
            return Cells("threads not read yet", tone="quiet")


def _worker(worker: Worker, task: Task | None) -> Cells:
    status = status_words(worker)
    cells = Cells(
        evidence_mark((worker.evidence,) if worker.evidence else ()) + worker.name,
        status,
        "plain" if status == "running" else "waiting",
        node="" if task is not None else short_host(worker.host) if worker.host else UNKNOWN,
    )
    return together(cells, (worker,))._replace(is_of_limit=True)


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
