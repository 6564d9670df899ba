"""A worker's status is shown in the same word everywhere; JSON keeps dask's."""

import json

from dasktop.collectors.model.snapshot import Snapshot, to_json
from dasktop.tui.details.of_worker import Stack
from dasktop.tui.details.sections import sections
from dasktop.tui.view.filtering import View, apply_view
from dasktop.tui.view.history import History
from dasktop.tui.view.plain import plain_tree
from dasktop.tui.view.rows import visible_rows
from tests.support.snapshots import job, snapshot, task, worker

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


def test_json_keeps_dasks_status():
    workers = json.loads(to_json(retiring()))["jobs"][0]["tasks"][0]["workers"]
    assert [one["status"] for one in workers] == ["closing_gracefully", "running"]
