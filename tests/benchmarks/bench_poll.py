"""What a poll costs the scheduler: time on its event loop and bytes, compared with dask's own ``identity``."""

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
    """Poll for some half minutes, each beside the same number of calls of ``identity``."""
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

    polls: list[tuple[float, float]] = []
    identities: list[tuple[float, float]] = []
    with mock.patch.object(collector_module, "time", SimpleNamespace(monotonic=lambda: now)):
        collector = DaskCollector(address, timeout_seconds=PATIENCE_SECONDS)
        await collector.read()  # attaches, and registers all workers
        await collector.read()
        await identity()
        for _ in range(rounds):
            sums = [[0.0, 0.0], [0.0, 0.0]]
            for _ in range(POLLS):
                now += POLL_SECONDS
                await control.call(ADVANCE, PATIENCE_SECONDS, span=POLL_SECONDS)
                of_measuring = await cost_of(nothing)
                for found, action in zip(sums, (collector.read, identity), strict=True):
                    seconds, sent = await cost_of(action)
                    found[0] += seconds - of_measuring[0]
                    found[1] += sent - of_measuring[1]
            polls.append((sums[0][0] / POLLS, sums[0][1] / POLLS))
            identities.append((sums[1][0] / POLLS, sums[1][1] / POLLS))
    await collector.close()
    await control.close()
    ours, theirs = (tuple(map(median, zip(*found, strict=True))) for found in (polls, identities))
    base = "identity(n_workers=-1)"
    return [
        Row.of_ratio("poll-time", 1000 * ours[0], "ms", base, 1000 * theirs[0], 0.25),
        Row.of_ratio("poll-bytes", ours[1], "bytes", base, theirs[1], 0.15),
    ]
