"""The user's thresholds hold in the tree as in the findings."""

from datetime import timedelta

from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Job, Snapshot
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.tui.details.of_worker import Stack
from dasktop.tui.details.sections import sections
from dasktop.tui.draw.prose import Words
from dasktop.tui.view.cell_values import Cells
from dasktop.tui.view.cells import cells
from dasktop.tui.view.history import History
from dasktop.tui.view.plain import plain_tree
from dasktop.tui.view.rows import EARLIER
from dasktop.tui.view.visible_rows import visible_rows
from tests.support.snapshots import TAKEN_AT, busy_job, ended, job, snapshot


def shown(of: Job, thresholds: Thresholds) -> Cells:
    row, *_ = visible_rows(snapshot([of]), lambda _: False)
    return cells(row, TAKEN_AT, thresholds)


def with_ends() -> Snapshot:
    return snapshot([ended("1"), ended("2"), job("3")])


def test_memory_is_highlighted_from_the_threshold_on() -> None:
    share = shown(busy_job("1", 0), DEFAULTS).memory_percent or 0
    assert shown(busy_job("1", 0), replace(DEFAULTS, memory_near_limit_percent=share)).memory_role == "full"
    assert shown(busy_job("1", 0), replace(DEFAULTS, memory_near_limit_percent=share + 1)).memory_role == "memory"


def test_time_left_is_highlighted_from_the_threshold_on() -> None:
    ending = busy_job("1", 0, time_left_seconds=250, time_limit_seconds=86400)
    assert shown(ending, replace(DEFAULTS, walltime_ending_seconds=250)).ends_soon
    assert not shown(ending, replace(DEFAULTS, walltime_ending_seconds=249)).ends_soon


def test_a_job_starts_until_the_threshold() -> None:
    young = job("1", started_at=TAKEN_AT - timedelta(seconds=200))
    assert shown(young, replace(DEFAULTS, worker_start_seconds=201)).short_note == "no worker yet"
    assert shown(young, replace(DEFAULTS, worker_start_seconds=200)).short_note == "no worker"


def test_ended_jobs_are_grouped_after_the_threshold() -> None:
    thresholds = replace(DEFAULTS, ended_recently_seconds=240)
    rows = visible_rows(with_ends(), lambda _: False, thresholds=thresholds)
    assert [row.key for row in rows] == [("job", "3"), EARLIER]
    [section] = sections(rows[1], with_ends(), History(), Stack(), thresholds=thresholds)
    assert isinstance(section.entries[0], Words)
    assert section.entries[0].text.startswith("These jobs ended more than 4 min ago.")


def test_plain_text_uses_the_thresholds() -> None:
    assert "2 jobs that ended earlier" not in plain_tree(with_ends())
    assert "2 jobs that ended earlier" in plain_tree(
        with_ends(), thresholds=replace(DEFAULTS, ended_recently_seconds=240)
    )
