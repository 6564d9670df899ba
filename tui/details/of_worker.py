"""All that a snapshot tells about a worker, and about a thread of it. Pure."""

from collections.abc import Iterator

from dasktop.collectors.model import Evidence, Thread, Transfers, Worker
from dasktop.tui import figures
from dasktop.tui.details.prose import Entry, Fact, Section, Split, Trend, Words
from dasktop.tui.details.stack import Stack
from dasktop.tui.figures import UNKNOWN
from dasktop.tui.history import Past
from dasktop.tui.moments import ago
from dasktop.tui.tree.columns import FULL_PERCENT, Role
from dasktop.tui.worker_status import status_words

_EVIDENCE_WORDS: dict[Evidence, str] = {
    "owner": "the cluster's own map of names to jobs",
    "environment": "the worker's own environment",
    "job_script": "its name stands in the job's script",
    "name": "inferred: its name holds the job's id",
    "host": "inferred: the only job of yours on its host",
}
_ROLE_WORDS = {
    "compute": "runs dask tasks",
    "event loop": "the worker's event loop",
    "other": "neither runs tasks nor the event loop",
}
STACK_KEY = "t"
_MOST_CHILDREN = 8


def worker_sections(worker: Worker, job_id: str | None, past: Past) -> list[Section]:
    """Return the sections, the most telling first.

    Parameters
    ----------
    job_id
        Of the job that it runs in; ``None``: in none, as far as anything tells.
    """
    return [
        Section("USE", list(_use(worker, past))),
        Section("MEMORY", list(_memory(worker, past))),
        *([Section("CHILD PROCESSES", list(_children(worker)))] if worker.children else []),
        Section("TRANSFERS", list(_transfers(worker.transfers))),
        Section("WHERE", list(_where(worker, job_id))),
    ]


def _use(worker: Worker, past: Past) -> Iterator[Entry]:
    status = status_words(worker)
    yield Fact("status", status, "text" if status == "running" else "waiting")
    share = figures.share(worker.cpu_percent, None if worker.nthreads is None else 100 * worker.nthreads)
    of = UNKNOWN if worker.nthreads is None else figures.plural(worker.nthreads, "thread")
    top = None if worker.nthreads is None else 100 * worker.nthreads
    yield Trend("CPU", past.cpu_percent, top, f"{figures.percent_text(share):>4} of {of}", "cpu")
    yield Fact("executing", figures.count(worker.executing))
    yield Fact("queued", figures.count(worker.queued))
    yield Fact("results", figures.count(worker.stored))
    yield Fact("last seen", ago(worker.last_seen_seconds))


def _memory(worker: Worker, past: Past) -> Iterator[Entry]:
    limit, used, managed = worker.memory_limit_bytes, worker.memory_bytes, worker.managed_bytes
    share = figures.share(used, limit)
    role: Role = "full" if (share or 0) >= FULL_PERCENT else "memory"
    of_limit = f"{figures.percent_text(share):>4} of {figures.bytes_text(limit)}"
    used_text = f"{figures.bytes_text(used):>4} resident"
    yield Trend("used", past.memory_bytes, limit, of_limit if limit else used_text, role)
    unmanaged = None if used is None or managed is None else max(0, used - managed)
    if used is not None and managed is not None and unmanaged is not None:
        # Managed is what dask thinks its results take; it may be more than what is resident.
        parts: list[tuple[str, float, Role]] = [("█", min(managed, used), role), ("▒", unmanaged, role)]
        if limit is not None:
            parts.append(("░", max(0, limit - used), "quiet"))
        yield Split("", parts, max(used, limit or 0))
    yield Fact("█ managed", f"{figures.bytes_text(managed)}  results, as dask counts them")
    yield Fact("▒ unmanaged", f"{figures.bytes_text(unmanaged)}  all else: libraries, running tasks, fragments")
    yield Fact("spilled", f"{figures.bytes_text(worker.spilled_bytes)}  on disk")
    yield Fact("limit", figures.bytes_text(limit) if limit else "none that dask was told, or not known")


def _children(worker: Worker) -> Iterator[Entry]:
    """Yield the processes started by the worker's tasks, largest first: dask's figures exclude them."""
    children = sorted(worker.children or (), key=lambda child: child.memory_bytes or 0, reverse=True)
    for child in children[:_MOST_CHILDREN]:
        used = f"{figures.bytes_text(child.memory_bytes):>4} resident, {figures.duration(child.cpu_seconds)} CPU time"
        yield Fact(str(child.pid), f"{used}  {child.name or UNKNOWN}")
    more = len(children) - _MOST_CHILDREN
    if more > 0:
        yield Words(f"and {'at least ' if worker.has_more_children else ''}{figures.count(more)} more", "quiet")
    yield Words("SLURM counts them for the job; dask does not count them for the worker.", "quiet")


def _transfers(transfers: Transfers | None) -> Iterator[Entry]:
    """Yield what is on its way now, and how much has been since the worker started."""
    if transfers is None:
        yield Words("not known", "quiet")
        return
    for label, count, size, total in (
        ("incoming", transfers.incoming_count, transfers.incoming_bytes, transfers.incoming_count_total),
        ("outgoing", transfers.outgoing_count, transfers.outgoing_bytes, transfers.outgoing_count_total),
    ):
        yield Fact(label, f"{figures.count(count)} now, {figures.bytes_text(size)}; {figures.count(total)} so far")


def _where(worker: Worker, job_id: str | None) -> Iterator[Entry]:
    yield Fact("address", worker.address)
    yield Fact("host", worker.host or UNKNOWN)
    nanny = "" if worker.nanny_pid is None else f", of nanny {worker.nanny_pid}"
    yield Fact("pid", UNKNOWN if worker.pid is None else f"{worker.pid}{nanny}")
    yield Fact("job", job_id or ("none: outside SLURM" if worker.outside_slurm else UNKNOWN))
    if worker.evidence is not None:
        yield Fact("how known", _EVIDENCE_WORDS[worker.evidence])


def thread_sections(thread: Thread, worker: Worker, past: Past, stack: Stack) -> list[Section]:
    """Return what is told of a thread, with its call stack if that was asked for."""
    share = f"{figures.percent_text(figures.percent(thread.cpu_percent)):>4} of one core"
    run = UNKNOWN if thread.cpu_seconds is None else figures.duration(thread.cpu_seconds)
    shows_stack = stack.key == ("thread", worker.address, thread.native_id)
    runs = Fact("runs", thread.task_key or "no dask task now", "text" if thread.task_key else "quiet")
    about: list[Entry] = [
        # The task of a call stack stands above it. What the last snapshot tells may be another one.
        *([] if shows_stack and stack.running is not None else [runs]),
        Trend("CPU", past.cpu_percent, 100, share, "cpu"),
        Fact("CPU time", run),
        Fact("role", _ROLE_WORDS[thread.role]),
        Fact("name", thread.name or UNKNOWN),
        Fact("thread", str(thread.native_id)),
        Fact("worker", worker.name),
    ]
    return [
        Section("", about),
        Section("CALL STACK", list(_stack(stack) if shows_stack else _no_stack()), is_wide=True),
    ]


def _no_stack() -> Iterator[Entry]:
    yield Words(f"{STACK_KEY} asks the worker for it", "quiet")


def _stack(stack: Stack) -> Iterator[Entry]:
    if stack.error is not None:
        yield Words(stack.error, "bad")
    elif stack.lines is None:
        yield Words("asking the worker…", "quiet")
    else:
        if stack.running is not None:
            yield Words(f"running {stack.running}")
        yield Words(f"as it was when you asked, the innermost call first; {STACK_KEY} asks again", "quiet")
        for line in stack.lines:
            yield Words(line.strip(), indent=len(line) - len(line.lstrip()))
