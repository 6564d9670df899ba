"""Rows, cells and folds: what the tree shows, in which order, and in which words."""

import os
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Allocated, Finding, Job, Snapshot, SourceState, Used
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.glyphs import UNICODE
from dasktop.tui.view.cell_values import Cells
from dasktop.tui.view.cells import cells
from dasktop.tui.view.folds import Folds
from dasktop.tui.view.layout import fit_layout, line
from dasktop.tui.view.rows import EARLIER, OTHERS, OUTSIDE, Key, Row
from dasktop.tui.view.visible_rows import visible_rows
from tests.support.snapshots import (
    GIB,
    NO_CLUSTER,
    TAKEN_AT,
    ended,
    everyday,
    job,
    pending,
    snapshot,
    source,
    task,
    thread,
    worker,
)


def all_unfolded(key: Key) -> bool:
    return True


def all_folded(key: Key) -> bool:
    return False


def rows_of(shown: Snapshot, *unfolded: Key) -> list[Row]:
    return visible_rows(shown, lambda key: key in unfolded)


def cells_of(shown: Snapshot, *key: str | int | None) -> Cells:
    [row] = [row for row in visible_rows(shown, all_unfolded) if row.key == key]
    return cells(row, shown.taken_at)


@pytest.fixture
def in_utc(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class TestRows:
    def test_rows_are_in_display_order(self) -> None:
        shown = snapshot(
            [ended("1"), pending("2"), job("10"), job("9"), job("3", evidence=())],
            [worker("stray")],
        )
        assert [row.key for row in visible_rows(shown, all_folded)] == [
            ("job", "9"),
            ("job", "10"),
            ("job", "2"),
            ("job", "1"),
            OUTSIDE,
            OTHERS,
        ]

    def test_folded_rows_are_not_made(self) -> None:
        shown = snapshot([job("1", [task([worker("a"), worker("b")]), task(task_id=1)])])
        task_key = ("task", "1", "batch", 0)
        assert len(rows_of(shown)) == 1
        assert [row.key for row in rows_of(shown, ("job", "1"))] == [
            ("job", "1"),
            task_key,
            ("task", "1", "batch", 1),
        ]
        assert len(rows_of(shown, ("job", "1"), task_key)) == 5
        assert len(rows_of(shown, task_key)) == 1

    def test_rows_know_parent_and_depth(self) -> None:
        held = task([worker("a", threads=(thread(7),))])
        rows = visible_rows(snapshot([job("1", [held, task(task_id=1)])]), all_unfolded)
        assert [row.depth for row in rows] == [0, 1, 2, 3, 1]
        assert [row.parent for row in rows] == [None, *(row.key for row in rows[:-2]), rows[0].key]
        assert rows[-2].key == ("thread", worker("a").address, 7)
        assert [row.unfolded for row in rows] == [True, True, True, None, None]

    def test_workers_of_the_only_task_are_below_the_job(self) -> None:
        held = task([worker("a", threads=(thread(7),)), worker("b")])
        rows = visible_rows(snapshot([job("1", [held])]), lambda key: key[0] != "worker")
        assert [row.kind for row in rows] == ["job", "worker", "worker"]
        assert [(row.depth, row.parent) for row in rows[1:]] == [(1, ("job", "1"))] * 2
        assert [getattr(row, "task", None) for row in rows[1:]] == [held] * 2
        assert len(rows_of(snapshot([job("1", [held])]))) == 1

    def test_only_task_without_workers_leaves_nothing_to_unfold(self) -> None:
        assert [row.unfolded for row in visible_rows(snapshot([job("1", [task()])]), all_unfolded)] == [None]

    def test_rows_without_children_cannot_unfold(self) -> None:
        shown = snapshot([pending("1"), job("2", [task(), task(task_id=1)])])
        assert [row.unfolded for row in visible_rows(shown, all_unfolded)] == [True, None, None, None]

    def test_indistinguishable_tasks_have_unique_keys(self) -> None:
        unknown = [task([worker(name)], step_id=None, task_id=None) for name in "ab"]
        rows = visible_rows(snapshot([job("1", unknown)]), all_unfolded)
        assert len({row.key for row in rows}) == len(rows)

    def test_all_jobs_are_top_level_before_scheduler_answers(self) -> None:
        shown = snapshot([job("1", evidence=()), pending("2", evidence=())], cluster=NO_CLUSTER)
        assert [row.key for row in visible_rows(shown, all_folded)] == [("job", "1"), ("job", "2")]

    def test_row_for_threads_not_read_yet(self) -> None:
        rows = visible_rows(snapshot([], [worker("a")]), all_unfolded)
        assert rows[-1].kind == "asking"
        assert cells(rows[-1], TAKEN_AT).label == "threads not read yet"


class TestArrays:
    ARRAY = ("array", "7")

    def shown(self) -> Snapshot:
        running = [job(str(8 + number), array_job_id="7", array_task_id=str(number)) for number in range(3)]
        return snapshot([job("1"), *running, pending("7", array_job_id="7", array_task_id="3-99%4")])

    def test_jobs_of_an_array_share_one_row(self) -> None:
        assert [row.key for row in visible_rows(self.shown(), all_folded)] == [("job", "1"), self.ARRAY]

    def test_unfolded_array_lists_its_jobs(self) -> None:
        rows = rows_of(self.shown(), self.ARRAY)
        assert [(row.key, row.parent, row.depth) for row in rows[2:]] == [
            (("job", str(number)), self.ARRAY, 1) for number in (8, 9, 10, 7)
        ]

    def test_separate_groups_of_an_array_have_different_keys(self) -> None:
        mixed = [job("1", array_job_id="7"), job("2", array_job_id="7"), job("3")]
        mixed += [ended("4"), ended("5")]
        mixed[3:] = [replace(over, array_job_id="7") for over in mixed[3:]]
        keys = [row.key for row in visible_rows(snapshot(mixed), all_folded)]
        assert keys == [self.ARRAY, ("job", "3"), ("array", "7", 1)]

    def test_array_cells_count_and_sum(self) -> None:
        members = [
            job("8", [task([worker("a", cpu_percent=150.0)])], array_job_id="7", array_task_id="0"),
            job("9", [task([worker("b", cpu_percent=0.0)])], array_job_id="7", array_task_id="1"),
        ]
        held = cells_of(snapshot(members), *self.ARRAY)
        assert (held.label, held.state, held.node) == ("7_[2] dask-worker", "ARRAY", "2 jobs")
        assert (held.cpu_percent, held.busy) == (25, "6/6")

    def test_array_without_workers_shows_job_states(self) -> None:
        held = cells_of(self.shown(), *self.ARRAY)
        assert (held.label, held.note) == ("7_[100] dask-worker", "97 pending, 3 running")


class TestIdleThreads:
    def test_idle_threads_share_one_row(self) -> None:
        threads = (
            thread(1),
            thread(2, task_key=None, cpu_percent=0.0),
            thread(3, task_key=None, cpu_percent=0.2, role="other"),
            thread(4, task_key=None, cpu_percent=0.0, role="event loop"),
        )
        held = worker("a", threads=threads)
        rows = visible_rows(snapshot([], [held]), lambda key: key[0] != "idle")
        assert [row.kind for row in rows] == ["outside", "worker", "thread", "thread", "idle"]
        assert cells(rows[-1], TAKEN_AT).label == "2 idle threads"
        rows = visible_rows(snapshot([], [held]), all_unfolded)
        assert [row.kind for row in rows][4:] == ["idle", "thread", "thread"]
        assert rows[-1].parent == ("idle", held.address)

    def test_single_idle_thread_has_its_own_row(self) -> None:
        threads = (thread(1), thread(2, task_key=None, cpu_percent=0.0))
        rows = visible_rows(snapshot([], [worker("a", threads=threads)]), all_unfolded)
        assert [row.kind for row in rows][2:] == ["thread", "thread"]

    def test_threads_with_a_task_come_first(self) -> None:
        loop, dask = thread(1, task_key=None, role="event loop"), thread(2, task_key=None, cpu_percent=9.0)
        io = thread(3, task_key=None, role="other", cpu_percent=9.0)
        held = worker("a", threads=(loop, io, dask, thread(5), thread(4)))
        rows = visible_rows(snapshot([], [held]), all_unfolded)
        assert [row.key[-1] for row in rows[2:]] == [5, 4, 2, 1, 3]

    def test_thread_with_unknown_cpu_counts_as_idle(self) -> None:
        threads = tuple(thread(number, task_key=None, cpu_percent=None) for number in (1, 2))
        rows = visible_rows(snapshot([], [worker("a", threads=threads)]), all_unfolded)
        assert cells(rows[2], TAKEN_AT).cpu == figures.UNKNOWN


class TestFlat:
    def test_flat_list_shows_workers_with_jobs(self) -> None:
        shown = snapshot([job("1", [task([worker("a"), worker("b")])]), job("2")], [worker("stray")])
        rows = visible_rows(shown, all_folded, is_flat=True)
        assert [(row.key[1], row.parent, row.depth, row.job_id) for row in rows] == [
            (worker("a").address, None, 0, "1"),
            (worker("b").address, None, 0, "1"),
            (worker("stray").address, None, 0, None),
        ]
        assert [cells(row, TAKEN_AT).label for row in rows] == ["1 a", "1 b", "stray"]
        assert [cells(row, TAKEN_AT).node for row in rows] == ["n012", "n012", "n012"]

    def test_flat_rows_show_the_node_name_of_slurm(self) -> None:
        shown = snapshot(
            [job("1", [task([worker("a", host="192.168.0.7")], node="n7"), task([worker("b")], node=None)])]
        )
        assert [cells(row, TAKEN_AT).node for row in visible_rows(shown, all_folded, is_flat=True)] == ["n7", "n012"]


NAMES = st.text(max_size=8)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Draw a tree with unique job ids, addresses and native ids, like a reconciled one."""
    numbers = iter(range(10_000))

    def workers() -> list:
        return [
            worker(
                draw(NAMES),
                address=f"tcp://{next(numbers)}",
                threads=tuple(
                    thread(next(numbers), task_key=draw(st.none() | st.just("inc")), cpu_percent=0.0)
                    for _ in range(draw(st.integers(0, 3)))
                ),
                evidence=draw(st.sampled_from(["owner", "host", None])),
                nthreads=draw(st.none() | st.integers(0, 4)),
                memory_limit_bytes=draw(st.none() | st.integers(0, 4)),
            )
            for _ in range(draw(st.integers(0, 3)))
        ]

    jobs = [
        job(
            str(next(numbers)),
            [
                task(
                    workers(), step_id=draw(st.sampled_from(["batch", "0", None])), task_id=draw(st.none() | st.just(0))
                )
                for _ in range(draw(st.integers(0, 3)))
            ],
            state=draw(st.sampled_from(["RUNNING", "PENDING", "FAILED", "COMPLETING", "NEW_IN_26", None])),
            evidence=draw(st.sampled_from([(), ("owner",), ("host",)])),
            array_job_id=draw(st.sampled_from([None, "7", "8"])),
            name=draw(st.none() | NAMES),
        )
        for _ in range(draw(st.integers(0, 4)))
    ]
    answered = draw(st.booleans())
    shown = snapshot(jobs, workers())
    return shown if answered else replace(shown, cluster=NO_CLUSTER)


def test_jobs_of_an_array_in_two_places_have_different_keys() -> None:
    ours = [job(number, array_job_id="7", array_task_id=number, evidence=("owner",)) for number in "12"]
    others = [job(number, array_job_id="7", array_task_id=number, evidence=()) for number in "34"]
    rows = visible_rows(snapshot([*ours, *others]), all_unfolded)
    assert [row.key for row in rows if row.kind == "array"] == [("array", "7"), ("array", "7", "others")]


@given(snapshots())
def test_each_object_has_exactly_one_row(shown: Snapshot) -> None:
    rows = visible_rows(shown, all_unfolded)
    assert len({row.key for row in rows}) == len(rows)

    tasks = [task for job in shown.jobs for task in job.tasks]
    with_rows = [task for job in shown.jobs if len(job.tasks) > 1 for task in job.tasks]
    workers = [worker for task in tasks for worker in task.workers] + list(shown.unplaced_workers)
    threads = [thread for worker in workers for thread in worker.threads]
    expected = Counter(map(id, [*shown.jobs, *with_rows, *workers, *threads]))
    kinds = ("job", "task", "worker", "thread")
    assert Counter(id(getattr(row, row.kind)) for row in rows if row.kind in kinds) == expected

    places = {row.key: place for place, row in enumerate(rows)}
    for place, row in enumerate(rows):
        assert row.depth == (0 if row.parent is None else rows[places[row.parent]].depth + 1)
        assert row.parent is None or places[row.parent] < place
        cells(row, shown.taken_at)  # never raises


class TestJobCells:
    def test_running_job_shows_usage(self) -> None:
        shown = everyday()
        job_cells = cells_of(shown, "job", "4709")
        assert job_cells.label == "4709 dask-worker"
        assert (job_cells.state, job_cells.tone, job_cells.node) == ("RUNNING", "good", "n000")
        assert (job_cells.cpu_percent, job_cells.cpu) == (43, "43%")
        assert (job_cells.memory_percent, job_cells.memory_bytes) == (39, "6.2G")
        assert (job_cells.busy, job_cells.left, job_cells.ends_soon) == ("6/12", "4m 10s", True)

    def test_share_is_of_the_allocation(self) -> None:
        running = job("1", [task([worker("a")])], allocated=Allocated(cpus=4, memory_bytes=2 * GIB, gpus=None))
        job_cells = cells_of(
            snapshot([replace(running, used=Used(cpu_percent=100, memory_bytes=GIB, threads_busy=1))]), "job", "1"
        )
        assert (job_cells.cpu_percent, job_cells.memory_percent) == (25, 50)

    def test_unknown_is_a_dash(self) -> None:
        unknown = job(
            "1",
            [task([worker("a", nthreads=None, cpu_percent=None, memory_bytes=None, executing=None, status=None)])],
            allocated=Allocated(cpus=None, memory_bytes=None, gpus=None),
            used=Used(cpu_percent=None, memory_bytes=None, threads_busy=None),
            time_left_seconds=None,
        )
        shown = snapshot([unknown])
        for key in (("job", "1"), ("worker", worker("a").address)):
            held = cells_of(shown, *key)
            assert (held.cpu_percent, held.memory_percent) == (None, None)
            assert (held.cpu, held.memory, held.memory_bytes, held.busy) == ("–",) * 4
        assert cells_of(shown, "job", "1").left == "–"
        assert cells_of(shown, "worker", worker("a").address).state == "–"

    def test_unknown_allocation_has_no_share(self) -> None:
        held = cells_of(
            snapshot(
                [job("1", [task([worker("a", nthreads=0)])], allocated=Allocated(cpus=0, memory_bytes=0, gpus=0))]
            ),
            "job",
            "1",
        )
        assert (held.cpu_percent, held.memory_percent) == (None, None)

    def test_job_without_worker_has_a_note(self) -> None:
        assert cells_of(snapshot([job("1")]), "job", "1").note == "no worker (4 expected)"
        assert cells_of(snapshot([job("1", workers_expected=None)]), "job", "1").note == "no worker"

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"started_at": TAKEN_AT - timedelta(seconds=119)}, "starting, no worker yet (4 expected)"),
            ({"started_at": TAKEN_AT - timedelta(seconds=120)}, "no worker (4 expected)"),
            ({"started_at": None}, "no worker (4 expected)"),
            ({"state": "CONFIGURING"}, "nodes are being prepared"),
            ({"state": "COMPLETING"}, "processes are being ended"),
        ],
    )
    def test_starting_or_ending_job_has_a_note(self, values: dict[str, object], words: str) -> None:
        assert cells_of(snapshot([job("1", **values)]), "job", "1").note == words

    def test_job_without_dask_shows_its_allocation(self) -> None:
        unmeasured = Used(cpu_percent=None, memory_bytes=None, threads_busy=None)
        shown = snapshot([job("1", used=unmeasured)], cluster=NO_CLUSTER)
        assert cells_of(shown, "job", "1").note == "12 CPUs, 16G"

    def test_pending_job_shows_reason_and_start(self, in_utc: None) -> None:
        def note(**values: object) -> str:
            return cells_of(snapshot([pending("1", **values)]), "job", "1").note

        assert note() == "Priority"
        assert note(expected_start_at=TAKEN_AT + timedelta(hours=2, minutes=5)) == "Priority, starts about 14:05"
        assert note(reason=None, expected_start_at=TAKEN_AT + timedelta(days=1)) == "starts about Sun 12:00"
        assert note(expected_start_at=TAKEN_AT + timedelta(days=40)) == "Priority, starts about 2026-01-01"
        assert note(expected_start_at=TAKEN_AT - timedelta(hours=1)) == "Priority"

    def test_start_is_shown_in_local_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        try:
            waiting = pending("1", expected_start_at=TAKEN_AT + timedelta(hours=2, minutes=5))
            assert cells_of(snapshot([waiting]), "job", "1").note == "Priority, starts about 15:05"
        finally:
            monkeypatch.undo()
            time.tzset()

    def test_ended_job_shows_how_it_ended(self) -> None:
        held = cells_of(snapshot([ended("1")]), "job", "1")
        assert (held.state, held.tone, held.note) == ("TIMEOUT", "bad", "reached its time limit of 1 h; ran 45 min")
        assert cells_of(snapshot([ended("1", "CANCELLED by 1001", "x")]), "job", "1").tone == "quiet"

    def test_accounting_overrides_the_queues_state(self) -> None:
        held = cells_of(snapshot([replace(ended("1", "OUT_OF_MEMORY", "x"), state="FAILED")]), "job", "1")
        assert held.state == "OUT_OF_MEMORY"

    def test_ended_job_without_accounting_shows_its_state(self) -> None:
        held = cells_of(snapshot([job("1", state="FAILED", reason="NonZeroExitCode")]), "job", "1")
        assert (held.state, held.note) == ("FAILED", "NonZeroExitCode")

    @pytest.mark.parametrize(
        ("values", "label"),
        [
            ({}, "1 dask-worker"),
            ({"name": None}, "1"),
            ({"array_job_id": "54", "array_task_id": "1"}, "54_1 dask-worker"),
            ({"array_job_id": "54", "array_task_id": "5-10%2"}, "54_[5-10%2] dask-worker"),
            ({"evidence": ("host",)}, "~1 dask-worker"),
            ({"evidence": ("owner", "host")}, "1 dask-worker"),
        ],
    )
    def test_label_has_id_and_name(self, values: dict[str, object], label: str) -> None:
        assert cells_of(snapshot([job("1", **values)]), "job", "1").label == label

    def test_nodes_are_shortened_or_counted(self) -> None:
        assert cells_of(snapshot([job("1", nodes=("n1.example.org",))]), "job", "1").node == "n1"
        assert cells_of(snapshot([job("1", nodes=("n1", "n2"))]), "job", "1").node == "2 nodes"


class TestOtherCells:
    @pytest.mark.parametrize(
        ("step_id", "task_id", "label"),
        [("batch", 0, "batch.0"), ("0", 3, "0.3"), ("0", None, "0.–"), (None, None, "–")],
    )
    def test_task_label_has_step_and_id(self, step_id: str | None, task_id: int | None, label: str) -> None:
        held = task([worker("a")], step_id=step_id, task_id=task_id)
        two = snapshot([job("1", [held, task(step_id="1")])])
        assert cells_of(two, "task", "1", step_id, task_id).label == label
        one = cells_of(snapshot([job("1", [held])]), "job", "1")
        assert (one.label, one.step) == ("1 dask-worker", label.strip("–") and label)

    def test_job_of_several_nodes_names_that_of_its_only_task(self) -> None:
        of = job("1", [task([worker("a")], node="n2.example.org")], nodes=("n1", "n2"))
        held = cells_of(snapshot([of]), "job", "1")
        assert (held.step, held.node) == ("batch.0 · n2", "2 nodes")
        assert cells_of(snapshot([replace(of, tasks=(*of.tasks, task(task_id=1)))]), "job", "1").step == ""

    def test_worker_placed_by_its_host_is_marked(self) -> None:
        shown = snapshot([job("1", [task([worker("a", evidence="host"), worker("b")])])])
        assert cells_of(shown, "worker", worker("a").address).label == "~a"
        assert cells_of(shown, "worker", worker("b").address).label == "b"

    def test_worker_shows_its_usage(self) -> None:
        held = cells_of(snapshot([], [worker("a")]), "worker", worker("a").address)
        assert (held.cpu_percent, held.memory_percent, held.busy, held.node) == (92, 27, "3/3", "n012")

    def test_worker_outside_slurm_shows_whole_address(self) -> None:
        held = cells_of(snapshot([], [worker("a", host="10.1.2.3")]), "worker", worker("a").address)
        assert held.node == "10.1.2.3"

    def test_seceded_tasks_occupy_no_thread(self) -> None:
        assert cells_of(snapshot([], [worker("a", executing=7)]), "worker", worker("a").address).busy == "3/3"

    @pytest.mark.parametrize(
        ("name", "label"),
        [
            ("SLURMCluster-0-0-Dask-Default-Threads-4000-2", "Dask-2"),
            ("Dask-Default-Threads-4000-2", "Dask-2"),
            ("Dask-GPU-Threads-4000-0", "GPU-0"),
            ("IO loop", "IO loop"),
            (None, "thread 7"),
        ],
    )
    def test_thread_label_is_shortened(self, name: str | None, label: str) -> None:
        shown = snapshot([], [worker("a", threads=(thread(7, name=name, task_key=None),))])
        assert cells_of(shown, "thread", worker("a").address, 7).label == label

    def test_thread_shows_its_task(self) -> None:
        shown = snapshot([], [worker("a", threads=(thread(7),))])
        held = cells_of(shown, "thread", worker("a").address, 7)
        assert (held.label, held.state, held.cpu_percent) == ("Dask-7  inc-8a7f0d5e2c41", "compute", 99)

    @pytest.mark.parametrize(
        ("seconds", "typical", "note"),
        [
            (1.1, 1.9, "1.1s of ~1.9s"),
            (24.0, 2.0, "24s, 12x the mean"),
            (24.0, None, "24s"),
            (None, 2.0, ""),
        ],
    )
    def test_thread_shows_how_long_its_task_has_run(
        self, seconds: float | None, typical: float | None, note: str
    ) -> None:
        busy = thread(task_seconds=seconds, typical_seconds=typical)
        shown = snapshot([job("1", [task([worker("a", threads=(busy,))])])])
        row = visible_rows(shown, all_unfolded)[-1]
        assert cells(row, TAKEN_AT).note == note
        for width in (75, 115):
            text = "".join(piece.text for piece in line(row, cells(row, TAKEN_AT), fit_layout(width), UNICODE))
            assert note in text
            assert "99%" in text, "the note leaves the CPU visible"

    def test_unasked_worker_is_not_outside_slurm(self) -> None:
        unknown, outside = worker("a", outside_slurm=None), worker("b", outside_slurm=True)
        assert cells_of(snapshot([], [unknown]), "outside").label == "without a known job"
        assert cells_of(snapshot([], [unknown, outside]), "outside").label == "without a known job"

    def test_group_rows_have_their_labels(self) -> None:
        outside = [worker("a", outside_slurm=True), worker("b", outside_slurm=True)]
        shown = snapshot([job("1", evidence=()), job("2", evidence=())], outside)
        assert cells_of(shown, "outside").label == "outside SLURM"
        assert cells_of(shown, "outside").state == "2 workers"
        assert cells_of(shown, "others").label == "2 other jobs"


class TestFolds:
    def test_all_workers_show_while_they_fit(self) -> None:
        folds, shown = Folds(), everyday()
        lines = len(visible_rows(shown, folds.is_unfolded))
        folds.adapt(shown, lines)
        assert folds.is_unfolded(("job", "4709"))
        folds.adapt(shown, lines - 1)
        assert not folds.is_unfolded(("job", "4709"))

    def test_user_choice_ends_automatic_folding(self) -> None:
        folds = Folds()
        folds.adapt(everyday(), 100)
        folds.freeze()
        folds.adapt(everyday(), 3)
        assert folds.is_unfolded(("job", "4709"))

    @pytest.mark.parametrize(
        ("state", "age_seconds", "error", "is_grouped"),
        [
            ("off", None, None, False),
            ("stale", None, None, False),
            ("error", None, "no", True),
            ("stale", 5.0, None, True),
        ],
    )
    def test_jobs_are_grouped_only_once_their_scripts_are_known(
        self, state: SourceState, age_seconds: float | None, error: str | None, is_grouped: bool
    ) -> None:
        """Else a job of the cluster would leave its place for a moment, just when the user presses a key."""
        scripts = source("slurm.scripts", state=state, age_seconds=age_seconds, error=error)
        shown = snapshot([job("1"), job("2", evidence=())], sources=(scripts,))
        keys = [row.key for row in visible_rows(shown, lambda _: False)]
        assert keys == [("job", "1"), OTHERS if is_grouped else ("job", "2")]

    def test_job_of_unknown_scheduler_is_top_level(self) -> None:
        shown = snapshot([pending("1", evidence=(), scheduler_unknown=True), pending("2", evidence=())])
        rows = visible_rows(shown, lambda _: False)
        assert [row.key for row in rows] == [("job", "1"), OTHERS]
        assert cells(rows[0], TAKEN_AT).note == "scheduler unknown, Priority"

    def test_threads_and_other_jobs_are_folded_by_default(self) -> None:
        folds = Folds()
        assert not folds.is_unfolded(("worker", "tcp://x"))
        assert not folds.is_unfolded(OTHERS)
        folds.choose_all(True)
        assert not folds.is_unfolded(("worker", "tcp://x"))
        assert not folds.is_unfolded(OTHERS)

    @pytest.mark.parametrize(
        ("level", "unfolded"), [(1, set()), (2, {"job"}), (3, {"job", "task"}), (4, {"job", "task", "worker"})]
    )
    def test_level_unfolds_down_to_it(self, level: int, unfolded: set[str]) -> None:
        folds = Folds()
        folds.choose(("worker", "tcp://x"), True)
        folds.choose(("job", "1"), False)
        folds.choose_level(level)
        keys: list[Key] = [("job", "1"), ("job", "2"), ("task", "1", "batch", 0), ("worker", "tcp://x"), OTHERS]
        shown = {str(key[0]) for key in keys if folds.is_unfolded(key)}
        assert shown - {"task"} == unfolded - {"task"}
        assert ("task" in shown) == (level != 2)

    def test_unfolding_one_job_shows_its_workers(self) -> None:
        folds = Folds()
        folds.choose_level(1)
        folds.choose(("job", "1"), True)
        assert folds.is_unfolded(("task", "1", "batch", 0))

    def test_level_of_tasks_folds_jobs_of_one_task(self) -> None:
        two = job("2", [task([worker("b")]), task([worker("c")], task_id=1)])
        shown = snapshot([job("1", [task([worker("a")])]), two])
        folds = Folds()
        folds.adapt(shown, 100)

        def kinds() -> list[str]:
            return [row.kind for row in visible_rows(shown, folds.is_unfolded)]

        assert kinds() == ["job", "worker", "job", "task", "worker", "task", "worker"]
        folds.choose_level(2)
        assert kinds() == ["job", "job", "task", "task"]
        folds.choose(("job", "1"), True)
        assert kinds() == ["job", "worker", "job", "task", "task"]
        folds.choose_level(1)
        assert kinds() == ["job", "job"]

    def test_unfolding_all_overrides_jobs_not_workers(self) -> None:
        folds = Folds()
        folds.choose(("job", "1"), False)
        assert not folds.is_unfolded(("job", "1"))
        folds.choose(("worker", "tcp://x"), True)
        folds.choose_all(True)
        assert folds.is_unfolded(("job", "1"))
        assert folds.is_unfolded(("worker", "tcp://x"))


class TestFigures:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, "–"),
            (0, "0B"),
            (999, "999B"),
            (1000, "1.0K"),
            (int(6.6 * GIB), "6.6G"),
            (int(9.96 * GIB), "10G"),
            (128 * GIB, "128G"),
            (1010 * GIB, "1.0T"),
            (2**70, "1024E"),
        ],
    )
    def test_sizes_have_binary_units(self, value: int | None, text: str) -> None:
        assert figures.bytes_text(value) == text

    @given(st.integers(0, 2**69))
    def test_bytes_take_four_cells(self, value: int) -> None:
        assert len(figures.bytes_text(value)) <= 4

    @pytest.mark.parametrize(
        ("seconds", "text"), [(None, "–"), (250, "0:04:10"), (93_600, "1-02:00:00"), (-3, "0:00:00")]
    )
    def test_durations_are_written_as_in_slurm(self, seconds: int | None, text: str) -> None:
        assert figures.duration(seconds) == text

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [(None, "–"), (9, "0s"), (59, "50s"), (259, "4m 10s"), (2519, "41m"), (20_000, "5h 33m"), (93_784, "1d 2h")],
    )
    def test_time_left_is_rounded_down(self, seconds: int | None, text: str) -> None:
        assert figures.time_left(seconds) == text

    @pytest.mark.parametrize(
        ("part", "whole", "text"),
        [(3, 12, "3/12"), (None, 12, "–/12"), (None, None, "–"), (999, 999, "999/999"), (1024, 2048, "1k/2k")],
    )
    def test_ratio_is_shortened_to_seven_cells(self, part: int | None, whole: int | None, text: str) -> None:
        assert figures.ratio(part, whole) == text

    @pytest.mark.parametrize(
        ("seconds", "text"), [(None, "–"), (0.0003, "ok"), (0.5, "ok"), (0.6, "1s"), (3, "5s"), (90, ">50s")]
    )
    def test_latency_is_rounded_to_steps(self, seconds: float | None, text: str) -> None:
        assert figures.latency(seconds) == text

    @pytest.mark.parametrize(("value", "text"), [(None, "–"), (0, "0%"), (104, "104%"), (4000, ">999")])
    def test_percent_takes_four_cells(self, value: int | None, text: str) -> None:
        assert figures.percent_text(value) == text

    def test_share_is_whole_percent_or_unknown(self) -> None:
        assert figures.share(1, 3) == 33
        assert figures.share(None, 3) is None
        assert figures.share(1, None) is None
        assert figures.share(1, 0) is None
        assert figures.share(float("nan"), 3) is None

    def test_counts_have_thousands_separators(self) -> None:
        assert figures.count(1204) == "1,204"


def test_rows_and_cells_import_no_screen() -> None:
    """Rows and plain text are also used without a screen, and must not import it."""
    code = (
        "import sys, dasktop.tui.view.plain, dasktop.tui.view.rows;"
        "print([name for name in sys.modules if name.split('.')[0] in ('textual', 'rich')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "[]"


class TestJobsThatEndedEarlier:
    """Else the ended jobs of a cluster with many short jobs would fill the screen."""

    @staticmethod
    def ended_before(job_id: str, minutes: int, state: str = "CANCELLED") -> Job:
        made = ended(job_id, state)
        assert made.fate is not None
        return replace(made, fate=replace(made.fate, ended_at=TAKEN_AT - timedelta(minutes=minutes)))

    def test_they_form_one_group(self) -> None:
        jobs = [
            job("9"),
            self.ended_before("1", 16),
            self.ended_before("2", 900, "TIMEOUT"),
            self.ended_before("3", 14),
        ]
        shown = snapshot([*jobs, self.ended_before("4", 16)], [worker("stray")])
        keys = [row.key for row in visible_rows(shown, all_folded)]
        assert keys == [("job", "9"), ("job", "3"), EARLIER, OUTSIDE]
        group = next(row for row in visible_rows(shown, all_folded) if row.key == EARLIER)
        shown_cells = cells(group, TAKEN_AT)
        assert (shown_cells.label, shown_cells.note) == ("3 jobs that ended earlier", "2 CANCELLED, 1 TIMEOUT")
        inside = [row for row in visible_rows(shown, lambda key: key == EARLIER) if row.parent == EARLIER]
        assert [row.key for row in inside] == [("job", "1"), ("job", "2"), ("job", "4")]

    def test_exceptions_to_the_group_of_earlier_jobs(self) -> None:
        assert [row.key for row in rows_of(snapshot([self.ended_before("1", 16)]))] == [("job", "1")]
        unknown = replace(self.ended_before("4", 16), fate=None)
        jobs = [*(self.ended_before(job_id, 16) for job_id in "123"), unknown]
        lost = Finding(code="lost-job", severity="error", job_id="2", worker=None, message="", since=None)
        shown = replace(snapshot(jobs), findings=(lost,))
        assert [row.key for row in rows_of(shown)] == [("job", "2"), ("job", "4"), EARLIER]
        several = replace(lost, job_id=None, job_ids=("2", "3"))
        assert [row.key for row in rows_of(replace(shown, findings=(several,)))] == [
            ("job", job_id) for job_id in "1234"
        ]

    def test_they_take_one_line(self) -> None:
        folds = Folds()
        shown = snapshot([job("9", [task([worker("a")])]), *(self.ended_before(job_id, 16) for job_id in "12345678")])
        folds.adapt(shown, 3)
        assert folds.is_unfolded(("job", "9"))
        assert not folds.is_unfolded(EARLIER)
        folds.choose(EARLIER, True)
        folds.choose_level(1)
        assert folds.is_unfolded(EARLIER)
