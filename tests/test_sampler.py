"""When what is polled, and that nothing which hangs or fails ends the sampler or holds it up."""

import asyncio
import queue
import threading
import time
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from dasktop.collectors import sampler as sampler_module
from dasktop.collectors.errors import NoSchedulerError, SourceError
from dasktop.collectors.event_loop import DaemonExecutor
from dasktop.collectors.feed import Candidate, Choice, Failure
from dasktop.collectors.model import Snapshot
from dasktop.collectors.options import Options
from dasktop.collectors.reconcile import reconcile
from dasktop.collectors.sampler import STOP_SECONDS, Rhythm, Sampler
from dasktop.collectors.sources import SourceLog

WAIT_SECONDS = 10
ONE = (Candidate(address="tcp://a:1", origin="named", scheduler_id="a"),)
TWO = (*ONE, Candidate(address="tcp://b:2", origin="script of job 7", scheduler_id="b"))


class FakePoller:
    """Stands in for the poller; tests replace what its polls do."""

    def __init__(self, options, environment) -> None:
        self.options = options
        self.dask_log = SourceLog("dask", 6)
        self.queue_log = SourceLog("slurm.queue", 30)
        self.jobs_missing_from_queue = frozenset()
        self.attached_to = None
        self.threads_of = []
        self.closed = False

    async def locate(self):
        return ONE

    def attach_to(self, address):
        self.attached_to = address

    async def poll_dask(self, threads_of=()):
        self.threads_of.append(frozenset(threads_of))
        with self.dask_log.attempt():
            pass

    async def poll_queue(self):
        with self.queue_log.attempt():
            pass

    async def poll_slurm_details(self):
        pass

    def snapshot(self) -> Snapshot:
        sources = (self.dask_log.source(), self.queue_log.source())
        return reconcile(None, None, sources, datetime.now(UTC))

    async def close(self):
        self.closed = True


class Run:
    """A sampler on a fake poller, and the events that it hands over."""

    def __init__(self, monkeypatch, poller_class=FakePoller, **options) -> None:
        self.pollers = []
        self.events = queue.Queue()

        def make(*arguments):
            self.pollers.append(poller_class(*arguments))
            return self.pollers[-1]

        monkeypatch.setattr(sampler_module, "Poller", make)
        self.sampler = Sampler(Options(**{"interval_seconds": 0.5} | options))
        self.sampler.start(self.events.put)

    def next(self, kind=object, where=lambda event: True):
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            event = self.events.get(timeout=max(0.01, deadline - time.monotonic()))
            if isinstance(event, kind) and where(event):
                return event


@pytest.fixture
def start(monkeypatch):
    runs = []

    def start(poller_class=FakePoller, **options) -> Run:
        runs.append(Run(monkeypatch, poller_class, **options))
        return runs[-1]

    yield start
    for run in runs:
        run.sampler.stop()


def state_of(snapshot, name):
    return next(source for source in snapshot.sources if source.name == name)


def test_both_halves_come(start):
    run = start()
    run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok" and state_of(s, "slurm.queue").state == "ok")


def test_slurm_is_shown_before_dask_answers(start):
    class NoDaskYet(FakePoller):
        async def poll_dask(self, threads_of=()):
            await asyncio.sleep(60)

    snapshot = start(NoDaskYet).next(Snapshot)
    assert state_of(snapshot, "slurm.queue").state == "ok"
    assert state_of(snapshot, "dask").age_seconds is None


def test_a_scheduler_that_never_answered_ends_it(start):
    class Nobody(FakePoller):
        async def poll_dask(self, threads_of=()):
            with self.dask_log.attempt():
                raise NoSchedulerError("nobody listens at tcp://a:1")

    assert start(Nobody).next(Failure) == Failure(message="nobody listens at tcp://a:1", exit_status=3)


def test_a_scheduler_that_goes_away_is_shown_stale_and_waited_for(start):
    class Flaky(FakePoller):
        answers = 2
        calls = 0

        async def poll_dask(self, threads_of=()):
            self.calls += 1
            with self.dask_log.attempt():
                if 2 <= self.calls <= 3:
                    raise SourceError("connection lost")

    run = start(Flaky, interval_seconds=0.2)
    lost = run.next(Snapshot, lambda s: state_of(s, "dask").error)
    assert (state_of(lost, "dask").state, state_of(lost, "dask").error) == ("stale", "connection lost")
    run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")


def test_a_fault_of_our_own_is_shown_and_does_not_end_it(start):
    class Buggy(FakePoller):
        async def poll_queue(self):
            raise KeyError("nodes")

    snapshot = start(Buggy).next(Snapshot, lambda s: state_of(s, "slurm.queue").error)
    assert "a fault of dasktop itself: KeyError: 'nodes' (test_sampler.py:" in state_of(snapshot, "slurm.queue").error


def test_several_schedulers_are_a_choice(start):
    class Several(FakePoller):
        async def locate(self):
            return TWO

    run = start(Several)
    assert run.next(Choice).candidates == TWO
    run.sampler.choose("tcp://b:2")
    run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")
    assert run.pollers[0].attached_to == "tcp://b:2"


def test_none_found_ends_it(start):
    class NoneFound(FakePoller):
        async def locate(self):
            raise NoSchedulerError("no dask scheduler found")

    assert start(NoneFound).next(Failure).exit_status == 3


def test_threads_of_a_worker_are_read_at_once(start):
    run = start(interval_seconds=60)
    run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")
    run.sampler.watch_threads({"tcp://w:1"})
    deadline = time.monotonic() + WAIT_SECONDS
    while frozenset({"tcp://w:1"}) not in run.pollers[0].threads_of:
        assert time.monotonic() < deadline
        run.next(Snapshot)


@pytest.mark.parametrize("hang", ["awaiting", "in a thread"])
def test_stop_takes_no_longer_than_it_may(start, hang):
    class Hanging(FakePoller):
        async def poll_dask(self, threads_of=()):
            if hang == "awaiting":
                await asyncio.sleep(60)
            await asyncio.to_thread(time.sleep, 5)

    run = start(Hanging)
    run.next(Snapshot)
    started_at = time.monotonic()
    run.sampler.stop()
    assert time.monotonic() - started_at < STOP_SECONDS + 0.25
    assert not run.sampler.hangs


def test_nothing_is_handed_over_after_stop(start):
    run = start(interval_seconds=0.2)
    run.next(Snapshot)
    run.sampler.stop()
    while not run.events.empty():
        run.events.get()
    time.sleep(0.6)
    assert run.events.empty()
    assert run.pollers[0].closed


class TestRhythm:
    def failing(self, times):
        log = SourceLog("x", 1)
        for _ in range(times):
            log.fail("no")
        return log

    def test_regular(self):
        assert Rhythm(SourceLog("x", 1), 10).pause_seconds() == 10
        assert Rhythm(SourceLog("x", 1), 2, floor_seconds=5).pause_seconds() == 5

    @pytest.mark.parametrize(("failures", "seconds"), [(1, 20), (2, 40), (3, 60), (9, 60), (500, 60)])
    def test_failures_back_off_up_to_a_minute_and_not_in_step(self, failures, seconds):
        rhythm = Rhythm(self.failing(failures), 10)
        pauses = [rhythm.pause_seconds() for _ in range(50)]
        assert all(0.75 * seconds <= pause <= 1.25 * seconds for pause in pauses)
        assert len(set(pauses)) > 1

    def test_a_rare_poll_is_not_made_more_often_by_failing(self):
        assert Rhythm(self.failing(5), 300).pause_seconds() >= 0.75 * 300

    async def test_hurry_does_not_break_the_floor(self):
        polls = []
        rhythm = Rhythm(SourceLog("x", 1), 60, floor_seconds=0.3)

        async def poll():
            polls.append(time.monotonic())

        keeping = asyncio.create_task(rhythm.keep(poll, lambda: rhythm.hurry()))
        await asyncio.sleep(1)
        keeping.cancel()
        gaps = [after - before for before, after in pairwise(polls)]
        assert gaps
        assert min(gaps) >= 0.29


def test_the_executor_is_not_waited_for():
    executor = DaemonExecutor()
    release = threading.Event()
    future = executor.submit(release.wait, 30)
    executor.shutdown(wait=True)
    assert not future.done()
    release.set()
    assert future.result(5) is True
    assert isinstance(executor.submit(int, "x").exception(5), ValueError)
