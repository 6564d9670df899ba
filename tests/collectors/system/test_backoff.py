"""Exponential back-off."""

import pytest

from dasktop.collectors.system.backoff import LONGEST_PAUSE_SECONDS, Backoff
from tests.support.fake_commands import INTERVAL, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_each_failure_doubles_the_pause():
    pauses = [Backoff(INTERVAL).pause_seconds(failures) for failures in range(1, 100)]
    assert pauses[:4] == [10.0, 20.0, 40.0, 80.0]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS


def test_a_success_ends_the_pause(clock):
    pause = Backoff(INTERVAL, clock=clock)
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


def test_only_a_success_ends_an_endless_pause(clock):
    pause = Backoff(INTERVAL, clock=clock)
    pause.pause_forever()
    clock.now += 1e9
    assert not pause.is_over
    pause.after_success()
    assert pause.is_over


def test_jitter_varies_the_pause():
    pauses = [Backoff(INTERVAL, jitter=0.25).pause_seconds(1) for _ in range(50)]
    assert all(0.75 * INTERVAL <= pause <= 1.25 * INTERVAL for pause in pauses)
    assert len(set(pauses)) > 1
