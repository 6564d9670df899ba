"""A worker's status and its tasks are shown in the same words everywhere; JSON keeps dask's."""

import json
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Finding, Snapshot, to_json
from dasktop.tui.details.of_worker import Stack
from dasktop.tui.details.sections import sections
from dasktop.tui.view.cells import cells
from dasktop.tui.view.filtering import View, apply_view
from dasktop.tui.view.history import History
from dasktop.tui.view.plain import plain_tree
from dasktop.tui.view.visible_rows import visible_rows
from dasktop.tui.view.workers import processing_text, with_stale_workers
from tests.support.snapshots import TAKEN_AT, job, snapshot, task, worker

NAMES_OF_DASK = ("closing_gracefully", "closing gracefully")


def retiring() -> Snapshot:
    return snapshot([job("7", [task([worker("ann", status="closing_gracefully"), worker("bob")])])])


def test_status_is_shown_in_the_tree():
    text = plain_tree(retiring(), None)
    assert "retiring" in text
    assert not any(name in text for name in NAMES_OF_DASK)


def test_status_in_details_of_worker_and_job():
    shown = retiring()
    details = repr([sections(row, shown, History(), Stack()) for row in visible_rows(shown, lambda _: True)])
    assert details.count("retiring") >= 2
    assert not any(name in details for name in NAMES_OF_DASK)


def test_status_in_filter_and_sort_order():
    found = apply_view(retiring(), View(pattern="state:retiring")).snapshot
    assert [one.name for one in found.jobs[0].tasks[0].workers] == ["ann"]
    ordered = apply_view(retiring(), View(sort="state")).snapshot.jobs[0].tasks[0].workers
    assert [one.name for one in ordered] == ["ann", "bob"], "retiring before running"


def test_status_of_a_worker_whose_threads_only_wait():
    workers = [worker("ann"), worker("bob", status="paused"), worker("eve")]
    said = Finding(
        code="threads-only-wait",
        severity="warning",
        job_id="7",
        worker=None,
        workers=("ann", "bob"),
        message="m",
        since=None,
    )
    shown = with_stale_workers(snapshot([job("7", [task(workers)])], findings=(said,)))
    assert [one.status for one in shown.jobs[0].tasks[0].workers] == ["waits", "paused", "running"]
    [row] = visible_rows(shown, lambda _: False)
    assert cells(row, TAKEN_AT).remark == ("1 of 3 workers only wait", "waits")
    one = replace(said, workers=("ann",))
    [row] = visible_rows(
        with_stale_workers(snapshot([job("7", [task(workers[:1])])], findings=(one,))), lambda _: False
    )
    assert cells(row, TAKEN_AT).remark[0] == "only waits"


def test_json_keeps_dasks_status():
    workers = json.loads(to_json(retiring()))["jobs"][0]["tasks"][0]["workers"]
    assert [one["status"] for one in workers] == ["closing_gracefully", "running"]


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        (((3, 4),), "7: 3 running, 4 next in turn"),
        (((0, 0),), "0"),
        (((None, 4),), "–"),
        (((2, None), (1, 0)), "1: 1 running, 0 next in turn"),
    ],
)
def test_tasks_of_workers_in_words_of_the_work(counts: Sequence[tuple[int | None, int | None]], text: str) -> None:
    assert processing_text([worker(executing=running, queued=following) for running, following in counts]) == text
