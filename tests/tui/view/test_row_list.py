"""Rows of folded workers are made when they are looked at, and are the same as all others."""

import pytest

from dasktop.tui.view.filtering import View, flat_order
from dasktop.tui.view.row_list import RowList
from dasktop.tui.view.selection import reselect
from dasktop.tui.view.visible_rows import visible_rows
from tests.support.snapshots import busy_job, everyday, job, snapshot, task, worker


def is_unfolded(key) -> bool:
    return key[0] != "worker"


SHOWN = {
    "several jobs": everyday(),
    "a job of several tasks": snapshot([job("1", [task([worker("a"), worker("b")]), task([worker("c")], task_id=1)])]),
    "no jobs": snapshot([], [worker("a"), worker("b")]),
    "nothing": snapshot(),
}


@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("is_flat", [False, True])
def test_rows_that_are_made_later_are_the_same(shown, is_flat) -> None:
    order = flat_order(View(sort="cpu"))
    made, later = (
        visible_rows(shown, is_unfolded, is_flat=is_flat, flat_order=order, folds_workers=folds)
        for folds in (False, True)
    )
    assert list(later) == list(made)
    assert [later[index] for index in range(-len(later), len(later))] == 2 * list(made)
    assert list(later.keys()) == [row.key for row in made]
    assert later[1:3] == made[1:3]
    assert len(later) == len(made)


def test_row_stays_the_same_object() -> None:
    rows = visible_rows(everyday(), is_unfolded, folds_workers=True)
    assert all(rows[index] is rows[index] for index in range(len(rows)))


def test_no_row_beyond_the_last() -> None:
    rows = visible_rows(snapshot([busy_job("1", 1)]), is_unfolded, folds_workers=True)
    for index in (5, -6):
        with pytest.raises(IndexError):
            rows[index]


def test_only_other_rows_are_replaced() -> None:
    rows = visible_rows(snapshot([busy_job("1", 1), busy_job("2", 2)]), is_unfolded, folds_workers=True)
    others = list(rows.not_folded_workers())
    assert [row.key for row in others] == [("job", "1"), ("job", "2")]
    changed = rows.with_others(reversed(others))
    assert isinstance(changed, RowList)
    assert [row.key[0] for row in changed] == ["job", *["worker"] * 4] * 2
    assert [changed[0], changed[5]] == [rows[5], rows[0]]


def test_selected_worker_is_found_below_new_jobs() -> None:
    before = visible_rows(snapshot([busy_job("2", 2)]), is_unfolded, folds_workers=True)
    after = visible_rows(snapshot([busy_job("1", 1), busy_job("2", 2)]), is_unfolded, folds_workers=True)
    assert after[reselect(before, 3, after)].key == before[3].key
    without = visible_rows(snapshot([busy_job("1", 1), busy_job("2", 2, 3)]), is_unfolded, folds_workers=True)
    assert without[reselect(after, 9, without)].key == after[8].key, "the last worker is gone: the one before"
