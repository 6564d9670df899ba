"""Read a scheduler through its ``identity`` call, where our own handler is not allowed. Runs nothing there."""

import time
from collections.abc import Mapping
from typing import Any

from dasktop.collectors.model.errors import NoSchedulerError
from dasktop.collectors.model.snapshot import Cluster, Transfers, Worker
from dasktop.collectors.sources.address import host_of
from dasktop.collectors.sources.dask.connection import Connection
from dasktop.collectors.sources.dask.plain_values import as_datetime, as_dict, as_int, as_number, as_seconds, as_text
from dasktop.collectors.sources.dask.scheduler_reading import SchedulerReading
from dasktop.collectors.sources.dask.shipped_workers import TRANSFER_FIELDS
from dasktop.collectors.sources.dask.worker_table import as_transfers


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
    workers = as_dict(answer.get("workers"))
    # Up to 2026.1 the default is five workers.
    if worker_count(answer) > len(workers):
        answer = await identify(connection, timeout_seconds, n_workers=-1)
        workers = as_dict(answer.get("workers"))
    now = time.time()
    return SchedulerReading(
        cluster=Cluster(
            scheduler_address=as_text(answer.get("address")),
            scheduler_id=as_text(answer.get("id")),
            dask_version=None,
            task_counts=None,
            owner=None,
        ),
        workers=tuple(
            _worker(address, as_dict(fields), now)
            for key, fields in workers.items()
            if (address := as_text(key)) is not None
        ),
        started_at=as_datetime(answer.get("started")),
        with_nanny=frozenset(
            address for key, fields in workers.items() if as_dict(fields).get("nanny") and (address := as_text(key))
        ),
    )


def worker_count(answer: Mapping[str, Any]) -> int:
    """Return how many workers a scheduler has. Before 2025.4 its identity has no count, but all workers."""
    count = as_int(answer.get("n_workers"))
    return len(as_dict(answer.get("workers"))) if count is None else count


async def identify(connection: Connection, timeout_seconds: float, **arguments: int) -> dict[str, Any]:
    """Return a scheduler's identity.

    Raises
    ------
    NoSchedulerError
        It is not a scheduler; the text says what it is, and for a worker the address of its scheduler.
    SourceError
        It did not answer.
    """
    answer = as_dict(await connection.call("identity", timeout_seconds, **arguments))
    if isinstance(answer.get("workers"), dict):
        return answer
    kind = as_text(answer.get("type")) or "something else"
    its_scheduler = as_text(answer.get("scheduler"))
    way_out = f"; its scheduler is {its_scheduler}" if its_scheduler else ""
    raise NoSchedulerError(f"{connection.address} is not a scheduler, but a {kind.lower()}{way_out}")


def _worker(address: str, fields: dict[Any, Any], now: float) -> Worker:
    metrics = as_dict(fields.get("metrics"))
    # Renamed between 2022.6 and 2022.12.
    counts = metrics.get("task_counts")
    spilled = as_dict(metrics.get("spilled_bytes") or metrics.get("spilled_nbytes"))
    managed = as_int(metrics.get("managed_bytes"))
    last_seen = as_number(fields.get("last_seen"))
    old_names = "executing" in metrics
    return Worker(
        name=as_text(fields.get("name")) or address,
        address=address,
        pid=None,
        nanny_pid=None,
        host=host_of(address),
        status=as_text(fields.get("status")),
        nthreads=as_int(fields.get("nthreads")),
        memory_limit_bytes=as_int(fields.get("memory_limit")) or None,  # 0 means no limit
        memory_bytes=as_int(metrics.get("memory")),
        managed_bytes=None if managed is None else max(0, managed - (as_int(spilled.get("memory")) or 0)),
        spilled_bytes=as_int(spilled.get("disk")),
        cpu_percent=as_number(metrics.get("cpu")),
        executing=as_int(metrics.get("executing")) if old_names else _sum(counts, "executing long-running"),
        queued=as_int(metrics.get("ready")) if old_names else _sum(counts, "ready constrained waiting"),
        stored=as_int(metrics.get("in_memory")) if old_names else _sum(counts, "memory disk"),
        last_seen_seconds=None if last_seen is None else as_seconds(now - last_seen),
        last_seen_at=as_datetime(last_seen),
        evidence=None,
        transfers=_transfers(as_dict(metrics.get("transfer"))),
    )


def _transfers(metric: Mapping[Any, Any]) -> Transfers | None:
    return as_transfers(tuple(metric.get(field) for field in TRANSFER_FIELDS)) if metric else None


def _sum(counts: object, states: str) -> int | None:
    """Return how many tasks are in these states; ``None`` if the worker sent no counts. It omits those that are 0."""
    return sum(as_int(counts.get(state)) or 0 for state in states.split()) if isinstance(counts, dict) else None
