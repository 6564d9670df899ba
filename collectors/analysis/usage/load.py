"""What workers do at one moment, and the highest that was seen of it. Pure.

Recordings come from anywhere: in one that was edited, a figure may be anything that JSON can hold. What is below 0, or
beyond anything that there is, is taken for unknown.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from dasktop.collectors.model.report import Peaks
from dasktop.collectors.model.snapshot import Worker

Number = TypeVar("Number", int, float)

_BEYOND = 1e18
_LAST = datetime.max.replace(microsecond=0, tzinfo=UTC).timestamp()


@dataclass(slots=True)
class Load:
    """Sums over some workers, and the largest of them; ``None`` where nobody tells."""

    workers: int = 0
    threads: int = 0
    threads_busy: int | None = 0
    """``None`` as soon as one worker doesn't tell."""
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    largest_bytes: int | None = None
    """The memory of the worker that has most."""
    largest_limit_bytes: int | None = None
    spilled_bytes: int | None = None
    """Of the worker that has spilled most."""
    several_workers: int = 0
    """Those that run two tasks or more, and whose CPU is known."""
    several_tasks: int = 0
    several_cpu_percent: float = 0.0

    def add(self, other: "Load") -> None:
        """Add other workers."""
        self.workers += other.workers
        self.threads += other.threads
        both_tell = self.threads_busy is not None and other.threads_busy is not None
        self.threads_busy = (self.threads_busy or 0) + (other.threads_busy or 0) if both_tell else None
        if other.cpu_percent is not None:
            self.cpu_percent = (self.cpu_percent or 0.0) + other.cpu_percent
        if other.memory_bytes is not None:
            self.memory_bytes = (self.memory_bytes or 0) + other.memory_bytes
        self._note_largest(other)

    def add_memory(self, memory_bytes: int | None, limit_bytes: int | None, spilled_bytes: int | None) -> None:
        """Add what one more worker holds."""
        if memory_bytes is not None and 0 <= memory_bytes < _BEYOND:
            self.memory_bytes = (self.memory_bytes or 0) + memory_bytes
            if self.largest_bytes is None or memory_bytes > self.largest_bytes:
                self.largest_bytes, self.largest_limit_bytes = memory_bytes, sane(limit_bytes)
        if spilled_bytes is not None and 0 <= spilled_bytes < _BEYOND and spilled_bytes > (self.spilled_bytes or -1):
            self.spilled_bytes = spilled_bytes

    def raise_to(self, other: "Load") -> None:
        """Keep the higher of each value."""
        if other.workers > self.workers:
            self.workers = other.workers
        if other.threads > self.threads:
            self.threads = other.threads
        self.threads_busy = higher(self.threads_busy, other.threads_busy)
        self.cpu_percent = higher(self.cpu_percent, other.cpu_percent)
        self.memory_bytes = higher(self.memory_bytes, other.memory_bytes)
        self._note_largest(other)

    def _note_largest(self, other: "Load") -> None:
        if other.largest_bytes is not None and other.largest_bytes >= (self.largest_bytes or 0):
            self.largest_bytes, self.largest_limit_bytes = other.largest_bytes, other.largest_limit_bytes
        self.spilled_bytes = higher(self.spilled_bytes, other.spilled_bytes)

    def peaks(self, max_rss_bytes: int | None = None) -> Peaks:
        """Return it as the highest that was seen."""
        return Peaks(
            workers=self.workers or None,
            threads=self.threads or None,
            threads_busy=self.threads_busy,
            cpu_percent=None if self.cpu_percent is None else round(self.cpu_percent, 1),
            memory_bytes=self.memory_bytes,
            worker_memory_bytes=self.largest_bytes,
            worker_memory_limit_bytes=self.largest_limit_bytes,
            worker_spilled_bytes=self.spilled_bytes,
            max_rss_bytes=max_rss_bytes,
        )


def load_of(workers: Iterable[Worker]) -> Load:
    """Return what these workers do."""
    load = Load()
    for worker in workers:
        load.workers += 1
        nthreads = worker.nthreads if worker.nthreads is not None and 0 <= worker.nthreads < _BEYOND else 0
        load.threads += nthreads
        executing = worker.executing if worker.executing is not None and 0 <= worker.executing < _BEYOND else None
        if executing is None:
            load.threads_busy = None
        elif load.threads_busy is not None:
            load.threads_busy += min(executing, nthreads)  # a task that has seceded holds no thread
        load.add_memory(worker.memory_bytes, worker.memory_limit_bytes, worker.spilled_bytes)
        cpu = worker.cpu_percent
        if cpu is not None and 0 <= cpu < _BEYOND:
            load.cpu_percent = (load.cpu_percent or 0.0) + cpu
            if executing is not None and min(executing, nthreads) >= 2:
                load.several_workers += 1
                load.several_tasks += min(executing, nthreads)
                load.several_cpu_percent += cpu
    return load


def sane(value: int | None) -> int | None:
    """Return a count, unless it can't be one."""
    return value if value is not None and 0 <= value < _BEYOND else None


def moment(seconds: float) -> datetime:
    """Return when that is, in seconds since 1970; the end of all time is not exact, and may lie behind it."""
    return datetime.fromtimestamp(min(seconds, _LAST), UTC)


def higher(one: Number | None, other: Number | None) -> Number | None:
    """Return the higher one; what is unknown is lower than anything."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)
