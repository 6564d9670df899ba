"""When a timer polls: intervals, pauses after failures, pauses while nothing changes."""

import asyncio

import pytest

from dasktop.collectors.runtime.poll_timer import PollTimer
from dasktop.collectors.sources.health import SourceLog
from tests.support.virtual_time import run_in_virtual_time


def failing(times):
    log = SourceLog("x", 1)
    for _ in range(times):
        log.fail("no")
    return log


def test_interval_is_at_least_the_floor():
    assert PollTimer(SourceLog("x", 1), 10).pause_seconds() == 10
    assert PollTimer(SourceLog("x", 1), 2, floor_seconds=5).pause_seconds() == 5


@pytest.mark.parametrize(("failures", "seconds"), [(1, 20), (2, 40), (3, 60), (9, 60), (500, 60)])
def test_failures_back_off_with_jitter(failures, seconds):
    timer = PollTimer(failing(failures), 10)
    pauses = [timer.pause_seconds() for _ in range(50)]
    assert all(0.75 * seconds <= pause <= 1.25 * seconds for pause in pauses)
    assert len(set(pauses)) > 1


def test_failing_never_shortens_a_long_interval():
    assert PollTimer(failing(5), 300).pause_seconds() >= 0.75 * 300


def test_pauses_grow_while_nothing_changes():
    timer = PollTimer(SourceLog("x", 1), 10, calm_seconds=30)
    pauses = []
    for answer in ("one", "one", "one", "one", "other", "other"):
        timer.note(answer)
        pauses.append(timer.pause_seconds())
    assert pauses == [10, 20, 30, 30, 10, 20]
    timer.poll_soon()
    assert timer.pause_seconds() == 10
    assert PollTimer(SourceLog("x", 1), 300, calm_seconds=30).pause_seconds() == 300


def polls_of(make, meanwhile):
    """Return at which seconds a timer polled while ``meanwhile`` ran."""

    async def polled():
        polls, timer = [], make()

        async def poll():
            polls.append(asyncio.get_running_loop().time())

        polling = asyncio.create_task(timer.keep(poll, lambda: None))
        await meanwhile(timer)
        polling.cancel()
        return polls

    return run_in_virtual_time(polled())


def test_poll_soon_waits_for_the_interval():
    def calm():
        timer = PollTimer(SourceLog("x", 1), 0.5, calm_seconds=60)
        for _ in range(100):
            timer.note("the same")
        return timer

    async def ask_soon(timer):
        await asyncio.sleep(0.25)
        timer.poll_soon()
        await asyncio.sleep(0.5)

    assert polls_of(calm, ask_soon) == [0, 0.5]


def test_poll_soon_after_the_interval_polls_now():
    def calm():
        timer = PollTimer(SourceLog("x", 1), 0.5, calm_seconds=60)
        for _ in range(100):
            timer.note("the same")
        return timer

    async def ask_soon(timer):
        await asyncio.sleep(8)
        timer.poll_soon()
        await asyncio.sleep(0.25)

    assert polls_of(calm, ask_soon) == [0, 8]


def test_poll_now_respects_the_floor():
    async def poll_at_once(timer):
        for _ in range(5):
            await asyncio.sleep(0.125)
            timer.poll_now()

    assert polls_of(lambda: PollTimer(SourceLog("x", 1), 60, floor_seconds=0.25), poll_at_once) == [0, 0.25, 0.5]
