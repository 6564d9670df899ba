"""What each worker runs longest: decoded, and kept until it is read again. Does no I/O."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Worker
from dasktop.collectors.sources.dask.plain_values import as_int, as_seconds, as_text, as_tuple


class LongestTask(NamedTuple):
    """The task that a worker runs longest."""

    name: str | None
    """Its task name; ``None``: unknown."""
    seconds: float
    """How long it had run at the worker's last heartbeat."""


Found = Mapping[str, LongestTask | None]
"""What workers run, by address; ``None``: nothing. Empty if the scheduler does not report it."""


def decode_longest(work: Mapping[str, object], workers: Sequence[object]) -> Found | None:
    """Return what the workers run, from an answer of `shipped_work.read_work`; ``None`` if that was not asked.

    ``workers`` are the rows of the workers, which begin with their addresses, from the same answer.
    """
    if "longest" in work and work["longest"] is None:
        return None
    parts = tuple(map(as_tuple, as_tuple(work.get("longest"))))
    if len(parts) != 3 or not len(parts[0]) == len(parts[1]) == len(workers):
        return {}
    numbers, seconds, names = parts
    found: dict[str, LongestTask | None] = {}
    for row, number, ran in zip(workers, numbers, seconds, strict=True):
        address = as_text((*as_tuple(row), None)[0])
        if address is not None:
            found[address] = _longest(names, number, ran)
    return found


def _longest(names: Sequence[object], number: object, ran: object) -> LongestTask | None:
    place, seconds = as_int(number), as_seconds(ran)
    if seconds is None:
        return None
    return LongestTask(as_text(names[place]) if place is not None and place < len(names) else None, seconds)


class LongestTasks:
    """The longest running task of each worker of one scheduler, kept between the readings that contain it."""

    def __init__(self) -> None:
        self._scheduler_id: str | None = None
        self._known: Found = {}

    def completed(self, found: Found | None, scheduler_id: str | None, workers: Sequence[Worker]) -> tuple[Worker, ...]:
        """Return the workers with the task that each runs longest, by this answer or, if not asked, the last one."""
        if found is not None or scheduler_id != self._scheduler_id:
            self._known = found or {}
        self._scheduler_id = scheduler_id
        return tuple(self._with_task(worker, is_new=found is not None) for worker in workers)

    def _with_task(self, worker: Worker, *, is_new: bool) -> Worker:
        task = self._known.get(worker.address)
        if task is None or worker.executing == 0:
            return worker
        since = worker.last_seen_seconds or 0 if is_new else 0  # while tasks hold the GIL, it sends no heartbeat
        return replace(worker, longest_task_name=task.name, longest_task_seconds=round(task.seconds + since, 1))
