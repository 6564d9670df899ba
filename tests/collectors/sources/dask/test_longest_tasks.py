"""The task that each worker runs longest: read, decoded, and kept while it is not asked."""

from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Worker
from dasktop.collectors.sources.dask.longest_tasks import Found, LongestTask, LongestTasks, decode_longest
from dasktop.collectors.sources.dask.shipped_work import longest_row, longest_tasks
from tests.support.snapshots import worker

ADDRESSES = ("tcp://a", "tcp://b", "tcp://c")


def running(*executing: dict[str, float]) -> list[Any]:
    """Return the answer for workers that run tasks of these names."""
    tasks = [{SimpleTask(name): seconds for name, seconds in one.items()} for one in executing]
    workers = {str(number): SimpleNamespace(executing=one) for number, one in enumerate(tasks)}
    return longest_row(*longest_tasks(SimpleNamespace(workers=workers)))


class SimpleTask:
    def __init__(self, name: str) -> None:
        self.prefix = SimpleNamespace(name=name)


def named(*workers: Worker) -> list[tuple[str | None, float | None]]:
    return [(one.longest_task_name, one.longest_task_seconds) for one in workers]


def completed(found: Found | None, *workers: Worker) -> list[tuple[str | None, float | None]]:
    silent = {one.address: one.last_seen_seconds or 0.0 for one in workers}
    return named(*LongestTasks().completed(found, "s", workers, silent))


def test_each_worker_has_its_longest_task() -> None:
    answer = running({"load": 0.5, "sum": 3.0}, {}, {"sum": 9.25, "load": 9.0})
    assert answer == [[0, None, 0], [3.0, None, 9.25], ["sum"]]
    assert decode_longest({"longest": answer}, ADDRESSES) == {
        "tcp://a": LongestTask("sum", 3.0),
        "tcp://b": None,
        "tcp://c": LongestTask("sum", 9.25),
    }


@pytest.mark.parametrize(
    "rubbish",
    [7, "text", {}, [], [[0], [1.0], ["load"]], [[0, 0, 0], [1.0], ["load"]], [[0] * 4, [1.0] * 4, ["load"]]],
)
def test_other_answers_tell_nothing(rubbish: object) -> None:
    assert decode_longest({"longest": rubbish}, ADDRESSES) == {}


@pytest.mark.parametrize("number", [7, -1, None, "0", 2**70, float("nan")])
def test_name_may_be_unknown(number: object) -> None:
    found = decode_longest({"longest": [[number, 0, 0], [1.0, None, "later"], ["load"]]}, ADDRESSES)
    assert found == {"tcp://a": LongestTask(None, 1.0), "tcp://b": None, "tcp://c": None}


def test_scheduler_may_not_report_it_or_not_be_asked() -> None:
    assert decode_longest({}, ADDRESSES) == {}
    assert decode_longest({"error": "AttributeError()"}, ADDRESSES) == {}
    assert decode_longest({"longest": None}, ADDRESSES) is None


def test_time_since_the_heartbeat_is_added() -> None:
    silent = worker("w", last_seen_seconds=40.25)
    assert completed({silent.address: LongestTask("load", 2.0)}, silent) == [("load", 42.2)]


def test_worker_that_runs_nothing_has_no_task() -> None:
    """Its tasks have ended since its last heartbeat."""
    idle, other = worker("w", executing=0), worker("v", executing=None)
    found: Found = {one.address: LongestTask("load", 2.0) for one in (idle, other)}
    assert completed(found, idle, other) == [(None, None), ("load", 2.4)]


def test_last_answer_is_kept_for_polls_that_do_not_ask() -> None:
    longest, busy = LongestTasks(), worker("w", last_seen_seconds=None)
    found: Found = {busy.address: LongestTask("load", 2.0)}
    assert named(*longest.completed(found, "s", [busy], {})) == [("load", 2.0)]
    assert named(*longest.completed(None, "s", [busy, worker("new")], {})) == [("load", 2.0), (None, None)]
    assert named(*longest.completed({}, "s", [busy], {})) == [(None, None)]


def test_nothing_is_kept_for_another_scheduler() -> None:
    longest, busy = LongestTasks(), worker("w")
    longest.completed({busy.address: LongestTask("load", 2.0)}, "s", [busy], {})
    assert named(*longest.completed(None, "other", [busy], {})) == [(None, None)]


def test_only_a_worker_that_has_changed_is_another_object() -> None:
    longest, busy = LongestTasks(), worker("w")
    (first,) = longest.completed({busy.address: LongestTask("load", 2.0)}, "s", [busy], {})
    (same,) = longest.completed(None, "s", [busy], {})
    (changed,) = longest.completed(None, "s", [replace(busy, memory_bytes=7)], {})
    assert same is first
    assert (changed.memory_bytes, changed.longest_task_name) == (7, "load")
