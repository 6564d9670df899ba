"""Runs inside the user's scheduler: the workers, in columns; only those whose heartbeat came since the last answer.

Must run on Python 3.8 and distributed 2022.6 onwards. Fast, since there may be thousands of workers: with more than
200 of them, dask's heartbeats come every n/200 + 1 seconds, so that most have nothing new between two polls.

Nothing is kept here between two answers: a request says what the other side knows. So there may be any number of them,
and each may miss answers.
"""

from __future__ import annotations

import operator
import time
from typing import Any

from dasktop.collectors.sources.dask.shipped_distributed_private import stored_counts
from dasktop.collectors.sources.dask.shipped_values import LARGEST_INTEGER, plain, text, workers_of_scheduler

# One column for each, of values that never change while a worker is registered.
REGISTERED_FIELDS = ("address", "name", "pid", "has_nanny", "nthreads", "memory_limit", "versions")
# One column for each, of what comes with heartbeats only; for the workers that `places` lists. `nbytes`, which the
# scheduler counts at any time, is among them, since it is compared with `memory`.
HEARTBEAT_FIELDS = ("memory", "nbytes", "spilled_from", "spilled", "cpu", "executing", "last_seen", "transfers")
# One column for each, of what the scheduler changes at any time; always for all workers.
CURRENT_FIELDS = ("processing", "stored")
# The transfers of a worker are a list in this order.
TRANSFER_FIELDS = (
    "incoming_bytes",
    "incoming_count",
    "incoming_count_total",
    "outgoing_bytes",
    "outgoing_count",
    "outgoing_count_total",
)
transfers_of = operator.itemgetter(*TRANSFER_FIELDS)
NOTHING_SPILLED = {"memory": 0, "disk": 0}
USUAL_STATUS = "running"


def read_workers(scheduler: Any, known: Any, now: float) -> dict[str, Any]:
    """Return the workers. ``now`` is the scheduler's time, in seconds since 1970.

    ``known`` is that of the last answer, or None. What has not changed since is omitted: ``registered`` is None if the
    same workers are registered, in the same order, and ``places`` (numbers in that order) is None for all of them.
    """
    workers = workers_of_scheduler(scheduler)
    registration = registration_of(workers)
    since = time_of_answer(known, registration, now)
    if since is None:
        registered, places, with_news = registered_columns(workers), None, workers
    else:
        registered, places = None, [place for place, worker in enumerate(workers) if worker.last_seen >= since]
        with_news = [workers[place] for place in places]
    return {
        "known": None if registration is None else [registration, now, time.monotonic()],
        "registered": registered,
        "places": places,
        "heartbeats": heartbeat_columns(with_news),
        "current": current_columns(workers),
        # Usually, none has another.
        "statuses": [
            [place, text(worker.status._name_)]
            for place, worker in enumerate(workers)
            if worker.status._name_ != USUAL_STATUS
        ],
    }


def registration_of(workers: list[Any]) -> Any:
    """Return a number that changes when a worker joins or leaves; None if these workers have no ids.

    A new worker at the address of an old one has another id.
    """
    try:
        return hash(tuple([worker.server_id for worker in workers]))
    except (AttributeError, TypeError):
        return None


def time_of_answer(known: Any, registration: Any, now: float) -> float | None:
    """Return when the answer was sent that had this ``known``; None if other workers are registered now.

    If the clock was set since, it is the earlier of both times: the time by the clock, and that before ``now``.
    """
    if registration is None or not isinstance(known, (list, tuple)) or len(known) != 3 or known[0] != registration:
        return None
    then, age = float(known[1]), time.monotonic() - float(known[2])
    return min(then, now - age)


def registered_columns(workers: list[Any]) -> dict[str, Any]:
    """Return what never changes, and the pairs of dask's and Python's versions that ``versions`` refers to."""
    pairs: dict[Any, int] = {}
    names = [worker.name for worker in workers]
    columns = [
        [worker.address for worker in workers],
        [name if type(name) is str and name.isascii() else text(name) for name in names],
        [worker.pid for worker in workers],
        [0 if worker.nanny is None else 1 for worker in workers],
        [worker.nthreads for worker in workers],
        [worker.memory_limit for worker in workers],
        [pairs.setdefault(versions_of(worker), len(pairs)) for worker in workers],
    ]
    return {"columns": columns, "versions": [[text(dask), text(python)] for dask, python in pairs]}


def heartbeat_columns(workers: list[Any]) -> list[list[Any]]:
    """Return what came with the last heartbeats, in the order of HEARTBEAT_FIELDS."""
    metrics = [worker.metrics for worker in workers]
    # Renamed between 2022.6 and 2022.12; if spilling is off, some versions send nothing.
    spilled = [one.get("spilled_bytes") or one.get("spilled_nbytes") or NOTHING_SPILLED for one in metrics]
    return [
        [one.get("memory") for one in metrics],
        sizes_column(workers),
        [one["memory"] for one in spilled],
        [one["disk"] for one in spilled],
        [one.get("cpu") for one in metrics],
        [len(worker.executing) for worker in workers],
        [worker.last_seen for worker in workers],
        transfers_column(metrics),
    ]


def transfers_column(metrics: list[Any]) -> list[Any]:
    """Return what each worker transfers, in the order of TRANSFER_FIELDS; None before 2022.12."""
    try:
        return [transfers_of(one["transfer"]) for one in metrics]
    except (KeyError, TypeError):
        return [transfers_or_none(one.get("transfer")) for one in metrics]


def transfers_or_none(metric: Any) -> Any:
    """Return the transfers of one worker; None if these are something else."""
    try:
        return transfers_of(metric)
    except (KeyError, TypeError):
        return None


def current_columns(workers: list[Any]) -> list[list[Any]]:
    """Return what changes at any time, in the order of CURRENT_FIELDS."""
    return [[len(worker.processing) for worker in workers], stored_counts(workers)]


def sizes_column(workers: list[Any]) -> list[Any]:
    """Return how many bytes of results each worker holds, as dask counts them."""
    sizes = [worker.nbytes for worker in workers]
    return sizes if are_encodable(sizes) else list(map(plain, sizes))


def are_encodable(sizes: list[Any]) -> bool:
    """Return whether msgpack can encode all of these as integers; sizes of user-defined types may be of any type."""
    try:
        return type(sum(sizes)) is int and max(sizes, default=0) <= LARGEST_INTEGER
    except TypeError:
        return False


def versions_of(worker: Any) -> tuple[Any, Any]:
    """Return dask's and Python's version, as the worker sent them when it registered; None if it did not."""
    try:
        versions = worker.versions
        dask, python = versions["packages"]["dask"], versions["host"]["python"]
        hash((dask, python))
    except (AttributeError, KeyError, TypeError):
        return None, None
    return dask, python
