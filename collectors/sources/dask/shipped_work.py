"""Runs inside the user's scheduler: what it computes, how far that is, what runs long, and what failed.

Must run on Python 3.8 and distributed 2022.6 onwards. Never loops over all tasks: only over names and groups of tasks,
over the tasks that run or failed, and over those that nothing can run. Changes nothing.
"""

from __future__ import annotations

import itertools
import operator
import time
from typing import Any

from dasktop.collectors.sources.dask.shipped_distributed_private import (
    compute_and_transfer_seconds,
    events_of,
    keeps_events,
)
from dasktop.collectors.sources.dask.shipped_values import plain, text, workers_of_scheduler

# Counts of tasks by state are sent as a list in this order.
STATES = ("released", "waiting", "no-worker", "queued", "processing", "memory", "erred", "forgotten")
states_of = operator.itemgetter(*STATES)
# Each of these is sent as a list in this order: field names would be most of the bytes.
NAME_FIELDS = (
    "name",
    "states",
    "seconds_max",
    "nbytes_total",
    "suspicious",
    "compute_seconds",
    "transfer_seconds",
    "finished_total",
    "forgotten_total",
)
COMPUTATION_FIELDS = ("id", "name", "code", "enqueued", "started", "stopped", "is_done", "states", "task_names")
FAILURE_FIELDS = ("key", "name", "at", "workers", "exception", "traceback", "killed_under", "blocks")
# Each of `killed_under`: the end of a worker that held the task.
ATTEMPT_FIELDS = ("at", "worker", "is_expected")
UNRUNNABLE_FIELDS = ("key", "name", "resources", "workers", "hosts", "waiting_seconds")
RUNNING_FIELDS = ("key", "name", "worker", "seconds")

MOST_NAMES = 200
# In all computations together.
MOST_GROUPS = 1000
MOST_COMPUTATIONS = 20
MOST_NAMES_OF_COMPUTATION = 50
MOST_FAILURES = 100
MOST_RUNNING = 50
MOST_UNRUNNABLE = 100
MOST_BLOCKED = 1000
MOST_ATTEMPTS = 10
MOST_EVENTS_SEARCHED = 5000
MOST_ACTIVITIES = 1000
LONGEST_KEY = 300
LONGEST_TRACEBACK = 4000
FINISHED = ("memory", "erred", "released", "forgotten")


def read_work(scheduler: Any, wanted: Any) -> dict[str, Any] | None:
    """Return the work; None if it is not wanted, or the scheduler's records have another form.

    ``wanted`` is a dictionary: ``failures_since`` (seconds since 1970 by the scheduler's clock, or None for all),
    ``known_code`` (ids of the computations whose code is not needed), ``running`` and ``activities`` (whether to read
    these, which take longer), and ``longest`` (whether to read what each worker runs longest). If its ``is_due`` is
    false, nothing is read.
    """
    if not isinstance(wanted, dict):
        return None
    if wanted.get("is_due") is False:
        return {"longest": None}
    try:
        names, more_names = read_names(scheduler)
        forgotten = sum([prefix.state_counts.get("forgotten", 0) for prefix in scheduler.task_prefixes.values()])
        failures, failed_until = read_failures(scheduler, wanted.get("failures_since"))
        unrunnable, unrunnable_total = read_unrunnable(scheduler)
        wants_longest, wants_running = wanted.get("longest"), wanted.get("running")
        tasks, seconds = longest_tasks(scheduler) if wants_longest or wants_running else ([], [])
        return {
            "names": names,
            "more_names": more_names,
            "forgotten_total": forgotten,
            "computations": read_computations(scheduler, set(wanted.get("known_code") or ())),
            "failures": failures,
            "failed_until": failed_until,
            "unrunnable": unrunnable,
            "unrunnable_total": unrunnable_total,
            "held_up": read_held_up(scheduler),
            "running": read_running(scheduler, seconds) if wants_running else None,
            "longest": longest_row(tasks, seconds) if wants_longest else None,
            "activities": read_activities(scheduler) if wanted.get("activities") else None,
        }
    except Exception as error:  # noqa: BLE001 - the rest of the answer is still of use
        return {"error": text(repr(error))}


def read_names(scheduler: Any) -> tuple[list[list[Any]], int]:
    """Return one row for each name that has tasks now, the newest MOST_NAMES; and how many more there are."""
    prefixes = scheduler.task_prefixes
    # Before 2023.6 a prefix sums over its groups on each access. A scheduler never forgets a prefix.
    is_summed = isinstance(getattr(type(next(iter(prefixes.values()), None)), "states", None), property)
    current = [prefix for prefix in prefixes.values() if (prefix.groups if is_summed else len(prefix))]
    newest = current[-MOST_NAMES:]
    rows = list(map(name_row, newest, all_state_counts(newest)))
    return rows, len(current) - len(rows)


def counts_of(work: Any) -> Any:
    """Return the number of tasks by state in an answer of `read_work`; None if it does not have all names."""
    if not work or "names" not in work or work["more_names"]:
        return None
    totals = zip(STATES, map(sum, zip(*[row[1] for row in work["names"]])))  # noqa: B905 - Python 3.8
    return {state: total for state, total in totals if total and state != "forgotten"}


def name_row(prefix: Any, counts: Any) -> list[Any]:
    """Return what is known of the tasks of one name, in the order of NAME_FIELDS. ``counts``: its tasks by state."""
    longest = prefix.max_exec_time
    compute, transfer = compute_and_transfer_seconds(prefix)
    return [
        task_text(prefix.name),
        counts,
        longest if type(longest) is float else plain(longest),  # a shortcut: there may be hundreds
        plain(prefix.nbytes_total),
        prefix.suspicious,
        compute if type(compute) is float else plain(compute),
        transfer if type(transfer) is float else plain(transfer),
        prefix.state_counts.get("memory", 0),
        prefix.state_counts.get("forgotten", 0),
    ]


def all_state_counts(collections: list[Any]) -> list[Any]:
    """Return the counts of each prefix or group in the order of STATES."""
    try:
        return [states_of(collection.states) for collection in collections]
    except KeyError:  # before 2022.9 no task is queued
        return [[collection.states.get(state, 0) for state in STATES] for collection in collections]


def task_text(key: Any) -> Any:
    """Return a key or name as text, truncated."""
    if type(key) is str and key.isascii() and len(key) <= LONGEST_KEY:
        return key  # a shortcut: there may be hundreds
    shown = text(key)
    return shown[:LONGEST_KEY] if shown else shown


def name_of(scheduler: Any, key: Any) -> Any:
    """Return the task name of a key, which need not exist any more."""
    task = scheduler.tasks.get(key)
    if task is not None:
        return task_text(task.prefix.name)
    from dask.utils import key_split

    return task_text(key_split(key))


def read_computations(scheduler: Any, known_code: set[Any]) -> list[list[Any]]:
    """Return the newest computations, oldest first: spans, or before 2023.7 the scheduler's ``computations``.

    A span has the groups that are directly in it. Groups beyond MOST_GROUPS are not counted, and ``is_done`` is None.
    """
    spans = getattr(scheduler, "extensions", {}).get("spans")
    found = scheduler.computations if spans is None else spans.spans.values()
    newest = list(itertools.islice((one for one in reversed(list(found)) if one.groups), MOST_COMPUTATIONS))
    rows = []
    failed_at = failure_times(scheduler)
    groups_left = MOST_GROUPS
    for computation in newest:
        groups = list(itertools.islice(computation.groups, groups_left))
        groups_left -= len(groups)
        describe = computation_head if spans is None else span_head
        is_whole = len(groups) == len(computation.groups)
        rows.append([*describe(computation, known_code), *groups_row(groups, is_whole, failed_at)])
    return rows[::-1]


def span_head(span: Any, known_code: set[Any]) -> list[Any]:
    """Return the first four of COMPUTATION_FIELDS for a span."""
    name = None if span.name == ("default",) else text(" / ".join(map(str, span.name)))
    return [text(span.id), name, None if span.id in known_code else code_text(span._code), span.enqueued]


def computation_head(computation: Any, known_code: set[Any]) -> list[Any]:
    """Return the first four of COMPUTATION_FIELDS for a computation of a scheduler without spans."""
    number = text(computation.id)
    return [number, None, None if number in known_code else code_text(computation.code), computation.start]


def failure_times(scheduler: Any) -> dict[Any, float]:
    """Return when the last task of a group failed, by group, as far as the scheduler still has failed tasks."""
    times: dict[Any, float] = {}
    for failed in getattr(scheduler, "erred_tasks", None) or ():  # the newest first, at most 100
        task = scheduler.tasks.get(failed.key)
        if task is not None:
            times.setdefault(task.group, failed.timestamp)
    return times


def groups_row(groups: list[Any], is_whole: bool, failed_at: dict[Any, float]) -> list[Any]:
    """Return the last five of COMPUTATION_FIELDS: times, whether all are done, states and task names."""
    counts = [sum(of_state) for of_state in zip(*all_state_counts(groups))]  # noqa: B905 - Python 3.8
    started = min([group.start for group in groups if group.start], default=0.0)
    stopped = max([group.stop for group in groups], default=0.0)
    if failed_at:  # a group's own time is that of its last success
        stopped = max([stopped, *[failed_at[group] for group in groups if group in failed_at]])
    is_done = sum(counts) == sum(count for state, count in zip(STATES, counts) if state in FINISHED)  # noqa: B905 - same
    known_done = is_done if is_whole else None
    all_names = dict.fromkeys([group.prefix.name for group in groups if group.prefix is not None])
    names = list(map(task_text, itertools.islice(all_names, MOST_NAMES_OF_COMPUTATION)))
    return [started, stopped, known_done, counts, names]


def code_text(code: Any) -> Any:
    """Return the user's line that started it, with the lines around it; None if the client sent no code.

    Clients send it only if ``distributed.diagnostics.computations.nframes`` is set. Before 2023.6 it is a text, later a
    tuple of frames, the innermost last.
    """
    for frames in code:
        frame = frames[-1] if isinstance(frames, (tuple, list)) and frames and not hasattr(frames, "code") else frames
        source = getattr(frame, "code", frame)
        if not isinstance(source, str):
            continue
        line = getattr(frame, "lineno_relative", None)
        lines = source.splitlines()
        if isinstance(line, int) and 0 <= line < len(lines):
            lines = lines[max(0, line - 1) : line + 2]
        return text("\n".join(lines[:3]))
    return None


def read_failures(scheduler: Any, since: Any) -> tuple[list[list[Any]] | None, Any]:
    """Return the tasks that failed after this time, oldest first; and the time of the newest.

    Tasks that cannot run because another failed are in ``erred_tasks`` too, and may have displaced it from there: it is
    found through them. A task whose worker ended has no exception text; the workers that it ran on are in the events.
    """
    erred = getattr(scheduler, "erred_tasks", None)
    if erred is None:
        return None, None
    since = since if isinstance(since, (int, float)) else 0
    new = list(itertools.takewhile(lambda failed: failed.timestamp > since, erred))
    rows: dict[Any, list[Any]] = {}
    for failed in reversed(new):
        task = scheduler.tasks.get(failed.key)
        blame = getattr(task, "exception_blame", None)
        if blame is not None and blame is not task:
            key, task, workers = blame.key, blame, blame.erred_on
            exception, traceback = blame.exception_text, blame.traceback_text
        elif task is None and not failed.erred_on and not failed.exception_text:
            continue  # it was blocked, and both are gone
        else:
            key, workers, exception, traceback = (
                failed.key,
                failed.erred_on,
                failed.exception_text,
                failed.traceback_text,
            )
        if key in rows:
            continue
        rows[key] = [
            task_text(key),
            name_of(scheduler, key),
            failed.timestamp,
            [text(worker) for worker in itertools.islice(workers or (), MOST_ATTEMPTS)],
            text(exception or None),
            text((traceback or "")[-LONGEST_TRACEBACK:] or None, LONGEST_TRACEBACK),
            [],
            None if task is None else count_blocked(task),
        ]
    killed = {key: row for key, row in rows.items() if row[4] is None}
    if killed:
        find_attempts(scheduler, killed)
    return list(rows.values())[-MOST_FAILURES:], new[0].timestamp if new else None


def count_blocked(task: Any) -> int:
    """Return how many tasks cannot run because this one failed, at most MOST_BLOCKED."""
    seen = {task}
    stack = [task]
    while stack and len(seen) <= MOST_BLOCKED:
        for dependent in stack.pop().dependents:
            if dependent.exception_blame is task and dependent not in seen:
                seen.add(dependent)
                stack.append(dependent)
    return min(len(seen) - 1, MOST_BLOCKED)


def find_attempts(scheduler: Any, killed: dict[Any, list[Any]]) -> None:
    """Add to each row the ends of the workers that held its task, oldest first, in the order of ATTEMPT_FIELDS."""
    if not keeps_events(scheduler):
        return
    for at, event in itertools.islice(reversed(events_of(scheduler, "all")), MOST_EVENTS_SEARCHED):
        if not isinstance(event, dict) or event.get("action") != "remove-worker":
            continue
        processing = event.get("processing-tasks") or ()
        for key, row in killed.items():
            if key in processing and len(row[6]) < MOST_ATTEMPTS:
                row[6].insert(0, [at, text(event.get("worker")), event.get("expected")])


def read_unrunnable(scheduler: Any) -> tuple[list[list[Any]], int]:
    """Return the tasks that no worker may run, and their number; from 2024 on with the time that they have waited."""
    unrunnable = scheduler.unrunnable
    rows = []
    for task in itertools.islice(unrunnable, MOST_UNRUNNABLE):
        since = unrunnable[task] if isinstance(unrunnable, dict) else None
        rows.append(
            [
                task_text(task.key),
                task_text(task.prefix.name),
                {text(name): plain(amount) for name, amount in (task.resource_restrictions or {}).items()},
                sorted(map(text, itertools.islice(task.worker_restrictions or (), MOST_ATTEMPTS))),
                sorted(map(text, itertools.islice(task.host_restrictions or (), MOST_ATTEMPTS))),
                None if since is None else max(0.0, time.monotonic() - since),
            ]
        )
    return rows, len(unrunnable)


def read_held_up(scheduler: Any) -> list[list[Any]]:
    """Return ``[name, number of tasks]`` of those that wait for a task that no worker may run, at most MOST_BLOCKED."""
    seen: set[Any] = set()
    found: dict[Any, int] = {}
    stack = list(itertools.islice(scheduler.unrunnable, MOST_UNRUNNABLE))
    while stack and len(seen) < MOST_BLOCKED:
        for task in stack.pop().dependents:
            if task.state != "waiting" or task in seen:
                continue
            seen.add(task)
            stack.append(task)
            found[task.prefix.name] = found.get(task.prefix.name, 0) + 1
            if len(seen) >= MOST_BLOCKED:
                break
    return [[task_text(name), number] for name, number in found.items()]


def longest_tasks(scheduler: Any) -> tuple[list[Any], list[Any]]:
    """Return the task that each worker runs longest, and its seconds; both None for a worker that runs none.

    In the order in which a reading describes the workers, which report their tasks by heartbeat.
    """
    tasks, seconds = [], []
    for worker in workers_of_scheduler(scheduler):
        task = longest = None
        if executing := worker.executing:
            # Faster than `max` of the items by their second part.
            longest = max(executing.values())
            for task, ran in executing.items():  # noqa: B007 - it ends at the task that is meant
                if ran == longest:
                    break
        tasks.append(task)
        seconds.append(longest)
    return tasks, seconds


def longest_row(tasks: list[Any], seconds: list[Any]) -> list[Any]:
    """Return for each worker the place of the task's name in the last list, and the time; None for one that runs none.

    Three lists: places, seconds, names. ``tasks`` and ``seconds``: from `longest_tasks`.
    """
    places: dict[Any, int] = {}
    numbers = [places.setdefault(task.prefix.name, len(places)) if task is not None else None for task in tasks]
    return [numbers, seconds, list(map(task_text, places))]


def read_running(scheduler: Any, seconds: list[Any]) -> list[list[Any]]:
    """Return the tasks that run longest, the longest first. ``seconds``: from `longest_tasks`."""
    # The longest MOST_RUNNING are on the workers with the longest ones. `heapq` would take twice as long.
    numbers = sorted([number for number, ran in enumerate(seconds) if ran is not None], key=seconds.__getitem__)
    workers = workers_of_scheduler(scheduler)
    at_work = [workers[number] for number in numbers[-MOST_RUNNING:]]
    running = [(ran, task, worker) for worker in at_work for task, ran in worker.executing.items()]
    running.sort(key=operator.itemgetter(0), reverse=True)
    return [
        [task_text(task.key), task_text(task.prefix.name), task_text(worker.address), ran]
        for ran, task, worker in running[:MOST_RUNNING]
    ]


def read_activities(scheduler: Any) -> list[list[Any]] | None:
    """Return ``[name, activity, seconds]`` of what tasks spent their time on; None before 2023.5."""
    metrics = getattr(scheduler, "cumulative_worker_metrics", None)
    if metrics is None:
        return None
    rows = []
    for key, value in metrics.items():
        if isinstance(key, tuple) and len(key) == 4 and key[0] == "execute" and key[3] == "seconds":
            rows.append([task_text(key[1]), task_text(key[2]), plain(value)])
            if len(rows) >= MOST_ACTIVITIES:
                break
    return rows
