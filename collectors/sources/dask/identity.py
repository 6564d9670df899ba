"""Read a scheduler through its ``identity`` call, where our own handler is not allowed. Runs nothing there."""

import time
from collections.abc import Mapping
from typing import Any

from dasktop.collectors.model.errors import NoSchedulerError
from dasktop.collectors.model.snapshot import Cluster, Worker
from dasktop.collectors.sources.address import host_of
from dasktop.collectors.sources.dask.connection import Connection
from dasktop.collectors.sources.dask.plain import mapping, moment, real, seconds, whole, word
from dasktop.collectors.sources.dask.scheduler_reading import SchedulerReading, transfers_from


async def read_identity(connection: Connection, timeout_seconds: float) -> SchedulerReading:
    """Return what ``identity`` contains: no owner, no task counts, no version.

    Raises
    ------
    NoSchedulerError
        It is not a scheduler, but a worker or nanny, for example.
    SourceError
        It did not answer.
    """
    answer = await identify(connection, timeout_seconds)
    workers = mapping(answer.get("workers"))
    # Up to 2026.1 the default is five workers.
    if workers_told(answer) > len(workers):
        answer = await identify(connection, timeout_seconds, n_workers=-1)
        workers = mapping(answer.get("workers"))
    now = time.time()
    return SchedulerReading(
        cluster=Cluster(
            scheduler_address=word(answer.get("address")),
            scheduler_id=word(answer.get("id")),
            dask_version=None,
            task_counts=None,
            owner=None,
        ),
        workers=tuple(
            _worker(address, mapping(told), now) for key, told in workers.items() if (address := word(key)) is not None
        ),
        started_at=moment(answer.get("started")),
        with_nanny=frozenset(
            address for key, told in workers.items() if mapping(told).get("nanny") and (address := word(key))
        ),
    )


def workers_told(answer: Mapping[str, Any]) -> int:
    """Return how many workers a scheduler has. Before 2025.4 its identity has no count, but all workers."""
    count = whole(answer.get("n_workers"))
    return len(mapping(answer.get("workers"))) if count is None else count


async def identify(connection: Connection, timeout_seconds: float, **arguments: int) -> dict[str, Any]:
    """Return a scheduler's identity.

    Raises
    ------
    NoSchedulerError
        It is not a scheduler; the text says what it is, and for a worker the address of its scheduler.
    SourceError
        It did not answer.
    """
    answer = mapping(await connection.call("identity", timeout_seconds, **arguments))
    if isinstance(answer.get("workers"), dict):
        return answer
    kind = word(answer.get("type")) or "something else"
    its_scheduler = word(answer.get("scheduler"))
    way_out = f"; its scheduler is {its_scheduler}" if its_scheduler else ""
    raise NoSchedulerError(f"{connection.address} is not a scheduler, but a {kind.lower()}{way_out}")


def _worker(address: str, told: dict[Any, Any], now: float) -> Worker:
    metrics = mapping(told.get("metrics"))
    # Renamed between 2022.6 and 2022.12.
    counts = metrics.get("task_counts")
    spilled = mapping(metrics.get("spilled_bytes") or metrics.get("spilled_nbytes"))
    managed = whole(metrics.get("managed_bytes"))
    last_seen = real(told.get("last_seen"))
    old_names = "executing" in metrics
    return Worker(
        name=word(told.get("name")) or address,
        address=address,
        pid=None,
        nanny_pid=None,
        host=host_of(address),
        status=word(told.get("status")),
        nthreads=whole(told.get("nthreads")),
        memory_limit_bytes=whole(told.get("memory_limit")) or None,  # 0 means no limit
        memory_bytes=whole(metrics.get("memory")),
        managed_bytes=None if managed is None else max(0, managed - (whole(spilled.get("memory")) or 0)),
        spilled_bytes=whole(spilled.get("disk")),
        cpu_percent=real(metrics.get("cpu")),
        executing=whole(metrics.get("executing")) if old_names else _sum(counts, "executing long-running"),
        queued=whole(metrics.get("ready")) if old_names else _sum(counts, "ready constrained waiting"),
        stored=whole(metrics.get("in_memory")) if old_names else _sum(counts, "memory disk"),
        last_seen_seconds=None if last_seen is None else seconds(now - last_seen),
        evidence=None,
        transfers=transfers_from(mapping(metrics.get("transfer"))),
    )


def _sum(counts: object, states: str) -> int | None:
    """Return how many tasks are in these states; ``None`` if the worker sent no counts. It omits those that are 0."""
    return sum(whole(counts.get(state)) or 0 for state in states.split()) if isinstance(counts, dict) else None
