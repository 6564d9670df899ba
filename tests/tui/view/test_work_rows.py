"""The rows, columns and details of the work page: pure functions."""

import re
from collections.abc import Sequence
from datetime import timedelta

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Finding, Severity
from dasktop.collectors.model.work import TaskActivity, Work
from dasktop.tui.draw.glyphs import ASCII, UNICODE, Glyphs
from dasktop.tui.draw.prose import Section, lay_out
from dasktop.tui.draw.text_width import width
from dasktop.tui.draw.times import local
from dasktop.tui.report.wording import TIME_PARTS
from dasktop.tui.view.work import findings_by_name, marked_names, number_in
from dasktop.tui.view.work_columns import (
    WORK_COLUMNS,
    WorkSort,
    fit_work_layout,
    work_column_at,
    work_heads,
    work_line,
    work_order,
    work_texts,
)
from dasktop.tui.view.work_details import work_sections, work_title
from dasktop.tui.view.work_rows import WorkRow, name_rows, work_rows
from tests.support.screen import HOSTILE
from tests.support.snapshots import TAKEN_AT, everyday
from tests.support.work import activity, computation, failure, running_task, task_name, unrunnable_task, work

LOAD = task_name("load", states={"memory": 90, "erred": 10}, seconds_mean=0.4, compute_seconds=300.0)
REGRID = task_name("regrid", compute_seconds=100.0)
TRAIN = task_name("train", states={"no-worker": 3}, seconds_mean=None, compute_seconds=None)
GIVEN = work(
    computations=(
        computation("c1", code=("means = regrid.mean()", "means.compute()"), task_names=("load",), ended_at=TAKEN_AT),
        computation("c2", name="monthly means", task_names=("regrid", "load")),
    ),
    task_names=(LOAD, REGRID, TRAIN),
)


def rows(
    given: Work = GIVEN,
    sort: WorkSort | None = None,
    *,
    is_reversed: bool = False,
    pattern: str = "",
    folded: bool = False,
) -> list[WorkRow]:
    order = work_order(sort, is_reversed=is_reversed)
    return work_rows(given, lambda _, __: not folded, order=order, pattern=pattern).rows


def labels(found: Sequence[WorkRow]) -> list[str]:
    return [row.label for row in found]


def lines(given: Work, cells: int, glyphs: Glyphs = UNICODE) -> list[str]:
    layout = fit_work_layout(cells)
    drawn = [work_heads(layout, "done", is_reversed=False)]
    drawn += [work_line(row, work_texts(row, layout, TAKEN_AT), layout, glyphs) for row in rows(given)]
    return ["".join(piece.text for piece in line) for line in drawn]


def details(row: WorkRow, given: Work = GIVEN, cells: int = 80) -> str:
    sections = work_sections(row, given, TAKEN_AT)
    return "\n".join("".join(piece.text for piece in line) for line in lay_out(sections, cells, UNICODE))


def about(*names: str, severity: Severity = "warning") -> Finding:
    return Finding(
        code="tasks-stuck",
        severity=severity,
        job_id=None,
        worker=None,
        task_names=names,
        message=f"it is about {', '.join(names)}",
        advice="do this",
        since=None,
    )


def found_in(sections: Sequence[Section]) -> list[str]:
    """Return the lines of the first section, if it has no heading."""
    first = [section for section in sections[:1] if not section.title]
    return ["".join(piece.text for piece in line).rstrip() for line in lay_out(first, 80, UNICODE)]


class TestRows:
    def test_newest_computation_first_with_its_task_names(self) -> None:
        names = ["monthly means", "regrid", "load (in 2)", "means.compute()", "load (in 2)", "other tasks", "train"]
        assert labels(rows()) == names
        assert labels(rows(folded=True)) == ["monthly means", "means.compute()", "other tasks"]

    def test_ended_computations_are_folded_at_first(self) -> None:
        found = work_rows(GIVEN, lambda _, by_default: by_default).rows
        assert [(row.label, row.unfolded) for row in found if row.depth == 0] == [
            ("monthly means", True),
            ("means.compute()", False),
            ("other tasks", True),
        ]

    def test_time_includes_running_tasks_but_not_ended_ones(self) -> None:
        stuck = task_name("sleep", states={"processing": 1}, seconds_mean=None, compute_seconds=None, finished_total=0)
        given = work(
            computations=(),
            task_names=(replace(stuck, seconds_max=307.0), REGRID, LOAD),
            running=(
                running_task("sleep-1", task_name="sleep", seconds=300.0),
                running_task("load-1", task_name="load", seconds=99.0),
            ),
        )
        [sleep, regrid, load] = name_rows(given)
        assert (sleep.seconds, sleep.time_share) == (300.0, 300 / 700)
        assert sleep.longest_seconds == 300.0, "as in the list of running tasks"
        assert (regrid.seconds, load.seconds) == (100.0, 300.0), "no task of that name runs any more"

    def test_names_that_a_finding_is_about_are_marked(self) -> None:
        found = work_rows(GIVEN, lambda _, __: True, marked=frozenset({"train"})).rows
        assert [row.label for row in found if row.has_finding] == ["other tasks", "train"]
        layout = fit_work_layout(75)
        assert work_line(found[-1], work_texts(found[-1], layout, TAKEN_AT), layout, UNICODE)[0].text == "!"

    def test_details_begin_with_what_findings_say(self) -> None:
        shown = replace(everyday(), work=GIVEN, findings=(about("train"), about("load", "regrid"), about("gone")))
        findings = findings_by_name(shown)
        text = {row.label: found_in(work_sections(row, GIVEN, TAKEN_AT, findings)) for row in rows()}
        assert text["monthly means"] == ["! it is about load, regrid", "  do this", "  warning: tasks-stuck"]
        assert text["regrid"] == text["load (in 2)"] == text["monthly means"]
        assert text["train"] == text["other tasks"] == ["! it is about train", "  do this", "  warning: tasks-stuck"]
        assert text["means.compute()"] == [], "it has ended"

    def test_infos_do_not_mark_a_name(self) -> None:
        shown = replace(everyday(), work=GIVEN, findings=(about("train"), about("load", severity="info")))
        assert marked_names(shown) == {"train"}

    def test_failed_and_blocked_tasks_are_apart(self) -> None:
        names = (
            task_name("load", states={"memory": 1, "erred": 2}),
            task_name("regrid", states={"erred": 1}),
            task_name("mean", states={"erred": 9}),
        )
        blocking = tuple(failure(f"load-{number}", task_name="load", blocks=5) for number in range(2))
        found = rows(work(computations=(), task_names=names, failures=blocking))
        assert [(number_in(row.states, "failed"), number_in(row.states, "blocked")) for row in found] == [
            (2, 10),
            (2, 0),
            (0, 1),
            (0, 9),
        ]
        texts = work_texts(rows(work(computations=(), task_names=names))[0], fit_work_layout(200), TAKEN_AT)
        assert (texts["failed"], texts["blocked"]) == ("≤12", "–"), "the failures are not all known"

    def test_keys_are_unique(self) -> None:
        keys = [row.key for row in rows()]
        assert len(set(keys)) == len(keys)

    @pytest.mark.parametrize(
        ("code", "label"),
        [(("a = 1", "b.compute()", "c = 2"), "b.compute()"), (("", "b.compute()"), "b.compute()"), (("",), "regrid")],
    )
    def test_label_is_the_line_that_started_it(self, code: tuple[str, ...], label: str) -> None:
        assert labels(rows(work(computations=(computation(code=code),))))[0] == label

    def test_computation_without_name_and_code_shows_task_names(self) -> None:
        assert labels(rows(work()))[0] == "regrid"

    def test_more_names_than_the_scheduler_lists(self) -> None:
        assert "other tasks, 7 more names not listed" in labels(rows(work(more_task_names=7)))

    def test_sorted_by_time_and_reversed(self) -> None:
        by_time = [row.label for row in rows(sort="time") if row.parent == ("computation", "c2")]
        assert by_time == ["load (in 2)", "regrid"]
        in_reverse = rows(sort="time", is_reversed=True)
        assert [row.label for row in in_reverse if row.parent == ("computation", "c2")] == ["regrid", "load (in 2)"]

    @pytest.mark.parametrize("is_reversed", [False, True])
    @pytest.mark.parametrize("sort", ["name", *WORK_COLUMNS])
    def test_every_column_sorts_and_keeps_all_rows(self, sort: WorkSort, is_reversed: bool) -> None:
        assert sorted(labels(rows(sort=sort, is_reversed=is_reversed))) == sorted(labels(rows()))

    def test_pattern_keeps_parents_of_matches(self) -> None:
        found = work_rows(GIVEN, lambda _, __: False, pattern="regr.d$")
        assert labels(found.rows) == ["monthly means", "regrid"]
        assert found.context == {("computation", "c2")}

    @pytest.mark.parametrize(
        ("pattern", "kept"),
        [
            ("monthly", ["monthly means", "regrid", "load (in 2)"]),
            ("regrid.mean", ["means.compute()", "load (in 2)"]),
            ("state:failed", ["monthly means", "load (in 2)", "means.compute()", "load (in 2)"]),
            ("state:no-worker", ["other tasks", "train"]),
            ("!load", ["monthly means", "regrid", "means.compute()", "other tasks", "train"]),
            ("nothing like it", []),
        ],
    )
    def test_pattern(self, pattern: str, kept: list[str]) -> None:
        assert labels(rows(pattern=pattern)) == kept


class TestLines:
    def test_figures_of_a_name(self) -> None:
        [line] = [line for line in lines(work(task_names=(REGRID,)), 200) if "regrid" in line][1:]
        assert line.split()[-11:] == ["40/100", "12", "48", "0", "0", "2.5s", "9.0s", "100%", "–", "40M", "–"]

    def test_times_of_a_computation(self) -> None:
        line = lines(work(), 200)[1]
        assert line.split()[-2:] == ["5m00s", "–"]
        ended = TAKEN_AT - timedelta(days=2)
        for moment, words in ((TAKEN_AT, f"ended {local(TAKEN_AT):%H:%M}"), (ended, f"ended {local(ended):%a}")):
            assert lines(work(computations=(computation(ended_at=moment),)), 80)[1].endswith(words)

    def test_tasks_that_no_worker_may_run(self) -> None:
        assert lines(work(task_names=(TRAIN,), computations=()), 80)[2].endswith("cannot run")

    def test_the_most_useful_columns_stay_at_80_cells(self) -> None:
        assert list(fit_work_layout(75).columns) == ["done", "failed", "mean", "time", "eta"]

    @pytest.mark.parametrize("cells", range(1, 301, 13))
    def test_columns_are_where_a_click_finds_them(self, cells: int) -> None:
        layout = fit_work_layout(cells)
        head = work_heads(layout, None, is_reversed=False)[0].text
        for name in layout.columns:
            assert work_column_at(head.index(f" {WORK_COLUMNS[name].head}") + 1, layout) == name
        assert work_column_at(cells, layout) is None or not layout.columns

    @pytest.mark.parametrize("text", HOSTILE)
    @pytest.mark.parametrize("cells", [3, 20, 75, 115, 300])
    def test_any_text_fits(self, text: str, cells: int) -> None:
        given = work(
            computations=(computation(code=(text,), task_names=(text,)), computation("c2", name=text)),
            task_names=(task_name(text), task_name(text * 50)),
        )
        for glyphs in (UNICODE, ASCII):
            assert all(width(line) <= cells for line in lines(given, cells, glyphs))
        assert all(line.isascii() for line in lines(given, cells, ASCII)[1:])


class TestDetails:
    def test_a_name(self) -> None:
        given = work(
            task_names=(task_name(suspicious=2),),
            running=(running_task(seconds=90.0), running_task("('load-1', 1)", task_name="load")),
            activities=(activity(seconds=90.0), activity(activity="disk-read", seconds=10.0), activity("load")),
        )
        text = details(rows(given)[1], given)
        assert "2 times a worker ended while it ran or held one of these tasks" in text
        assert "1m30s, 36x the mean   SLURMCluster-0-0 (job 4709)  ('regrid-8a7f0d5e', 3)" in text
        assert "load" not in text
        assert "compute       90%  1m30s" in text
        assert "transfer           4.0s waiting for inputs, not on threads" in text
        assert "ValueError('no grid')" in text
        assert "1.0M each" in text

    def test_where_time_goes_in_the_words_of_the_report(self) -> None:
        names = ("thread-cpu", "thread-noncpu", "disk-read", "serialize", "deserialize", "failed", "executor")
        given = work(task_names=(task_name(),), activities=tuple(activity(activity=name) for name in names))
        text = details(rows(given)[1], given)
        section = text[text.index("WHERE TIME GOES") :]
        words = {part.name for part in TIME_PARTS if part.name != "deser."} | {"deserialize"}
        assert all(re.search(rf"\b{word} +\d", section) for word in words)
        assert re.search(r"spill +29%", section)

    @pytest.mark.parametrize(
        ("seconds", "finished", "measured", "words"),
        [
            (
                0.0,
                0,
                (),
                ("nothing yet: workers measure it when a task ends", "1m40s so far, measured when the tasks end"),
            ),
            (9.0, 3, (), ("not read yet: read every 30 s", "1m40s so far, measured when the tasks end")),
            (
                9.0,
                3,
                (activity(seconds=9.0),),
                ("compute      100%  9.0s", "1m40s so far, measured when the tasks end"),
            ),
        ],
    )
    def test_time_of_running_tasks_is_not_measured_yet(
        self, seconds: float, finished: int, measured: tuple[TaskActivity, ...], words: tuple[str, ...]
    ) -> None:
        name = task_name(compute_seconds=seconds, finished_total=finished)
        given = work(task_names=(name,), running=(running_task(seconds=100.0),), activities=measured)
        text = details(rows(given)[1], given)
        section = text[text.index("WHERE TIME GOES") :]
        assert all(word in section for word in words)
        still = work(task_names=(name,), running=(), activities=measured)
        assert "so far" not in details(rows(still)[1], still)

    def test_a_key_is_cut_in_its_middle(self) -> None:
        key = "regrid-d762bb1d-7ed0-4fcb-9731-ff4b4d762bb1-0000263"
        given = work(running=(running_task(key),))
        line = next(line for line in details(rows(given)[1], given, 76).splitlines() if "(job 4709)" in line)
        assert line.endswith("-0000263")
        assert width(line) <= 76

    def test_a_computation(self) -> None:
        [computation_row] = [row for row in rows() if row.label == "means.compute()"]
        text = details(computation_row)
        assert "means = regrid.mean()" in text
        assert "70% of the time, 90/100 done" in text
        assert "monthly" not in text

    def test_what_no_worker_may_run(self) -> None:
        given = work(task_names=(TRAIN,), computations=(), unrunnable=(unrunnable_task(),))
        assert "CANNOT RUN\nno worker offers GPU=1: 1 task, for 1m01s\n  train-8a7f0d5e" in details(
            rows(given)[1], given
        )

    def test_failures_are_grouped(self) -> None:
        failures = (failure("a", at=TAKEN_AT - timedelta(seconds=9)), failure("b"))
        assert "2 tasks, the last at" in details(rows(work())[1], work(failures=failures))

    def test_nothing_known(self) -> None:
        given = work(running=None, activities=None, failures=None)
        text = details(rows(given)[1], given)
        assert "not read yet" in text
        assert "unknown: read every 30 s" in text

    @pytest.mark.parametrize("text", HOSTILE)
    def test_any_text_fits(self, text: str) -> None:
        given = work(
            computations=(computation(code=(text,), task_names=(text,)),),
            task_names=(task_name(text),),
            running=(running_task(text, task_name=text, worker=text),),
            failures=(failure(text, task_name=text, exception=text),),
            unrunnable=(unrunnable_task(text, task_name=text),),
            activities=(activity(text, activity=text),),
        )
        for row in rows(given):
            work_title(row)
            for cells in (20, 76, 116):
                assert all(width(line) <= cells for line in details(row, given, cells).splitlines())
