"""What the work adds to a poll on the scheduler's event loop, in a cluster with tasks of many names."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from distributed import Scheduler

from dasktop.collectors.sources.dask import shipped_scheduler
from dasktop.collectors.sources.dask.comm import unpacked
from dasktop.collectors.sources.dask.work_reading import WorkReader
from tests.benchmarks.row import Row, cpu_seconds
from tests.benchmarks.stand_in_scheduler import Options, Workers, metrics_of_a_worker

POLL_SECONDS = 2.0
POLLS = 30
"""In a minute; some parts of the work are read only at some of them."""
FAR_FUTURE = 2.0**32
"""Seconds since 1970; no failures are later."""


def rows(*, tiny: bool) -> Iterator[Row]:
    """Yield the row."""
    without, with_work = asyncio.run(compared(workers=8 if tiny else 1000, rounds=1 if tiny else 20))
    base = "a poll without the work"
    yield Row.of_ratio("poll-with-work", 1000 * with_work, "ms", base, 1000 * without, 1.15)


async def compared(workers: int, rounds: int) -> tuple[float, float]:
    """Return the seconds of a poll without the work, and of one with it: means of a minute, without the connection."""
    async with Scheduler(port=0, dashboard_address="127.0.0.1:0", host="127.0.0.1") as scheduler:
        stand_ins = Workers(scheduler, Options(workers=workers), await metrics_of_a_worker(scheduler))
        shipped_scheduler.dasktop_install(scheduler)
        pollers = [Poller(scheduler, [None]), Poller(scheduler, requests_of_a_minute(workers))]
        for poller in pollers:
            poller.seconds_of_a_poll()
        found: list[list[float]] = []
        for _ in range(rounds * POLLS):
            stand_ins.advance(POLL_SECONDS)
            found.append([poller.seconds_of_a_poll() for poller in pollers])
        scheduler.workers.clear()
    # The fastest of each poll of the minute, so that other work of the machine affects all alike.
    minutes = [found[number::POLLS] for number in range(POLLS)]
    without, with_work = (sum(min(pair[which] for pair in same) for same in minutes) / POLLS for which in (0, 1))
    return without, with_work


class Poller:
    """Polls a scheduler in this process, and knows what it has been told."""

    def __init__(self, scheduler: Scheduler, requests: list[dict[str, Any] | None]) -> None:
        self._scheduler = scheduler
        self._requests = requests
        self._polls = 0
        self._known = None

    def seconds_of_a_poll(self) -> float:
        """Poll once; return the CPU seconds."""
        handler = self._scheduler.handlers[shipped_scheduler.READING]
        request = self._requests[self._polls % len(self._requests)]
        self._polls += 1
        answer: dict[str, Any] = {}

        def poll() -> None:
            answer.update(handler(events_since=FAR_FUTURE, work=request, known_workers=self._known))

        seconds = cpu_seconds(poll)
        self._known = unpacked(answer)["workers"]["known"]
        return seconds


def requests_of_a_minute(workers: int) -> list[dict[str, Any] | None]:
    """Return what dasktop requests at each poll of a minute in which nothing fails."""
    now = 0.0
    reader = WorkReader(lambda: now)
    requests: list[dict[str, Any] | None] = []
    for number in range(POLLS):
        now = number * POLL_SECONDS
        request = reader.request(workers)
        requests.append(request | {"failures_since": FAR_FUTURE})
        answer = {"names": (), "activities": () if request.get("activities") else None} if len(request) > 1 else {}
        reader.after(answer, "id", None, datetime.now(UTC), lambda address: address)
    return requests
