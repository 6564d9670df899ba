"""What some workers hold together, by the column that tells it: the figures behind cells and behind sorting. Pure."""

from collections.abc import Iterable
from typing import Literal

from dasktop.collectors.model.snapshot import Worker

HEARTBEAT_STEP_SECONDS = 5
"""Heartbeats come every second or so: a finer step would change at each tick."""

Amount = Literal["queued", "stored", "spilled", "seen"]


def amount(column: Amount, workers: Iterable[Worker]) -> float | None:
    """Return the sum of what is known or, of heartbeats, the longest ago; ``None`` where nothing is known."""
    known = [value for worker in workers if (value := _of(column, worker)) is not None]
    if not known:
        return None
    return max(known) if column == "seen" else sum(known)


def _of(column: Amount, worker: Worker) -> float | None:
    match column:
        case "queued":
            return worker.queued
        case "stored":
            return worker.stored
        case "spilled":
            return worker.spilled_bytes
        case "seen":
            seconds = worker.last_seen_seconds
            return None if seconds is None else seconds - seconds % HEARTBEAT_STEP_SECONDS
