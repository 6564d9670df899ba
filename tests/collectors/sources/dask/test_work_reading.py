"""The work as records: what is requested, what is kept between polls, and what any answer leads to."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dasktop.collectors.model.work import Work
from dasktop.collectors.sources.dask.shipped_work import STATES
from dasktop.collectors.sources.dask.work_reading import (
    MOST_FAILURES,
    MOST_SMALL,
    READINGS_BETWEEN_RUNNING,
    SECONDS_BETWEEN_ACTIVITIES,
    SECONDS_BETWEEN_IF_LARGE,
    WorkReader,
)

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
SCHEDULER_NOW = 1_772_625_600.0
"""`NOW` by a scheduler whose clock agrees."""
NAMES = {"tcp://a": "w-0", "tcp://b": "w-1"}


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def counts(**states: int) -> list[int]:
    return [states.get(state.replace("-", "_"), 0) for state in STATES]


def name_row(name: Any = "load", finished: Any = 4, **states: int) -> list[Any]:
    return [name, counts(**states), -1, 400, 0, 2.0, 0.25, finished, states.get("forgotten", 0)]


def failure_row(key: Any = "load-1", ago: float = 10.0, exception: Any = "ValueError('no')", **other: Any) -> list[Any]:
    fields = {"workers": ["tcp://a"], "traceback": "one\n  two\n", "killed_under": [], "blocks": 2} | other
    return [key, "load", SCHEDULER_NOW - ago, fields["workers"], exception, *list(fields.values())[1:]]


def answer(**parts: Any) -> dict[str, Any]:
    return {"names": [], "computations": [], "failures": [], "unrunnable": []} | parts


class Reader:
    def __init__(self) -> None:
        self.clock = Clock()
        self.work = WorkReader(self.clock)

    def after(self, parts: object, scheduler_id: str = "s", now: float | None = SCHEDULER_NOW) -> Work | None:
        return self.work.after(parts, scheduler_id, now, NOW, lambda address: NAMES.get(address or ""))

    def read(self, **parts: Any) -> Work:
        work = self.after(answer(**parts))
        assert work is not None
        return work


@pytest.mark.parametrize("parts", [None, {}, [], "text", {"error": "AttributeError()"}])
def test_scheduler_that_reports_no_work(parts: object) -> None:
    assert Reader().after(parts) is None


def test_a_task_name() -> None:
    [name] = Reader().read(names=[name_row(memory=2, processing=1, released=1, forgotten=1)]).task_names
    assert name.states == {"memory": 2, "processing": 1, "released": 1}
    assert (name.seconds_mean, name.seconds_max, name.compute_seconds, name.transfer_seconds) == (0.5, None, 2.0, 0.25)
    assert name.bytes_stored == 400 * 2 // 4, "the mean size of those that have finished"


def test_mean_is_unknown_until_one_has_finished() -> None:
    [name] = Reader().read(names=[name_row(finished=0, waiting=2)]).task_names
    assert (name.seconds_mean, name.bytes_stored) == (None, 0)


def test_longest_mean_of_names_that_were_forgotten() -> None:
    reader = Reader()
    left = name_row("sum", finished=0, processing=1)
    rows = [name_row("load", memory=1), name_row("quick", finished=8, memory=1), left]
    assert reader.read(names=rows).forgotten_seconds_mean is None
    assert reader.read(names=rows[1:]).forgotten_seconds_mean == 0.5
    assert reader.read(names=rows[2:]).forgotten_seconds_mean == 0.5, "the longer one"
    assert reader.read(names=rows).forgotten_seconds_mean is None, "it is computed again"
    reader.read(names=rows[:2])
    assert reader.read(names=rows[2:]).forgotten_seconds_mean is None, "all were done in between"


def test_progress_of_all_names() -> None:
    rows = [name_row(memory=2, released=3, waiting=4, erred=1), name_row("sum", erred=5, queued=1)]
    progress = Reader().read(names=rows, failures=[failure_row()]).progress
    assert (progress.done, progress.total, progress.erred) == (5, 16, 6)


def test_scheduler_that_keeps_no_failures() -> None:
    assert Reader().read(names=[name_row(erred=5)], failures=None).failures is None


class TestComputations:
    ROW = ("c1", "season", "a\n  b", SCHEDULER_NOW - 90, SCHEDULER_NOW - 60, SCHEDULER_NOW - 30, False)

    def test_fields(self) -> None:
        row = [*self.ROW, counts(memory=1, waiting=3), ["load", "sum"]]
        [computation] = Reader().read(computations=[row]).computations
        assert (computation.name, computation.code, computation.progress) == ("season", ("a", "  b"), 0.25)
        assert computation.started_at == NOW - timedelta(seconds=60)
        assert computation.ended_at is None
        assert computation.task_names == ("load", "sum")

    def test_started_by_the_clock_of_this_host(self) -> None:
        row = [*self.ROW, counts(memory=1), []]
        work = Reader().after(answer(computations=[row]), now=SCHEDULER_NOW + 7)
        assert work is not None
        assert work.computations[0].started_at == NOW - timedelta(seconds=67)

    def test_code_is_requested_once(self) -> None:
        reader = Reader()
        assert reader.work.request()["known_code"] == []
        reader.read(computations=[[*self.ROW, counts(memory=1), []]])
        assert reader.work.request()["known_code"] == ["c1"]
        without = [[*self.ROW[:2], None, *self.ROW[3:], counts(memory=1), []]]
        assert reader.read(computations=without).computations[0].code == ("a", "  b")


class TestFailures:
    def test_fields(self) -> None:
        [failure] = Reader().read(failures=[failure_row()]).failures or ()
        assert (failure.kind, failure.exception, failure.traceback) == (
            "exception",
            "ValueError('no')",
            ("one", "  two"),
        )
        assert (failure.worker, failure.blocks, failure.at) == ("w-0", 2, NOW - timedelta(seconds=10))

    def test_task_whose_workers_ended(self) -> None:
        killed_under = [[SCHEDULER_NOW - 30, "tcp://gone", False], [SCHEDULER_NOW - 10, "tcp://b", False]]
        [failure] = Reader().read(failures=[failure_row(exception=None, killed_under=killed_under)]).failures or ()
        assert failure.kind == "worker killed"
        assert [attempt.worker for attempt in failure.attempts] == ["tcp://gone", "w-1"]

    def test_nothing_known_is_unknown(self) -> None:
        [failure] = Reader().read(failures=[failure_row(exception=None, workers=[])]).failures or ()
        assert failure.kind == "unknown"

    def test_each_is_requested_once_and_kept(self) -> None:
        reader = Reader()
        assert reader.work.request()["failures_since"] is None
        reader.read(failures=[failure_row()], failed_until=SCHEDULER_NOW - 10)
        assert reader.work.request()["failures_since"] == SCHEDULER_NOW - 10
        assert len(reader.read(failures=[failure_row()]).failures or ()) == 1, "the first answer did not arrive"
        assert len(reader.read(failures=[failure_row("load-2", 5)]).failures or ()) == 2

    def test_the_newest_are_kept(self) -> None:
        reader = Reader()
        for number in range(MOST_FAILURES + 5):
            work = reader.read(failures=[failure_row(f"load-{number}", 900 - number)])
        assert len(work.failures or ()) == MOST_FAILURES
        assert (work.failures or ())[-1].key == f"load-{MOST_FAILURES + 4}"

    def test_those_of_another_scheduler_are_separate(self) -> None:
        reader = Reader()
        reader.read(failures=[failure_row()], failed_until=SCHEDULER_NOW - 10)
        work = reader.after(answer(), scheduler_id="other")
        assert work is not None
        assert work.failures == ()
        assert reader.work.request()["failures_since"] is None


@pytest.mark.parametrize(("held_up", "expected"), [([["load", 3]], 3), ([["sum", 3]], 0), (None, None)])
def test_waiting_tasks_that_need_an_unrunnable_one(held_up: object, expected: int | None) -> None:
    [name] = Reader().read(names=[name_row(waiting=4)], held_up=held_up).task_names
    assert name.held_up == expected


def test_unrunnable_task_with_what_it_requires() -> None:
    row = ["gpu-1", "gpu", {"GPU": 1}, ["tcp://x"], [], 61.25]
    work = Reader().read(unrunnable=[row], unrunnable_total=400)
    [task] = work.unrunnable
    assert (task.resources, task.workers, task.hosts, task.waiting_seconds) == ({"GPU": 1.0}, ("tcp://x",), (), 61.25)
    assert work.unrunnable_total == 400


def test_running_tasks_are_requested_every_fifth_poll() -> None:
    reader = Reader()
    wanted = []
    for number in range(2 * READINGS_BETWEEN_RUNNING):
        wanted.append(reader.work.request()["running"])
        row = [f"load-{number}", "load", "tcp://b", 12.0]
        work = reader.read(names=[name_row(memory=4)], running=[row] if wanted[-1] else None)
    assert wanted == [True, *[False] * (READINGS_BETWEEN_RUNNING - 1)] * 2
    [task] = work.running or ()
    assert (task.key, task.worker, task.seconds, task.typical_seconds) == ("load-5", "w-1", 12.0, 0.5)


def test_running_tasks_are_as_old_as_the_column_now_says() -> None:
    """Workers report times by heartbeat."""
    parts = answer(names=[name_row(memory=4)], running=[["a", "load", "tcp://b", 12.0], ["b", "load", "tcp://c", 9.0]])
    silent = {"tcp://b": 1.25, "tcp://d": 0.0}
    reader = WorkReader(lambda: 0.0)
    reader.request()
    read = reader.after(parts, "s", SCHEDULER_NOW, NOW, lambda _: None, silent)
    nothing = answer(names=[name_row(memory=4)], running=None)
    later = reader.after(nothing, "s", SCHEDULER_NOW, NOW + timedelta(seconds=4), lambda _: None)
    for shown in (read, later):
        assert shown is not None
        assert shown.running_at == NOW
        assert [task.seconds for task in shown.running or ()] == [13.25, 9.0]


@pytest.mark.parametrize("workers", [0, MOST_SMALL])
def test_small_clusters_are_asked_for_everything_at_each_poll(workers: int) -> None:
    reader = Reader()
    for _ in range(5):
        request = reader.work.request(workers)
        assert request["longest"] is True
        reader.read()


class TestLargeCluster:
    def polls(self, reader: Reader, count: int) -> list[dict[str, Any]]:
        """Poll every 2 s; return the requests."""
        requests = []
        for number in range(count):
            requests.append(reader.work.request(MOST_SMALL + 1))
            reader.after(answer(names=[name_row(memory=number + 1)]) if len(requests[-1]) > 1 else {"longest": None})
            reader.clock.seconds += 2
        return requests

    def test_work_is_requested_at_every_other_poll(self) -> None:
        requests = self.polls(Reader(), 6)
        assert [request.get("is_due", True) for request in requests] == [True, False] * 3

    def test_what_runs_is_requested_every_twenty_seconds(self) -> None:
        requests = self.polls(Reader(), 20)
        assert [number for number, request in enumerate(requests) if request.get("longest")] == [0, 10]
        assert [request.get("running") for request in requests] == [request.get("longest") for request in requests]

    def test_slow_polls_request_it_each_time(self) -> None:
        reader = Reader()
        for _ in range(3):
            assert reader.work.request(MOST_SMALL + 1).get("is_due", True)
            reader.read()
            reader.clock.seconds += SECONDS_BETWEEN_IF_LARGE

    def test_between_them_the_last_work_is_kept_with_its_time(self) -> None:
        reader = Reader()
        reader.work.request(MOST_SMALL + 1)
        work = reader.read(names=[name_row(memory=4)])
        assert work.read_at == NOW
        assert reader.work.request(MOST_SMALL + 1) == {"is_due": False}
        assert reader.after({"longest": None}) is work

    def test_work_is_unknown_once_the_scheduler_does_not_answer(self) -> None:
        """It has refused, and only its identity is read from now on; that requests no work."""
        reader = Reader()
        reader.work.request(MOST_SMALL + 1)
        reader.read(names=[name_row(memory=4)])
        reader.work.request(MOST_SMALL + 1)
        assert [reader.after(answer) for answer in (None, {"error": "no"}, None)] == [None] * 3

    def test_work_of_another_scheduler_is_not_kept(self) -> None:
        reader = Reader()
        reader.work.request(MOST_SMALL + 1)
        reader.read()
        reader.work.request(MOST_SMALL + 1)
        assert reader.after({"longest": None}, scheduler_id="another") is None
        assert reader.work.request(MOST_SMALL + 1)["failures_since"] is None, "it is requested at once"

    def test_failed_reading_is_repeated_at_the_next_poll(self) -> None:
        reader = Reader()
        reader.work.request(MOST_SMALL + 1)
        assert reader.after({"error": "AttributeError()"}) is None
        assert "running" in reader.work.request(MOST_SMALL + 1)


def test_activities_are_requested_every_half_minute() -> None:
    reader = Reader()
    assert reader.work.request()["activities"] is True
    assert reader.read(activities=[["load", "disk-read", 2.5]]).activities is not None
    assert reader.work.request()["activities"] is False
    reader.clock.seconds += SECONDS_BETWEEN_ACTIVITIES
    assert reader.work.request()["activities"] is True
    [activity] = reader.read().activities or ()
    assert (activity.task_name, activity.activity, activity.seconds) == ("load", "disk-read", 2.5)


HOSTILE = [None, 7, -1, 1e400, float("nan"), True, "", "\x1b[2J", b"\xff\x00", [], [1], {}, {"a": 1}, "x" * 9000]


@pytest.mark.parametrize("rubbish", HOSTILE, ids=repr)
def test_rubbish_is_omitted_or_cleaned(rubbish: object) -> None:
    good = [name_row(memory=1), [*TestComputations.ROW, counts(memory=1), ["load"]], failure_row()]
    good += [
        ["gpu-1", "gpu", {"GPU": 1}, [], [], 1.0],
        ["load", 3],
        ["load-1", "load", "tcp://b", 12.0],
        ["load", "disk-read", 2.5],
    ]
    parts = ("names", "computations", "failures", "unrunnable", "held_up", "running", "activities")
    for part, row in zip(parts, good, strict=True):
        for position in range(len(row)):
            bad = [*row[:position], rubbish, *row[position + 1 :]]
            assert "\x1b" not in str(Reader().read(**{part: [bad, rubbish]}))
        assert "\x1b" not in str(Reader().after(answer(**{part: rubbish})))
