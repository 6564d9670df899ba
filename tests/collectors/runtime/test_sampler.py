"""When the sampler polls which source; sources that hang or fail neither end nor delay it."""

import asyncio
import queue
import threading
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from dasktop.collectors.analysis.reconcile import reconcile
from dasktop.collectors.model.errors import NoSchedulerError, SilentSchedulerError, SourceError
from dasktop.collectors.model.feed import Candidate, Choice, Failure, Interval, Switched
from dasktop.collectors.model.logs import LogPart, Tail
from dasktop.collectors.model.options import Options
from dasktop.collectors.model.plan import Outcome, Progress
from dasktop.collectors.model.queries import Answer, JobFiles
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.runtime import execute as execute_module
from dasktop.collectors.runtime import sampler as sampler_module
from dasktop.collectors.runtime.sampler import Sampler
from dasktop.collectors.scaling.words import interrupted_words
from dasktop.collectors.sources.health import SourceLog
from dasktop.collectors.sources.logs.log_file import LogFile
from dasktop.collectors.system.event_loop import DaemonExecutor
from tests.support.plans import PLAN
from tests.support.waiting import PATIENCE_SECONDS, wait_until

ROUNDS = 20
"""Of an event loop; more than all ready callbacks need."""
ONE = (Candidate(address="tcp://a:1", origin="named", scheduler_id="a"),)
TWO = (*ONE, Candidate(address="tcp://b:2", origin="script of job 7", scheduler_id="b"))


async def hang_forever():
    """Hang until cancelled."""
    await asyncio.Event().wait()


class FakePoller:
    """Replaces the poller; tests override its polls."""

    def __init__(self, options, environment) -> None:
        self.options = options
        self.dask_log = SourceLog("dask", 6)
        self.queue_log = SourceLog("slurm.queue", 30)
        self.queued = self.workers = self.jobs_missing_from_queue = frozenset()
        self.attached_to = None
        self.address = None
        self.scheduler_id = None
        self.polls_of = []
        self.switched_at = []
        self.expected_every = None
        self.threads_of = []
        self.closed = False

    async def locate(self):
        return ONE

    async def look_for_schedulers(self):
        return TWO

    def attach_to(self, address):
        self.attached_to = self.address = address

    async def switch_to(self, address):
        self.switched_at.append(len(self.polls_of))
        self.dask_log = SourceLog("dask", 6)
        self.address = address

    def expect_polls_every(self, interval_seconds):
        self.expected_every = interval_seconds

    async def poll_dask(self, threads_of=(), hidden=()):
        self.threads_of.append(frozenset(threads_of))
        self.polls_of.append(self.address)
        with self.dask_log.attempt():
            pass

    async def poll_queue(self):
        with self.queue_log.attempt():
            pass

    async def poll_slurm_details(self):
        pass

    async def answer(self, question):
        if question.job_id == "hangs":
            await hang_forever()
        return Answer(question=question, lines=("found",))

    def snapshot(self) -> Snapshot:
        sources = (self.dask_log.source(), self.queue_log.source())
        return reconcile(None, None, sources, datetime.now(UTC))

    async def close(self):
        self.closed = True


class Run:
    """A sampler with a fake poller, and the events that it delivers."""

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
        while True:
            event = self.events.get(timeout=PATIENCE_SECONDS)
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


def expect_stop(run):
    """Stop a sampler and wait for its end, although something hangs."""
    run.sampler.stop()
    wait_until(lambda: not run.sampler.hangs, "the sampler's end")


def run_ready_callbacks(sampler):
    """Wait until a sampler's loop has run all ready callbacks."""
    for _ in range(ROUNDS):
        done = threading.Event()
        sampler._call(done.set)
        assert done.wait(PATIENCE_SECONDS)


def state_of(snapshot, name):
    return next(source for source in snapshot.sources if source.name == name)


def test_both_sources_are_delivered(start):
    run = start()
    run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok" and state_of(s, "slurm.queue").state == "ok")


def test_slurm_is_shown_before_dask_answers(start):
    class NoDaskYet(FakePoller):
        async def poll_dask(self, threads_of=(), hidden=()):
            await hang_forever()

    snapshot = start(NoDaskYet).next(Snapshot)
    assert state_of(snapshot, "slurm.queue").state == "ok"
    assert state_of(snapshot, "dask").age_seconds is None


def test_slurm_details_are_read_after_the_first_answer_of_the_scheduler(start):
    class Slow(FakePoller):
        def __init__(self, options, environment) -> None:
            super().__init__(options, environment)
            self.may_answer = asyncio.Event()
            self.order = []

        async def poll_dask(self, threads_of=(), hidden=()):
            await self.may_answer.wait()
            self.order.append("dask")
            await super().poll_dask(threads_of, hidden)

        async def poll_slurm_details(self):
            self.order.append("details")

    run = start(Slow, dask_timeout_seconds=PATIENCE_SECONDS)
    run.next(Snapshot)
    run_ready_callbacks(run.sampler)
    (poller,) = run.pollers
    assert poller.order == []
    run.sampler._call(poller.may_answer.set)
    wait_until(lambda: "details" in poller.order)
    assert poller.order[0] == "dask"


def test_slurm_details_are_read_although_the_scheduler_hangs(start):
    class Hangs(FakePoller):
        details = 0

        async def poll_dask(self, threads_of=(), hidden=()):
            await hang_forever()

        async def poll_slurm_details(self):
            self.details += 1

    run = start(Hangs, dask_timeout_seconds=0.01)
    run.next(Snapshot)
    wait_until(lambda: run.pollers[0].details)


def test_scheduler_that_never_answers_is_a_failure(start):
    class Nothing(FakePoller):
        async def poll_dask(self, threads_of=(), hidden=()):
            with self.dask_log.attempt():
                raise NoSchedulerError("nothing listens at tcp://a:1")

    assert start(Nothing).next(Failure) == Failure(message="nothing listens at tcp://a:1", exit_status=3)


@pytest.mark.parametrize("error", [SilentSchedulerError("it takes connections"), SourceError("it didn't answer")])
def test_scheduler_hanging_at_start_is_shown_and_retried(start, error):
    class Hangs(FakePoller):
        calls = 0

        async def poll_dask(self, threads_of=(), hidden=()):
            self.calls += 1
            with self.dask_log.attempt():
                if self.calls < 3:
                    raise error

    run = start(Hangs, interval_seconds=0.2)
    silent = run.next(Snapshot, lambda s: state_of(s, "dask").error)
    assert (state_of(silent, "dask").state, state_of(silent, "dask").error) == ("error", str(error))
    run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")


def test_slurm_is_polled_before_start_dask_after(monkeypatch):
    polled = []

    class Recording(FakePoller):
        async def poll_dask(self, threads_of=(), hidden=()):
            polled.append("dask")
            await super().poll_dask(threads_of, hidden)

        async def poll_queue(self):
            polled.append("slurm")
            await super().poll_queue()

    monkeypatch.setattr(sampler_module, "Poller", Recording)
    sampler, events = Sampler(Options()), queue.Queue()
    sampler.begin()
    try:
        wait_until(lambda: polled)
        run_ready_callbacks(sampler)
        assert polled == ["slurm"]
        sampler.start(events.put)
        assert state_of(events.get(timeout=PATIENCE_SECONDS), "slurm.queue").state == "ok", "earlier events are kept"
        run_ready_callbacks(sampler)
        assert polled == ["slurm"], "the first screen is not delayed"
        sampler.attach()
        while state_of(events.get(timeout=PATIENCE_SECONDS), "dask").state != "ok":
            pass
    finally:
        sampler.stop()


def test_lost_scheduler_is_stale_and_retried(start):
    class Flaky(FakePoller):
        answers = 2
        calls = 0

        async def poll_dask(self, threads_of=(), hidden=()):
            self.calls += 1
            with self.dask_log.attempt():
                if 2 <= self.calls <= 3:
                    raise SourceError("connection lost")

    run = start(Flaky, interval_seconds=0.2)
    lost = run.next(Snapshot, lambda s: state_of(s, "dask").error)
    assert (state_of(lost, "dask").state, state_of(lost, "dask").error) == ("stale", "connection lost")
    run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")


def test_internal_error_is_shown_and_polling_continues(start):
    class Buggy(FakePoller):
        async def poll_queue(self):
            raise KeyError("nodes")

    snapshot = start(Buggy).next(Snapshot, lambda s: state_of(s, "slurm.queue").error)
    assert "internal error in dasktop: KeyError: 'nodes' (test_sampler.py:" in state_of(snapshot, "slurm.queue").error


def test_several_schedulers_are_a_choice(start):
    class Several(FakePoller):
        async def locate(self):
            return TWO

    run = start(Several)
    assert run.next(Choice).candidates == TWO
    run.sampler.choose("tcp://b:2")
    run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")
    assert run.pollers[0].attached_to == "tcp://b:2"


class TestSwitching:
    def attached(self, start, poller_class=FakePoller, **options):
        run = start(poller_class, **{"interval_seconds": 0.2} | options)
        run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")
        return run

    def test_found_schedulers_are_delivered_while_polling_continues(self, start):
        run = self.attached(start)
        run.pollers[0].scheduler_id = "a"
        run.sampler.look_for_schedulers()
        assert run.next(Choice) == Choice(candidates=TWO, watched="a")
        run.next(Snapshot)
        assert set(run.pollers[0].polls_of) == {"tcp://a:1"}

    def test_finding_no_scheduler_is_reported(self, start):
        class NoneFound(FakePoller):
            async def look_for_schedulers(self):
                raise NoSchedulerError("no dask scheduler found")

        run = self.attached(start, NoneFound)
        run.sampler.look_for_schedulers()
        assert run.next(Choice) == Choice(candidates=(), remark="no dask scheduler found")
        run.next(Snapshot)

    def test_hanging_search_delays_neither_polls_nor_stop(self, start):
        class Hanging(FakePoller):
            async def look_for_schedulers(self):
                await hang_forever()

        run = self.attached(start, Hanging)
        run.sampler.look_for_schedulers()
        for _ in range(3):
            run.next(Snapshot)
        expect_stop(run)

    def test_only_the_chosen_scheduler_is_polled_afterwards(self, start):
        run = self.attached(start)
        run.sampler.watch_threads({"tcp://w:1"})
        run.next(Snapshot)
        run.sampler.choose("tcp://b:2")
        assert run.next(Switched) == Switched(address="tcp://b:2")
        first = run.next(Snapshot)
        assert state_of(first, "dask").age_seconds is None, "the new one has not answered yet"
        run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")
        [poller] = run.pollers
        [at] = poller.switched_at
        assert set(poller.polls_of[:at]) == {"tcp://a:1"}
        assert set(poller.polls_of[at:]) == {"tcp://b:2"}
        assert set(poller.threads_of[at:]) == {frozenset()}

    def test_switching_cancels_a_hanging_poll(self, start):
        class Hanging(FakePoller):
            async def poll_dask(self, threads_of=(), hidden=()):
                await super().poll_dask(threads_of, hidden)
                if self.address == "tcp://a:1" and len(self.polls_of) > 1:
                    await hang_forever()

        run = self.attached(start, Hanging)
        run.sampler.choose("tcp://b:2")
        run.next(Switched)
        run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")

    def test_can_switch_away_from_a_silent_scheduler(self, start):
        class OnlyTheFirst(FakePoller):
            async def poll_dask(self, threads_of=(), hidden=()):
                with self.dask_log.attempt():
                    if self.address == "tcp://b:2":
                        raise NoSchedulerError("nothing listens at tcp://b:2")

        run = self.attached(start, OnlyTheFirst)
        run.sampler.choose("tcp://b:2")
        run.next(Switched)
        run.next(Snapshot, lambda s: state_of(s, "dask").error == "nothing listens at tcp://b:2")
        run.sampler.choose("tcp://a:1")
        assert run.next(Switched).address == "tcp://a:1"
        run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")

    def test_switching_cancels_queries(self, start):
        run = self.attached(start)
        run.sampler.ask(JobFiles(job_id="hangs"))
        run.sampler.choose("tcp://b:2")
        run.next(Switched)
        run.sampler.ask(JobFiles(job_id="7"))
        assert run.next(Answer).question == JobFiles(job_id="7")

    def test_choice_before_the_first_answer_counts(self, start):
        answers = threading.Event()

        class Slow(FakePoller):
            async def poll_dask(self, threads_of=(), hidden=()):
                await asyncio.to_thread(answers.wait, PATIENCE_SECONDS)
                await super().poll_dask(threads_of, hidden)

        run = start(Slow)
        run.next(Snapshot)
        run.sampler.choose("tcp://b:2")
        answers.set()
        assert run.next(Switched).address == "tcp://b:2"


class TestInterval:
    def test_interval_changes_at_once_for_dask_only(self, start):
        run = start(interval_seconds=60)
        run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")
        [poller] = run.pollers
        polls = len(poller.polls_of)
        run.sampler.change_interval(1)
        assert run.next(Interval, chosen) == Interval(seconds=30, is_usual=False)
        for _ in range(5):
            run.sampler.change_interval(1)
        intervals = [run.next(Interval, chosen).seconds for _ in range(5)]
        assert intervals == [10, 5, 2, 1, 0.5]
        assert poller.expected_every == run.sampler._dask_timer.interval_seconds
        wait_until(lambda: len(poller.polls_of) >= polls + 3)
        assert run.sampler._slurm_timer.pause_seconds() == Options().slurm_interval_seconds

    def test_steps_end_and_include_the_initial_interval(self, start):
        run = start(interval_seconds=3)
        run.next(Snapshot)
        intervals = []
        for direction in (-1, -1, -1, -1, -1, 1, 1, 1, 1, 1, 1, 1, 1, 1):
            run.sampler.change_interval(direction)
            intervals.append(run.next(Interval, chosen))
        assert [interval.seconds for interval in intervals] == [5, 10, 30, 60, 60, 30, 10, 5, 3, 2, 1, 0.5, 0.5, 0.5]
        assert [interval.seconds for interval in intervals if interval.is_usual] == [3]

    def test_interval_is_kept_when_switching(self, start):
        run = start(interval_seconds=2)
        run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")
        run.sampler.change_interval(-1)
        run.sampler.choose("tcp://b:2")
        run.next(Switched)
        assert run.sampler._dask_timer.pause_seconds() == 5

    def test_slow_polls_lengthen_the_interval(self, start):
        run = start(interval_seconds=30)
        run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")
        sampler, [poller] = run.sampler, run.pollers

        def be_slow():
            for _ in range(3):
                sampler._dask_timer.note_duration(28)

        sampler._call(be_slow)
        slow = Interval(seconds=30, is_usual=True, is_chosen=False, lengthened_seconds=56, poll_seconds=28)
        assert run.next(Interval) == slow
        assert poller.expected_every == 56
        sampler.change_interval(1)
        assert run.next(Interval) == replace(slow, seconds=10, is_usual=False, is_chosen=True)
        sampler.choose("tcp://b:2")
        run.next(Switched)
        assert run.next(Interval) == Interval(seconds=10, is_usual=False, is_chosen=False)
        assert poller.expected_every == 10


def chosen(interval):
    """Return whether the user has chosen an interval; slow polls may change it, too."""
    return interval.is_chosen


def test_no_scheduler_at_start_is_a_failure(start):
    class NoneFound(FakePoller):
        async def locate(self):
            raise NoSchedulerError("no dask scheduler found")

    assert start(NoneFound).next(Failure).exit_status == 3


def test_watched_threads_are_read_at_once(start):
    run = start(interval_seconds=60)
    run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")
    run.sampler.watch_threads({"tcp://w:1"})
    while frozenset({"tcp://w:1"}) not in run.pollers[0].threads_of:
        run.next(Snapshot)


def test_only_workers_that_were_not_watched_before_are_read_at_once(start):
    """Each snapshot may move rows into and out of sight."""
    run = start(interval_seconds=60)
    run.next(Snapshot)
    calls = []
    run.sampler._call = calls.append
    for hidden in ([], ["tcp://w:1"], ["tcp://w:2"]):
        run.sampler.watch_threads(["tcp://w:1", "tcp://w:2"], hidden)
    run.sampler.watch_threads(["tcp://w:2"])
    assert len(calls) == 1


def test_hanging_query_delays_nothing(start):
    run = start(interval_seconds=0.2)
    run.next(Snapshot)
    run.sampler.ask(JobFiles(job_id="hangs"))
    run.sampler.ask(JobFiles(job_id="7"))
    assert run.next(Answer) == Answer(question=JobFiles(job_id="7"), lines=("found",))
    for _ in range(3):
        run.next(Snapshot)
    expect_stop(run)


def test_log_on_a_hanging_file_system_delays_nothing(start, tmp_path, monkeypatch):
    is_over = threading.Event()
    monkeypatch.setattr(LogFile, "look", lambda self: is_over.wait(PATIENCE_SECONDS))
    run = start(interval_seconds=0.2)
    try:
        run.next(Snapshot)
        run.sampler.request_log(Tail(path=str(tmp_path / "log")))
        for _ in range(3):
            run.next(Snapshot)
        expect_stop(run)
    finally:
        is_over.set()


def test_log_parts_are_delivered(start, tmp_path):
    log = tmp_path / "log"
    log.write_text("one\n")
    run = start(interval_seconds=60)
    run.next(Snapshot)
    run.sampler.request_log(Tail(path=str(log)))
    assert [line.text for line in run.next(LogPart).lines] == ["one"]
    log.write_text("one\ntwo\n")
    assert [line.text for line in run.next(LogPart).lines][-1] == "two"
    run.sampler.stop()


@pytest.mark.parametrize("hang", ["awaiting", "in a thread"])
def test_stop_does_not_wait_for_a_hanging_poll(start, hang):
    is_over = threading.Event()

    class Hanging(FakePoller):
        async def poll_dask(self, threads_of=(), hidden=()):
            if hang == "awaiting":
                await hang_forever()
            await asyncio.to_thread(is_over.wait, PATIENCE_SECONDS)

    run = start(Hanging)
    run.next(Snapshot)
    expect_stop(run)
    is_over.set()


def test_nothing_is_delivered_after_stop(start):
    run = start(interval_seconds=0.2)
    run.next(Snapshot)
    expect_stop(run)
    handed_over = run.events.qsize()
    run.sampler._publish(run.pollers[0])
    assert run.events.qsize() == handed_over
    assert run.pollers[0].closed


class Executed(list):
    """The executed plans, and events that control the execution."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.is_stopped = threading.Event()


class TestExecution:
    @pytest.fixture
    def executed(self, monkeypatch):
        """Replace `execute`: report one step, then end as the plan's target says."""
        polled = Executed()

        async def execute(plan, address, options, report, *, agreed, environment):
            polled.append((plan, address, agreed))
            report(Progress(step="drain", message="1 task"))
            if plan.target == "3 jobs":
                await asyncio.to_thread(polled.may_end.wait, PATIENCE_SECONDS)
            elif plan.target == "forever":
                await hang_forever()
            elif plan.target == "slow to resume":
                try:
                    await hang_forever()
                finally:
                    report(Progress(step="resuming", message=""))
                    while not polled.is_stopped.is_set():  # noqa: ASYNC110 - a thread sets it
                        await asyncio.sleep(0.01)
                    for _ in range(ROUNDS):
                        await asyncio.sleep(0)
                    polled.append("resumed")
            elif plan.target == "fault":
                raise KeyError("jobs")
            return Outcome(done=True, message="submitted job 7")

        monkeypatch.setattr(execute_module, "execute", execute)
        monkeypatch.setattr(sampler_module, "RESUME_SECONDS", PATIENCE_SECONDS)
        yield polled
        polled.may_end.set()

    def attached(self, start, **options):
        run = start(interval_seconds=60, **options)
        run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")
        return run

    def test_progress_and_outcome_are_delivered_then_sources_polled(self, start, executed):
        run = self.attached(start)
        polls = len(run.pollers[0].threads_of)
        run.sampler.execute(PLAN, PLAN.identity)
        assert run.next(Progress) == Progress(step="drain", message="1 task")
        executed.may_end.set()
        assert run.next(Outcome) == Outcome(done=True, message="submitted job 7")
        assert executed == [(PLAN, "tcp://a:1", PLAN.identity)]
        run.next(Snapshot)
        assert len(run.pollers[0].threads_of) > polls

    def test_only_one_plan_at_a_time(self, start, executed):
        run = self.attached(start)
        run.sampler.execute(PLAN)
        run.sampler.execute(PLAN)
        assert "only one at a time" in run.next(Outcome).message
        executed.may_end.set()
        assert run.next(Outcome).done
        run.sampler.execute(PLAN)
        assert run.next(Outcome).done
        assert len(executed) == 2

    def test_switching_waits_for_the_execution(self, start, executed):
        run = self.attached(start)
        run.sampler.execute(PLAN)
        run.next(Progress)
        run.sampler.choose("tcp://b:2")
        run.sampler._call(executed.may_end.set)
        assert [run.next((Outcome, Switched)), run.next((Outcome, Switched))] == [
            Outcome(done=True, message="submitted job 7"),
            Switched(address="tcp://b:2"),
        ]
        assert executed == [(PLAN, "tcp://a:1", None)]

    def test_execution_is_cancelled(self, start, executed):
        run = self.attached(start)
        run.sampler.cancel_execution()  # there is nothing to cancel
        run.sampler.execute(replace(PLAN, target="forever"))
        run.next(Progress)
        run.sampler.cancel_execution()
        run.sampler.cancel_execution()
        outcome = run.next(Outcome)
        assert (outcome.done, outcome.message) == (False, interrupted_words("drain"))

    def test_internal_error_is_the_outcome(self, start, executed):
        run = self.attached(start)
        run.sampler.execute(replace(PLAN, target="fault"))
        outcome = run.next(Outcome)
        assert not outcome.done
        assert "internal error in dasktop: KeyError: 'jobs' (test_sampler.py:" in outcome.message

    def test_read_only_refuses(self, start, executed):
        run = self.attached(start, read_only=True)
        run.sampler.execute(PLAN)
        assert run.next(Outcome) == Outcome(done=False, message="read-only: nothing is changed")
        assert executed == []

    def test_stop_cancels_the_execution(self, start, executed):
        run = self.attached(start)
        run.sampler.execute(replace(PLAN, target="forever"))
        run.next(Progress)
        run.sampler.stop()
        assert not run.sampler.hangs

    def test_stop_waits_until_workers_have_resumed(self, start, executed):
        run = self.attached(start)
        run.sampler.execute(replace(PLAN, target="slow to resume"))
        run.next(Progress)
        run.sampler.cancel_execution()
        assert run.next(Progress).step == "resuming"
        run.sampler._thread.join = set_before(run.sampler._thread.join, executed.is_stopped)
        run.sampler.stop()
        assert not run.sampler.hangs
        assert executed[-1] == "resumed"


def set_before(wait, event):
    """Return a function that sets the event, then waits."""

    def set_and_wait(*arguments):
        event.set()
        wait(*arguments)

    return set_and_wait


def test_executor_is_not_waited_for():
    executor = DaemonExecutor()
    release = threading.Event()
    future = executor.submit(release.wait, PATIENCE_SECONDS)
    executor.shutdown(wait=True)
    assert not future.done()
    release.set()
    assert future.result(PATIENCE_SECONDS) is True
    assert isinstance(executor.submit(int, "x").exception(PATIENCE_SECONDS), ValueError)
