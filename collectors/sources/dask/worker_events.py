"""Keeps what a scheduler told of its workers' ends, with the names that their addresses had. Asks nobody."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta

from dasktop.collectors.model.snapshot import Worker, WorkerEvent
from dasktop.collectors.sources.dask.scheduler_reading import SchedulerReading

KEPT_SECONDS = 1800.0
MOST_KEPT = 1000
MOST_ADDRESSES = 20_000


class WorkerEvents:
    """What became of the workers of one scheduler."""

    def __init__(self) -> None:
        self._scheduler_id: str | None = None
        self._workers: dict[str, tuple[str | None, int | None]] = {}
        # By the scheduler's clock, which is the one that the next question counts by.
        self._events: deque[tuple[float, WorkerEvent]] = deque(maxlen=MOST_KEPT)

    @property
    def since(self) -> float | None:
        """The time of the last event that is known; ``None``: all are wanted that the scheduler tells."""
        return self._events[-1][0] if self._events else None

    def after(self, reading: SchedulerReading, taken_at: datetime) -> tuple[WorkerEvent, ...] | None:
        """Return the events of the last half hour, those of this reading among them; ``None`` where it tells none."""
        if reading.cluster.scheduler_id != self._scheduler_id:
            self._events.clear()
            self._workers.clear()
            self._scheduler_id = reading.cluster.scheduler_id
        self._learn(reading.workers)
        if reading.events is None or reading.now is None:
            return None
        known_until = self.since  # one event may be about several workers
        for event in reading.events:
            if known_until is not None and event.at <= known_until:
                continue  # asked twice, as the first answer did not arrive
            name, limit_bytes = self._workers.get(event.address or "", (None, None))
            told = WorkerEvent(
                # Both clocks may differ; how long ago it was doesn't.
                at=taken_at - timedelta(seconds=min(max(0.0, reading.now - event.at), KEPT_SECONDS)),
                worker=name,
                address=event.address,
                kind=event.kind,
                pid=event.pid,
                memory_bytes=event.memory_bytes,
                limit_bytes=limit_bytes,
                reason=event.reason,
                tasks_interrupted=event.tasks_interrupted,
                results_lost=event.results_lost,
            )
            self._events.append((event.at, told))
        while self._events and reading.now - self._events[0][0] > KEPT_SECONDS:
            self._events.popleft()
        return tuple(told for _, told in self._events)

    def _learn(self, workers: Iterable[Worker]) -> None:
        for worker in workers:
            self._workers.pop(worker.address, None)  # so that the dictionary forgets the longest unseen first
            self._workers[worker.address] = (worker.name, worker.memory_limit_bytes)
        while len(self._workers) > MOST_ADDRESSES:
            del self._workers[next(iter(self._workers))]
