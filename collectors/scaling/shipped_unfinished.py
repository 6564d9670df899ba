"""Runs inside the user's workers, shipped there as source text: adds a handler that returns unfinished tasks.

Must run on Python 3.8 and distributed 2022.6 onwards. Imports nothing from dasktop, changes only ``handlers``, and
raises no exception that the worker would log.
"""

from __future__ import annotations

from typing import Any

# Several versions of dasktop may query one worker: change the number when the form of an answer changes.
UNFINISHED = "dasktop_v1_unfinished"
MOST_NAMED = 3
LONGEST_NAME = 200
STARTED = ("executing", "long-running", "memory", "error")


def dasktop_install(dask_worker: Any) -> None:
    """Add the handler, or replace that of an earlier dasktop. The worker logs this function's name."""

    # Old and new versions pass the comm to a handler if its first parameter is named `comm`.
    def unfinished(comm: Any = None, keys: Any = ()) -> dict[str, Any]:  # noqa: ARG001 - see above
        try:
            return read_unfinished(dask_worker, keys)
        except Exception as error:  # noqa: BLE001 - what is raised here lands in the user's log
            return {"error": type(error).__name__}

    dask_worker.handlers[UNFINISHED] = unfinished


def read_unfinished(worker: Any, keys: Any) -> dict[str, Any]:
    """Return how many tasks run here now, the names of some, and how many of these keys have been started here.

    The scheduler does not know yet that the latter have started: they run, or have ended here.
    """
    state = worker.state
    running = {task.key for tasks in (state.executing, state.long_running) for task in tasks}.union(worker.active_keys)
    tasks = (state.tasks.get(key) for key in keys)
    return {
        "status": worker.status.name,
        "executing": len(running),
        "some": sorted(str(key)[:LONGEST_NAME].encode("utf-8", "replace").decode() for key in running)[:MOST_NAMED],
        "settling": sum(task is None or task.state in STARTED for task in tasks),
    }
