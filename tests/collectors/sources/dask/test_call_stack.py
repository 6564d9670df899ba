"""Call stacks of threads of a real worker, read through the scheduler; and errors."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from distributed import Client, Event

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.queries import CallStack
from dasktop.collectors.runtime.queries import answer_question
from dasktop.collectors.sources.dask.collector import DaskCollector
from dasktop.collectors.sources.dask.threads import Calls, read_call_stack
from tests.support.dask_processes import Scheduler, Workers, read_until
from tests.support.waiting import PATIENCE_SECONDS


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client of a cluster with one worker of one thread."""
    find_this = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[4]), os.environ.get("PYTHONPATH", "")])}
    with (
        Scheduler(environment=find_this) as scheduler,
        Workers(scheduler.address, "--no-nanny", "--nthreads", "1", environment=find_this) as workers,
    ):
        async with Client(scheduler.address, asynchronous=True) as client:
            yield client
        assert not any("Traceback" in line or ("dasktop" in line and "Error" in line) for line in workers.log)


def outer(event: str) -> None:
    """Call something that waits."""
    inner_one(event)


def inner_one(event: str) -> None:
    """Wait until the event is set."""
    Event(event).wait()


async def stack_with(call: str, collector: DaskCollector, address: str, native_id: int) -> Calls:
    """Return the call stack once it contains the call: a task has a thread before its function begins."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            stack = await collector.call_stack(address, native_id)
            if any(line.startswith(call) for line in stack.lines):
                return stack
            await asyncio.sleep(0.05)


async def test_call_stack_of_a_task(client: Client) -> None:
    waiting = client.submit(outer, "stop", key="waits")
    collector = DaskCollector(client.scheduler_info()["address"])
    address = (await read_until(collector, lambda seen: bool(seen.workers))).workers[0].worker.address
    reading = await read_until(
        collector, lambda seen: any(t.task_key for t in seen.workers[0].worker.threads), (address,)
    )
    threads = reading.workers[0].worker.threads
    (at_work,) = [thread for thread in threads if thread.task_key == "waits"]

    lines, running = await stack_with("inner_one  ", collector, address, at_work.native_id)
    assert running == "waits"
    calls = [line for line in lines if not line.startswith(" ")]
    (inner,) = [number for number, line in enumerate(calls) if line.startswith("inner_one  ")]
    assert calls[inner + 1].startswith("outer  "), "the innermost call comes first"
    assert f"{Path(__file__).name}:" in calls[inner]
    assert "    Event(event).wait()" in lines
    assert "    inner_one(event)" in lines
    assert all(line.isprintable() for line in lines)

    question = CallStack(worker_address=address, thread_native_id=at_work.native_id)
    answer = await answer_question(question, None, collector)
    assert (answer.error, answer.running) == (None, "waits")
    assert any(line.startswith("inner_one  ") for line in answer.lines)

    (event_loop,) = [thread for thread in threads if thread.role == "event loop"]
    with pytest.raises(SourceError, match="this thread answers"):
        await collector.call_stack(address, event_loop.native_id)
    with pytest.raises(SourceError, match="not a Python thread, or has ended"):
        await collector.call_stack(address, 2**30)
    with pytest.raises(SourceError):
        await collector.call_stack("tcp://127.0.0.1:9", at_work.native_id)
    assert (await collector.read()).workers, "a failed call does not close the connection"

    await Event("stop", client=client).set()
    await waiting
    await collector.close()
    with pytest.raises(SourceError, match="not connected"):
        await collector.call_stack(address, at_work.native_id)


async def test_refused_without_running_functions(client: Client) -> None:
    collector = DaskCollector(client.scheduler_info()["address"], probe=False)
    (worker,) = (await collector.read()).workers
    with pytest.raises(SourceError, match="cannot query the workers: probing is off"):
        await collector.call_stack(worker.worker.address, 1)
    await collector.close()


class FakeConnection:
    """A connection to a scheduler that returns this answer."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    async def call(self, op: str, seconds: float, **arguments: object) -> object:
        return self._answer


async def stack_from(answer: object) -> Calls:
    connection = FakeConnection(answer)
    return await read_call_stack(connection, "w", 1, 1.0)  # type: ignore[arg-type]


async def test_invalid_answers_are_tolerated() -> None:
    frames = [["f", "a.py", 3, "x = 1"], ["<lambda>", None, "x", None], ["too short"], None, ["\x1b[2J", "b\n", 1, ""]]
    assert await stack_from({"w": ["answered", {"frames": frames}]}) == Calls(
        ("f  a.py:3", "    x = 1", "<lambda>  ?", "[2J  b:1")
    )
    assert await stack_from({"w": ["answered", {"frames": []}]}) == Calls(())
    assert await stack_from({"w": ["answered", {"frames": [], "key": "('sum', 1)"}]}) == Calls((), "('sum', 1)")
    assert await stack_from({"w": ["answered", {"frames": [], "key": None}]}) == Calls((), "no dask task")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"w": ["silent", None]}, "did not answer within 1 s: it hangs, or a task holds the GIL"),
        ({"w": ["refused", "no\x1bsuch"]}, "^no such$"),
        ({"w": ["answered", {"error": "it ended"}]}, "^it ended$"),
        ({"w": ["answered", None]}, "the worker does not return call stacks"),
        ({"w": ["answered", {}]}, "the worker does not return call stacks"),
        ({}, "the worker does not return call stacks"),
        (None, "the worker does not return call stacks"),
    ],
)
async def test_errors_are_reported(answer: object, error: str) -> None:
    with pytest.raises(SourceError, match=error):
        await stack_from(answer)
