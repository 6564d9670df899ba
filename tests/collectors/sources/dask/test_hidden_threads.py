"""Threads that nobody sees are read once, and then a few at a time; those in sight at each poll."""

import asyncio
from collections.abc import Collection
from typing import Any

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Worker
from dasktop.collectors.sources.dask import worker_probe
from dasktop.collectors.sources.dask.scheduler_reading import SchedulerReading
from dasktop.collectors.sources.dask.shipped_worker import THREADS
from dasktop.collectors.sources.dask.worker_probe import WorkerProbe
from tests.support import snapshots

WORKERS = tuple(snapshots.worker(f"w-{number}", pid=100 + number) for number in range(12))
ADDRESSES = [worker.address for worker in WORKERS]


class Scheduler:
    """A connection to a scheduler whose workers answer with one thread; records who is asked for threads."""

    closed = False

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.silent: set[str] = set()
        self.polls = 0

    async def call(self, op: str, seconds: float, **request: Any) -> Any:
        del op, seconds
        if request["messages"][-1]["op"] != THREADS:
            return {address: ["answered", {"pid": None}] for address in request["addresses"]}
        self.asked = request["addresses"]
        row = [self.polls, "name", "other", 0.5, None, None, None]
        answer = {"at": float(self.polls), "threads": [row]}
        return {one: ["silent", None] if one in self.silent else ["answered", answer] for one in self.asked}


class Probe:
    def __init__(self) -> None:
        self.scheduler = Scheduler()
        self._probe = WorkerProbe(1.0)

    def poll(self, hidden: Collection[str], workers: tuple[Worker, ...] = WORKERS) -> list[str]:
        """Return who is asked."""
        scheduler = self.scheduler
        scheduler.asked, scheduler.polls = [], scheduler.polls + 1
        reading = SchedulerReading(cluster=snapshots.everyday().cluster, workers=workers, with_nanny=frozenset())
        found = asyncio.run(self._probe.complete(scheduler, reading, ADDRESSES, hidden))  # type: ignore[arg-type]
        self.read_in = [one.worker.threads[0].native_id if one.worker.threads else None for one in found]
        """In which poll the threads of each worker were read."""
        return scheduler.asked


def test_threads_in_sight_are_read_at_each_poll() -> None:
    probe = Probe()
    for _ in range(3):
        assert probe.poll(hidden=()) == ADDRESSES
        assert probe.read_in == [probe.scheduler.polls] * len(WORKERS)


def test_hidden_threads_are_kept_and_read_in_turn() -> None:
    probe = Probe()
    seen, hidden = ADDRESSES[:2], ADDRESSES[2:]
    assert probe.poll(hidden) == ADDRESSES, "all are read once"
    turns = [probe.poll(hidden) for _ in range(5)]
    assert all(turn[:2] == seen for turn in turns)
    assert {address for turn in turns[:3] for address in turn[2:]} == set(hidden)
    assert len(turns[0]) < len(ADDRESSES)
    assert probe.read_in[:2] == [6, 6]
    assert None not in probe.read_in


def test_threads_that_come_into_sight_are_read_at_once() -> None:
    probe = Probe()
    probe.poll(ADDRESSES)
    probe.poll(ADDRESSES[:-1])
    assert probe.read_in[-1] == 2


def test_hidden_worker_that_is_silent_loses_its_threads() -> None:
    probe = Probe()
    probe.poll(ADDRESSES)
    probe.scheduler.silent = {ADDRESSES[0]}
    assert ADDRESSES[0] in probe.poll(ADDRESSES)
    assert probe.read_in[0] is None
    assert probe.read_in[-1] == 1


def test_hidden_worker_in_a_new_process_is_read_at_once() -> None:
    probe = Probe()
    probe.poll(ADDRESSES)
    for _ in range(3):
        probe.poll(ADDRESSES)
    restarted = (*WORKERS[:-1], replace(WORKERS[-1], pid=999))
    assert ADDRESSES[-1] in probe.poll(ADDRESSES, restarted)
    assert probe.read_in[-1] == 5


def test_many_hidden_workers_are_read_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_probe, "_HIDDEN_FIRST", 5)
    probe = Probe()
    seen, hidden = ADDRESSES[:2], ADDRESSES[2:]
    turns = [probe.poll(hidden) for _ in range(3)]
    assert [turn[:2] for turn in turns] == [seen] * 3
    assert turns[0][2:] == hidden[:5]
    assert turns[1][2:7] == hidden[5:], "before any is read again"
    assert probe.read_in.count(None) == 0
    assert turns[2][2:] == hidden[4:8], "the oldest first"
