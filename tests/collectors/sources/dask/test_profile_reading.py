"""Profiles of a real worker, and answers of any form."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import dask
import pytest
from distributed import Client, Scheduler, Worker

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.queries import ProfiledCall, ProfileOf
from dasktop.collectors.runtime.queries import answer_question
from dasktop.collectors.sources.dask import profile_reading
from dasktop.collectors.sources.dask.collector import DaskCollector
from dasktop.collectors.sources.dask.profile_reading import read_profiles
from dasktop.collectors.sources.dask.shipped_profile import counts_leaves, first_sample, read_calls
from tests.support.waiting import PATIENCE_SECONDS


class FakeConnection:
    def __init__(self, answers: object) -> None:
        self.answers = answers

    async def call(self, op: str, seconds: float, **arguments: Any) -> object:
        del op, seconds, arguments
        return self.answers


def of_workers(answers: object, workers: int = 2) -> Any:
    names = {f"tcp://{number}": f"w{number}" for number in range(workers)}
    return read_profiles(FakeConnection(answers), names, None, 5.0)  # type: ignore[arg-type]


def answered(samples: object, *calls: object) -> tuple[str, dict[str, object]]:
    return "answered", {"samples": samples, "calls": calls}


async def test_profiles_of_several_workers_are_added() -> None:
    one = answered(10, ("run", "m.py", 3, 10, 4, (("load", "m.py", 9, 6, 6, ()),)))
    two = answered(20, ("run", "m.py", 3, 20, 20, ()), ("load", "m.py", 9, 6, 6, ()))
    profile = await of_workers({"tcp://0": one, "tcp://1": two})
    assert (profile.workers, profile.samples, profile.problems) == (2, 30, ())
    run, load = profile.calls
    assert (run.name, run.file, run.line, run.samples, run.own_samples) == ("run", "m.py", 3, 30, 24)
    assert [call.name for call in run.calls] == ["load"]
    assert load.samples is not None
    assert load.samples == 6


async def test_missing_workers_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = await of_workers({"tcp://0": answered(1), "tcp://1": ("silent", None)})
    assert profile.problems == ("worker w1: no answer within 3 s: it hangs, or a task holds the GIL",)
    with pytest.raises(SourceError, match="worker w0: it does not return profiles"):
        await of_workers({})
    monkeypatch.setattr(profile_reading, "MOST_WORKERS", 1)
    assert (await of_workers({"tcp://0": answered(1)}, 3)).problems == ("2 more workers were not asked",)


HISTORY = [(10.0, {}), (11.0, {"load": {}}), (12.0, {}), (13.0, {"sum": {}})]


@pytest.mark.parametrize(
    ("since", "task_name", "history", "expected"),
    [
        (0.0, None, HISTORY, 10.0),
        (10.5, None, HISTORY, 10.5),
        (11.5, None, HISTORY, 12.0),
        (0.0, "sum", HISTORY, 12.0),
        (0.0, "mean", HISTORY, 13.0),  # only in the samples of the current second
        (0.0, None, HISTORY[1:], 11.0),
        (0.0, "other", HISTORY, 14.0),
    ],
)
def test_first_sample_after_a_time(since: float, task_name: str | None, history: list[Any], expected: float) -> None:
    worker = SimpleNamespace(profile_keys_history=history, profile_keys={"mean": {}})
    assert first_sample(worker, since, task_name, 14.0) == expected


async def test_time_of_the_samples_is_that_of_the_oldest() -> None:
    ages = {"tcp://0": (4, 180.0), "tcp://1": (4, 20.0), "tcp://2": (0, 300.0)}
    answers = {address: ("answered", {"samples": of, "age_seconds": age}) for address, (of, age) in ages.items()}
    assert (await of_workers(answers, 3)).seconds == 180.0
    assert (await of_workers({"tcp://2": answers["tcp://2"]}, 3)).seconds == profile_reading.SECONDS


RUBBISH = [None, 7, "text", (), (1,), {"a": 1}, ("f", "m.py", 1, 2, 3, 4), ("f", None, None, None, 1, ()), 1e400]


@pytest.mark.parametrize("rubbish", RUBBISH)
async def test_rubbish_is_omitted(rubbish: object) -> None:
    good = ("f", "\x1b[2Jm.py", 1, 5, 5, ())
    profile = await of_workers({"tcp://0": answered(5, good, rubbish), "tcp://1": ("answered", rubbish)})
    assert profile.calls[0].file == "[2Jm.py"
    deep: tuple[object, ...] = good
    for _ in range(300):
        deep = ("g", "m.py", 1, 5, 0, (deep,))
    assert (await of_workers({"tcp://0": answered(5, deep)})).samples == 5


def node(name: str, count: int, *children: dict[str, Any]) -> dict[str, Any]:
    return {
        "count": count,
        "description": {"name": name, "filename": "m.py", "line_number": 1},
        "children": {child["description"]["name"]: child for child in children},
    }


def sent(profile: dict[str, Any], least: float = 5, depth: int = 80, budget: int = 10) -> list[list[Any]]:
    return read_calls(profile, profile["count"], least, depth, [budget], counts_leaves(profile))[0]


def test_samples_of_innermost_functions_that_dask_does_not_count() -> None:
    only = node("root", 100, node("a", 100, node("b", 0)))
    assert sent(only) == [["a", "m.py", 1, 100, 0, [["b", "m.py", 1, 100, 100, []]]]]
    several = node("root", 100, node("a", 100, node("b", 40, node("c", 0)), node("d", 0)))
    [[_, _, _, samples, own, calls]] = sent(several)
    assert (samples, own) == (100, 60)
    assert calls == [["b", "m.py", 1, 40, 0, [["c", "m.py", 1, 40, 40, []]]], ["d", "m.py", 1, None, 0, []]]


def test_what_took_little_time_is_not_sent() -> None:
    profile = node("root", 1000, node("a", 900, node("b", 2), node("c", 500)), node("d", 3))
    assert sent(profile) == [["a", "m.py", 1, 900, 398, [["c", "m.py", 1, 500, 500, []]]]]
    assert sent(profile, depth=1) == [["a", "m.py", 1, 900, 398, []]]
    assert sent(profile, budget=0) == []


def spin(seconds: float) -> None:
    """Use the CPU."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def names_in(calls: tuple[ProfiledCall, ...]) -> set[str]:
    return {call.name for call in calls}.union(*(names_in(call.calls) for call in calls))


async def test_profile_of_a_real_worker() -> None:
    settings = {"distributed.worker.profile.enabled": True, "distributed.worker.profile.cycle": "100ms"}
    with dask.config.set(settings):
        await compare_profile_of_a_worker()


async def compare_profile_of_a_worker() -> None:
    async with (
        Scheduler(host="127.0.0.1", port=0, dashboard_address=":0") as scheduler,
        Worker(scheduler.address, host="127.0.0.1", nthreads=1, dashboard_address=":0") as worker,
        Client(scheduler.address, asynchronous=True) as client,
    ):
        collector = DaskCollector(scheduler.address)
        await collector.read()

        async def profile(task_name: str | None) -> Any:
            question = ProfileOf(worker_addresses=(worker.address,), task_name=task_name)
            answer = await answer_question(question, None, collector)
            assert answer.profile is not None
            return answer.profile

        async with asyncio.timeout(PATIENCE_SECONDS):
            while "spin" not in names_in((await profile("spin")).calls):
                await client.submit(spin, 0.1, pure=False)
        whole = await profile(None)
        assert 0 < whole.seconds < profile_reading.SECONDS, "since the first sample"
        [of_spin] = whole.calls
        assert (of_spin.name, of_spin.file, of_spin.samples) == ("spin", None, whole.samples), "the task name"
        assert "spin" in names_in(of_spin.calls)
        assert all(call.samples <= whole.samples for call in whole.calls if call.samples is not None)
        assert (await profile("other")).samples == 0
        await collector.close()
        with pytest.raises(SourceError, match="not connected"):
            await collector.profile((worker.address,), None)
