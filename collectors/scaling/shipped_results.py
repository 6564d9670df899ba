"""What `shipped_scaling` asks of the results that workers hold; shipped with it as source text. Changes nothing.

Must run on Python 3.8 and distributed 2022.6 onwards. Looks at every result of the workers it is asked about, once.
"""

from __future__ import annotations

from typing import Any

# Stands before this text when it is shipped, see `hold.py`.
from dasktop.collectors.dask.shipped_scheduler import text

MOST_KINDS = 3
# A worker stops taking work at this share of its memory limit, unless configured otherwise.
PAUSE = 0.8


def alone(scheduler: Any, addresses: Any) -> dict[str, Any]:
    """Return what these workers hold that no other one does, and what room the others have; sizes in bytes."""
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
        "others": len(others),
        "room": None if room is None else sum(room),
        "largest_room": None if room is None else max(room, default=0),
    }
