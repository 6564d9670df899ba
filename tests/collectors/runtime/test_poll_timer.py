"""When a timer polls: intervals, pauses after failures, pauses while nothing changes."""

import asyncio

import pytest

from dasktop.collectors.model.errors import SourceError
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


def intervals_with(durations, interval_seconds=2, **options):
    """Return the interval after each of these durations of polls."""
    timer = PollTimer(SourceLog("x", 1), interval_seconds, **options)
    intervals = []
    for seconds in durations:
        timer.note_duration(seconds)
        assert timer.pause_seconds() == timer.interval_seconds
        intervals.append(timer.interval_seconds)
    return intervals


def test_slow_polls_lengthen_the_interval():
    assert intervals_with([0.9, 0.9, 0.9]) == [2, 2, 2]
    assert intervals_with([2.9, 2.9, 2.9]) == [2, 6, 6]


def test_one_slow_poll_changes_nothing():
    assert intervals_with([17, 0.5, 0.5, 9, 0.5]) == [2, 2, 2, 2, 2]


def test_cheap_polls_shorten_the_interval_again():
    assert intervals_with([2.9, 2.9, 0.5, 0.5]) == [2, 6, 6, 2]
    assert intervals_with([9, 9, 2, 2]) == [2, 18, 18, 4]


def test_small_differences_do_not_change_the_interval():
    assert intervals_with([2.9, 2.9, 2.4, 3.0, 2.3, 2.9, 2.3]) == [2, 6, 6, 6, 6, 6, 6]
    assert intervals_with([1.1, 1.1, 0.9, 0.9, 1.1, 1.1]) == [2, 3, 3, 3, 3, 3]


def test_interval_is_lengthened_up_to_a_minute():
    assert intervals_with([500, 500, 500]) == [2, 60, 60]
    assert intervals_with([500, 500, 500], interval_seconds=300) == [300, 300, 300]


def test_long_interval_needs_no_lengthening():
    timer = PollTimer(SourceLog("x", 1), 2)
    for _ in range(3):
        timer.note_duration(3)
    assert (timer.interval_seconds, timer.slow_poll_seconds) == (6, 3)
    timer.change(10)
    assert (timer.interval_seconds, timer.slow_poll_seconds) == (10, None)
    timer.change(0.5)
    assert (timer.interval_seconds, timer.slow_poll_seconds) == (6, 3)


def test_pauses_grow_from_the_lengthened_interval():
    timer = PollTimer(SourceLog("x", 1), 10, calm_seconds=30)
    for _ in range(3):
        timer.note_duration(6)
        timer.note("the same")
    assert timer.pause_seconds() == 30
    for _ in range(3):
        timer.note_duration(20)
    assert timer.pause_seconds() == 40


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


def test_polls_take_at_most_half_of_the_time():
    def slurm(log):
        return PollTimer(log, 5, floor_seconds=5)

    assert starts_of(slurm, lambda _: 5.0, seconds=60) == [0, 5, 15, 25, 35, 45, 55]
    assert starts_of(slurm, lambda _: 1.0, seconds=30) == [0, 5, 10, 15, 20, 25]


def test_snapshots_count_as_a_part_of_polls():
    def dask(log):
        return PollTimer(log, 2)

    assert starts_of(dask, lambda _: 1.0, seconds=30, snapshot_seconds=2.0) == [0, 3, 9, 15, 21, 27]


def test_changes_of_the_interval_are_announced():
    told = []

    def dask(log):
        timer = PollTimer(log, 2, on_change=lambda: told.append((timer.interval_seconds, timer.slow_poll_seconds)))
        return timer

    starts = starts_of(dask, lambda number: 3.0 if number < 4 else 0.5, seconds=40)
    assert starts == [0, 3, 9, 15, 21, 27, 29, 31, 33, 35, 37, 39]
    assert told == [(6, 3.0), (2, None)]


def test_polls_that_fail_do_not_lengthen_the_interval():
    async def failing_slowly():
        log = SourceLog("x", 1)
        timer = PollTimer(log, 2)

        async def poll():
            await asyncio.sleep(9)
            with log.attempt():
                raise SourceError("no")

        polling = asyncio.create_task(timer.keep(poll, lambda: None))
        await asyncio.sleep(200)
        polling.cancel()
        return timer.interval_seconds

    assert run_in_virtual_time(failing_slowly()) == 2


def starts_of(make, seconds_of_poll, seconds, snapshot_seconds=0.0):
    """Return when polls started that take so long, within some seconds."""

    async def started():
        log, starts = SourceLog("x", 1), []
        timer = make(log)

        async def poll():
            starts.append(asyncio.get_running_loop().time())
            await asyncio.sleep(seconds_of_poll(len(starts) - 1))

        def make_snapshot():
            asyncio.get_running_loop().advance(snapshot_seconds)

        polling = asyncio.create_task(timer.keep(poll, make_snapshot))
        await asyncio.sleep(seconds)
        polling.cancel()
        return [start for start in starts if start < seconds]

    return run_in_virtual_time(started())
