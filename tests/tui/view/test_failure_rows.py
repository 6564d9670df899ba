"""The rows, columns and details of the page of failed tasks: pure functions."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.snapshot import WorkerEvent
from dasktop.collectors.model.work import Failure
from dasktop.tui.draw.glyphs import ASCII, UNICODE, Glyphs
from dasktop.tui.draw.prose import lay_out
from dasktop.tui.draw.text_width import width
from dasktop.tui.draw.times import local
from dasktop.tui.view.failure_columns import (
    failure_heads,
    failure_line,
    failure_texts,
    fit_failure_layout,
    short_time,
)
from dasktop.tui.view.failure_details import failure_sections, failure_title
from dasktop.tui.view.failure_rows import FailureRow, FailureRows, GroupOrder, failure_rows
from tests.support.screen import HOSTILE
from tests.support.snapshots import TAKEN_AT
from tests.support.work import attempt, failure

KILL = "killed by its nanny because of its memory use: 980 MiB of 1,000 MiB"
KILLED = failure(
    "load-3",
    task_name="load",
    at=TAKEN_AT - timedelta(seconds=5),
    kind="worker killed",
    exception=None,
    traceback=None,
    attempts=(
        attempt("w-1", job_id="4709", node="n000"),
        attempt("w-2", job_id="4710", node="n001", cause=KILL),
    ),
    blocks=3,
)
EXCEPTIONS = tuple(
    failure(f"regrid-{number}", at=TAKEN_AT - timedelta(seconds=60 - number), worker=f"w-{number % 2}", node="n000")
    for number in range(4)
)
END = WorkerEvent(
    at=TAKEN_AT, worker="w-2", address="tcp://10.1.0.7/w-2", job_id="4710", node="n001", kind="removed", reason=KILL
)


def found(
    failures: Sequence[Failure] = (*EXCEPTIONS, KILLED),
    ends: Sequence[WorkerEvent] = (END,),
    *,
    order: GroupOrder | None = None,
    pattern: str = "",
    unfolded: bool | None = None,
) -> FailureRows:
    def is_unfolded(_: object, by_default: bool) -> bool:
        return by_default if unfolded is None else unfolded

    return failure_rows(failures, ends, is_unfolded, order or GroupOrder(), pattern)


def labels(rows: FailureRows) -> list[str]:
    return [row.label for row in rows.rows]


def lines(row: FailureRow, failures: Sequence[Failure] = (*EXCEPTIONS, KILLED), cells: int = 160) -> list[str]:
    laid_out = lay_out(failure_sections(row, failures, TAKEN_AT), cells, UNICODE)
    return ["".join(piece.text for piece in line).rstrip() for line in laid_out]


def drawn(row: FailureRow, cells: int, glyphs: Glyphs = UNICODE) -> str:
    layout = fit_failure_layout(cells)
    pieces = failure_line(row, failure_texts(row, layout, TAKEN_AT), layout, glyphs)
    return "".join(piece.text for piece in pieces)


class TestRows:
    def test_groups_newest_first_then_ended_workers(self) -> None:
        assert labels(found()) == ["load", "regrid", "ended workers", "w-2"]
        assert [row.unfolded for row in found().rows] == [False, False, True, None]
        regrid = [f"regrid-{number}" for number in (3, 2, 1, 0)]
        assert labels(found(unfolded=True)) == ["load", "load-3", "regrid", *regrid, "ended workers", "w-2"]
        assert labels(found(unfolded=False)) == ["load", "regrid", "ended workers"]

    def test_a_group_keeps_its_place_and_new_ones_are_above(self) -> None:
        order = GroupOrder()
        assert labels(found(ends=(), order=order)) == ["load", "regrid"]
        again = failure("regrid-9", at=TAKEN_AT)
        assert labels(found((*EXCEPTIONS, KILLED, again), (), order=order)) == ["load", "regrid"]
        new = failure("regrid-7", exception="KeyError('sea')", at=TAKEN_AT - timedelta(hours=1))
        failures = (*EXCEPTIONS, KILLED, again, new)
        rows = found(failures, (), order=order).rows
        assert [row.group.newest.key for row in rows] == ["regrid-7", "load-3", "regrid-9"]
        without = found((KILLED, new), (), order=order)
        assert labels(without) == ["regrid", "load"]
        assert labels(found(failures, (), order=order)) == ["regrid", "load", "regrid"], "its place is kept"
        assert labels(found((KILLED, again), (), order=GroupOrder())) == ["regrid", "load"], "newest first when opened"

    def test_a_group_keeps_its_key_when_the_cause_is_found(self) -> None:
        order = GroupOrder()
        unknown = replace(KILLED, attempts=(attempt("w-2"),))
        before = found((*EXCEPTIONS, unknown), (), order=order).rows
        newer = failure("regrid-9", exception="KeyError('sea')", at=TAKEN_AT)
        after = found((*EXCEPTIONS, KILLED, newer), (), order=order).rows
        assert [row.key for row in after[1:]] == [row.key for row in before]
        other = replace(unknown, key="load-4", at=TAKEN_AT)
        later = found((*EXCEPTIONS, KILLED, newer, other), (), order=order).rows
        assert [row.key for row in later[1:]] == [row.key for row in after]
        assert later[0].group.newest.key == "load-4"
        split = (replace(other, attempts=(attempt(cause="preempted"),)), replace(unknown, key="load-5"))
        last = found((*EXCEPTIONS, KILLED, newer, *split), (), order=order).rows
        assert len({row.key for row in last}) == len(last) == 5

    def test_keys_are_unique_and_duplicates_are_shown_once(self) -> None:
        rows = found((*EXCEPTIONS, *EXCEPTIONS, KILLED), (END, END), unfolded=True).rows
        assert len({row.key for row in rows}) == len(rows) == 9

    @pytest.mark.parametrize(
        ("pattern", "expected"),
        [
            ("load", ["load"]),
            ("regrid-3", ["regrid", "regrid-3"]),
            ("n001", ["load", "ended workers", "w-2"]),
            ("!memory use", ["regrid"]),
            ("4710", ["load", "ended workers", "w-2"]),
            ("^w-0$", ["regrid", "regrid-2", "regrid-0"]),
            ("nothing", []),
        ],
    )
    def test_filter(self, pattern: str, expected: list[str]) -> None:
        assert labels(found(pattern=pattern)) == expected


class TestLine:
    def test_columns_by_width(self) -> None:
        heads = ["".join(piece.text for piece in failure_heads(fit_failure_layout(cells))) for cells in (75, 140)]
        assert heads[0].split() == ["TASK", "NAME", "·", "KEY", "COUNT", "FIRST", "LAST", "WHY"]
        named = ["COUNT", "BLOCKS", "FIRST", "LAST", "WORKER", "JOB", "NODE", "WHY"]
        assert heads[1].split() == ["TASK", "NAME", "·", "KEY", *named]

    def test_a_group_says_how_many_when_and_where(self) -> None:
        first, last = (f"{local(EXCEPTIONS[number].at):%H:%M:%S}" for number in (0, 3))
        load, regrid, ends, end = found().rows
        assert drawn(regrid, 160).split() == [
            *("▸", "regrid", "4", "8", first, last, "2", "workers", "4709", "n000", "ValueError('no", "grid')")
        ]
        assert drawn(load, 160).split()[:4] == ["▸", "load", "1", "3"]
        assert "2 workers        2 jobs   2 nodes  memory kill: 980 MiB" in drawn(load, 160), "of all attempts"
        assert KILL in drawn(end, 200)
        assert KILL in drawn(ends, 200)
        assert drawn(end, 75).rstrip().endswith("memory kill: 980 MiB of 1,0…"), "shorter where it does not fit"
        task = found((KILLED,), (), unfolded=True).rows[1]
        assert drawn(task, 75).split()[:3] == ["load-3", f"{local(KILLED.at):%H:%M:%S}", "memory"]

    def test_unknown_is_not_zero(self) -> None:
        bare = failure(worker=None, address=None, job_id=None, blocks=None, exception=None, kind="unknown")
        [row] = found((bare,), ()).rows
        assert drawn(row, 160).count("–") == 4, "blocks, worker, job, node"
        assert "the scheduler does not report why" in drawn(row, 160)

    def test_times_of_other_days(self) -> None:
        ago = [TAKEN_AT - timedelta(days=days) for days in (0, 2, 30, 400)]
        expected = [f"{local(ago[0]):%H:%M:%S}", f"{local(ago[1]):%a %H:%M}"]
        assert [short_time(at, TAKEN_AT) for at in ago] == [*expected, "23 Oct", "2024-10"]

    @pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
    @pytest.mark.parametrize("text", HOSTILE)
    def test_any_text_fits(self, text: str, glyphs: Glyphs) -> None:
        bad = failure(text, task_name=text, exception=text, traceback=(text,), worker=text, job_id=text, node=text)
        killed = replace(KILLED, key=text, task_name=text, attempts=(attempt(text, cause=text, node=text),))
        end = replace(END, worker=text, job_id=text, node=text, reason=text)
        for row in found((bad, killed), (end,), unfolded=True).rows:
            for cells in (10, 20, 50, 75, 130, 300):
                assert width(drawn(row, cells, glyphs)) <= cells
                assert cells < 20 or all(width(line) <= cells for line in lines(row, (bad, killed), cells))
            failure_title(row)


class TestDetails:
    def test_group_has_all_keys_and_the_traceback_of_the_newest(self) -> None:
        many = [replace(EXCEPTIONS[0], key=f"regrid-{number}") for number in range(60)]
        shown = lines(found(many, ()).rows[0], many)
        assert [line.strip() for line in shown[-60:]] == [f"regrid-{number}" for number in reversed(range(60))]
        shown = lines(found().rows[1])
        assert "WHERE" in shown
        assert "worker w-0 in job 4709 on node n000: 2 tasks" in shown
        assert "of the newest, regrid-3" in shown
        assert "    raise ValueError('no grid')" in shown
        assert any(line.split() == ["blocks", "8", "tasks"] for line in shown)

    def test_killed_task_has_attempts_with_causes_and_what_helps(self) -> None:
        shown = lines(found((KILLED,), (), unfolded=True).rows[1])
        time = f"{local(TAKEN_AT):%H:%M:%S}"
        assert f"attempt 1: {time} worker w-1 in job 4709 on node n000: it ended for an unknown reason" in shown
        assert f"attempt 2: {time} worker w-2 in job 4710 on node n001: {KILL}" in shown
        assert any(line.startswith("what helps  use smaller partitions") for line in shown)
        assert shown[-2:] == ["KEY", "load-3"]

    def test_killed_group_counts_the_tasks_of_each_worker_that_ended(self) -> None:
        other = replace(KILLED, key="load-4", attempts=KILLED.attempts[1:])
        shown = lines(found((KILLED, other), ()).rows[0])
        assert "WORKERS THAT ENDED" in shown
        assert any(line.endswith(f"worker w-2 in job 4710 on node n001: {KILL} (2 tasks)") for line in shown)
        assert any(line.startswith("what helps") for line in shown)

    def test_ended_worker_has_its_place_its_cost_and_the_tasks_that_failed(self) -> None:
        end = replace(END, tasks_interrupted=2, memory_bytes=980 << 20, limit_bytes=1000 << 20)
        shown = lines(found(ends=(end,)).rows[-1])
        words = [line.split(maxsplit=1) for line in shown if line]
        assert ["node", "n001"] in words
        assert ["memory", "980 MiB of 1,000 MiB"] in words
        assert ["cost", "2 tasks assigned to it"] in words
        assert shown[-2:] == ["TASKS THAT FAILED", "load-3"]
        assert any(f"worker w-2 in job 4710 on node n001: {KILL}" in line for line in lines(found().rows[2]))
