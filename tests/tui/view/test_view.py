"""Sorting, filtering and the flat list: which jobs and workers are shown, in which order, and which only as context."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Finding, Job, Snapshot
from dasktop.collectors.text.patterns import compiled
from dasktop.tui.view.columns import COLUMNS
from dasktop.tui.view.filtering import View, apply_view, flat_order, nothing_matches, with_whole_figures
from dasktop.tui.view.rows import OTHERS, OUTSIDE, Key
from dasktop.tui.view.selection import next_place, places_of
from dasktop.tui.view.visible_rows import visible_rows
from tests.support.snapshots import TAKEN_AT, ended, everyday, job, pending, snapshot, task, thread, worker
from tests.support.work import running_task, task_name, work


def finding(**values: object) -> Finding:
    given = Finding(code="lost-job", severity="warning", job_id=None, worker=None, message="m", since=TAKEN_AT)
    return replace(given, **values)


def jobs_of(shown: Snapshot, **view: object) -> list[str]:
    return [job.job_id for job in apply_view(shown, View(**view)).snapshot.jobs]


def workers_in(jobs: tuple[Job, ...]) -> list[str | None]:
    return [worker.name for job in jobs for task in job.tasks for worker in task.workers]


def two_jobs() -> Snapshot:
    return snapshot(
        [
            job("10", [task([worker("ann", status="paused"), worker("bob")])], name="big"),
            job("9", [task([worker("cid", host="n7")])], name="small"),
            pending("11", "Resources"),
        ],
        [worker("dan")],
    )


class TestDefaultView:
    def test_default_view_changes_nothing(self) -> None:
        shown = everyday()
        assert apply_view(shown, View()) == (shown, frozenset())

    def test_filter_keeps_totals_and_findings(self) -> None:
        shown = replace(two_jobs(), findings=(finding(job_id="9"),))
        left = apply_view(shown, View(pattern="nothing like it")).snapshot
        assert (left.jobs, left.unplaced_workers) == ((), ())
        assert (left.totals, left.findings) == (shown.totals, shown.findings)


class TestFilter:
    def test_match_keeps_everything_below_it(self) -> None:
        left = apply_view(two_jobs(), View(pattern="big"))
        assert workers_in(left.snapshot.jobs) == ["ann", "bob"]
        assert not left.context

    def test_parents_of_a_match_stay_as_context(self) -> None:
        left = apply_view(two_jobs(), View(pattern="ann"))
        assert workers_in(left.snapshot.jobs) == ["ann"]
        assert left.context == {("job", "10"), ("task", "10", "batch", 0)}

    def test_filtered_groups_sum_whole_jobs(self) -> None:
        arrays = [
            job(str(39 + number), [task([worker(f"ann{number}"), worker(f"bob{number}")])], array_job_id="39", **more)
            for number, more in enumerate(({"array_task_id": "0"}, {"array_task_id": "1"}))
        ]
        others = [job("50", [task([worker("ann5"), worker("bob5")])], evidence=())]
        shown = snapshot([*arrays, *others])
        left = apply_view(shown, View(pattern="ann")).snapshot
        rows = {row.kind: row for row in with_whole_figures(visible_rows(left, lambda _: False), shown)}
        assert workers_in(rows["array"].jobs) == ["ann0", "bob0", "ann1", "bob1"]  # type: ignore[union-attr]
        assert workers_in(rows["others"].jobs) == ["ann5", "bob5"]  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("pattern", "jobs", "workers"),
        [
            ("^1.$", ["10", "11"], ["ann", "bob"]),
            ("resources", ["11"], []),
            ("n7", ["9"], ["cid"]),
            ("RESOURCES", [], []),
            ("state:pend", ["11"], []),
            ("State:paused", ["10"], ["ann"]),
            ("state:", ["10", "9", "11"], ["ann", "bob", "cid"]),
            ("!state:pend", ["10", "9"], ["ann", "bob", "cid"]),
            ("!ann", ["10", "9", "11"], ["bob", "cid"]),
            ("!small", ["10", "11"], ["ann", "bob"]),
            ("finding:", ["9"], ["cid"]),
            ("!finding:", ["10", "9", "11"], ["ann", "bob"]),
            ("finding:silent", ["9"], ["cid"]),
            ("finding:lost", [], []),
            ("(", [], []),
            ("", ["10", "9", "11"], ["ann", "bob", "cid"]),
        ],
    )
    def test_patterns_match_as_documented(self, pattern: str, jobs: list[str], workers: list[str]) -> None:
        found = finding(code="worker-silent", worker="cid")
        left = apply_view(replace(two_jobs(), findings=(found,)), View(pattern=pattern)).snapshot
        assert [job.job_id for job in left.jobs] == jobs
        assert workers_in(left.jobs) == workers

    def test_finding_filter_matches_all_its_subjects(self) -> None:
        idle = finding(code="idle-allocation", job_ids=("9", "10"))
        old = finding(code="version-mismatch", worker="cid", workers=("cid", "bob"))
        shown = replace(two_jobs(), findings=(idle, old))
        assert sorted(jobs_of(shown, pattern="finding:idle")) == ["10", "9"]
        assert workers_in(apply_view(shown, View(pattern="finding:version")).snapshot.jobs) == ["bob", "cid"]

    @pytest.mark.parametrize(
        ("pattern", "words"),
        [
            ("nobody", "nothing matches nobody"),
            ("[", "nothing matches [ (searched as plain text: not a valid regular expression)"),
            ("!finding:", "nothing matches !finding:"),
            ("finding:lost", "no finding matches finding:lost"),
            (
                "finding:tasks",
                "nothing matches finding:tasks: tasks-unrunnable refers to no job or worker in this view",
            ),
        ],
    )
    def test_says_why_nothing_matches(self, pattern: str, words: str) -> None:
        shown = replace(two_jobs(), findings=(finding(code="tasks-unrunnable"),) * 2)
        assert nothing_matches(pattern, shown) == words

    def test_plain_number_does_not_match_addresses(self) -> None:
        shown = snapshot([job("4700", [task([worker("a", address="tcp://127.0.0.1:47001")])]), job("1")])
        assert [job.job_id for job in apply_view(shown, View(pattern="47")).snapshot.jobs] == ["4700"]
        assert [job.job_id for job in apply_view(shown, View(pattern="7001")).snapshot.jobs] == []
        assert [job.job_id for job in apply_view(shown, View(pattern=":47001")).snapshot.jobs] == ["4700"]

    def test_task_key_matches_its_worker(self) -> None:
        shown = snapshot([job("1", [task([worker("a", threads=(thread(task_key="train-17"),)), worker("b")])])])
        assert workers_in(apply_view(shown, View(pattern="train-1")).snapshot.jobs) == ["a"]

    def test_running_task_matches_its_folded_worker(self) -> None:
        shown = snapshot([job("1", [task([worker("a"), worker("b")])])], [worker("c")])
        here = [worker("b").address, worker("c").address, None]
        keys = [f"('interpolate-8a7f0d5e', {number})" for number in range(3)]
        running = [running_task(key, task_name="interpolate", address=at) for key, at in zip(keys, here, strict=True)]
        shown = replace(shown, work=work(running=tuple(running)))
        found = apply_view(shown, View(pattern="interpolate"))
        assert workers_in(found.snapshot.jobs) == ["b"]
        assert [one.name for one in found.snapshot.unplaced_workers] == ["c"]
        assert ("job", "1") in found.context
        assert workers_in(apply_view(shown, View(pattern="!interpolate")).snapshot.jobs) == ["a"]
        assert workers_in(apply_view(shown, View(pattern="state:interpolate")).snapshot.jobs) == []

    def test_longest_running_task_matches_its_worker(self) -> None:
        shown = snapshot([job("1", [task([worker("a", longest_task_name="interpolate"), worker("b")])])])
        assert workers_in(apply_view(shown, View(pattern="interpolate")).snapshot.jobs) == ["a"]

    def test_plain_number_does_not_match_tokens_of_keys(self) -> None:
        shown = snapshot([job("1", [task([worker("a", threads=(thread(task_key="train-8a7f0d5e-12"),))])])])
        shown = replace(shown, work=work(running=(running_task("('load-0d5e8a77', 34)", address=worker("a").address),)))
        found = {
            number: workers_in(apply_view(shown, View(pattern=number)).snapshot.jobs) for number in ("7", "12", "34")
        }
        assert found == {"7": [], "12": ["a"], "34": ["a"]}

    @pytest.mark.parametrize(
        ("pattern", "why"),
        [
            ("train", ": no train task is running"),
            ("(load|train)", ": no load or train task is running"),
            ("regrid", ": the tasks that run longest (1) have other names"),
            ("!regrid", ""),
            ("nobody", ""),
        ],
    )
    def test_says_why_no_running_task_matches(self, pattern: str, why: str) -> None:
        idle = [task_name(name, states={"waiting": 3}) for name in ("load", "train")]
        of = work(task_names=(*idle, task_name("regrid")), running=(running_task("mean-1", task_name="mean"),))
        assert nothing_matches(pattern, replace(two_jobs(), work=of)) == f"nothing matches {pattern}{why}"

    def test_filter_matches_how_a_job_ended(self) -> None:
        shown = snapshot([ended("1", "TIMEOUT", "reached its time limit of 1 h"), ended("2", "FAILED", "exit code 1")])
        assert jobs_of(shown, pattern="time limit") == ["1"]

    def test_invalid_pattern_is_plain_text(self) -> None:
        assert compiled("inc-(").search("inc-(8a7f")
        assert not compiled("inc-(").search("inc-8a7f")

    @given(st.text(max_size=6))
    def test_pattern_and_its_opposite_share_no_match(self, pattern: str) -> None:
        shown = everyday()
        plain, opposite = (apply_view(shown, View(pattern=prefix + "x" + pattern)) for prefix in ("", "!"))
        hits = {job.job_id for job in plain.snapshot.jobs if ("job", job.job_id) not in plain.context}
        assert not hits & {job.job_id for job in opposite.snapshot.jobs}

    @given(st.text(max_size=4))
    def test_filter_only_removes(self, pattern: str) -> None:
        shown = everyday()
        left = apply_view(shown, View(pattern=pattern)).snapshot
        assert [job.job_id for job in left.jobs] == [
            job.job_id for job in shown.jobs if job.job_id in {kept.job_id for kept in left.jobs}
        ]
        assert set(workers_in(left.jobs)) <= set(workers_in(shown.jobs))


class TestSort:
    def test_shares_come_largest_first_and_unknown_ones_last(self) -> None:
        shown = snapshot(
            [
                job("1", [task([worker("idle", cpu_percent=0.0), worker("busy", cpu_percent=300.0)])]),
                job("2", [task([worker("half", cpu_percent=600.0)])]),
                pending("3"),
            ]
        )
        left = apply_view(shown, View(sort="cpu")).snapshot
        assert [job.job_id for job in left.jobs] == ["2", "1", "3"]
        assert workers_in(left.jobs) == ["half", "busy", "idle"]
        assert jobs_of(shown, sort="cpu", is_reversed=True) == ["1", "2", "3"]

    def test_ids_sort_as_numbers(self) -> None:
        assert jobs_of(two_jobs(), sort="name") == ["9", "10", "11"]
        assert jobs_of(two_jobs(), sort="name", is_reversed=True) == ["11", "10", "9"]

    def test_equal_looking_values_keep_their_order(self) -> None:
        nearly = [worker("a", cpu_percent=100.1), worker("b", cpu_percent=100.3), worker("c", cpu_percent=100.2)]
        shown = snapshot([job("1", [task(nearly)])])
        assert workers_in(apply_view(shown, View(sort="cpu")).snapshot.jobs) == ["a", "b", "c"]

    @pytest.mark.parametrize("column", ["name", *COLUMNS])
    @pytest.mark.parametrize("is_reversed", [False, True])
    def test_sorting_keeps_all_rows(self, column: str, is_reversed: bool) -> None:
        shown = everyday()
        left = apply_view(shown, View(sort=column, is_reversed=is_reversed)).snapshot
        assert sorted(job.job_id for job in left.jobs) == sorted(job.job_id for job in shown.jobs)
        assert sorted(map(str, workers_in(left.jobs))) == sorted(map(str, workers_in(shown.jobs)))
        assert len(left.unplaced_workers) == len(shown.unplaced_workers)


class TestFlatOrder:
    def test_flat_order_sorts_all_workers_together(self) -> None:
        pairs = [(worker("a", cpu_percent=1.0), "1"), (worker("b", cpu_percent=None), "1"), (worker("c"), None)]
        assert [pair[0].name for pair in flat_order(View(sort="cpu"))(pairs)] == ["c", "a", "b"]
        assert list(flat_order(View())(pairs)) == pairs


def all_places(shown: Snapshot, *findings: Finding, is_flat: bool = False) -> list[tuple[Key, ...]]:
    return places_of(findings, visible_rows(shown, lambda _: True, is_flat=is_flat))


def places(shown: Snapshot, is_flat: bool = False, **values: object) -> tuple[Key, ...]:
    """Return the place of a finding about at most one object."""
    (place,) = all_places(shown, finding(**values), is_flat=is_flat) or [()]
    return place


class TestPathOfFinding:
    def test_finding_about_a_job_leads_there(self) -> None:
        assert places(two_jobs(), job_id="9") == (("job", "9"),)

    def test_path_of_a_worker_has_its_parents(self) -> None:
        at = worker("ann").address
        assert places(two_jobs(), worker="ann", job_id="10") == (("job", "10"), ("worker", at))
        of = two_jobs().jobs[0]
        shown = snapshot([replace(of, tasks=(*of.tasks, task([worker("eve")], task_id=1)))])
        whole = (("job", "10"), ("task", "10", "batch", 0), ("worker", at))
        assert places(shown, worker="ann", job_id="10") == whole

    def test_departed_worker_leads_to_its_job(self) -> None:
        assert places(two_jobs(), worker="eve", job_id="10") == (("job", "10"),)

    def test_path_contains_the_group(self) -> None:
        shown = snapshot([job(number, array_job_id="7", evidence=()) for number in ("8", "9")])
        assert places(shown, job_id="8") == (OTHERS, ("array", "7", "others"), ("job", "8"))

    def test_path_contains_the_second_array_group(self) -> None:
        runs = [job(number, array_job_id="7") for number in ("8", "9")]
        waits = [pending(number, array_job_id="7") for number in ("7", "6")]
        shown = snapshot([*runs, job("99"), *waits])
        assert places(shown, job_id="7") == (("array", "7", 1), ("job", "7"))

    def test_path_contains_the_group_outside_slurm(self) -> None:
        assert places(two_jobs(), worker="dan") == (OUTSIDE, ("worker", worker("dan").address))

    def test_flat_list_leads_to_the_worker(self) -> None:
        assert places(two_jobs(), is_flat=True, worker="cid") == (("worker", worker("cid").address),)
        assert places(two_jobs(), is_flat=True, job_id="10") == (("worker", worker("ann").address),)
        assert places(two_jobs(), is_flat=True, job_id="11") == ()

    def test_finding_about_several_jobs_leads_to_each(self) -> None:
        idle = finding(job_ids=("9", "10", "12"))
        assert all_places(two_jobs(), idle) == [(("job", "9"),), (("job", "10"),)]
        first_workers = [(("worker", worker(name).address),) for name in ("cid", "ann")]
        assert all_places(two_jobs(), idle, is_flat=True) == first_workers

    def test_finding_about_several_workers_leads_to_each(self) -> None:
        old = finding(worker="cid", workers=("cid", "eve", "dan"))
        assert [place[-1] for place in all_places(two_jobs(), old)] == [
            ("worker", worker(name).address) for name in ("cid", "dan")
        ]

    def test_places_follow_the_order_of_rows(self) -> None:
        failed, idle = finding(job_id="11", job_ids=("11",)), finding(job_ids=("9", "10", "11"))
        nowhere = finding(code="source-stale")
        assert [place[-1][1] for place in all_places(two_jobs(), failed, nowhere, idle)] == ["9", "10", "11"]

    def test_next_place_is_that_after_the_selected_row(self) -> None:
        rows = visible_rows(two_jobs(), lambda _: True)
        found = places_of([finding(job_ids=("9", "11"))], rows)

        def from_row(key: Key | None) -> list[str]:
            return [next_place(found, rows, key, step)[-1][1] for step in (1, -1)]

        assert from_row(("job", "9")) == ["11", "11"]
        assert from_row(("worker", worker("cid").address)) == ["11", "9"]
        assert from_row(("job", "10")) == ["11", "9"]
        assert from_row(None) == ["9", "11"]

    def test_finding_without_a_row_has_no_path(self) -> None:
        assert places(two_jobs()) == ()
        assert places(two_jobs(), worker="gone") == ()
