"""The workers that left: a group below the jobs, with how, why and when each ended, and what that cost."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Snapshot, WorkerEvent
from dasktop.tui.draw.glyphs import ASCII
from dasktop.tui.view.cell_values import Cells
from dasktop.tui.view.cells import cells
from dasktop.tui.view.filtering import View, apply_view
from dasktop.tui.view.folds import Folds
from dasktop.tui.view.layout import fit_layout, line
from dasktop.tui.view.left_workers import how_it_left, left_counts, why_it_left
from dasktop.tui.view.plain import plain_tree
from dasktop.tui.view.row_marks import RowMarks
from dasktop.tui.view.rows import EARLIER, LEFT, MOST_GONE, OTHERS, OUTSIDE, GoneRow, LeftRow, name_of
from dasktop.tui.view.visible_rows import visible_rows
from tests.support.details_text import details_lines
from tests.support.snapshots import TAKEN_AT, ended, job, snapshot, task, worker

KILLED = "killed by its nanny because of its memory use: 980 MiB of 1,000 MiB"
TIMEOUT = "job 4701 ended: killed: reached its time limit"
HOSTILE = "a\x1b[2J[red]‮\n"


def removal(seconds_ago: int = 30, **values: object) -> WorkerEvent:
    given = {"worker": "a", "address": "tcp://a", "job_id": "4709", "reason": KILLED} | values
    return WorkerEvent(at=TAKEN_AT - timedelta(seconds=seconds_ago), kind="removed", **given)


def shown(*events: WorkerEvent) -> Snapshot:
    return snapshot([job("4709", [task([worker("a")])]), ended("4701")], worker_events=events)


def gone(held: Snapshot) -> list[GoneRow]:
    return [row for row in visible_rows(held, lambda _: True) if isinstance(row, GoneRow)]


def group(held: Snapshot) -> Cells:
    [row] = [row for row in visible_rows(held, lambda _: False) if isinstance(row, LeftRow)]
    return cells(row, TAKEN_AT)


def only(*events: WorkerEvent) -> Cells:
    [row] = gone(shown(*events))
    return cells(row, TAKEN_AT)


@pytest.mark.parametrize(
    ("reason", "how"),
    [
        (KILLED, "killed"),
        (TIMEOUT, "job ended"),
        ("job 4701 was requeued: terminated: a node failed", "requeued"),
        ("restarted by a client", "restarted"),
        ("signal 11 (SIGSEGV)", "died"),
        ("unexpected", "lost"),
        ("expected", "closed"),
        (None, "left"),
    ],
)
def test_how_it_left(reason: str | None, how: str) -> None:
    assert how_it_left(removal(reason=reason)) == how


def test_group_counts_them_and_what_they_cost() -> None:
    events = [
        removal(90, tasks_interrupted=3, results_lost=1),
        removal(80, reason="expected", tasks_interrupted=0, results_lost=0),
        removal(70, worker="b", address="tcp://b", tasks_interrupted=1),
    ]
    words = group(shown(*events))
    assert words.label == "3 workers that left"
    assert words.note == "2 killed, 1 closed; 4 tasks assigned to them; 1 result lost"
    assert group(shown(events[1])).note == "1 closed"
    assert group(shown(events[1])).label == "1 worker that left"


@pytest.mark.parametrize("events", [None, ()])
def test_no_group_without_them(events: tuple[WorkerEvent, ...] | None) -> None:
    held = replace(shown(), worker_events=events)
    assert LEFT not in [row.key for row in visible_rows(held, lambda _: True)]


def test_other_events_are_no_ends() -> None:
    kill = replace(removal(), kind="killed for memory")
    assert gone(shown(kill, replace(kill, kind="restarted"))) == []


def test_group_is_below_the_jobs() -> None:
    before = TAKEN_AT - timedelta(hours=1)
    old = [replace(ended(key), fate=replace(ended().fate, ended_at=before)) for key in ("1", "2")]
    held = snapshot([job("9"), *old, job("3", evidence=())], [worker("stray")], worker_events=(removal(),))
    assert [row.key for row in visible_rows(held, lambda _: False)] == [("job", "9"), EARLIER, LEFT, OUTSIDE, OTHERS]
    flat = visible_rows(held, lambda _: True, is_flat=True)
    assert {row.kind for row in flat} <= {"worker", "asking"}


def test_newest_is_first() -> None:
    rows = gone(shown(removal(90), removal(30, worker="b")))
    assert [row.end.worker for row in rows] == ["b", "a"]
    assert [(row.parent, row.depth, row.unfolded) for row in rows] == [(LEFT, 1, None)] * 2


def test_row_says_when_why_and_what_it_cost() -> None:
    words = only(removal(250, tasks_interrupted=3, results_lost=1))
    assert (words.label, words.step, words.state, words.tone) == ("a", "job 4709", "killed", "bad")
    assert words.note == f"4 min ago: {KILLED}; 3 tasks assigned to it; 1 result lost"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (KILLED, "memory 980 MiB of 1,000 MiB; 3 tasks, 1 result lost"),
        (TIMEOUT, "killed: reached its time limit; 3 tasks, 1 result lost"),
        ("killed by its nanny because of its memory use", "memory use; 3 tasks, 1 result lost"),
        ("expected", "as the scheduler expected; 3 tasks, 1 result lost"),
    ],
)
def test_narrow_row_says_it_in_fewer_words(reason: str, words: str) -> None:
    end = removal(250, job_id="4701", reason=reason, tasks_interrupted=3, results_lost=1)
    assert only(end).short_note == f"4 min ago: {words}"
    assert only(removal(8)).short_note.startswith("<10 s ago: ")


def test_row_of_an_expected_end_is_quiet() -> None:
    words = only(removal(8, reason="expected", tasks_interrupted=0))
    assert (words.state, words.tone) == ("closed", "quiet")
    assert words.note == "less than 10 s ago: closed as the scheduler expected"


def test_released_job_is_named_with_who_released_it() -> None:
    by_dasktop = replace(job("4709"), state="CANCELLED")
    fate = replace(ended().fate, state="CANCELLED", released_by="dasktop", explanation="released by dasktop (n1, 812)")
    reason = "job 4709 ended: released by dasktop (n1, 812)"
    held = snapshot([replace(by_dasktop, fate=fate)], worker_events=(removal(reason=reason),))
    words = cells(gone(held)[0], TAKEN_AT)
    assert (words.state, words.tone) == ("job ended", "quiet")
    assert "its job ended: released by dasktop (n1, 812)" in words.note


def test_end_of_a_job_that_ended_badly_is_bad() -> None:
    assert only(removal(job_id="4701", reason=TIMEOUT)).tone == "bad"
    assert only(removal(job_id="1", reason="job 1 ended: completed")).tone == "bad", "its job is not known"


def test_unknown_reason_is_not_guessed() -> None:
    assert why_it_left(removal(reason="unexpected")) == "ended for an unknown reason"
    assert why_it_left(removal(reason=None)) == "ended for an unknown reason"
    words = only(removal(reason=None, worker=None, address=None, job_id=None))
    assert (words.label, words.state, words.tone, words.step) == ("–", "left", "quiet", "")


def test_clock_of_another_host_gives_no_negative_age() -> None:
    assert only(removal(-60)).note.startswith("less than 5 s ago: ")


def test_keys_are_unique_and_stay() -> None:
    same = removal(worker=None, address=None)
    before, after = gone(shown(same, same)), gone(shown(same, same, removal(1)))
    assert len({row.key for row in before}) == 2
    assert {row.key for row in before} < {row.key for row in after}


def test_only_the_newest_are_listed() -> None:
    held = shown(*(removal(500 - number, worker=str(number)) for number in range(MOST_GONE + 2)))
    rows = gone(held)
    assert len(rows) == MOST_GONE
    assert rows[0].end.worker == str(MOST_GONE + 1)
    assert group(held).note == "102 killed; the last 100 are listed"


def test_row_belongs_to_its_job_and_copies_its_address() -> None:
    row, stranger = gone(shown(removal(job_id="1"), removal()))
    assert (row.of_job, stranger.of_job) == ("4709", None)
    assert name_of(row) == "tcp://a"
    assert RowMarks().mark(row) is None


def test_group_is_folded_until_the_user_unfolds_it() -> None:
    folds = Folds()
    folds.adapt(shown(removal()), 4)
    assert folds.is_unfolded(("job", "4709"))
    assert not folds.is_unfolded(LEFT)
    folds.adapt(shown(removal()), 3)
    assert not folds.is_unfolded(("job", "4709")), "the group takes a line"
    folds.choose(LEFT, True)
    folds.choose_level(1)
    assert folds.is_unfolded(LEFT)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("killed by", ["a"]),
        ("state:closed", ["b"]),
        ("4709", ["b", "a"]),
        ("40001", []),
        ("tcp://b", ["b"]),
        ("n07", ["b"]),
        ("!killed by", ["b"]),
        ("nothing", []),
    ],
)
def test_filter_finds_them(pattern: str, names: list[str]) -> None:
    held = shown(removal(), removal(5, worker="b", address="tcp://b:40001", reason="expected", node="n07"))
    assert [row.end.worker for row in gone(apply_view(held, View(pattern=pattern)).snapshot)] == names


def test_filter_keeps_what_is_unknown() -> None:
    assert apply_view(replace(shown(), worker_events=None), View(pattern="a")).snapshot.worker_events is None


@pytest.mark.parametrize("cells_wide", [10, 30, 60, 80, 120, 200])
def test_hostile_names_and_causes_stay_in_their_line(cells_wide: int) -> None:
    held = shown(removal(worker=HOSTILE, reason=HOSTILE, address=HOSTILE, job_id=None, node=HOSTILE))
    layout = fit_layout(cells_wide)
    for row in visible_rows(held, lambda key: key == LEFT):
        text = "".join(piece.text for piece in line(row, cells(row, TAKEN_AT), layout, ASCII))
        assert text.isascii()
        assert text.isprintable()
        assert len(text) <= cells_wide
    lines = details_lines(held, "gone", glyphs=ASCII)
    assert all(text.isprintable() and text.isascii() for text in lines)


def test_job_is_beside_the_name_where_there_is_room() -> None:
    row = gone(shown(removal()))[0]

    def text(width: int) -> str:
        return "".join(piece.text for piece in line(row, cells(row, TAKEN_AT), fit_layout(width), ASCII))

    assert "job 4709" in text(120)
    assert "killed" in text(60)


def test_plain_tree_lists_them() -> None:
    text = plain_tree(shown(removal(), removal(5, worker="b", reason="expected")))
    assert "2 workers that left" in text
    assert f"less than 60 s ago: {KILLED}" in text


def test_counts_are_in_order_of_severity() -> None:
    ends = [removal(reason=reason) for reason in ("expected", None, "unexpected", KILLED)]
    assert left_counts(ends) == "1 killed, 1 lost, 1 closed, 1 left"


class TestDetails:
    def text(self, held: Snapshot, kind: str) -> str:
        return " ".join(" ".join(details_lines(held, kind)).split())

    def test_of_the_group(self) -> None:
        text = self.text(shown(removal(tasks_interrupted=2), removal(5, reason="expected")), "left")
        assert "workers 1 killed, 1 closed" in text
        assert "cost 2 tasks assigned to them" in text
        assert f"1: {KILLED}" in text

    def test_of_one(self) -> None:
        end = removal(250, job_id="4701", reason=TIMEOUT, tasks_interrupted=0, results_lost=0, node="n07", pid=12)
        text = self.text(shown(end), "gone")
        assert "why its job ended: killed: reached its time limit" in text
        assert "4 min ago" in text
        assert "no task interrupted, no result lost" in text
        assert "its job reached its time limit of 1 h; ran 45 min" in text
        assert "node n07 address tcp://a pid 12" in text

    def test_of_an_ended_job_count_its_workers(self) -> None:
        end = removal(job_id="4701", reason=TIMEOUT, tasks_interrupted=3, results_lost=1)
        other = removal(job_id="4701", reason="expected", worker="b")
        held = replace(shown(end, other, removal()), jobs=(ended("4701"),))
        text = self.text(held, "job")
        assert "workers 2 left: 1 job ended, 1 closed; 3 tasks assigned to them; 1 result lost" in text
        assert "left:" not in self.text(replace(held, worker_events=None), "job")

    def test_of_one_of_which_nothing_is_known(self) -> None:
        end = removal(worker=None, address=None, job_id=None, reason=None)
        text = self.text(shown(end), "gone")
        assert "cost –" in text
        assert "job – node – address – pid –" in text
        assert "its job" not in text


def test_how_long_it_ran_is_shown_if_it_is_known() -> None:
    end = removal(60, started_at=TAKEN_AT - timedelta(minutes=31), tasks_interrupted=1)
    assert only(end).note == f"1 min ago: {KILLED}; ran 30 min; 1 task assigned to it"
    assert "ran         30 min" in details_lines(shown(end), "gone")
    assert "ran         –" in details_lines(shown(removal(60)), "gone")


def test_tasks_that_failed_are_told_from_those_that_run_elsewhere() -> None:
    ends = [removal(60, tasks_interrupted=8, tasks_failed=1), removal(61, address="tcp://b", tasks_interrupted=2)]
    assert only(ends[0]).note.endswith("; 8 tasks assigned to it, 1 of which failed")
    assert only(ends[0]).short_note.endswith("8 tasks (1 failed)")
    assert "10 tasks assigned to them, 1 of which failed" in group(shown(*ends)).note
    assert only(removal(60, tasks_interrupted=1, tasks_failed=1)).note.endswith("; 1 task assigned to it, which failed")
    assert only(removal(60, tasks_interrupted=2, tasks_failed=2)).note.endswith("it, all of which failed")
    unknown = only(removal(60, tasks_failed=3))
    assert unknown.note.endswith("; 3 tasks failed")


def test_group_has_the_worst_state_of_the_last_half_hour() -> None:
    def state(minutes: float, reason: str) -> tuple[str, str]:
        end = WorkerEvent(at=TAKEN_AT - timedelta(minutes=minutes), worker="w-1", kind="removed", reason=reason)
        shown = cells(LeftRow(key=LEFT, parent=None, depth=0, unfolded=False, ends=(end,)), TAKEN_AT)
        return shown.state, shown.tone

    assert state(29, "killed by its nanny") == ("killed", "waiting")
    assert state(29, "unexpected") == ("lost", "waiting")
    assert state(31, "killed by its nanny") == state(1, "expected") == ("", "quiet")
