"""The details of one row, as sections to lay out: findings first (of a worker: what it runs), then usage. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from dasktop.collectors.model.jobs import (
    is_pending,
    job_ids_of,
    number_of_jobs,
    squeue_id,
    worker_names_of,
    workers_of,
)
from dasktop.collectors.model.queries import Answer, Question
from dasktop.collectors.model.snapshot import Finding, Job, Snapshot, Task, Worker
from dasktop.collectors.model.sums import sum_if_all_known, sum_of_known
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.collectors.text.format import counted, plain_duration
from dasktop.tui.details.ended_workers import all_that_left, ended_before, ended_in_job, that_left
from dasktop.tui.details.of_job import job_sections
from dasktop.tui.details.of_pending_job import NO_ANSWERS, why
from dasktop.tui.details.of_worker import Stack, running_section, thread_sections, worker_sections
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.prose import Entry, Fact, Section, Trend, Words
from dasktop.tui.view.cell_values import memory_role
from dasktop.tui.view.findings import finding_entries
from dasktop.tui.view.group_cells import place_words
from dasktop.tui.view.history import History, Past
from dasktop.tui.view.keys import NO_KEYMAP, Keymap, first_key
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
    workers_of_row,
)
from dasktop.tui.view.visible_rows import shows_tasks
from dasktop.tui.view.workers import statuses

_MOST_REASONS = 6


def subject(row: Row, snapshot: Snapshot) -> Row:
    """Return the row with its whole job or worker from the snapshot: in a filtered tree, a row holds only a part."""
    match row:
        case JobRow():
            found = (job for job in snapshot.jobs if job.job_id == row.job.job_id)
            return replace(row, job=next(found, row.job))
        case WorkerRow():
            jobs = (job for job in snapshot.jobs if job.job_id == row.job_id)
            within = next(jobs, None)
            workers = snapshot.unplaced_workers if within is None else workers_of(within)
            found_workers = (worker for worker in workers if worker.address == row.worker.address)
            return replace(row, worker=next(found_workers, row.worker))
        case _:
            return row


def title(row: Row) -> str:
    """Return the heading of the details; it may contain unprintable characters."""
    match row:
        case JobRow():
            return " ".join(filter(None, ("job", squeue_id(row.job), row.job.name)))
        case TaskRow():
            step, number = row.task.step_id, row.task.task_id
            label = f"{figures.UNKNOWN if step is None else step}.{figures.UNKNOWN if number is None else number}"
            return f"task {label} of job {squeue_id(row.job)}"
        case WorkerRow():
            return f"worker {row.worker.name}"
        case ThreadRow():
            return f"thread {row.thread.native_id} of worker {row.worker.name}"
        case ArrayRow():
            return f"array {row.jobs[0].array_job_id}"
        case IdleRow():
            return f"idle threads of worker {row.worker.name}"
        case OutsideRow():
            return f"workers {place_words(row.workers)}"
        case EarlierRow():
            return "jobs that ended earlier"
        case LeftRow():
            return "workers that left"
        case GoneRow():
            return f"worker {row.end.worker or row.end.address or figures.UNKNOWN}, which left"
        case OthersRow():
            return "other jobs"
        case AskingRow():
            return f"threads of worker {row.worker.name}"


def sections(
    row: Row,
    snapshot: Snapshot,
    history: History,
    stack: Stack,
    answers: Mapping[Question, Answer] = NO_ANSWERS,
    *,
    keymap: Keymap = NO_KEYMAP,
    thresholds: Thresholds = DEFAULTS,
) -> list[Section]:
    """Return the details of a row.

    Parameters
    ----------
    row
        As `subject` returns it.
    stack
        The call stack that was requested last, of any thread.
    answers
        Those to `of_pending_job.questions_about`, as far as they have arrived.
    keymap
        Keys that replace those of the key table.
    """
    past = history.of(row.key)
    match row:
        case JobRow(job=job):
            names = {worker.name for worker in workers_of(job)}
            related = [
                found
                for found in snapshot.findings
                if job.job_id in job_ids_of(found) or not names.isdisjoint(worker_names_of(found))
            ]
            first, *others = job_sections(job, snapshot, past, answers, thresholds)
            ended = ended_in_job(snapshot, job.job_id)
            only_task = [] if shows_tasks(job) else [_slurm_task(task) for task in job.tasks]
            return [_findings(related, snapshot.taken_at, keymap), first, *ended, *others, *only_task]
        case TaskRow(task=task):
            names = {worker.name for worker in task.workers}
            related = [found for found in snapshot.findings if not names.isdisjoint(worker_names_of(found))]
            return [_findings(related, snapshot.taken_at, keymap), *_task_sections(task, past, thresholds)]
        case WorkerRow(worker=worker):
            related = [found for found in snapshot.findings if worker.name in worker_names_of(found)]
            return [
                running_section(worker),
                _findings(related, snapshot.taken_at, keymap),
                *worker_sections(worker, row.job_id, past, thresholds),
                *ended_before(snapshot, worker.name),
            ]
        case ThreadRow():
            return thread_sections(row.thread, row.worker, past, stack, first_key("call_stack", keymap))
        case LeftRow(ends=ends):
            return [all_that_left(ends)]
        case GoneRow(end=end, job=held):
            return that_left(end, held, snapshot.taken_at)
        case _:
            return _group_sections(row, thresholds)


def _findings(findings: Sequence[Finding], now: datetime, keymap: Keymap) -> Section:
    return Section("", [entry for finding in findings for entry in finding_entries(finding, now, keymap)])


def _task_sections(task: Task, past: Past, thresholds: Thresholds) -> list[Section]:
    return [*_together(task.workers, thresholds, past), _slurm_task(task)]


def _slurm_task(task: Task) -> Section:
    about = [
        Fact("step", figures.UNKNOWN if task.step_id is None else task.step_id),
        Fact("task id", figures.UNKNOWN if task.task_id is None else str(task.task_id)),
        Fact("node", task.node or figures.UNKNOWN),
        Fact("pid", figures.UNKNOWN if task.pid is None else str(task.pid)),
        Fact("peak memory", f"{figures.bytes_text(task.max_rss_bytes)} resident, largest task of the step"),
    ]
    return Section("SLURM TASK", about)


def _together(workers: Sequence[Worker], thresholds: Thresholds, past: Past = Past()) -> list[Section]:  # noqa: B008 - frozen
    """Return the usage of several workers as a share of all their threads and memory limits."""
    if not workers:
        return [Section("", [Words("no worker", "waiting")])]
    threads = sum_if_all_known(worker.nthreads for worker in workers)
    limit = sum_if_all_known(worker.memory_limit_bytes for worker in workers)
    cpu_percent = sum_of_known(worker.cpu_percent for worker in workers)
    cpu_share = figures.share(cpu_percent, None if threads is None else 100 * threads)
    memory_share = figures.share(sum_of_known(worker.memory_bytes for worker in workers), limit)
    role = memory_role(memory_share, thresholds)
    of_threads = f"{figures.percent_text(cpu_share):>4} of {figures.count(threads)} threads"
    of_limit = f"{figures.percent_text(memory_share):>4} of {figures.bytes_text(limit)}"
    use: list[Entry] = [
        Trend("CPU", past.cpu_percent, None if threads is None else 100 * threads, of_threads, "cpu"),
        Trend("memory", past.memory_bytes, limit, of_limit, role),
        Fact("workers", statuses(workers)),
    ]
    return [Section("USAGE", use)]


def _group_sections(
    row: ArrayRow | IdleRow | AskingRow | EarlierRow | OthersRow | OutsideRow, thresholds: Thresholds
) -> list[Section]:
    """Return the details of a row that stands for several jobs, workers or threads, or for threads not read yet."""
    match row:
        case OutsideRow():
            words = (
                "These workers could not be matched to any of your jobs by the cluster object, their environment or a "
                "job script. They may run on a login node, or on a machine that SLURM does not manage."
            )
            if any(not worker.outside_slurm for worker in row.workers):
                words = (
                    "These workers could not be matched to any of your jobs, and some of them did not report where "
                    "they run: they may run in a job."
                )
            return [Section("", [Words(words)]), *_together(row.workers, thresholds)]
        case EarlierRow():
            after = plain_duration(thresholds.ended_recently_seconds)
            words = f"These jobs ended more than {after} ago. Unfold the row to see each job, its log and how it ended."
            return [Section("", [Words(words), *_states(row.jobs)])]
        case OthersRow():
            words = "These jobs could not be matched to this cluster; they may be unrelated to dask."
            return [Section("", [Words(words), *_states(row.jobs)])]
        case ArrayRow():
            workers = workers_of_row(row)
            return [Section("", list(_states(row.jobs))), *(_together(workers, thresholds) if workers else [])]
        case IdleRow():
            words = f"{counted(len(row.threads), 'thread')} that run no dask task and use no CPU:"
            names = [Words(thread.name or str(thread.native_id), "quiet", 2) for thread in row.threads]
            return [Section("", [Words(words), *names])]
        case AskingRow():
            return [Section("", [Words("Reading the threads of the worker…")])]


def _states(jobs: Sequence[Job]) -> Iterator[Entry]:
    """Yield the number of jobs by state, and the reasons of those that wait."""
    counts, reasons = Counter[str](), Counter[str]()
    for job in jobs:
        counts[job.state or figures.UNKNOWN] += number_of_jobs([job])
        if is_pending(job):
            reasons[why(job)] += number_of_jobs([job])
    yield Fact("jobs", ", ".join(f"{figures.count(number)} {state}" for state, number in counts.most_common()))
    for words, number in reasons.most_common(_MOST_REASONS):
        yield Fact(f"{figures.count(number)} wait" + ("s" if number == 1 else ""), words)
