"""What the scheduler reports of its work: by name, computation and failure, without a loop over tasks."""

import time
from collections import deque
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgpack
import pytest

from dasktop.collectors.sources.dask import shipped_work
from dasktop.collectors.sources.dask.shipped_scheduler import count_tasks
from dasktop.collectors.sources.dask.shipped_work import (
    COMPUTATION_FIELDS,
    FAILURE_FIELDS,
    MOST_BLOCKED,
    MOST_FAILURES,
    MOST_NAMES,
    MOST_RUNNING,
    NAME_FIELDS,
    RUNNING_FIELDS,
    STATES,
    UNRUNNABLE_FIELDS,
    count_blocked,
    counts_of,
    read_work,
)

SOURCE = "def run():\n    x = load()\n    return x.sum().compute()\n\n\nrun()\n"


class Frame(NamedTuple):
    """A frame of the client's code, of the form of distributed 2023.6 and newer."""

    code: str
    lineno_frame: int
    lineno_relative: int
    filename: str


class Tasks(dict[Any, Any]):
    """Tasks by key, which may be looked up but not looped over."""

    def __iter__(self) -> Any:
        raise AssertionError("a loop over all tasks")

    keys = values = items = __iter__


class Prefix(SimpleNamespace):
    """A task name, of the form of distributed 2023.6 and newer."""

    def __len__(self) -> int:
        return sum(self.states.values())


def prefix(name: Any = "load", finished: int = 4, **states: int) -> Prefix:
    return Prefix(
        name=name,
        states=states,
        max_exec_time=-1,
        nbytes_total=400,
        suspicious=0,
        all_durations={"compute": 2.0},
        state_counts={"memory": finished},
        groups=[],
    )


class Group(SimpleNamespace):
    """A group of tasks, which is a key of dictionaries as in distributed."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__


def group(name: str = "load", start: float = 10.0, stop: float = 20.0, **states: int) -> Group:
    return Group(prefix=prefix(name), start=start, stop=stop, states=states)


def task(key: Any, name: str = "load", **fields: Any) -> Any:
    empty = {"exception_blame": None, "erred_on": set(), "exception_text": None, "traceback_text": None}
    restrictions = {"resource_restrictions": None, "worker_restrictions": None, "host_restrictions": None}

    class Task(SimpleNamespace):
        __hash__ = object.__hash__
        __eq__ = object.__eq__

    return Task(key=key, prefix=prefix(name), **{"group": None, "dependents": []} | empty | restrictions | fields)


def erred(key: Any, at: float, exception: str = "", workers: tuple[str, ...] = (), traceback: str = "") -> Any:
    return SimpleNamespace(
        key=key, timestamp=at, erred_on=set(workers), exception_text=exception, traceback_text=traceback
    )


def span(number: str = "s1", name: tuple[str, ...] = ("default",), groups: Any = (), code: Any = ()) -> Any:
    return SimpleNamespace(id=number, name=name, groups=list(groups), enqueued=5.0, _code=dict.fromkeys(code))


def scheduler(
    *prefixes: Prefix, spans: Any = (), tasks: Any = (), failed: Any = (), events: Any = (), **other: Any
) -> Any:
    topics = {"all": SimpleNamespace(events=deque(events))}
    fields = {
        "task_prefixes": {one.name: one for one in prefixes},
        "extensions": {"spans": SimpleNamespace(spans={one.id: one for one in spans})},
        "tasks": Tasks({one.key: one for one in tasks}),
        "erred_tasks": deque(failed),
        "unrunnable": {},
        "workers": {},
        "_broker": SimpleNamespace(_topics=topics),
    }
    return SimpleNamespace(**fields | other)


def read(of: Any, **wanted: Any) -> dict[str, Any]:
    answer = read_work(of, wanted)
    assert answer is not None
    assert "error" not in answer
    assert msgpack.unpackb(msgpack.packb(answer), strict_map_key=False) is not None
    return answer


def named(fields: tuple[str, ...], row: list[Any]) -> dict[str, Any]:
    assert len(fields) == len(row)
    return dict(zip(fields, row, strict=True))


def test_not_read_if_not_wanted() -> None:
    assert read_work(scheduler(prefix(memory=1)), None) is None


def test_a_name_with_its_counts() -> None:
    [row] = read(scheduler(prefix(memory=3, processing=1), prefix("forgotten long ago")))["names"]
    fields = named(NAME_FIELDS, row)
    assert fields["name"] == "load"
    assert dict(zip(STATES, fields["states"], strict=True)) == dict.fromkeys(STATES, 0) | {"memory": 3, "processing": 1}
    assert (fields["compute_seconds"], fields["transfer_seconds"], fields["finished_total"]) == (2.0, 0, 4)


def test_names_are_limited_and_counted() -> None:
    answer = read(scheduler(*(prefix(f"n{number}", memory=1) for number in range(MOST_NAMES + 7))))
    assert len(answer["names"]) == MOST_NAMES
    assert answer["more_names"] == 7
    assert answer["names"][-1][0] == f"n{MOST_NAMES + 6}"


def test_counts_of_all_names_are_those_of_tasks() -> None:
    of = scheduler(prefix(memory=3, forgotten=1), prefix("sum", memory=1, erred=2))
    assert counts_of(read(of)) == count_tasks(of) == {"memory": 4, "erred": 2}
    assert counts_of(None) is None
    assert counts_of({"error": "AttributeError()"}) is None
    many = scheduler(*(prefix(f"n{number}", memory=1) for number in range(MOST_NAMES + 1)))
    assert counts_of(read(many)) is None, "not all are in the answer"


@pytest.mark.parametrize("name", ["a" * 5000, b"\xff", ("a", 1), 7, "\ud800"])
def test_any_name_can_be_sent(name: Any) -> None:
    [row] = read(scheduler(prefix(name, memory=1)))["names"]
    assert isinstance(row[0], str)
    assert len(row[0]) <= shipped_work.LONGEST_KEY


def test_other_records_are_an_error_not_an_exception() -> None:
    answer = read_work(SimpleNamespace(), {})
    assert answer is not None
    assert "AttributeError" in answer["error"]


class TestComputations:
    def test_a_span_sums_its_groups(self) -> None:
        two = span(name=("season", "winter"), groups=[group(memory=2), group("sum", stop=30.0, waiting=1)])
        [row] = read(scheduler(spans=[span("empty"), two]))["computations"]
        fields = named(COMPUTATION_FIELDS, row)
        assert fields["name"] == "season / winter"
        assert (fields["started"], fields["stopped"], fields["is_done"]) == (10.0, 30.0, False)
        assert fields["task_names"] == ["load", "sum"]
        assert sum(fields["states"]) == 3

    def test_a_failed_task_may_be_the_last(self) -> None:
        failing = group(memory=1, erred=1)
        one = task("load-1", group=failing)
        failures = [erred("load-1", 45.0), erred("load-1", 40.0), erred("forgotten", 50.0)]
        [row] = read(scheduler(spans=[span(groups=[failing])], tasks=[one], failed=failures))["computations"]
        assert named(COMPUTATION_FIELDS, row)["stopped"] == 45.0

    def test_a_span_is_done_without_unfinished_tasks(self) -> None:
        [row] = read(scheduler(spans=[span(groups=[group(memory=2, released=1)])]))["computations"]
        assert named(COMPUTATION_FIELDS, row)["is_done"] is True
        assert named(COMPUTATION_FIELDS, row)["name"] is None, "the user named none"

    def test_code_is_the_line_that_started_it(self) -> None:
        frames = (Frame("run()\n", 1, 0, "outer.py"), Frame(SOURCE, 12, 2, "inner.py"))
        of = scheduler(spans=[span(groups=[group(memory=1)], code=[frames])])
        [row] = read(of)["computations"]
        assert "return x.sum().compute()" in named(COMPUTATION_FIELDS, row)["code"].splitlines()[1]
        [row] = read(of, known_code=["s1"])["computations"]
        assert named(COMPUTATION_FIELDS, row)["code"] is None

    def test_scheduler_without_spans(self) -> None:
        old = SimpleNamespace(id="c1", code=[SOURCE], start=5.0, groups=[group(memory=1)])
        [row] = read(scheduler(extensions={}, computations=deque([old])))["computations"]
        fields = named(COMPUTATION_FIELDS, row)
        assert (fields["id"], fields["code"].splitlines()[0]) == ("c1", "def run():")


class TestFailures:
    def test_an_exception(self) -> None:
        failed = erred("load-1", 100.0, "ValueError('no 3')", ("tcp://a",), "  File …\n")
        answer = read(scheduler(tasks=[task("load-1")], failed=[failed]))
        fields = named(FAILURE_FIELDS, answer["failures"][0])
        assert (fields["key"], fields["name"], fields["workers"]) == ("load-1", "load", ["tcp://a"])
        assert (fields["exception"], fields["traceback"], fields["killed_under"]) == (
            "ValueError('no 3')",
            "  File …\n",
            [],
        )
        assert answer["failed_until"] == 100.0

    def test_only_what_failed_since(self) -> None:
        of = scheduler(failed=[erred("b-2", 101.0, "E"), erred("a-1", 100.0, "E")])
        assert [row[0] for row in read(of)["failures"]] == ["a-1", "b-2"], "oldest first"
        assert [row[0] for row in read(of, failures_since=100.0)["failures"]] == ["b-2"]
        answer = read(of, failures_since=101.0)
        assert (answer["failures"], answer["failed_until"]) == ([], None)

    @pytest.mark.parametrize("has_broker", [True, False], ids=["broker", "of 2023"])
    def test_a_killed_task_has_its_workers(self, has_broker: bool) -> None:
        def removed(at: float, worker: str, *keys: str) -> Any:
            event = {"action": "remove-worker", "worker": worker, "processing-tasks": set(keys), "expected": False}
            return at, event

        events = [
            removed(90.0, "tcp://a", "k-1", "k-2"),
            removed(95.0, "tcp://b", "k-2"),
            (96.0, "hostile"),
            removed(99.0, "tcp://c", "k-1"),
        ]
        failed = [erred("k-1", 99.5, workers=("tcp://c",))]
        of = scheduler(tasks=[task("k-1")], failed=failed, events=events)
        if not has_broker:
            of._broker, of.events = None, {"all": deque(events)}
        [row] = read(of)["failures"]
        assert named(FAILURE_FIELDS, row)["killed_under"] == [[90.0, "tcp://a", False], [99.0, "tcp://c", False]]

    def test_blocked_tasks_name_the_failed_one(self) -> None:
        """Blocked tasks are kept with the failed ones, and may have displaced it."""
        cause = task("load-1", erred_on={"tcp://a"}, exception_text="ValueError()", traceback_text="lines")
        cause.exception_blame = cause
        blocked = [task(f"sum-{number}", "sum", exception_blame=cause) for number in range(3)]
        cause.dependents = blocked
        failed = [erred(one.key, 100.0 + number) for number, one in enumerate(reversed(blocked))]
        rows = read(scheduler(tasks=[cause, *blocked], failed=reversed(failed)))["failures"]
        assert [(row[0], row[4], row[7]) for row in rows] == [("load-1", "ValueError()", 3)]

    def test_blocked_tasks_are_counted_up_to_a_limit(self) -> None:
        first = task("first")
        blocked = [task(f"n-{number}", exception_blame=first) for number in range(2 * MOST_BLOCKED)]
        first.dependents = blocked
        assert count_blocked(first) == MOST_BLOCKED

    def test_at_most_the_newest(self) -> None:
        failed = [erred(f"n-{number}", float(number), "E") for number in reversed(range(3 * MOST_FAILURES))]
        rows = read(scheduler(failed=failed))["failures"]
        assert len(rows) == MOST_FAILURES
        assert rows[-1][0] == f"n-{3 * MOST_FAILURES - 1}"

    def test_forgotten_task_keeps_its_name(self) -> None:
        [row] = read(scheduler(failed=[erred(("mean-3f2a", 7), 1.0, "E")]))["failures"]
        assert row[1] == "mean"

    def test_scheduler_that_keeps_none(self) -> None:
        of = scheduler()
        del of.erred_tasks
        assert read(of)["failures"] is None


def test_tasks_that_wait_for_unrunnable_ones() -> None:
    last = task("sum-1", "sum", state="waiting")
    needy = [task(f"predict-{number}", "predict", state="waiting", dependents=[last]) for number in range(2)]
    done = task("log-1", "log", state="erred")
    stuck = task("train-1", "train", dependents=[*needy, done])
    assert read(scheduler(unrunnable={stuck: 0.0}))["held_up"] == [["predict", 2], ["sum", 1]]
    assert read(scheduler())["held_up"] == []


def test_only_so_many_waiting_tasks_are_counted() -> None:
    stuck = task("train-1", dependents=[task(number, state="waiting") for number in range(MOST_BLOCKED + 5)])
    assert sum(row[1] for row in read(scheduler(unrunnable={stuck: 0.0}))["held_up"]) == MOST_BLOCKED


def test_unrunnable_tasks_with_what_they_require() -> None:
    wants = task("gpu-1", "gpu", resource_restrictions={"GPU": 1.0}, worker_restrictions={"tcp://x", "tcp://b"})
    newer = read(scheduler(unrunnable={wants: time.monotonic() - 60.0}))
    fields = named(UNRUNNABLE_FIELDS, newer["unrunnable"][0])
    assert (fields["resources"], fields["workers"], fields["hosts"]) == ({"GPU": 1}, ["tcp://b", "tcp://x"], [])
    assert fields["waiting_seconds"] >= 60.0
    older = read(scheduler(unrunnable={wants}))
    assert named(UNRUNNABLE_FIELDS, older["unrunnable"][0])["waiting_seconds"] is None
    assert older["unrunnable_total"] == 1


def test_longest_running_first_and_only_if_wanted() -> None:
    workers = {
        name: SimpleNamespace(address=f"tcp://{name}", executing={task(f"load-{name}"): seconds})
        for name, seconds in (("a", 3.0), ("b", 90.0), ("c", 8.0))
    }
    assert read(scheduler(workers=workers))["running"] is None
    rows = [named(RUNNING_FIELDS, row) for row in read(scheduler(workers=workers), running=True)["running"]]
    assert [(row["worker"], row["seconds"]) for row in rows] == [("tcp://b", 90.0), ("tcp://c", 8.0), ("tcp://a", 3.0)]


def test_as_many_running_tasks_as_wanted_if_all_run_equally_long() -> None:
    workers = {
        number: SimpleNamespace(address=f"tcp://{number}", executing={task(f"load-{number}"): 7.0})
        for number in range(3 * MOST_RUNNING)
    }
    rows = read(scheduler(workers=workers), running=True)["running"]
    assert [named(RUNNING_FIELDS, row)["seconds"] for row in rows] == [7.0] * MOST_RUNNING


def test_nothing_is_read_between_readings() -> None:
    assert read_work(SimpleNamespace(), {"is_due": False}) == {"longest": None}


def test_activities_only_if_wanted() -> None:
    metrics = {
        ("execute", "load", "disk-read", "seconds"): 2.5,
        ("execute", "load", "disk-read", "bytes"): 99,
        ("get-data", "network", "seconds"): 1.0,
        "other": 1,
    }
    assert read(scheduler(cumulative_worker_metrics=metrics))["activities"] is None
    assert read(scheduler(cumulative_worker_metrics=metrics), activities=True)["activities"] == [
        ["load", "disk-read", 2.5]
    ]
    assert read(scheduler(), activities=True)["activities"] is None, "older than 2023.5"
