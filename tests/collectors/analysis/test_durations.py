"""How durations vary is known from sums of several tasks."""

import random
from statistics import mean

import pytest

from dasktop.collectors.analysis.durations import Durations, mean_residual


def durations_of(tasks: list[float], each_poll: int) -> Durations:
    """Return what is known of tasks of which so many finish between two polls."""
    known = Durations()
    for begin in range(0, len(tasks), each_poll):
        batch = tasks[begin : begin + each_poll]
        known = known.until(known.tasks + len(batch), known.seconds + sum(batch), max(tasks))
    return known


@pytest.mark.parametrize("each_poll", [1, 4, 15])
def test_variance_is_known_from_sums(each_poll):
    random_ = random.Random(each_poll)
    known = [durations_of([random_.expovariate(1.0) for _ in range(3000)], each_poll) for _ in range(8)]
    assert mean(each.variance(longest=8.0) for each in known) == pytest.approx(1.0, rel=0.15)


def test_tasks_that_finished_before_the_first_poll_do_not_make_others_equal():
    random_ = random.Random(1)
    known = Durations().until(10**6, 1e6, longest=8.0)
    for _ in range(1000):
        known = known.until(known.tasks + 1, known.seconds + random_.expovariate(1.0), longest=8.0)
    assert known.variance(longest=8.0) == pytest.approx(1.0, rel=0.15)


def test_few_batches_do_not_pretend_certainty():
    known = durations_of([1.0] * 20, each_poll=10)
    assert known.variance(longest=2.0) == pytest.approx(0.5)


def test_variance_of_equal_tasks_vanishes():
    assert durations_of([1.0] * 1000, each_poll=5).variance(longest=1.0) == pytest.approx(0.0)


def test_two_long_tasks_of_one_poll_are_not_one():
    tasks = [0.5] * 100
    apart = durations_of([*tasks, 8.0, 0.5, 0.5, 8.0], each_poll=2)
    together = durations_of([*tasks, 8.0, 8.0, 0.5, 0.5], each_poll=2)
    assert together.variance(8.0) < apart.variance(8.0) * 1.2


@pytest.mark.parametrize(("seconds", "variance", "residual"), [(1.0, 0.0, 0.5), (1.0, 1.0, 1.0), (2.0, 0.0, 1.0)])
def test_long_tasks_are_more_often_among_those_that_run(seconds, variance, residual):
    known = Durations(tasks=1000, seconds=1000 * seconds, batches=10**9, compared=1000, squares=1000 * variance)
    assert mean_residual(known, longest=10.0) == pytest.approx(residual)
