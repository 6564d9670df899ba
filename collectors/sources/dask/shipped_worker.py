"""Runs inside the user's workers, shipped there as source text: handlers for place, threads, stacks and profiles.

Must run on Python 3.8 and distributed 2022.6 onwards. Imports only modules that are shipped with it (see `shipping`),
changes only ``handlers``, and raises no exception that the worker would log.
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

from dasktop.collectors.sources.dask.shipped_distributed_private import executor_threads
from dasktop.collectors.sources.dask.shipped_place import file_system_of, read_file, read_place, read_stat
from dasktop.collectors.sources.dask.shipped_profile import read_profile
from dasktop.collectors.sources.dask.shipped_values import pack_answer, text

# Several versions of dasktop may query one worker: change the number when the form of an answer changes.
PLACE = "dasktop_v3_place"
THREADS = "dasktop_v4_threads"
PROFILE = "dasktop_v1_profile"
STACK = "dasktop_v1_stack"
WAITS = "dasktop_v1_waits"

# A thread is sent as a list in this order.
THREAD_FIELDS = ("native_id", "name", "role", "cpu_seconds", "task_key", "task_name", "task_seconds")
# A child process, or a child of one, as a list in this order.
CHILD_FIELDS = ("pid", "name", "memory_bytes", "cpu_seconds")
# A frame of a call stack as a list in this order.
FRAME_FIELDS = ("name", "file", "line", "source")
# The thread of a task as a list in this order.
WAIT_FIELDS = ("task_key", "native_id", "cpu_seconds", "wakeups")
MOST_THREADS = 2000
MOST_CHILDREN = 50
MOST_FRAMES = 100


def dasktop_install(dask_worker: Any) -> None:
    """Add the handlers, or replace those of an earlier dasktop. The worker logs this function's name."""

    # Old and new versions pass the comm to a handler if its first parameter is named `comm`.
    def place(comm: Any = None) -> dict[str, Any]:  # noqa: ARG001 - see above
        try:
            return describe_process(dask_worker)
        except Exception as error:  # noqa: BLE001 - an exception here would appear in the user's log
            return {"error": text(repr(error))}

    def threads(comm: Any = None) -> dict[str, Any]:  # noqa: ARG001 - see above
        try:
            return pack_answer({"at": time.monotonic(), "threads": read_threads(dask_worker), **read_children()})
        except Exception as error:  # noqa: BLE001 - an exception here would appear in the user's log
            return {"error": text(repr(error))}

    def stack(comm: Any = None, native_id: Any = None) -> dict[str, Any]:  # noqa: ARG001 - see above
        try:
            return read_stack(dask_worker, native_id)
        except Exception as error:  # noqa: BLE001 - an exception here would appear in the user's log
            return {"error": text(repr(error))}

    async def profile(comm: Any = None, seconds: Any = 0, task_name: Any = None) -> dict[str, Any]:  # noqa: ARG001 - see above
        try:
            return await read_profile(dask_worker, seconds, task_name)
        except Exception as error:  # noqa: BLE001 - an exception here would appear in the user's log
            return {"error": text(repr(error))}

    def waits(comm: Any = None) -> dict[str, Any]:  # noqa: ARG001 - see above
        try:
            return {"at": time.monotonic(), "has_children": has_children(), **read_waits(dask_worker)}
        except Exception as error:  # noqa: BLE001 - an exception here would appear in the user's log
            return {"error": text(repr(error))}

    dask_worker.handlers[WAITS] = waits
    dask_worker.handlers[PROFILE] = profile
    dask_worker.handlers[PLACE] = place
    dask_worker.handlers[THREADS] = threads
    dask_worker.handlers[STACK] = stack


def describe_process(worker: Any) -> dict[str, Any]:
    """Return the identity of this process, its place in SLURM, and where it spills to."""
    folder = getattr(worker, "local_directory", None)
    return {
        "local_directory": text(folder),
        "file_system": file_system_of(folder) if isinstance(folder, str) else None,
        "pid": os.getpid(),
        "parent_pid": os.getppid(),
        "host": text(socket.gethostname()),
        "started_at": read_start(),
        **read_place(),
    }


def read_start() -> Any:
    """Return when this process started, in seconds since 1970, or None."""
    try:
        import psutil

        return psutil.Process().create_time()
    except Exception:  # noqa: BLE001 - psutil has its own exceptions, and others occur if /proc is hidden
        return None


def read_threads(worker: Any) -> list[list[Any]]:
    """Return this process's threads in the order of THREAD_FIELDS. Must be called in the event loop's thread."""
    import psutil

    with worker.active_threads_lock:
        keys = dict(worker.active_threads)
    python_threads = {thread.native_id: thread for thread in threading.enumerate()}
    compute = compute_threads(worker)
    rows = []
    for native_id, user_seconds, system_seconds in psutil.Process().threads()[:MOST_THREADS]:
        thread = python_threads.get(native_id)
        if thread is None:  # started by a library, such as BLAS
            name, role, key = read_file(f"/proc/self/task/{native_id}/comm", 100), "other", None
        else:
            name, key = thread.name, keys.get(thread.ident)
            role = "compute" if key is not None or thread.ident in compute else "other"
            if thread.ident == threading.get_ident():
                role = "event loop"
        rows.append([native_id, text(name), role, user_seconds + system_seconds, text(key), *running_task(worker, key)])
    return rows


def running_task(worker: Any, key: Any) -> tuple[Any, Any]:
    """Return the name of a task that runs, and how long it has run; (None, None) for no task."""
    if key is None:
        return None, None
    from dask.utils import key_split

    started = getattr(tasks_of(worker).get(key), "start_time", None)
    return text(key_split(key)), None if started is None else max(0.0, time.time() - started)


def tasks_of(worker: Any) -> Any:
    """Return the tasks that a worker knows, by key."""
    return getattr(getattr(worker, "state", worker), "tasks", {})  # the first releases of 2022 have no state


def read_waits(worker: Any) -> dict[str, Any]:
    """Return how long and how often each thread that runs a task has run so far, in the order of WAIT_FIELDS.

    Without tasks that have called `secede`: these wait for other tasks. ``others`` are the sums of the threads that run
    neither a task nor the event loop, such as those of a pool that a task has started. Must be called in the event
    loop's thread.
    """
    with worker.active_threads_lock:
        keys = dict(worker.active_threads)
    tasks = tasks_of(worker)
    of_tasks = {thread.native_id: keys[thread.ident] for thread in threading.enumerate() if thread.ident in keys}
    rows: list[list[Any]] = []
    others = [0.0, 0]
    for path in list(Path("/proc/self/task").iterdir())[:MOST_THREADS]:
        native_id = int(path.name)
        # Nanoseconds on a CPU, nanoseconds that it waited for one, and how many times it got one: 0 if not counted.
        counts = (read_file(str(path / "schedstat"), 100) or "").split()
        if native_id == threading.get_native_id() or len(counts) != 3 or counts[2] == "0":
            continue
        cpu_seconds, wakeups = int(counts[0]) / 1e9, int(counts[2])
        if native_id not in of_tasks:
            others[0] += cpu_seconds
            others[1] += wakeups
            continue
        key = of_tasks[native_id]
        if getattr(tasks.get(key), "state", None) != "long-running":
            rows.append([text(key), native_id, cpu_seconds, wakeups])
    return {"tasks": rows, "others": others}


def has_children() -> Any:
    """Return whether this process has child processes; None if the kernel does not list them."""
    children = child_pids(os.getpid())
    return None if children is None else bool(children)


def read_children() -> dict[str, Any]:
    """Return the descendants of this process in the order of CHILD_FIELDS, its own children first.

    ``more_children`` is true if there are more than MOST_CHILDREN. Empty if the kernel does not list children
    (CONFIG_PROC_CHILDREN): psutil would read all processes of the node instead, in the event loop.
    """
    page_bytes, ticks_a_second = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
    pids = child_pids(os.getpid())
    if pids is None:
        return {}
    rows: list[list[Any]] = []
    more = False
    while pids:
        pid = pids.pop(0)
        name, fields = read_stat(pid)
        if len(fields) < 22 or fields[0] == "Z":
            continue  # it has ended, or is a zombie, which uses nothing
        if len(rows) == MOST_CHILDREN:
            more = True
            break
        cpu_seconds = (int(fields[11]) + int(fields[12])) / ticks_a_second
        rows.append([pid, text(name), int(fields[21]) * page_bytes, cpu_seconds])
        pids += child_pids(pid) or []
    return {"children": rows, "more_children": more}


def child_pids(pid: int) -> Any:
    """Return the children of a process, which the kernel lists per thread; None if it does not list them."""
    found = None
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())[:MOST_THREADS]
    except OSError:
        return None
    for thread in threads:
        children = read_file(str(thread / "children"), 10000)
        if children is not None:
            found = (found or []) + [int(child) for child in children.split()]
    return found


def read_stack(worker: Any, native_id: Any) -> dict[str, Any]:
    """Return the innermost frames of a thread in the order of FRAME_FIELDS and the task that it runs, or an error.

    Worker.get_call_stack covers only threads that run a task, and identifies them by its key.
    """
    thread = next((thread for thread in threading.enumerate() if thread.native_id == native_id), None)
    if thread is None:
        return {"error": "it is not a Python thread, or has ended"}
    if thread.ident == threading.get_ident():
        return {"error": "this thread answers the request, so its stack shows only that"}
    with worker.active_threads_lock:  # the task cannot change between reading its key and its stack
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
    """Return the idents of the threads that run tasks and actors, busy or idle."""
    # By executor, not by name: the process may have several workers.
    return {
        thread.ident
        for role, executor in list(worker.executors.items())
        if role != "offload"
        for thread in executor_threads(executor)
    }
