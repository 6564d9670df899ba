"""Rates and ETAs: from totals that only grow, as ranges, and unknown until enough has finished."""

from datetime import timedelta

import pytest

from dasktop.collectors.analysis.estimates import MOST_SAMPLES, WorkHistory, estimated
from dasktop.collectors.model.work import Work
from tests.benchmarks.bench_eta import FOLDER, back_test, snapshots_of
from tests.support.snapshots import TAKEN_AT
from tests.support.work import computation, task_name, work


def after(finished: int, waiting: int, **states: int) -> Work:
    """Return work of one name, each task of one second."""
    states = {"waiting": waiting, "processing": 4, **states}
    name = task_name(
        states=states, finished_total=finished, compute_seconds=float(finished), seconds_mean=1.0, seconds_max=1.2
    )
    return work(task_names=(name,), computations=(computation(states=states),))


def run(*works: Work, threads: int | None = 4, scheduler_ids: str = "") -> tuple[Work, WorkHistory]:
    """Return the last of several, two seconds apart."""
    history = WorkHistory()
    for second, each in enumerate(works):
        at = TAKEN_AT + timedelta(seconds=2 * second)
        scheduler_id = scheduler_ids[second] if scheduler_ids else "s"
        shown, history = estimated(each, at, threads, scheduler_id, history)
    return shown, history


def test_no_work():
    assert estimated(None, TAKEN_AT, 4, "s", WorkHistory())[0] is None


def test_first_snapshot_has_no_rate():
    shown, _ = run(after(40, 60))
    assert shown.rate_per_second is None
    assert shown.task_names[0].rate_per_second is None


def test_rate_counts_released_results():
    """States only show the results that are kept."""
    shown, _ = run(after(40, 60, memory=40), after(48, 52, released=8))
    assert shown.rate_per_second == 4.0


def test_eta_is_a_range_around_the_time_that_is_left():
    shown, _ = run(after(40, 60), after(48, 52))
    now = TAKEN_AT + timedelta(seconds=2)
    assert shown.eta.earliest < now + timedelta(seconds=14) < shown.eta.latest
    assert shown.computations[0].eta is not None
    assert shown.task_names[0].eta is not None


@pytest.mark.parametrize("threads", [None, 0])
def test_no_eta_without_threads(threads):
    assert run(after(40, 60), after(48, 52), threads=threads)[0].eta is None


def test_no_eta_until_enough_has_finished():
    shown, _ = run(after(0, 100), after(4, 96))
    assert shown.eta is None


def test_no_eta_if_nothing_is_left():
    done = work(task_names=(task_name(states={"memory": 40}),))
    assert run(done, done)[0].eta is None


def test_restarted_scheduler_begins_again():
    shown, history = run(after(400, 60), after(8, 52), scheduler_ids="ab")
    assert shown.rate_per_second is None
    assert len(history.samples) == 1


def test_totals_that_decrease_begin_again():
    shown, _ = run(after(400, 60), after(8, 52))
    assert shown.rate_per_second is None


def test_history_is_bounded():
    history = run(*(after(n, 600) for n in range(600)))[1]
    assert len(history.samples) <= MOST_SAMPLES


@pytest.mark.parametrize("name", ["parallel", "two", "heavy"])
def test_true_end_of_recorded_runs_is_in_the_range(name):
    score = back_test(snapshots_of(FOLDER / f"{name}.ndjson.gz"))
    assert score.covered >= 0.8
    assert score.narrow >= 0.5
