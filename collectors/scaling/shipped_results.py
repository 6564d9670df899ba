"""Queries of `shipped_scaling`: which results and tasks depend on some workers. Shipped with it; changes nothing.

Must run on Python 3.8 and distributed 2022.6 onwards.
"""

from __future__ import annotations

from typing import Any

from dasktop.collectors.sources.dask.shipped_values import text

MOST_KINDS = 3
YET_TO_RUN = ("waiting", "queued", "processing", "no-worker")
# Workers pause at this fraction of their memory limit by default (distributed.worker.memory.pause).
PAUSE = 0.8


def unreplicated_results(scheduler: Any, addresses: Any) -> dict[str, Any]:
    """Return the results that only these workers hold, and the free memory of the others; sizes in bytes.

    Looks at each of their results once.
    """
    workers = {scheduler.workers[address] for address in addresses if address in scheduler.workers}
    tasks = {task for worker in workers for task in worker.has_what if workers.issuperset(task.who_has or ())}
    sizes = [max(0, task.get_nbytes()) for task in tasks]
    kinds: dict[str, int] = {}
    for task in tasks:
        name = text(task.prefix.name if task.prefix else "data")
        kinds[name] = kinds.get(name, 0) + 1
    others = [worker for worker in scheduler.running if worker not in workers]
    room = None
    if all(worker.memory_limit for worker in others):  # without a limit it is unknown
        room = [int(max(0, PAUSE * worker.memory_limit - (worker.metrics.get("memory") or 0))) for worker in others]
    return {
        "results": len(tasks),
        "bytes": sum(sizes),
        "largest": max(sizes, default=0),
        "kinds": sorted(kinds.items(), key=lambda item: -item[1])[:MOST_KINDS],
        "actors": sum(len(worker.actors) for worker in workers),
        "shuffles": shuffles_of(scheduler, addresses),
        "others": len(others),
        "room": None if room is None else sum(room),
        "largest_room": None if room is None else max(room, default=0),
    }


def shuffles_of(scheduler: Any, addresses: Any) -> int:
    """Return how many running shuffles these workers take part in: each restarts if one of its workers leaves.

    A worker's shuffle data is not a task result, so it cannot be copied.
    """
    plugin = scheduler.extensions.get("shuffle")
    # Renamed in 2023.7; before 2022.12 the extension was different, and opt-in.
    active = getattr(plugin, "active_shuffles", None) or getattr(plugin, "states", None) or {}
    workers = [getattr(shuffle, "participating_workers", ()) for shuffle in active.values()]
    return sum(not set(addresses).isdisjoint(taking_part) for taking_part in workers)


def pinned_tasks(scheduler: Any, addresses: Any) -> dict[str, Any]:
    """Return how many tasks that have not run yet are restricted to these workers, and the keys of some.

    Looks at every task once.
    """
    leaving = set(addresses)
    staying = set(scheduler.workers) - leaving
    names = [
        text(task.key)
        for task in scheduler.tasks.values()
        if task.worker_restrictions
        and not task.loose_restrictions
        and task.state in YET_TO_RUN
        and not leaving.isdisjoint(task.worker_restrictions)
        and staying.isdisjoint(task.worker_restrictions)
    ]
    return {"tasks": len(names), "some": names[:MOST_KINDS]}
