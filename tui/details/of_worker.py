"""The details of a worker, and of a thread. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from dasktop.collectors.model.snapshot import Thread, Transfers, Worker
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.collectors.text.format import counted
from dasktop.tui.details.evidence import EVIDENCE_WORDS
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.bars import PAUSE, SPILL, TARGET, TERMINATE
from dasktop.tui.draw.numbers import UNKNOWN
from dasktop.tui.draw.piece import Role
from dasktop.tui.draw.prose import KEY_TAIL, Bar, Entry, Fact, Section, Trend, Words
from dasktop.tui.draw.times import ago
from dasktop.tui.view.cell_values import limit_role
from dasktop.tui.view.history import Past
from dasktop.tui.view.rows import Key
from dasktop.tui.view.workers import processing_text, status_words


class Stack(NamedTuple):
    """The call stack that was requested last; only one is kept."""

    key: Key | None = None
    """Key of the thread's row; ``None``: none was requested."""
    lines: tuple[str, ...] | None = None
    """Innermost call first; ``None`` until the worker has answered."""
    running: str | None = None
    """Key of the dask task that runs this stack; ``None``: unknown."""
    error: str | None = None


_ROLE_WORDS = {
    "compute": "runs dask tasks",
    "event loop": "the worker's event loop",
    "other": "neither compute thread nor event loop",
}
_MARKS = f"dask spills from {TARGET} and {SPILL} %, pauses the worker at {PAUSE} %, kills it at {TERMINATE} %"
_MOST_CHILDREN = 8
_MOST_RUNNING = 12


def worker_sections(worker: Worker, job_id: str | None, past: Past, thresholds: Thresholds = DEFAULTS) -> list[Section]:
    """Return the sections, the most important first.

    Parameters
    ----------
    job_id
        Id of the job that the worker runs in; ``None``: no job is known.
    """
    return [
        Section("USAGE", list(_use(worker, past))),
        Section("MEMORY", list(_memory(worker, past, thresholds))),
        *([Section("CHILD PROCESSES", list(_children(worker)))] if worker.children else []),
        Section("TRANSFERS", list(_transfers(worker.transfers))),
        Section("LOCATION", list(_location(worker, job_id))),
    ]


def running_section(worker: Worker) -> Section:
    """Return the tasks that the worker runs."""
    return Section("RUNNING TASKS", list(_running(worker)))


def _use(worker: Worker, past: Past) -> Iterator[Entry]:
    status = status_words(worker)
    yield Fact("status", status, "text" if status == "running" else "waiting")
    share = figures.share(worker.cpu_percent, None if worker.nthreads is None else 100 * worker.nthreads)
    of = UNKNOWN if worker.nthreads is None else counted(worker.nthreads, "thread")
    top = None if worker.nthreads is None else 100 * worker.nthreads
    yield Trend("CPU", past.cpu_percent, top, f"{figures.percent_text(share):>4} of {of}", "cpu")
    yield Fact("processing", processing_text([worker]))
    yield Fact("results", figures.count(worker.stored))
    yield Fact("last seen", ago(worker.last_seen_seconds))


def _running(worker: Worker) -> Iterator[Entry]:
    """Yield the tasks that threads run, the longest first; threads are read while these details are shown."""
    running = [thread for thread in worker.threads if thread.task_key is not None]
    running.sort(key=lambda thread: thread.task_seconds or 0, reverse=True)
    for thread in running[:_MOST_RUNNING]:
        is_long = figures.is_long(thread.task_seconds, thread.typical_seconds)
        role: Role = "waiting" if is_long else "text"
        yield Fact(figures.seconds_text(thread.task_seconds), thread.task_key or UNKNOWN, role, tail=KEY_TAIL)
        if thread.typical_seconds is not None:
            yield Fact("", f"mean {figures.seconds_text(thread.typical_seconds)}", "quiet")
    if len(running) > _MOST_RUNNING:
        yield Words(f"and {figures.count(len(running) - _MOST_RUNNING)} more", "quiet")


def _memory(worker: Worker, past: Past, thresholds: Thresholds) -> Iterator[Entry]:
    limit, used, managed = worker.memory_limit_bytes, worker.memory_bytes, worker.managed_bytes
    share = figures.share(used, limit)
    role = limit_role(share, thresholds)
    of_limit = f"{figures.percent_text(share):>4} of {figures.bytes_text(limit)}"
    used_text = f"{figures.bytes_text(used):>4} resident"
    text = of_limit if limit else used_text
    unmanaged = None if used is None or managed is None else max(0, used - managed)
    whole = limit or used
    if used is not None and whole:
        # Managed memory is dask's estimate of its results; it may exceed the resident memory.
        solid = None if managed is None else 100 * managed / whole
        yield Bar("used", text, 100 * used / whole, role, solid, is_marked=bool(limit))
    else:
        yield Fact("used", text)
    if past.memory_bytes:
        yield Trend("history", past.memory_bytes, limit, "", role)
    yield Fact("━ managed", f"{figures.bytes_text(managed)}  results (dask's estimate)")
    yield Fact("╍ unmanaged", f"{figures.bytes_text(unmanaged)}  libraries, running tasks, fragmentation")
    if limit:
        yield Fact("┴ marks", _MARKS)
    yield Fact("spilled", f"{figures.bytes_text(worker.spilled_bytes)}  on disk")
    yield Fact("limit", figures.bytes_text(limit) if limit else "none, or unknown")


def _children(worker: Worker) -> Iterator[Entry]:
    """Yield the worker's child processes, the largest first; dask's figures do not include them."""
    children = sorted(worker.children or (), key=lambda child: child.memory_bytes or 0, reverse=True)
    for child in children[:_MOST_CHILDREN]:
        used = f"{figures.bytes_text(child.memory_bytes):>4} resident, {figures.duration(child.cpu_seconds)} CPU time"
        yield Fact(str(child.pid), f"{used}  {child.name or UNKNOWN}")
    more = len(children) - _MOST_CHILDREN
    if more > 0:
        yield Words(f"and {'at least ' if worker.has_more_children else ''}{figures.count(more)} more", "quiet")
    yield Words("Included in SLURM's figures for the job, not in dask's figures for the worker.", "quiet")


def _transfers(transfers: Transfers | None) -> Iterator[Entry]:
    """Yield the current transfers, and the number since the worker started."""
    if transfers is None:
        yield Words("unknown", "quiet")
        return
    for label, count, size, total in (
        ("incoming", transfers.incoming_count, transfers.incoming_bytes, transfers.incoming_count_total),
        ("outgoing", transfers.outgoing_count, transfers.outgoing_bytes, transfers.outgoing_count_total),
    ):
        yield Fact(label, f"{figures.count(count)} now, {figures.bytes_text(size)}; {figures.count(total)} so far")


def _location(worker: Worker, job_id: str | None) -> Iterator[Entry]:
    yield Fact("address", worker.address)
    yield Fact("host", worker.host or UNKNOWN)
    nanny = "" if worker.nanny_pid is None else f" (nanny {worker.nanny_pid})"
    yield Fact("pid", UNKNOWN if worker.pid is None else f"{worker.pid}{nanny}")
    yield Fact("job", job_id or ("none: outside SLURM" if worker.outside_slurm else UNKNOWN))
    if worker.evidence is not None:
        yield Fact("matched by", EVIDENCE_WORDS[worker.evidence].of_worker)
    if worker.local_directory is not None:
        kind = "" if worker.file_system is None else f" ({worker.file_system})"
        yield Fact("spills to", f"{worker.local_directory}{kind}")


def thread_sections(thread: Thread, worker: Worker, past: Past, stack: Stack, stack_key: str) -> list[Section]:
    """Return the sections of a thread, with its call stack if that was requested.

    Parameters
    ----------
    stack_key
        The key that requests the call stack, as displayed.
    """
    share = f"{figures.percent_text(figures.percent(thread.cpu_percent)):>4} of one core"
    run = UNKNOWN if thread.cpu_seconds is None else figures.duration(thread.cpu_seconds)
    shows_stack = stack.key == ("thread", worker.address, thread.native_id)
    runs = Fact("runs", thread.task_key or "no dask task", "text" if thread.task_key else "quiet")
    about: list[Entry] = [
        # The call stack names its own task; the task in the last snapshot may be another one.
        *([] if shows_stack and stack.running is not None else [runs, *_task_time(thread)]),
        Trend("CPU", past.cpu_percent, 100, share, "cpu"),
        Fact("CPU time", run),
        Fact("role", _ROLE_WORDS[thread.role]),
        Fact("name", thread.name or UNKNOWN),
        Fact("thread", str(thread.native_id)),
        Fact("worker", worker.name),
    ]
    if shows_stack:  # first, so that a low pane shows it
        return [
            Section("CALL STACK", list(_stack(stack, stack_key)), is_wide=True),
            Section("", about, is_wide=True),
        ]
    return [Section("", about), Section("CALL STACK", list(_no_stack(stack_key)), is_wide=True)]


def _task_time(thread: Thread) -> Iterator[Entry]:
    if thread.task_seconds is not None:
        typical = "" if thread.typical_seconds is None else f", mean {figures.seconds_text(thread.typical_seconds)}"
        is_long = figures.is_long(thread.task_seconds, thread.typical_seconds)
        yield Fact("for", f"{figures.seconds_text(thread.task_seconds)}{typical}", "waiting" if is_long else "text")


def _no_stack(stack_key: str) -> Iterator[Entry]:
    yield Words(f"{stack_key} reads it from the worker", "quiet")


def _stack(stack: Stack, stack_key: str) -> Iterator[Entry]:
    if stack.error is not None:
        yield Words(stack.error, "bad")
    elif stack.lines is None:
        yield Words("asking the worker…", "quiet")
    else:
        if stack.running is not None:
            yield Words(f"running {stack.running}")
        yield Words(f"read once, innermost call first; {stack_key} reads it again", "quiet")
        for line in stack.lines:
            yield Words(line.strip(), indent=len(line) - len(line.lstrip()))
