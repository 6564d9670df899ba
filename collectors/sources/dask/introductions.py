"""Remembers what each worker told of itself, and whom to ask again when. Asks nobody itself.

A worker is asked once, since a process doesn't move; one that is silent is asked again, more and more rarely.
"""

import math
from collections.abc import Iterable
from datetime import datetime

from dasktop.collectors.model.readings import SlurmPlace
from dasktop.collectors.model.snapshot import Record, Worker
from dasktop.collectors.sources.dask.places import place_told
from dasktop.collectors.sources.dask.plain import mapping, moment, whole, word

FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 300.0


class RegisteredWorker(Record, frozen=True, kw_only=True):
    """What a worker told of itself."""

    pid: int | None
    parent_pid: int | None
    host: str | None
    place: SlurmPlace | None
    started_at: datetime | None = None


class _Silence(Record, frozen=True, kw_only=True):
    """How often in a row a worker has not answered, and until when it is left alone (``inf``: it won't answer)."""

    times: int
    until: float


Process = tuple[str, int | None]
"""A worker's address and pid: a nanny may start a new worker at the address of the old one."""


def process_of(worker: Worker) -> Process:
    """Return what tells this worker's process from others, also later ones."""
    return worker.address, worker.pid


class WorkerRegistry:
    """The workers that are known, and those that don't answer. ``now`` is any clock that only goes forward."""

    def __init__(self) -> None:
        self._known: dict[Process, RegisteredWorker] = {}
        self._silent: dict[Process, _Silence] = {}

    def of(self, worker: Worker) -> RegisteredWorker | None:
        """Return what the worker told, or ``None`` as long as it hasn't."""
        return self._known.get(process_of(worker))

    def due(self, workers: Iterable[Worker], now: float) -> list[Worker]:
        """Return the workers to be asked who they are."""
        return [worker for worker in workers if process_of(worker) not in self._known and self.may_ask(worker, now)]

    def may_ask(self, worker: Worker, now: float) -> bool:
        """Return whether the worker may be asked anything: a silent one is left alone for a while."""
        silence = self._silent.get(process_of(worker))
        return silence is None or silence.until <= now

    def introduce(self, worker: Worker, answer: object) -> None:
        """Note what the worker told; see `shipped_worker` for its form."""
        told = mapping(answer)
        self._known[process_of(worker)] = RegisteredWorker(
            pid=whole(told.get("pid")),
            parent_pid=whole(told.get("parent_pid")),
            host=word(told.get("host")),
            place=place_told(told),
            started_at=moment(told.get("started_at")),
        )
        self._silent.pop(process_of(worker), None)

    def note_answered(self, worker: Worker) -> None:
        """Note that the worker is not silent any more."""
        self._silent.pop(process_of(worker), None)

    def note_silent(self, worker: Worker, now: float) -> None:
        """Note that the worker didn't answer; it is left alone for twice as long as the last time."""
        silence = self._silent.get(process_of(worker))
        times = silence.times + 1 if silence else 1
        pause = min(FIRST_PAUSE_SECONDS * 2 ** (times - 1), LONGEST_PAUSE_SECONDS)
        self._silent[process_of(worker)] = _Silence(times=times, until=now + pause)

    def note_refused(self, worker: Worker) -> None:
        """Note that the worker won't run what we send; each asking would be an error in its log, so never again."""
        self._silent[process_of(worker)] = _Silence(times=1, until=math.inf)

    def forget_all_but(self, workers: Iterable[Worker]) -> None:
        """Drop the workers that have gone."""
        here = {process_of(worker) for worker in workers}
        self._known = {process: told for process, told in self._known.items() if process in here}
        self._silent = {process: silence for process, silence in self._silent.items() if process in here}
