"""What successive polls tell: how long tasks take, how busy threads are, how the cluster grows."""

from datetime import timedelta
from itertools import pairwise

import pytest

from dasktop.collectors.analysis.work_history import (
    MOST_SAMPLES,
    USUAL_EFFICIENCY,
    WINDOW_SECONDS,
    WorkHistory,
    busy_threads,
    efficiency,
    extended,
    growth,
    rates,
    recent_durations,
)
from tests.support.snapshots import TAKEN_AT
from tests.support.work import task_name, work


def history(
    *totals: tuple[int, float], threads: int | list[int] = 4, every: float = 2.0, ready: int = 20
) -> WorkHistory:
    """Return the history of one name with these totals of finished tasks and of their seconds."""
    known = WorkHistory()
    for poll, (finished, seconds) in enumerate(totals):
        name = task_name(
            states={"processing": ready},
            finished_total=finished,
            compute_seconds=seconds,
            seconds_mean=seconds / finished if finished else None,
            seconds_max=1.0,
        )
        count = threads if isinstance(threads, int) else threads[poll]
        known = extended(known, work(task_names=(name,)), TAKEN_AT + timedelta(seconds=every * poll), count, "s")
    return known


def test_mean_of_the_window_counts_if_durations_have_changed():
    polls = [(2 * n, 2.0 * n) for n in range(200)]
    slower = [(400 + n, 400.0 + 4.0 * n) for n in range(100)]
    changed = history(*polls, *slower)
    assert recent_durations(changed, {"regrid": 4.0})["regrid"].mean > 3.5
    assert recent_durations(history(*polls), {"regrid": 1.0})["regrid"].tasks == 398


def test_efficiency_is_usual_until_it_is_measured():
    assert efficiency(history((0, 0.0))) == USUAL_EFFICIENCY
    long_tasks = efficiency(history((4, 2400.0), (4, 2400.0), (5, 3000.0)))
    assert long_tasks.value == pytest.approx(USUAL_EFFICIENCY.value, abs=0.1)


def test_efficiency_of_threads_that_wait_half_of_the_time():
    measured = efficiency(history(*((4 * n, 4.0 * n) for n in range(1, 60))))
    assert measured.value == pytest.approx(0.5, abs=0.03)
    assert measured.deviation < 0.03


def test_threads_without_tasks_do_not_count_as_inefficient():
    assert efficiency(history(*((n, n) for n in range(1, 60)), ready=1)) == USUAL_EFFICIENCY
    assert busy_threads(history(*((n, n) for n in range(1, 60)), ready=1)) == pytest.approx(0.5, abs=0.1)


def test_running_tasks_of_unknown_duration_do_not_count_as_inefficient():
    known = WorkHistory()
    for poll in range(60):
        load = task_name("load", states={}, finished_total=40, compute_seconds=40.0, seconds_max=1.0)
        regrid = task_name(states={"processing": 20}, finished_total=0, compute_seconds=0.0, seconds_max=2.0 * poll)
        known = extended(known, work(task_names=(load, regrid)), TAKEN_AT + timedelta(seconds=2 * poll), 4, "s")
    assert efficiency(known).value == pytest.approx(USUAL_EFFICIENCY.value, abs=0.01)


def test_a_name_that_comes_again_has_not_worked_meanwhile():
    name = task_name(finished_total=1000, compute_seconds=1000.0, states={"processing": 4}, seconds_max=1.0)
    other = task_name("load", finished_total=10, compute_seconds=10.0, states={"processing": 4}, seconds_max=1.0)
    known = WorkHistory()
    for poll, names in enumerate([(name, other), (other,), (name, other)]):
        known = extended(known, work(task_names=names), TAKEN_AT + timedelta(seconds=poll), 4, "s")
    assert known.samples[-1].used_seconds < 10.0


@pytest.mark.parametrize(
    ("threads", "per_second"),
    [([8, 8, 8, 8, 8], 0.0), ([4, 4, 8, 8, 8], 0.75), ([4, 6, 8, 8, 8], 0.625), ([8, 4, 4, 4, 4], 0.0)],
)
def test_growth_is_that_of_the_window_and_half_a_step(threads, per_second):
    assert growth(history(*((n, n) for n in range(5)), threads=threads))[0] == pytest.approx(per_second)


def test_growth_may_last_nine_times_as_long():
    assert growth(history((0, 0), (1, 1), threads=[4, 8]))[1] == pytest.approx(18.0)


def test_history_begins_again_if_a_name_that_had_gone_has_a_lower_total():
    regrid = task_name(finished_total=40, compute_seconds=40.0)
    load = task_name("load", finished_total=10, compute_seconds=10.0)
    known = WorkHistory()
    for poll, names in enumerate([(regrid, load), (load,), (task_name(finished_total=3, compute_seconds=3.0), load)]):
        known = extended(known, work(task_names=names), TAKEN_AT + timedelta(seconds=poll), 4, "s")
    assert len(known.samples) == 1
    assert known.samples[0].durations["regrid"].tasks == 3


def test_rates_are_of_the_window():
    known = history(*((n if n < 100 else 100 + 3 * (n - 100), float(n)) for n in range(300)))
    assert rates(known) == {"regrid": 1.5}


def test_samples_cover_the_window_and_no_more():
    known = history(*((n, n) for n in range(300)), every=0.5)
    assert len(known.samples) <= MOST_SAMPLES
    covered = (known.samples[-1].at - known.samples[0].at).total_seconds()
    assert WINDOW_SECONDS <= covered < 1.5 * WINDOW_SECONDS
    assert all(before.at < after.at for before, after in pairwise(known.samples))
