"""The details of a computation or a task name: progress, times, running tasks, failures. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from dasktop.collectors.analysis.erred_tasks import SPLIT_STATES
from dasktop.collectors.analysis.failures import grouped, reason_of
from dasktop.collectors.model.snapshot import Finding
from dasktop.collectors.model.work import (
    Eta,
    RunningTask,
    TaskActivity,
    TaskName,
    TaskStates,
    UnrunnableTask,
    Work,
    activity_kind,
)
from dasktop.collectors.text.format import counted
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.numbers import UNKNOWN, is_long, seconds_text, task_time
from dasktop.tui.draw.piece import Role
from dasktop.tui.draw.prose import KEY_TAIL, Entry, Fact, Section, Split, Words
from dasktop.tui.draw.text_width import fit
from dasktop.tui.draw.times import local, moment
from dasktop.tui.view.findings import finding_entries
from dasktop.tui.view.keys import NO_KEYMAP, Keymap
from dasktop.tui.view.work import CANNOT_RUN, SEGMENTS, UNSPLIT, Segment, eta_text, number_in, rate_text
from dasktop.tui.view.work_columns import elapsed_seconds
from dasktop.tui.view.work_rows import ComputationRow, NameRow, OtherNamesRow, WorkRow, seconds_so_far

_MOST_RUNNING, _MOST_FAILURES, _MOST_UNRUNNABLE, _MOST_NAMES = 20, 5, 5, 12
_NAME_CELLS = 24


def work_title(row: WorkRow) -> str:
    """Return the heading of the details; it may contain unprintable characters."""
    match row:
        case ComputationRow():
            return f"computation {row.label}"
        case NameRow():
            return f"task name {row.name.name}"
        case OtherNamesRow():
            return "tasks of no listed computation"


def work_sections(
    row: WorkRow,
    work: Work,
    now: datetime,
    findings: Mapping[str, Sequence[Finding]] | None = None,
    keymap: Keymap = NO_KEYMAP,
) -> list[Section]:
    """Return the details of a row: what findings say of its tasks first.

    Parameters
    ----------
    findings
        By task name, as `work.findings_by_name` returns them.
    keymap
        Keys that replace those of the key table.
    """
    match row:
        case ComputationRow(computation=computation):
            names = computation.task_names if computation.ended_at is None else ()
            return [_findings(names, findings or {}, now, keymap), *_of_computation(row, work, now)]
        case NameRow():
            return [_findings((row.name.name,), findings or {}, now, keymap), *_of_name(row, work, now)]
        case OtherNamesRow():
            names = tuple(name.name for name in row.names)
            return [
                _findings(names, findings or {}, now, keymap),
                _progress(row.states),
                _names_section(row.names, work),
                *_tasks(work, names, now, is_running=True),
            ]


def _findings(
    names: Iterable[str], findings: Mapping[str, Sequence[Finding]], now: datetime, keymap: Keymap
) -> Section:
    """Return what findings say of these task names, each once."""
    found = {id(finding): finding for name in names for finding in findings.get(name, ())}
    return Section("", [entry for finding in found.values() for entry in finding_entries(finding, now, keymap)])


def _of_computation(row: ComputationRow, work: Work, now: datetime) -> list[Section]:
    computation = row.computation
    ended = computation.ended_at
    times: list[Entry] = [
        Fact("started", UNKNOWN if computation.started_at is None else moment(computation.started_at, now)),
        Fact("elapsed", seconds_text(elapsed_seconds(row, now))),
        Fact("ended", moment(ended, now)) if ended is not None else _eta(computation.eta, now),
    ]
    names = [name for name in work.task_names if name.name in computation.task_names]
    return [
        _progress(row.states),
        Section("TIME", times),
        _names_section(names, work),
        Section("SOURCE", list(_source(computation.code))),
        *_tasks(work, set(computation.task_names), now, is_running=bool(row.states.get("processing"))),
    ]


def _source(code: Sequence[str] | None) -> Iterator[Entry]:
    for line in code or ():
        yield Words(line.strip(), indent=len(line) - len(line.lstrip()))
    if not code:
        yield Words("not known: clients send it only if distributed.diagnostics.computations.nframes is set", "quiet")


def _of_name(row: NameRow, work: Work, now: datetime) -> list[Section]:
    name = row.name
    share = "" if row.time_share is None else f", {figures.percent_text(figures.percent(100 * row.time_share))} of all"
    times: list[Entry] = [
        Fact("mean", seconds_text(name.seconds_mean)),
        Fact("longest", seconds_text(row.longest_seconds)),
        Fact("all", f"{seconds_text(row.seconds)} on threads{share}"),
        Fact("rate", rate_text(name.rate_per_second)),
        _eta(name.eta, now),
    ]
    in_memory = name.states.get("memory", 0)
    each = (
        "" if not in_memory or name.bytes_stored is None else f", {figures.bytes_text(name.bytes_stored / in_memory)}"
    )
    memory: list[Entry] = [
        Fact("held", f"{figures.bytes_text(name.bytes_stored)}  (dask's estimate)"),
        Fact("results", f"{counted(in_memory, 'result')}{f'{each} each' if each else ''}"),
    ]
    if name.suspicious:
        ends = counted(name.suspicious, "time")
        memory.append(Fact("workers", f"{ends} a worker ended while it ran or held one of these tasks", "waiting"))
    return [
        _progress(row.states),
        Section("TIME", times),
        Section("MEMORY", memory),
        Section("WHERE TIME GOES", list(_activities(row, work.activities))),
        *_tasks(work, {name.name}, now, is_running=bool(name.states.get("processing"))),
    ]


def _progress(states: TaskStates) -> Section:
    total = sum(states.values())
    is_split = not number_in(states, UNSPLIT)
    rare = {"blocked", UNSPLIT, CANNOT_RUN, *(() if is_split else SPLIT_STATES)}
    numbers = [(part, number_in(states, part.word)) for part in SEGMENTS]
    numbers = [(part, number) for part, number in numbers if number or part.word not in rare]
    parts = [(part.character, float(number), part.role) for part, number in numbers]
    entries: list[Entry] = [Split(figures.count(total), parts, total)]
    cells = 10 if is_split else len(UNSPLIT)
    for part, number in numbers:
        text = f"{part.character} {part.word:<{cells}} {figures.count(number):>9}"
        entries.append(Words(f"{text} {figures.percent_text(figures.share(number, total)):>5}", _role(part, number)))
    return Section("TASKS", entries)


def _role(part: Segment, number: int) -> Role:
    return "quiet" if not number else "bad" if part.role == "failed" else "text"


def _eta(eta: Eta | None, now: datetime) -> Fact:
    return Fact("done", eta_text(eta, now) + (f", from {eta.based_on}" if eta is not None else ""))


def _names_section(names: Sequence[TaskName], work: Work) -> Section:
    """Return task names, those first on which most time was spent."""
    seconds = seconds_so_far(work)
    total = sum(seconds.values())
    longest_first = sorted(names, key=lambda name: seconds.get(name.name, 0), reverse=True)
    entries: list[Entry] = []
    for name in longest_first[:_MOST_NAMES]:
        share = figures.percent_text(figures.share(seconds.get(name.name), total))
        done = f"{figures.count(number_in(name.states, 'done'))}/{figures.count(sum(name.states.values()))}"
        entries.append(Words(f"{fit(name.name, _NAME_CELLS)} {share:>4} of the time, {done} done"))
    if len(names) > _MOST_NAMES:
        entries.append(Words(f"and {figures.count(len(names) - _MOST_NAMES)} more", "quiet"))
    return Section("TASK NAMES", entries)


def _activities(row: NameRow, activities: Sequence[TaskActivity] | None) -> Iterator[Entry]:
    """Yield what its tasks spent their time on, in the words of the report, the longest first.

    Workers measure it when a task ends. Of running tasks, which other figures include, only the sum is known.
    """
    name = row.name
    seconds: defaultdict[str, float] = defaultdict(float)
    for spent in activities or ():
        if spent.task_name == name.name and spent.seconds > 0:
            seconds[activity_kind(spent.activity)] += spent.seconds
    total = sum(seconds.values())
    if activities is None:
        yield Words("unknown: read every 30 s, from distributed 2023.5 on", "quiet")
    elif not total and (name.finished_total or name.compute_seconds):
        yield Words("not read yet: read every 30 s", "quiet")
    elif not total:
        yield Words("nothing yet: workers measure it when a task ends", "quiet")
    for kind, of_it in sorted(seconds.items(), key=lambda pair: -pair[1]):
        yield Words(f"{fit(kind, 12)} {figures.percent_text(figures.share(of_it, total)):>4}  {seconds_text(of_it)}")
    if (running := (row.seconds or 0) - (name.compute_seconds or 0)) > 0:
        yield Words(f"{fit('running', 12)}       {seconds_text(running)} so far, measured when the tasks end")
    yield Words(f"{fit('transfer', 12)}       {seconds_text(name.transfer_seconds)} waiting for inputs, not on threads")


def _tasks(work: Work, names: Collection[str], now: datetime, *, is_running: bool) -> Iterator[Section]:
    """Yield the running, failed and unrunnable tasks of some names."""
    if is_running:
        read = "" if work.running_at is None else f" AT {local(work.running_at):%H:%M:%S}"
        yield Section(f"LONGEST RUNNING{read}", list(_running(work.running, names)), is_wide=True)
    yield Section("FAILED", list(_failed(work, names, now)), is_wide=True, wraps=True)
    yield Section(CANNOT_RUN.upper(), list(_unrunnable(work, names)), is_wide=True, wraps=True)


def _running(running: Sequence[RunningTask] | None, names: Collection[str]) -> Iterator[Entry]:
    if running is None:
        yield Words("not read yet", "quiet")
        return
    found = sorted((task for task in running if task.task_name in names), key=lambda task: -task.seconds)
    for task in found[:_MOST_RUNNING]:
        role: Role = "waiting" if is_long(task.seconds, task.typical_seconds) else "text"
        yield Words(running_words(task), role, tail=KEY_TAIL)
    if not found:
        yield Words(
            f"the tasks that run longest ({figures.count(len(running))}) have other names" if running else "none",
            "quiet",
        )
    elif len(found) > _MOST_RUNNING:
        yield Words(f"and {figures.count(len(found) - _MOST_RUNNING)} more", "quiet")


def running_words(task: RunningTask) -> str:
    """Return how long a task has run, the mean of its name, its worker, and its key."""
    place = f"{task.worker or UNKNOWN}{f' (job {task.job_id})' if task.job_id else ''}"
    return f"{task_time(task.seconds, task.typical_seconds):<20}  {place}  {task.key}"


def _failed(work: Work, names: Collection[str], now: datetime) -> Iterator[Entry]:
    groups = grouped(failure for failure in work.failures or () if failure.task_name in names)
    for group in groups[:_MOST_FAILURES]:
        newest = group.newest
        reason = reason_of(newest) or "unknown reason"
        where = f" on {newest.worker}" if newest.worker else ""
        yield Words(
            f"{counted(len(group.failures), 'task')}, the last at {moment(newest.at, now)}{where}: {reason}", "bad"
        )
    if len(groups) > _MOST_FAILURES:
        yield Words(f"and {counted(len(groups) - _MOST_FAILURES, 'other kind')}", "quiet")


def _unrunnable(work: Work, names: Collection[str]) -> Iterator[Entry]:
    """Yield what no worker offers, once for all tasks that need it; below it their keys."""
    by_need: dict[str, list[UnrunnableTask]] = {}
    for task in work.unrunnable:
        if task.task_name in names:
            by_need.setdefault(need_words(task), []).append(task)
    for need, tasks in by_need.items():
        waits = max((task.waiting_seconds for task in tasks if task.waiting_seconds is not None), default=None)
        since = "" if waits is None else f", for {seconds_text(waits)}"
        yield Words(f"no worker {need}: {counted(len(tasks), 'task')}{since}", "waiting")
        yield from (Words(task.key, indent=2, tail=KEY_TAIL) for task in tasks[:_MOST_UNRUNNABLE])
        if len(tasks) > _MOST_UNRUNNABLE:
            yield Words(f"and {figures.count(len(tasks) - _MOST_UNRUNNABLE)} more", "quiet", 2)


def need_words(task: UnrunnableTask) -> str:
    """Return what no worker does or is, to follow ``no worker``."""
    if task.resources:
        return f"offers {', '.join(f'{name}={amount:g}' for name, amount in task.resources.items())}"
    if task.workers:
        return f"is {' or '.join(task.workers)}"
    return f"runs on {' or '.join(task.hosts)}" if task.hosts else "is there"
