"""Runs inside the user's workers, shipped there as source text: adds handlers that tell its place, threads and calls.

Must run on Python 3.8 and distributed 2022.6 onwards. Imports nothing of ours, changes nothing but ``handlers``, and
never raises into the worker's log.
"""

from __future__ import annotations

import linecache
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

# Two dasktops may share a worker: where the form of an answer changes, so must the number.
PLACE = "dasktop_v2_place"
THREADS = "dasktop_v2_threads"
STACK = "dasktop_v1_stack"

# A thread travels as a list in this order.
THREAD_FIELDS = ("native_id", "name", "role", "cpu_seconds", "task_key")
# A child process, which it or another child started, as a list in this order.
CHILD_FIELDS = ("pid", "name", "memory_bytes", "cpu_seconds")
# And one of its calls as a list in this order.
FRAME_FIELDS = ("name", "file", "line", "source")
SLURM_VARIABLES = (
    "SLURM_JOB_ID",
    "SLURM_JOBID",
    "SLURM_STEP_ID",
    "SLURM_STEPID",
    "SLURM_PROCID",
    "SLURMD_NODENAME",
    "SLURM_TASK_PID",
)
LONGEST_TEXT = 1000
LONGEST_CGROUP = 8000
MOST_THREADS = 2000
MOST_CHILDREN = 50
MOST_FRAMES = 100
MOST_ANCESTORS = 64


def dasktop_install(dask_worker: Any) -> None:
    """Add the handlers, or replace those of an earlier dasktop. Its name appears in the worker's log."""

    # Old and new versions hand a handler its connection if its first parameter is called `comm`.
    def place(comm: Any = None) -> dict[str, Any]:  # noqa: ARG001 - see above
        try:
            return read_place()
        except Exception as error:  # noqa: BLE001 - what is raised here lands in the user's log
            return {"error": text(repr(error))}

    def threads(comm: Any = None) -> dict[str, Any]:  # noqa: ARG001 - see above
        try:
            return {"at": time.monotonic(), "threads": read_threads(dask_worker), **read_children()}
        except Exception as error:  # noqa: BLE001 - what is raised here lands in the user's log
            return {"error": text(repr(error))}

    def stack(comm: Any = None, native_id: Any = None) -> dict[str, Any]:  # noqa: ARG001 - see above
        try:
            return read_stack(dask_worker, native_id)
        except Exception as error:  # noqa: BLE001 - what is raised here lands in the user's log
            return {"error": text(repr(error))}

    dask_worker.handlers[PLACE] = place
    dask_worker.handlers[THREADS] = threads
    dask_worker.handlers[STACK] = stack


def read_place() -> dict[str, Any]:
    """Return who and where this process is; what it means is found out on dasktop's side."""
    environment = {name: text(os.environ[name]) for name in SLURM_VARIABLES if name in os.environ}
    return {
        "pid": os.getpid(),
        "parent_pid": os.getppid(),
        "host": text(socket.gethostname()),
        "started_at": read_start(),
        "environment": environment,
        "cgroup": read_file("/proc/self/cgroup", LONGEST_CGROUP),
        "stepds": read_stepds(),
    }


def read_start() -> Any:
    """Return when this process started, in seconds since 1970, or None."""
    try:
        import psutil

        return psutil.Process().create_time()
    except Exception:  # noqa: BLE001 - psutil raises its own kinds, and more where /proc is hidden
        return None


def read_stepds() -> list[Any]:
    """Return the titles of the slurmstepd among this process's ancestors, the nearest first.

    Each starts the tasks of one step on one node, and calls itself ``slurmstepd: [JOB.STEP]``.
    """
    titles = []
    pid = os.getppid()
    for _ in range(MOST_ANCESTORS):
        status = read_file(f"/proc/{pid}/stat", 1000)
        if not status:
            break
        name, _, rest = status.partition("(")[2].rpartition(")")  # a name may hold parentheses
        if name == "slurmstepd":
            titles.append(text(read_file(f"/proc/{pid}/cmdline", 200)))
        fields = rest.split()
        pid = int(fields[1]) if len(fields) > 1 and fields[1].isdigit() else 0
        if pid <= 0:
            break
    return titles


def read_threads(worker: Any) -> list[list[Any]]:
    """Return this process's threads in the order of THREAD_FIELDS. To be called in the event loop's thread."""
    import psutil

    with worker.active_threads_lock:
        keys = dict(worker.active_threads)
    python_threads = {thread.native_id: thread for thread in threading.enumerate()}
    compute = compute_threads(worker)
    rows = []
    for native_id, user_seconds, system_seconds in psutil.Process().threads()[:MOST_THREADS]:
        thread = python_threads.get(native_id)
        if thread is None:  # a library's own, such as BLAS's
            name, role, key = read_file(f"/proc/self/task/{native_id}/comm", 100), "other", None
        else:
            name, key = thread.name, keys.get(thread.ident)
            role = "compute" if key is not None or thread.ident in compute else "other"
            if thread.ident == threading.get_ident():
                role = "event loop"
        rows.append([native_id, text(name), role, user_seconds + system_seconds, text(key)])
    return rows


def read_children() -> dict[str, Any]:
    """Return the processes below this one in the order of CHILD_FIELDS, its own children first.

    ``more_children`` is true where there are more than MOST_CHILDREN. Nothing is told where the kernel doesn't list
    children (CONFIG_PROC_CHILDREN): psutil would read all processes of the node instead, in the event loop.
    """
    page_bytes, ticks_a_second = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
    pids = child_pids(os.getpid())
    if pids is None:
        return {}
    rows: list[list[Any]] = []
    more = False
    while pids:
        pid = pids.pop(0)
        status = read_file(f"/proc/{pid}/stat", 1000)
        if not status:
            continue  # it has ended meanwhile
        name, _, rest = status.partition("(")[2].rpartition(")")  # a name may hold parentheses
        fields = rest.split()
        if len(fields) < 22 or fields[0] == "Z":
            continue  # a zombie holds nothing
        if len(rows) == MOST_CHILDREN:
            more = True
            break
        cpu_seconds = (int(fields[11]) + int(fields[12])) / ticks_a_second
        rows.append([pid, text(name), int(fields[21]) * page_bytes, cpu_seconds])
        pids += child_pids(pid) or []
    return {"children": rows, "more_children": more}


def child_pids(pid: int) -> Any:
    """Return the children of a process, which the kernel lists by the thread that started each; None: it doesn't."""
    found = None
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())[:MOST_THREADS]
    except OSError:
        return None
    for thread in threads:
        told = read_file(str(thread / "children"), 10000)
        if told is not None:
            found = (found or []) + [int(child) for child in told.split()]
    return found


def read_stack(worker: Any, native_id: Any) -> dict[str, Any]:
    """Return the innermost calls of a thread in the order of FRAME_FIELDS and the task that it runs, or why not.

    Worker.get_call_stack tells of threads that run a task only, and by the key of that.
    """
    thread = next((thread for thread in threading.enumerate() if thread.native_id == native_id), None)
    if thread is None:
        return {"error": "it is not a Python thread, or has ended"}
    if thread.ident == threading.get_ident():
        return {"error": "this thread answers the request, so its stack shows only that"}
    with worker.active_threads_lock:  # no task begins or ends meanwhile: the stack is that of this one
        key = worker.active_threads.get(thread.ident)
        frame = sys._current_frames().get(thread.ident or 0)
    frames: list[list[Any]] = []
    while frame is not None and len(frames) < MOST_FRAMES:
        code = frame.f_code
        source = linecache.getline(code.co_filename, frame.f_lineno, frame.f_globals).strip()
        frames.append([text(code.co_name), text(code.co_filename), frame.f_lineno, text(source)])
        frame = frame.f_back
    return {"frames": frames, "key": text(key)}


def compute_threads(worker: Any) -> set[Any]:
    """Return the idents of the threads in which tasks and actors run, busy or idle."""
    # The name alone would take in other workers of this process, where there are several.
    return {
        thread.ident
        for role, executor in list(worker.executors.items())
        if role != "offload"
        for thread in list(getattr(executor, "_threads", ()))
    }


def read_file(path: str, most: int) -> Any:
    """Return the start of a file as text, or None where there is none."""
    try:
        with Path(path).open("rb") as file:
            return file.read(most).decode("utf-8", "replace").strip()
    except OSError:
        return None


def text(value: Any) -> Any:
    """Return it as text that msgpack can say, and not endlessly long; None stays None."""
    if value is None:
        return None
    try:
        value = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    except Exception:  # noqa: BLE001 - it is the user's own object, of any class
        value = type(value).__name__
    return value[:LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")
