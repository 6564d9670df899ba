"""What `shipped_scaling` asks of what hangs on some workers; shipped with it as source text. Changes nothing.

Must run on Python 3.8 and distributed 2022.6 onwards.
"""

from __future__ import annotations

from typing import Any

# Stands before this text when it is shipped, see `hold.py`.
from dasktop.collectors.sources.dask.shipped_scheduler import text

MOST_KINDS = 3
YET_TO_RUN = ("waiting", "queued", "processing", "no-worker")
# A worker stops taking work at this share of its memory limit, unless configured otherwise.
PAUSE = 0.8


def alone(scheduler: Any, addresses: Any) -> dict[str, Any]:
    """Return what these workers hold that no other one does, and what room the others have; sizes in bytes.

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
    if all(worker.memory_limit for worker in others):  # without a limit there is no telling
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
    """Return how many shuffles under way these workers take part in: each starts anew if one of its workers leaves.

    What a worker holds of a shuffle is in no task's result, so it can't be copied.
    """
    plugin = scheduler.extensions.get("shuffle")
    # Renamed in 2023.7; before 2022.12 there was something else, and it was used only if asked for.
    active = getattr(plugin, "active_shuffles", None) or getattr(plugin, "states", None) or {}
    workers = [getattr(shuffle, "participating_workers", ()) for shuffle in active.values()]
    return sum(not set(addresses).isdisjoint(taking_part) for taking_part in workers)


def bound(scheduler: Any, addresses: Any) -> dict[str, Any]:
    """Return how many tasks that have yet to run may do so on these workers only, and the names of some.

    Looks at every task, once.
    """
    going = set(addresses)
    staying = set(scheduler.workers) - going
    names = [
        text(task.key)
        for task in scheduler.tasks.values()
        if task.worker_restrictions
        and not task.loose_restrictions
        and task.state in YET_TO_RUN
        and not going.isdisjoint(task.worker_restrictions)
        and staying.isdisjoint(task.worker_restrictions)
    ]
    return {"tasks": len(names), "some": names[:MOST_KINDS]}
