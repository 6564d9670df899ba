"""Asking later after each failure, and in batches."""

import pytest

from dasktop.collectors.sources.slurm.backoff import MAX_PAUSE_SECONDS, Backoff, batches, pause_seconds
from tests.support.fake_commands import INTERVAL, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_pauses_grow_up_to_a_bound():
    pauses = [pause_seconds(INTERVAL, times) for times in range(1, 100)]
    assert pauses[:4] == [10.0, 20.0, 40.0, 80.0]
    assert pauses[-1] == MAX_PAUSE_SECONDS


def test_after_success_there_is_none(clock):
    pause = Backoff(INTERVAL, clock)
    assert pause.is_over
    pause.after_failure()
    assert not pause.is_over
    clock.now += INTERVAL
    assert pause.is_over
    pause.after_failure()
    clock.now += INTERVAL
    assert not pause.is_over
    pause.after_success()
    assert pause.is_over


def test_batches():
    assert list(batches("abcde", 2)) == [("a", "b"), ("c", "d"), ("e",)]
    assert list(batches("", 2)) == []
