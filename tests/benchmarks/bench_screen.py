"""What the screen costs its thread: for each snapshot, and from a key until all is drawn."""

import asyncio
import itertools
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from statistics import median
from time import thread_time
from typing import Any

from msgspec.structs import replace
from textual.pilot import Pilot

from dasktop.collectors.model.snapshot import Job, Snapshot
from dasktop.tui.app import DasktopApp
from dasktop.tui.config.view_settings import ViewSettings
from dasktop.tui.view.filtering import View
from tests.benchmarks.row import Row, percentile, yardstick
from tests.support.fake_feed import FakeFeed
from tests.support.idle_screen import wait_for_idle_event_loop
from tests.support.snapshots import TAKEN_AT, busy_job, snapshot

SCREEN = (120, 40)
POLL_SECONDS = 2
KEYS_OF_A_SNAPSHOT = 4
"""Every fourth key comes just behind a snapshot: it waits until that is shown."""
VIEWS = {
    "snapshot-folded": (View(), 20),
    "snapshot-sorted": (View(sort="cpu"), 25),
    "snapshot-filtered": (View(pattern="SLURMCluster-1"), 30),
    "snapshot-flat-sorted": (View(sort="cpu", is_flat=True), 40),
}


def rows(*, tiny: bool) -> Iterator[Row]:
    """Yield the rows."""
    _install_idle()
    rounds = 2 if tiny else 8
    jobs = 2 if tiny else 400
    for name, (view, bound) in VIEWS.items():
        seconds = asyncio.run(of_snapshots(view, jobs, 20, rounds))
        yield Row.of_time(name, seconds, yardstick(), bound)
    keys = 4 if tiny else 60
    few = asyncio.run(of_keys(1, 9, keys))
    many = asyncio.run(of_keys(3 if tiny else 1025, 39, keys))
    yield Row.of_time("key-41000-rows", many, yardstick(), 50)
    yield Row.of_ratio("key-41000-rows-growth", 1000 * many, "ms", "with 10 rows", 1000 * few, 1.5)
    most = asyncio.run(of_keys(2 if tiny else 2500, 20, keys, unfold=False))
    yield Row.of_time("key-50000-workers", most, yardstick(), 50)


async def of_snapshots(view: View, jobs: int, workers_of_a_job: int, rounds: int) -> float:
    """Return the CPU seconds of the thread of the screen from a snapshot until it is drawn, as a median."""
    feed = FakeFeed()
    app = DasktopApp(feed, looks=ViewSettings(view=view))
    found = []
    async with app.run_test(size=SCREEN) as pilot:
        for shown in itertools.islice(snapshots(jobs, workers_of_a_job), rounds + 2):
            began_at = thread_time()
            await deliver(feed, shown, pilot)
            found.append(thread_time() - began_at)
    return median(found[2:])


async def of_keys(jobs: int, workers_of_a_job: int, keys: int, *, unfold: bool = True) -> float:
    """Return the CPU seconds of the thread of the screen from a key until all is drawn, of 95 % of the keys."""
    feed = FakeFeed()
    app = DasktopApp(feed)
    series = snapshots(jobs, workers_of_a_job)
    found = []
    async with app.run_test(size=SCREEN) as pilot:
        await deliver(feed, next(series), pilot)
        if unfold:
            await pilot.press("asterisk")
        for number in range(keys):
            new = next(series) if number % KEYS_OF_A_SNAPSHOT == 0 else None
            began_at = thread_time()
            if new is not None:
                feed.emit(new)
            await pilot.press("down" if number % 2 else "pagedown")
            found.append(thread_time() - began_at)
    return percentile(found, 95)


async def deliver(feed: FakeFeed, shown: Snapshot, pilot: Pilot[Any]) -> None:
    """Deliver a snapshot, and wait until it is drawn."""
    feed.emit(shown)
    await pilot.pause()


def snapshots(jobs: int, workers_of_a_job: int) -> Iterator[Snapshot]:
    """Yield snapshots of a busy cluster, in which all values change."""
    first = [busy_job(str(4000 + job), job, workers_of_a_job) for job in range(jobs)]
    both = [snapshot(first), snapshot([_moved(job) for job in first])]
    tick = 0
    while True:
        yield replace(both[tick % 2], taken_at=TAKEN_AT + timedelta(seconds=POLL_SECONDS * tick))
        tick += 1


def _moved(job: Job) -> Job:
    """Return a job with the same workers and other values."""
    [task] = job.tasks
    workers = tuple(
        replace(
            worker,
            cpu_percent=((worker.cpu_percent or 0.0) + 37.0) % 300,
            memory_bytes=(worker.memory_bytes or 0) + (64 << 20),
            executing=((worker.executing or 0) + 1) % 4,
        )
        for worker in task.workers
    )
    used = replace(
        job.used,
        cpu_percent=sum(worker.cpu_percent or 0 for worker in workers),
        memory_bytes=sum(worker.memory_bytes or 0 for worker in workers),
    )
    return replace(job, tasks=(replace(task, workers=workers),), used=used)


@cache
def _install_idle() -> None:
    """Wait for an idle screen as tests do: Textual itself looks at CPU time."""
    wait_for_idle_event_loop()
