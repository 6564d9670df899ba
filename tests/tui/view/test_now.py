"""What workers run now: texts of the column NOW, their width, and the order by age."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasktop.collectors.model.snapshot import Finding, Snapshot, Worker
from dasktop.collectors.model.task_times import TaskTimes
from dasktop.tui.draw.glyphs import ASCII
from dasktop.tui.draw.text_width import width
from dasktop.tui.view.columns import DEFAULT_COLUMNS
from dasktop.tui.view.filtering import View, apply_view
from dasktop.tui.view.layout import fit_layout
from dasktop.tui.view.now import Now, cells_of_now, now_of, now_pieces
from dasktop.tui.view.plain import plain_tree
from dasktop.tui.view.rows import Row
from dasktop.tui.view.visible_rows import visible_rows
from tests.support.snapshots import job, pending, snapshot, task, thread, worker
from tests.support.work import task_name, work

TIMES = TaskTimes.of(work(task_names=(task_name(seconds_mean=2.5, finished_total=40), task_name("new"))))


def running(name: str | None = "regrid", seconds: float | None = 12.0, **values: object) -> Worker:
    return worker(longest_task_name=name, longest_task_seconds=seconds, **values)


def row(kind: str, shown: Snapshot) -> Row:
    return next(row for row in visible_rows(shown, lambda _: True) if row.kind == kind)


def now(*workers: Worker, kind: str = "job") -> Now:
    return now_of(row(kind, snapshot([job("1", [task(workers)])])), TIMES)


def text(now: Now, cells: int) -> str:
    return "".join(piece.text for piece in now_pieces(now, cells))


def test_a_worker_has_its_task_and_age() -> None:
    assert now(running(seconds=13.0), kind="worker") == Now("regrid", "10s", "~2s")
    assert now(running("gone", 3.0), kind="worker") == Now("gone", "<5s")
    assert now(running(None, 3.0), kind="worker") == Now("–", "<5s")


@pytest.mark.parametrize(
    ("executing", "queued", "word"), [(0, 0, "idle"), (0, 4, "waiting"), (2, 4, "–"), (None, None, "–")]
)
def test_a_worker_without_a_known_task(executing: int | None, queued: int | None, word: str) -> None:
    assert now(worker(executing=executing, queued=queued), kind="worker") == Now(word)


def test_a_task_that_runs_much_longer_is_marked() -> None:
    assert now(running(seconds=120.0)) == Now("regrid", "2m", "~2s", is_long=True)
    assert not now(running(seconds=119.0)).is_long
    assert not now(running("gone", 9000.0)).is_long
    [_, age] = now_pieces(now(running(seconds=120.0)), 16)
    assert (age.text, age.role) == ("▲  2m", "waiting")
    assert ASCII.encode(age.text) == "^  2m"


def test_a_task_that_has_no_others_to_compare_with_is_marked() -> None:
    assert now(running("new", 120.0)).is_long, "20 times the mean of any other name, and two minutes"
    assert not now(running("new", 119.0)).is_long


def test_a_task_that_a_finding_is_about_is_marked() -> None:
    said = Finding(
        code="tasks-stuck",
        severity="warning",
        job_id=None,
        worker=None,
        workers=("a",),
        task_names=("new",),
        message="it hangs",
        since=None,
    )
    times = TaskTimes.of(work(), findings=[said])
    shown = [
        snapshot([job("1", [task([worker(on, longest_task_name=name, longest_task_seconds=70.0)])])])
        for on, name in (("a", "new"), ("b", "new"), ("a", "load"))
    ]
    assert [now_of(row("worker", one), times).is_long for one in shown] == [True, False, False]


def test_a_job_has_the_most_frequent_name() -> None:
    workers = (running("load", 90.0), running("regrid", 3.0), running("regrid", 31.0))
    assert now(*workers) == Now("regrid", "30s", "~2s")
    assert now(running("b", 1.0), running("a", 1.0)).name == "a", "the same at each poll"
    assert now(running(), worker(), worker()).name == "regrid", "known ones count"
    assert now(worker(executing=0, queued=0), worker(executing=0, queued=0)) == Now("idle")


def test_a_job_is_marked_if_any_of_its_tasks_is_long() -> None:
    assert now(running("load", 1.0), running("load", 1.0), running(seconds=500.0)) == Now("load", "<5s", "", True)


def test_rows_without_workers_have_none() -> None:
    assert now_of(row("job", snapshot([pending("1")])), TIMES) == Now()
    busy = running(threads=(thread(1),))
    assert now(busy, kind="thread") == Now()
    assert text(Now(), 16) == " " * 16


def test_ages_have_a_column_of_their_own() -> None:
    assert text(Now("regrid_conservative", "10s", "~2s"), 16) == "regrid_co…   10s"
    assert text(Now("load", "<5s", "", True), 16) == "load       ▲ <5s"
    assert text(Now("idle"), 16) == "idle            "


def test_a_wide_column_has_the_mean() -> None:
    assert text(Now("regrid", "10s", "~0.4s"), 30) == "regrid            10s of ~0.4s"
    assert text(Now("regrid", "10s", "", True), 30) == "regrid          ▲ 10s         "


@pytest.mark.parametrize(
    ("mean", "shown"),
    [(0.003, "~0.1s"), (0.44, "~0.4s"), (1.6, "~2s"), (12.4, "~12s"), (61.0, "~1m"), (8000.0, "~2h"), (None, "")],
)
def test_a_mean_has_few_digits(mean: float | None, shown: str) -> None:
    times = TaskTimes([task_name(seconds_mean=mean)])
    assert now_of(row("worker", snapshot([job("1", [task([running()])])])), times).typical == shown


NAMES = st.sampled_from(["", "–", "idle", "load", "regrid_conservative_and_mean", "气候模拟", "a\u200db\x1b"])


@given(NAMES, st.sampled_from(["", "<5s", "55s", "999h"]), st.sampled_from(["", "~0.4s", "~59m"]), st.booleans())
def test_a_cell_is_as_wide_as_its_column(name: str, age: str, typical: str, is_long: bool) -> None:
    shown = Now(name, age, typical, is_long)
    for cells in (*range(16, 60), cells_of_now(shown)):
        assert sum(width(piece.text) for piece in now_pieces(shown, cells)) == cells
    assert "…" not in text(shown, cells_of_now(shown))


def test_column_is_shown_where_there_is_room() -> None:
    assert "now" not in fit_layout(80).columns
    assert fit_layout(120).columns["now"] >= 16
    assert fit_layout(200).columns["now"] >= 30
    without = tuple(name for name in DEFAULT_COLUMNS if name != "now")
    for cells in (80, 120, 200):
        assert "now" not in fit_layout(cells, without).columns


def test_workers_are_sorted_by_the_age_that_is_shown() -> None:
    named = {"a": 30.0, "b": None, "c": 90.0, "d": 33.0}
    workers = [replaced(name, seconds) for name, seconds in named.items()]
    shown = apply_view(snapshot([job("1", [task(workers)])]), View(sort="now")).snapshot
    assert [one.name for one in shown.jobs[0].tasks[0].workers] == ["c", "a", "d", "b"]


def replaced(name: str, seconds: float | None) -> Worker:
    return worker(name, longest_task_seconds=seconds, longest_task_name=None)


def test_plain_text_shows_it_in_full() -> None:
    name = "regrid_conservative_with_a_long_name_and_more"
    names = (task_name(name, seconds_mean=2.5, finished_total=40),)
    shown = snapshot([job("1", [task([running(name, 130.0)])])], work=work(task_names=names))
    lines = plain_tree(shown).splitlines()
    assert f"{name} ▲  2m of ~2s" in lines[-1]
    assert any("NOW" in line for line in lines)
    assert "NOW" not in plain_tree(shown, width=80)
