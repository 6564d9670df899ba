"""Sorts and filters a snapshot as the user chose. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from msgspec.structs import replace

from dasktop.collectors.model.jobs import job_ids_of, worker_names_of, workers_of
from dasktop.collectors.model.snapshot import Job, Snapshot, Task, Worker, WorkerEvent
from dasktop.collectors.model.work import Work
from dasktop.collectors.text.format import listed
from dasktop.collectors.text.patterns import Pattern, compiled, remark
from dasktop.tui.draw.task_keys import without_token
from dasktop.tui.view.columns import COLUMNS, DEFAULT_COLUMNS, ColumnName, SortName, amount
from dasktop.tui.view.hits import NO_MATCH, of_all
from dasktop.tui.view.left_workers import how_it_left, left_workers, why_it_left
from dasktop.tui.view.rows import ArrayRow, EarlierRow, InJob, JobRow, Key, OthersRow, Row, TaskRow
from dasktop.tui.view.visible_rows import keyed_tasks
from dasktop.tui.view.workers import status_words

T = TypeVar("T")

_MOST_NAMES = 3
_FIELD = re.compile(r"(?P<field>state|finding):(?P<rest>.*)", re.IGNORECASE)


class View(NamedTuple):
    """How the user wants the tree shown."""

    columns: tuple[ColumnName, ...] = DEFAULT_COLUMNS
    """The columns beside the tree, from left to right."""
    sort: SortName | None = None
    """``None``: running, pending, ended, each by id."""
    is_reversed: bool = False
    pattern: str = ""
    is_flat: bool = False
    """Whether workers are listed without jobs and tasks."""


class FilteredSnapshot(NamedTuple):
    """A snapshot with only the jobs and workers that match, also workers that left."""

    snapshot: Snapshot
    context: frozenset[Key]
    """Rows that do not match themselves and are shown because they contain matches."""


def apply_view(snapshot: Snapshot, view: View) -> FilteredSnapshot:
    """Return the sorted and filtered snapshot; its totals and findings are unchanged."""
    context = frozenset[Key]()
    if view.sort is not None:  # before filtering, because rows show the figures of whole jobs
        order = _Order(view.sort, view.is_reversed)
        jobs = tuple(order.of(snapshot.jobs, _of_job))
        jobs = tuple(replace(job, tasks=tuple(_with_sorted(task, order) for task in job.tasks)) for job in jobs)
        unplaced = tuple(order.of(snapshot.unplaced_workers, _of_worker))
        snapshot = replace(snapshot, jobs=jobs, unplaced_workers=unplaced)
    if view.pattern:
        wanted = Filter(view.pattern, snapshot)
        jobs, unplaced, context = _filtered(snapshot, wanted)
        ends = snapshot.worker_events
        if ends is not None:
            ends = tuple(end for end in ends if wanted.finds_end(end) != wanted.excludes)
        snapshot = replace(snapshot, jobs=jobs, unplaced_workers=unplaced, worker_events=ends)
    return FilteredSnapshot(snapshot, context)


def with_whole_figures(rows: Iterable[Row], snapshot: Snapshot) -> Iterator[Row]:
    """Yield the rows of a filtered snapshot, with jobs and tasks replaced by the unfiltered ones.

    So a job shows its own figures even if some of its workers do not match. A group, such as an array, sums up the
    whole jobs that it lists.

    Parameters
    ----------
    snapshot
        The unfiltered snapshot.
    """
    jobs = {job.job_id: job for job in snapshot.jobs}
    for row in rows:
        match row:
            case JobRow():
                yield replace(row, job=jobs[row.job.job_id])
            case TaskRow():
                job = jobs[row.job.job_id]
                yield replace(row, task=_whole_task(row, job), job=job)
            case ArrayRow() | EarlierRow() | OthersRow():
                yield replace(row, jobs=tuple(jobs[job.job_id] for job in row.jobs))
            case _:
                yield row


def _whole_task(row: TaskRow, job: Job) -> Task:
    """Return the unfiltered task of a row; found by its workers, since keys number the tasks that are shown."""
    addresses = {worker.address for worker in row.task.workers}
    for key, task in keyed_tasks(job):
        if (addresses & {worker.address for worker in task.workers}) if addresses else key == row.key:
            return task
    return row.task


def flat_order(view: View) -> Callable[[Iterable[InJob]], Iterator[InJob]]:
    """Return a function that sorts all workers, regardless of their jobs."""
    if view.sort is None:
        return iter
    order = _Order(view.sort, view.is_reversed)
    return lambda workers: order.of(workers, lambda pair, column: _of_worker(pair[0], column))


class Filter:
    """A typed pattern: a regular expression or, if it is not a valid one, plain text. Smart case.

    A leading ``!`` excludes matches. ``state:pend`` matches states only; ``finding:`` what any finding refers to,
    ``finding:lost`` findings with such a code. A plain number is not searched in addresses and tokens of task keys,
    which many would match.
    """

    def __init__(self, pattern: str, snapshot: Snapshot) -> None:
        self.excludes, self._field, rest = _parts(pattern)
        self._pattern = compiled(rest)
        self._is_number = self._field is None and rest.isdecimal()
        self._of_jobs: dict[str, list[str]] = {}
        self._of_workers: dict[str, list[str]] = {}  # separate, since a worker may be named like a job
        for finding in snapshot.findings:
            names = worker_names_of(finding)
            for name in names:
                self._of_workers.setdefault(name, []).append(finding.code)
            for job_id in () if names else job_ids_of(finding):
                self._of_jobs.setdefault(job_id, []).append(finding.code)
        self._running: dict[str, list[str]] = {}  # the threads of folded workers are not read
        for running in (snapshot.work.running or ()) if snapshot.work is not None else ():
            if running.address is not None:
                self._running.setdefault(running.address, []).extend((running.key, running.task_name))

    def finds_job(self, job: Job) -> bool:
        """Return whether a job matches."""
        state = (job.state, job.fate.state if job.fate else None)
        names = (job.job_id, job.array_job_id, job.name, job.user, job.partition, job.qos, job.reason, *job.nodes)
        explanation = job.fate.explanation if job.fate else None
        return self._finds(state, (*names, explanation), self._of_jobs.get(job.job_id, ()))

    def finds_worker(self, worker: Worker) -> bool:
        """Return whether a worker matches, or a task that it runs, as far as known."""
        tasks: tuple[str | None, ...] = tuple(self._running.get(worker.address, ()))
        if worker.threads:
            tasks = (*(thread.task_key for thread in worker.threads), *tasks)
        if self._is_number:
            tasks = tuple(without_token(task) for task in tasks if task is not None)
        address = None if self._is_number else worker.address
        names = (worker.name, address, worker.host, worker.longest_task_name, *tasks)
        return self._finds((worker.status, status_words(worker)), names, self._of_workers.get(worker.name, ()))

    def finds_end(self, end: WorkerEvent) -> bool:
        """Return whether a worker that left matches."""
        address = None if self._is_number else end.address
        names = (end.worker, address, end.job_id, end.node, why_it_left(end))
        return self._finds((how_it_left(end),), names, self._of_workers.get(end.worker or "", ()))

    def _finds(self, state: tuple[str | None, ...], others: tuple[str | None, ...], found: Iterable[str]) -> bool:
        match self._field:
            case "state":
                return self._pattern.matches_any(state)
            case "finding":
                return self._pattern.matches_any(tuple(found))
            case _:
                return self._pattern.matches_any((*state, *others))


def _parts(pattern: str) -> tuple[bool, str | None, str]:
    """Return whether a typed pattern excludes its matches, the field that it names, and the rest of it."""
    excludes, pattern = pattern.startswith("!"), pattern.removeprefix("!")
    named = _FIELD.fullmatch(pattern)
    return excludes, named["field"].lower() if named else None, named["rest"] if named else pattern


def hit_words(filtered: FilteredSnapshot, snapshot: Snapshot, *, is_flat: bool = False) -> str:
    """Return how many jobs, workers and workers that left are shown, of all: ``1 of 4 jobs · 4 of 8 workers``.

    Jobs that are shown only because they contain matches do not count.

    Parameters
    ----------
    snapshot
        The unfiltered snapshot.
    is_flat
        Whether only workers are listed.
    """
    workers = _number_of_workers(filtered.snapshot)
    words = {of_all(workers, _number_of_workers(snapshot), "worker"): workers}
    if not is_flat:
        jobs = sum(("job", job.job_id) not in filtered.context for job in filtered.snapshot.jobs)
        left = len(left_workers(filtered.snapshot))
        words = {of_all(jobs, len(snapshot.jobs), "job"): jobs} | words
        words |= {f"{of_all(left, len(left_workers(snapshot)))} that left": left}
    return " · ".join(text for text, found in words.items() if found) or NO_MATCH


def _number_of_workers(snapshot: Snapshot) -> int:
    return sum(1 for job in snapshot.jobs for _ in workers_of(job)) + len(snapshot.unplaced_workers)


def nothing_matches(pattern: str, snapshot: Snapshot) -> str:
    """Return what to show if no row matches a pattern, and why if that is known."""
    excludes, field, rest = _parts(pattern)
    if field is None and not excludes and (why := _why_no_task(compiled(rest), snapshot.work)):
        return f"nothing matches {pattern}{remark(rest)}: {why}"
    if field != "finding" or excludes:
        return f"nothing matches {pattern}{remark(rest)}"
    wanted = compiled(rest)
    found = tuple(dict.fromkeys(one.code for one in snapshot.findings if wanted.search(one.code)))
    if not found:
        return f"no finding matches {pattern}{remark(rest)}"
    refer = "refers" if len(found) == 1 else "refer"
    return f"nothing matches {pattern}: {listed(found)} {refer} to no job or worker in this view"


def _why_no_task(wanted: Pattern, work: Work | None) -> str:
    """Return why no running task is found although task names match; an empty text if none matches."""
    names = [name for name in work.task_names if wanted.search(name.name)] if work is not None else []
    if work is None or not names:
        return ""
    if work.running is None:
        return "running tasks are not read yet"
    if not work.running or not any(name.states.get("processing") for name in names):
        return f"no {' or '.join(name.name for name in names[:_MOST_NAMES])} task is running"
    return f"the tasks that run longest ({len(work.running):,}) have other names"


def _filtered(snapshot: Snapshot, wanted: Filter) -> tuple[tuple[Job, ...], tuple[Worker, ...], frozenset[Key]]:
    jobs: list[Job] = []
    context: set[Key] = set()
    for job in snapshot.jobs:
        is_hit = wanted.finds_job(job)
        if wanted.excludes:
            if not is_hit:
                kept = [(task, _kept(task.workers, wanted)) for task in job.tasks]
                jobs.append(replace(job, tasks=tuple(replace(task, workers=workers) for task, workers in kept)))
        elif is_hit:
            jobs.append(job)
        else:
            found = [(key, replace(task, workers=_kept(task.workers, wanted))) for key, task in keyed_tasks(job)]
            found = [(key, task) for key, task in found if task.workers]
            if found:
                jobs.append(replace(job, tasks=tuple(task for _, task in found)))
                context.add(("job", job.job_id))
                context.update(key for key, _ in keyed_tasks(jobs[-1]))
    return tuple(jobs), _kept(snapshot.unplaced_workers, wanted), frozenset(context)


def _kept(workers: Iterable[Worker], wanted: Filter) -> tuple[Worker, ...]:
    return tuple(worker for worker in workers if wanted.finds_worker(worker) != wanted.excludes)


class _Order(NamedTuple):
    """The sort column and direction."""

    column: SortName
    is_reversed: bool

    def of(self, things: Iterable[T], value_of: Callable[[T, SortName], str | float | None]) -> Iterator[T]:
        """Yield things in this order; unknown values come last in both directions."""
        known: list[tuple[str | float, T]] = []
        unknown: list[T] = []
        for thing in things:
            value = value_of(thing, self.column)
            if value is None:
                unknown.append(thing)
            else:
                known.append((value, thing))
        known.sort(key=_value, reverse=is_largest_first(self.column) != self.is_reversed)
        yield from (thing for _, thing in known)
        yield from unknown


def is_largest_first(column: str | None) -> bool:
    """Return whether sorting by this column shows the largest value first, if it is not reversed."""
    return column in COLUMNS and COLUMNS[column].largest_first


def _value(pair: tuple[Any, object]) -> Any:
    return pair[0]


def _with_sorted(task: Task, order: _Order) -> Task:
    return replace(task, workers=tuple(order.of(task.workers, _of_worker)))


def _of_job(job: Job, column: SortName) -> str | float | None:
    match column:
        case "name":
            return job.job_id.rjust(20)
        case "state":
            return job.state
        case "node":
            return job.nodes[0] if job.nodes else None
        case "cpu":
            return _whole_percent(job.used.cpu_percent, job.allocated.cpus)
        case "memory":
            return _whole_percent(job.used.memory_bytes, job.allocated.memory_bytes, 100)
        case "busy":
            return job.used.threads_busy
        case "left":
            return job.time_left_seconds
        case _:
            of_job = COLUMNS[column].of_job
            return of_job(job) if of_job is not None else amount(column, workers_of(job))


def _of_worker(worker: Worker, column: SortName) -> str | float | None:
    match column:
        case "name":
            return worker.name
        case "state":
            return status_words(worker) if worker.status else None
        case "node":
            return worker.host
        case "cpu":
            return _whole_percent(worker.cpu_percent, worker.nthreads)
        case "memory":
            return _whole_percent(worker.memory_bytes, worker.memory_limit_bytes, 100)
        case "busy":
            return worker.executing
        case "left":
            return None
        case _:
            return amount(column, (worker,))


def _whole_percent(used: float | None, of: float | None, times: int = 1) -> int | None:
    """Return a share rounded as displayed, so that rows that look equal keep their places."""
    return None if used is None or not of else round(times * used / of)
