"""What a poll costs the scheduler: time on its event loop and bytes.

Compared with dask's own ``identity``, and with polls that do not ask for the work.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from statistics import median
from types import SimpleNamespace
from unittest import mock

from dasktop.collectors.sources.address import parse_address
from dasktop.collectors.sources.dask import collector as collector_module
from dasktop.collectors.sources.dask.collector import DaskCollector
from dasktop.collectors.sources.dask.connection import Connection
from tests.benchmarks.row import Row
from tests.benchmarks.stand_in_scheduler import ADVANCE, COSTS, StandInScheduler

POLL_SECONDS = 2.0
POLLS = 15
"""In half a minute; some parts of the work are read only at some of them."""
PATIENCE_SECONDS = 60.0


def rows(*, tiny: bool) -> Iterator[Row]:
    """Yield the rows."""
    with StandInScheduler(workers=8 if tiny else 1000, workers_of_a_job=20) as scheduler:
        yield from asyncio.run(compared(scheduler.address, rounds=1 if tiny else 5))


async def compared(address: str, rounds: int) -> list[Row]:
    """Poll for some half minutes, each time also without the work, and beside a call of ``identity``."""
    now = 0.0
    control = await Connection.open(parse_address(address), None, PATIENCE_SECONDS)

    async def costs() -> tuple[float, int]:
        seconds, sent = await control.call(COSTS, PATIENCE_SECONDS)
        return seconds, sent

    async def cost_of(action: Callable[[], Awaitable[object]]) -> tuple[float, int]:
        began, sent_before = await costs()
        await action()
        ended, sent = await costs()
        return ended - began, sent - sent_before

    async def identity() -> object:
        return await control.call("identity", PATIENCE_SECONDS, n_workers=-1)

    async def nothing() -> None:
        pass

    with mock.patch.object(collector_module, "time", SimpleNamespace(monotonic=lambda: now)):
        polls, without_work = (DaskCollector(address, timeout_seconds=PATIENCE_SECONDS) for _ in range(2))
        without_work._work.request = lambda _: None  # type: ignore[assignment, misc, return-value]
        actions = (polls.read, without_work.read, identity)
        for action in actions:
            await action()  # attaches, and registers all workers
            await action()
        half_minutes = []
        for _ in range(rounds):
            sums = [[0.0, 0.0] for _ in actions]
            for _ in range(POLLS):
                now += POLL_SECONDS
                await control.call(ADVANCE, PATIENCE_SECONDS, span=POLL_SECONDS)
                of_measuring = await cost_of(nothing)
                for found, action in zip(sums, actions, strict=True):
                    seconds, sent = await cost_of(action)
                    found[0] += (seconds - of_measuring[0]) / POLLS
                    found[1] += (sent - of_measuring[1]) / POLLS
            half_minutes.append(sums)
    for each in (polls, without_work, control):
        await each.close()
    ours, without, theirs = (
        [median(values) for values in zip(*found, strict=True)] for found in zip(*half_minutes, strict=True)
    )
    base = "identity(n_workers=-1)"
    return [
        Row.of_ratio("poll-time", 1000 * ours[0], "ms", base, 1000 * theirs[0], 0.25),
        Row.of_ratio("poll-bytes", ours[1], "bytes", base, theirs[1], 0.15),
        Row.of_ratio("poll-with-work", 1000 * ours[0], "ms", "a poll without the work", 1000 * without[0], 1.15),
    ]
