"""Rows of folded workers are made when they are looked at, and are the same as all others."""

import pytest
from msgspec.structs import replace

from dasktop.tui.view import row_list
from dasktop.tui.view.filtering import View, flat_order
from dasktop.tui.view.row_list import RowList
from dasktop.tui.view.rows import JobRow
from dasktop.tui.view.selection import reselect
from dasktop.tui.view.visible_rows import visible_rows
from tests.support.snapshots import busy_job, everyday, job, pending, snapshot, task, worker


def is_unfolded(key) -> bool:
    return key[0] != "worker"


SHOWN = {
    "several jobs": everyday(),
    "jobs of single tasks": snapshot([*(busy_job(str(1 + job), job) for job in range(4)), pending(), job("9", [])]),
    "jobs of an array": snapshot([replace(busy_job(str(1 + job), job), array_job_id="1") for job in range(3)]),
    "a job of several tasks": snapshot([job("1", [task([worker("a"), worker("b")]), task([worker("c")], task_id=1)])]),
    "no jobs": snapshot([], [worker("a"), worker("b")]),
    "nothing": snapshot(),
}


SECOND_OF_SECOND = busy_job("2", 2).tasks[0].workers[1].address
OPEN_THREADS = {
    "no threads": frozenset(),
    "threads of a worker": frozenset({SECOND_OF_SECOND}),
    "threads of the first worker": frozenset({worker("a").address}),
}


@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("is_flat", [False, True])
@pytest.mark.parametrize("unfolded_workers", OPEN_THREADS.values(), ids=OPEN_THREADS)
def test_rows_that_are_made_later_are_the_same(shown, is_flat, unfolded_workers) -> None:
    def is_open(key) -> bool:
        return key[1] in unfolded_workers if key[0] == "worker" else key != ("job", "2")

    order = flat_order(View(sort="cpu"))
    made, later = (
        visible_rows(shown, is_open, is_flat=is_flat, flat_order=order, unfolded_workers=may_be)
        for may_be in (None, unfolded_workers)
    )
    assert list(later) == list(made)
    assert [later[index] for index in range(-len(later), len(later))] == 2 * list(made)
    assert list(later.keys()) == [row.key for row in made]
    assert later[1:3] == made[1:3]
    assert len(later) == len(made)
    assert list(later.with_others(later.not_folded_workers())) == list(made)


def test_only_rows_that_are_looked_at_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def make(**fields):
        made.append(fields["key"])
        return JobRow(**fields)

    monkeypatch.setattr(row_list, "JobRow", make)
    rows = visible_rows(snapshot([busy_job(str(1 + job), job) for job in range(9)]), is_unfolded, unfolded_workers=())
    assert len(rows) == 9 * 5
    assert rows[5].key == rows[5].key == ("job", "2")
    assert made == [("job", "2")]


def test_row_stays_the_same_object() -> None:
    rows = visible_rows(everyday(), is_unfolded, unfolded_workers=())
    assert all(rows[index] is rows[index] for index in range(len(rows)))


def test_no_row_beyond_the_last() -> None:
    rows = visible_rows(snapshot([busy_job("1", 1)]), is_unfolded, unfolded_workers=())
    for index in (5, -6):
        with pytest.raises(IndexError):
            rows[index]


def test_only_other_rows_are_replaced() -> None:
    rows = visible_rows(snapshot([busy_job("1", 1), busy_job("2", 2)]), is_unfolded, unfolded_workers=())
    others = list(rows.not_folded_workers())
    assert [row.key for row in others] == [("job", "1"), ("job", "2")]
    changed = rows.with_others(reversed(others))
    assert isinstance(changed, RowList)
    assert [row.key[0] for row in changed] == ["job", *["worker"] * 4] * 2
    assert [changed[0], changed[5]] == [rows[5], rows[0]]


def test_selected_worker_is_found_below_new_jobs() -> None:
    before = visible_rows(snapshot([busy_job("2", 2)]), is_unfolded, unfolded_workers=())
    after = visible_rows(snapshot([busy_job("1", 1), busy_job("2", 2)]), is_unfolded, unfolded_workers=())
    assert after[reselect(before, 3, after)].key == before[3].key
    without = visible_rows(snapshot([busy_job("1", 1), busy_job("2", 2, 3)]), is_unfolded, unfolded_workers=())
    assert without[reselect(after, 9, without)].key == after[8].key, "the last worker is gone: the one before"
