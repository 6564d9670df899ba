"""The cells of rows that stand for several jobs or workers, and of workers that left. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import number_of_jobs, squeue_id, workers_of
from dasktop.collectors.model.snapshot import Job, Worker, WorkerEvent
from dasktop.collectors.model.sums import sum_if_all_known, sum_of_known
from dasktop.collectors.text.format import counted
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.numbers import UNKNOWN
from dasktop.tui.view.cell_values import Cells, managed_share, together, with_source
from dasktop.tui.view.job_cells import end_state
from dasktop.tui.view.left_workers import (
    DIED,
    how_it_left,
    is_bad_end,
    left_counts,
    left_words,
    left_words_in_short,
    total_cost,
)
from dasktop.tui.view.rows import MOST_GONE

_NEWS = timedelta(minutes=30)
"""How long the group of workers that left has the state that one of them died."""


def array_cells(jobs: tuple[Job, ...]) -> Cells:
    """Return the cells of an array whose jobs share one row."""
    states = Counter[str]()
    for job in jobs:
        states[job.state or UNKNOWN] += number_of_jobs([job])
    label = " ".join(filter(None, (f"{jobs[0].array_job_id}_[{figures.count(states.total())}]", jobs[0].name)))
    words = ", ".join(f"{figures.count(number)} {state.lower()}" for state, number in states.most_common())
    workers = tuple(worker for job in jobs for worker in workers_of(job))
    if not workers:
        return Cells(label, "ARRAY", "quiet", note=words)
    cells = together(Cells(label, "ARRAY", "quiet", node=counted(len(jobs), "job")), workers)
    return _by_slurm(cells, [job for job in jobs if read_state(job.state).is_running])


def _by_slurm(cells: Cells, jobs: Sequence[Job]) -> Cells:
    """Return the cells with SLURM's usage, as a share of the allocations, if one of the jobs has it from SLURM."""
    if any(job.used.cpu_source == "slurm" for job in jobs):
        cpus = sum_if_all_known(job.allocated.cpus for job in jobs)
        cpu_percent = figures.share(sum_of_known(job.used.cpu_percent for job in jobs), cpus and 100 * cpus)
        cells = cells._replace(cpu_percent=cpu_percent, cpu=with_source(figures.percent_text(cpu_percent), "slurm"))
    if any(job.used.memory_source == "slurm" for job in jobs):
        memory_bytes = sum_of_known(job.used.memory_bytes for job in jobs)
        allocated = sum_if_all_known(job.allocated.memory_bytes for job in jobs)
        percent = figures.share(memory_bytes, allocated)
        cells = cells._replace(
            memory_percent=percent,
            managed_percent=managed_share((worker for job in jobs for worker in workers_of(job)), allocated),
            memory=with_source(figures.percent_text(percent), "slurm"),
            memory_bytes=figures.bytes_text(memory_bytes),
        )
    return cells


def group_cells(label: str, workers: tuple[Worker, ...]) -> Cells:
    """Return the cells of workers without a job."""
    return together(Cells(label, counted(len(workers), "worker")), workers)


def place_words(workers: Iterable[Worker]) -> str:
    """Return the label of workers without a job: outside SLURM only if that is known of all of them."""
    return "outside SLURM" if all(worker.outside_slurm for worker in workers) else "without a known job"


def earlier_cells(jobs: tuple[Job, ...]) -> Cells:
    """Return the cells of the group of earlier jobs: how many ended in which state, the most common first."""
    states = Counter(read_state(end_state(job)).name or UNKNOWN for job in jobs)
    note = ", ".join(f"{figures.count(number)} {state}" for state, number in states.most_common())
    return Cells(f"{figures.count(len(jobs))} jobs that ended earlier", tone="quiet", note=note)


def left_cells(ends: tuple[WorkerEvent, ...], taken_at: datetime) -> Cells:
    """Return the cells of the group of workers that left: how many how, and what that cost."""
    news = {how_it_left(end) for end in ends if taken_at - end.at <= _NEWS}
    worst = next((how for how in DIED if how in news), "")
    listed = f"the last {MOST_GONE:,} are listed" if len(ends) > MOST_GONE else ""
    note = "; ".join(filter(None, (left_counts(ends), total_cost(ends), listed)))
    label = f"{counted(len(ends), 'worker')} that left"
    return Cells(label, worst, "waiting" if worst else "quiet", note=note)


def gone_cells(end: WorkerEvent, job: Job | None, taken_at: datetime) -> Cells:
    """Return the cells of a worker that left."""
    return Cells(
        end.worker or end.address or UNKNOWN,
        how_it_left(end),
        "bad" if is_bad_end(end, job) else "quiet",
        note=left_words(end, taken_at),
        short_note=left_words_in_short(end, taken_at),
        step=f"job {squeue_id(job) if job is not None else end.job_id}" if end.job_id else "",
    )


def others_cells(jobs: tuple[Job, ...]) -> Cells:
    """Return the cells of the group of other jobs."""
    return Cells(counted(len(jobs), "other job"), tone="quiet", note="not matched to this cluster")
