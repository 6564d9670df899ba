"""The work of a real scheduler: progress, failures with their workers, and what cannot run."""

import asyncio
import os
from collections.abc import Callable

from distributed import Client, Event

from dasktop.collectors.model.options import Options
from dasktop.collectors.model.work import Work
from dasktop.collectors.runtime.poller import Poller
from dasktop.collectors.sources.dask.collector import DaskCollector
from tests.support.dask_processes import PATIENCE_SECONDS, Scheduler, Workers

WORKER = ("--nthreads", "2", "--name", "w")
NO_RETRY = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}


async def work_with(collector: DaskCollector, condition: Callable[[Work], bool]) -> Work:
    """Return the work once the condition holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            reading = await collector.read()
            assert collector.refusal is None
            assert reading.work is not None
            if condition(reading.work):
                return reading.work
            await asyncio.sleep(0.1)


async def test_workers_report_what_they_run_longest() -> None:
    with Scheduler() as scheduler, Workers(scheduler.address, *WORKER):
        collector = DaskCollector(scheduler.address)
        async with Client(scheduler.address, asynchronous=True) as client, asyncio.timeout(PATIENCE_SECONDS):
            may_end = Event("may end", client=client)
            runs = client.submit(may_end.wait, key="wait-1")
            while (worker := (await collector.read()).workers[0].worker).longest_task_seconds is None:
                assert worker.longest_task_name is None
                await asyncio.sleep(0.1)
            assert worker.longest_task_name == "wait"
            await may_end.set()
            await runs
            await collector.close()


async def test_progress_failures_and_unrunnable_tasks() -> None:
    with Scheduler(environment=os.environ | NO_RETRY) as scheduler, Workers(scheduler.address, *WORKER):
        collectors = DaskCollector(scheduler.address), DaskCollector(scheduler.address)
        async with Client(scheduler.address, asynchronous=True) as client:
            done = client.map(abs, range(20), pure=False)
            bad = client.map(divmod, [1, 2], [0, 0], pure=False)
            blocked = client.map(str, bad)
            waiting = client.submit(hex, 7, resources={"GPU": 1}, pure=False)
            for collector in collectors:
                work = await work_with(
                    collector,
                    lambda seen: (
                        len(seen.failures or ()) == 2 and seen.unrunnable_total == 1 and seen.progress.done == 20
                    ),
                )
                assert {failure.task_name for failure in work.failures or ()} == {"divmod"}
                assert {failure.worker for failure in work.failures or ()} == {"w"}
                assert "ZeroDivisionError" in (work.failures or ())[0].exception
                assert work.progress.erred == 4
                assert sum(failure.blocks or 0 for failure in work.failures or ()) == 2
                assert work.unrunnable[0].resources == {"GPU": 1.0}
                [computation] = work.computations
                assert set(computation.task_names) == {"abs", "divmod", "hex", "str"}
                assert computation.ended_at is None

            poller = Poller(Options(address=scheduler.address, slurm=False))
            poller.attach_to(scheduler.address)
            for _ in range(2):
                await poller.poll_dask()
                snapshot = poller.snapshot()
                findings = {finding.code: finding for finding in snapshot.findings}
            assert snapshot.work is not None
            assert (snapshot.work.progress.failed, snapshot.work.progress.blocked) == (2, 2)
            await poller.close()
            assert findings["tasks-unrunnable"].message == "1 task cannot run (hex): no worker offers GPU=1"
            assert "divmod (2): ZeroDivisionError(" in findings["tasks-failed"].message

            dies = client.submit(os._exit, 1, pure=False)
            for collector in collectors:
                work = await work_with(collector, lambda seen: len(seen.failures or ()) == 3)
                failure = (work.failures or ())[-1]
                assert (failure.kind, failure.worker) == ("worker killed", "w")
                assert [attempt.worker for attempt in failure.attempts] == ["w"]
                await collector.close()
            del done, blocked, waiting, dies
