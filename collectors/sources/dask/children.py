"""The processes that a worker's tasks have started, from its answer. Asks nobody."""

from collections.abc import Mapping
from typing import Any

from dasktop.collectors.model.snapshot import ChildProcess
from dasktop.collectors.sources.dask.plain import real, sequence, whole, word
from dasktop.collectors.sources.dask.shipped_worker import CHILD_FIELDS, MOST_CHILDREN


def children_told(answer: Mapping[str, Any]) -> tuple[ChildProcess, ...] | None:
    """Return the child processes; ``None`` where the worker can't tell. See `shipped_worker` for the answer's form."""
    rows = answer.get("children")
    if not isinstance(rows, list | tuple):
        return None
    told = [dict(zip(CHILD_FIELDS, row, strict=False)) for row in map(sequence, rows[:MOST_CHILDREN])]
    return tuple(
        ChildProcess(
            pid=pid,
            name=word(row.get("name")),
            memory_bytes=whole(row.get("memory_bytes")),
            cpu_seconds=real(row.get("cpu_seconds")),
        )
        for row in told
        if (pid := whole(row.get("pid"))) is not None
    )
