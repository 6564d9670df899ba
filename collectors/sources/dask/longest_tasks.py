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
    """How long it has run; in an answer, how long it had run at the worker's last heartbeat."""

    def after(self, seconds: float) -> "LongestTask":
        """Return it as it is so much later."""
        return LongestTask(self.name, self.seconds + seconds)


Found = Mapping[str, LongestTask | None]
"""What workers run, by address; ``None``: nothing. Empty if the scheduler does not report it."""


def decode_longest(work: Mapping[str, object], addresses: Sequence[str | None]) -> Found | None:
    """Return what the workers run, from an answer of `shipped_work.read_work`; ``None`` if that was not asked.

    ``addresses``: those of all workers, in the order of the answer; ``None``: invalid.
    """
    if "longest" in work and work["longest"] is None:
        return None
    parts = tuple(map(as_tuple, as_tuple(work.get("longest"))))
    if len(parts) != 3 or not len(parts[0]) == len(parts[1]) == len(addresses):
        return {}
    numbers, seconds, names = parts
    found: dict[str, LongestTask | None] = {}
    for address, number, ran in zip(addresses, numbers, seconds, strict=True):
        if address is not None:
            found[address] = _longest(names, number, ran)
    return found


def _longest(names: Sequence[object], number: object, ran: object) -> LongestTask | None:
    place, seconds = as_int(number), as_seconds(ran)
    if seconds is None:
        return None
    return LongestTask(as_text(names[place]) if place is not None and place < len(names) else None, seconds)


class _Completed(NamedTuple):
    worker: Worker
    task: LongestTask
    completed: Worker


class LongestTasks:
    """The longest running task of each worker of one scheduler, kept between the readings that contain it."""

    def __init__(self) -> None:
        self._scheduler_id: str | None = None
        self._known: Found = {}
        self._completed: dict[str, _Completed] = {}

    def completed(
        self,
        found: Found | None,
        scheduler_id: str | None,
        workers: Sequence[Worker],
        silent_seconds: Mapping[str, float],
    ) -> tuple[Worker, ...]:
        """Return the workers with the task that each runs longest, by this answer or, if not asked, the last one.

        ``silent_seconds``: how long ago each sent its last heartbeat: while tasks hold the GIL, it sends none. A worker
        of which nothing has changed stays the same object.
        """
        if found is not None or scheduler_id != self._scheduler_id:
            tasks = (found or {}).items()
            self._known = {one: task and task.after(silent_seconds.get(one, 0.0)) for one, task in tasks}
        self._scheduler_id = scheduler_id
        before, self._completed = self._completed, {}
        return tuple(self._with_task(worker, self._known.get(worker.address), before) for worker in workers)

    def _with_task(self, worker: Worker, task: LongestTask | None, before: Mapping[str, _Completed]) -> Worker:
        if task is None or worker.executing == 0:
            return worker
        last = before.get(worker.address)
        if last is None or last.worker is not worker or last.task is not task:
            named = replace(worker, longest_task_name=task.name, longest_task_seconds=round(task.seconds, 1))
            last = _Completed(worker, task, named)
        self._completed[worker.address] = last
        return last.completed
