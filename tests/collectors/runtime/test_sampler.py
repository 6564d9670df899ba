"""When what is polled, and that nothing which hangs or fails ends the sampler or holds it up."""

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
from dasktop.collectors.runtime.sampler import PollTimer, Sampler
from dasktop.collectors.scaling.words import interrupted_words
from dasktop.collectors.sources.health import SourceLog
from dasktop.collectors.sources.logs.log_file import LogFile
from dasktop.collectors.system.event_loop import DaemonExecutor
from tests.support.plans import PLAN
from tests.support.virtual_time import run_in_virtual_time
from tests.support.waiting import PATIENCE_SECONDS, wait_until

ROUNDS = 20
"""Of a loop: more than anything that is ready takes to be done."""
ONE = (Candidate(address="tcp://a:1", origin="named", scheduler_id="a"),)
TWO = (*ONE, Candidate(address="tcp://b:2", origin="script of job 7", scheduler_id="b"))


async def hang_for_ever():
    """Hang until cancelled."""
    await asyncio.Event().wait()


class FakePoller:
    """Stands in for the poller; tests replace what its polls do."""

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

    async def poll_dask(self, threads_of=()):
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
            await hang_for_ever()
        return Answer(question=question, lines=("found",))

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


def see_it_stop(run):
    """See a sampler end, whatever hangs: what does so here hangs for ever, or until after this."""
    run.sampler.stop()
    wait_until(lambda: not run.sampler.hangs, "the sampler's end")


def let_it_run(sampler):
    """Wait until a sampler's loop has done all that is ready."""
    for _ in range(ROUNDS):
        done = threading.Event()
        sampler._call(done.set)
        assert done.wait(PATIENCE_SECONDS)


def state_of(snapshot, name):
    return next(source for source in snapshot.sources if source.name == name)


def test_both_halves_come(start):
    run = start()
    run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok" and state_of(s, "slurm.queue").state == "ok")


def test_slurm_is_shown_before_dask_answers(start):
    class NoDaskYet(FakePoller):
        async def poll_dask(self, threads_of=()):
            await hang_for_ever()

    snapshot = start(NoDaskYet).next(Snapshot)
    assert state_of(snapshot, "slurm.queue").state == "ok"
    assert state_of(snapshot, "dask").age_seconds is None


def test_a_scheduler_that_never_answered_ends_it(start):
    class Nobody(FakePoller):
        async def poll_dask(self, threads_of=()):
            with self.dask_log.attempt():
                raise NoSchedulerError("nobody listens at tcp://a:1")

    assert start(Nobody).next(Failure) == Failure(message="nobody listens at tcp://a:1", exit_status=3)


@pytest.mark.parametrize("error", [SilentSchedulerError("it takes connections"), SourceError("it didn't answer")])
def test_one_that_hangs_from_the_start_is_shown_as_that_and_waited_for(start, error):
    class Hangs(FakePoller):
        calls = 0

        async def poll_dask(self, threads_of=()):
            self.calls += 1
            with self.dask_log.attempt():
                if self.calls < 3:
                    raise error

    run = start(Hangs, interval_seconds=0.2)
    silent = run.next(Snapshot, lambda s: state_of(s, "dask").error)
    assert (state_of(silent, "dask").state, state_of(silent, "dask").error) == ("error", str(error))
    run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")


def test_slurm_is_asked_before_there_is_a_screen_and_dask_after(monkeypatch):
    asked = []

    class Noting(FakePoller):
        async def poll_dask(self, threads_of=()):
            asked.append("dask")
            await super().poll_dask(threads_of)

        async def poll_queue(self):
            asked.append("slurm")
            await super().poll_queue()

    monkeypatch.setattr(sampler_module, "Poller", Noting)
    sampler, events = Sampler(Options()), queue.Queue()
    sampler.begin()
    try:
        wait_until(lambda: asked)
        let_it_run(sampler)
        assert asked == ["slurm"]
        sampler.start(events.put)
        assert state_of(events.get(timeout=PATIENCE_SECONDS), "slurm.queue").state == "ok", "what came early is kept"
        while state_of(events.get(timeout=PATIENCE_SECONDS), "dask").state != "ok":
            pass
    finally:
        sampler.stop()


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

    def test_what_there_is_is_told_and_polling_goes_on(self, start):
        run = self.attached(start)
        run.pollers[0].scheduler_id = "a"
        run.sampler.look_for_schedulers()
        assert run.next(Choice) == Choice(candidates=TWO, watched="a")
        run.next(Snapshot)
        assert set(run.pollers[0].polls_of) == {"tcp://a:1"}

    def test_that_there_is_none_is_told_and_nothing_ends(self, start):
        class NoneFound(FakePoller):
            async def look_for_schedulers(self):
                raise NoSchedulerError("no dask scheduler found")

        run = self.attached(start, NoneFound)
        run.sampler.look_for_schedulers()
        assert run.next(Choice) == Choice(candidates=(), remark="no dask scheduler found")
        run.next(Snapshot)

    def test_looking_that_hangs_holds_up_neither_the_polls_nor_the_end(self, start):
        class Hanging(FakePoller):
            async def look_for_schedulers(self):
                await hang_for_ever()

        run = self.attached(start, Hanging)
        run.sampler.look_for_schedulers()
        for _ in range(3):
            run.next(Snapshot)
        see_it_stop(run)

    def test_another_scheduler_is_polled_from_then_on_and_nothing_of_the_old_comes_behind(self, start):
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

    def test_a_poll_that_hangs_is_given_up(self, start):
        class Hanging(FakePoller):
            async def poll_dask(self, threads_of=()):
                await super().poll_dask(threads_of)
                if self.address == "tcp://a:1" and len(self.polls_of) > 1:
                    await hang_for_ever()

        run = self.attached(start, Hanging)
        run.sampler.choose("tcp://b:2")
        run.next(Switched)
        run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")

    def test_one_that_does_not_answer_any_more_is_waited_for_and_can_be_left_again(self, start):
        class OnlyTheFirst(FakePoller):
            async def poll_dask(self, threads_of=()):
                with self.dask_log.attempt():
                    if self.address == "tcp://b:2":
                        raise NoSchedulerError("nobody listens at tcp://b:2")

        run = self.attached(start, OnlyTheFirst)
        run.sampler.choose("tcp://b:2")
        run.next(Switched)
        run.next(Snapshot, lambda s: state_of(s, "dask").error == "nobody listens at tcp://b:2")
        run.sampler.choose("tcp://a:1")
        assert run.next(Switched).address == "tcp://a:1"
        run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")

    def test_what_is_looked_up_of_the_old_one_is_given_up_and_the_new_one_is_asked(self, start):
        run = self.attached(start)
        run.sampler.ask(JobFiles(job_id="hangs"))
        run.sampler.choose("tcp://b:2")
        run.next(Switched)
        run.sampler.ask(JobFiles(job_id="7"))
        assert run.next(Answer).question == JobFiles(job_id="7")

    def test_a_choice_made_before_the_first_answer_counts(self, start):
        answers = threading.Event()

        class Slow(FakePoller):
            async def poll_dask(self, threads_of=()):
                await asyncio.to_thread(answers.wait, PATIENCE_SECONDS)
                await super().poll_dask(threads_of)

        run = start(Slow)
        run.next(Snapshot)
        run.sampler.choose("tcp://b:2")
        answers.set()
        assert run.next(Switched).address == "tcp://b:2"


class TestInterval:
    def test_it_changes_at_once_in_steps_and_slurm_is_asked_as_before(self, start):
        run = start(interval_seconds=60)
        run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")
        [poller] = run.pollers
        polls = len(poller.polls_of)
        run.sampler.change_interval(1)
        assert run.next(Interval) == Interval(seconds=30, is_usual=False)
        for _ in range(5):
            run.sampler.change_interval(1)
        told = [run.next(Interval).seconds for _ in range(5)]
        assert told == [10, 5, 2, 1, 0.5]
        assert poller.expected_every == 0.5
        wait_until(lambda: len(poller.polls_of) >= polls + 3)
        assert run.sampler._slurm_timer.pause_seconds() == Options().slurm_interval_seconds

    def test_it_stops_at_both_ends_and_comes_by_what_it_was_at_first(self, start):
        run = start(interval_seconds=3)
        run.next(Snapshot)
        told = []
        for direction in (-1, -1, -1, -1, -1, 1, 1, 1, 1, 1, 1, 1, 1, 1):
            run.sampler.change_interval(direction)
            told.append(run.next(Interval))
        assert [interval.seconds for interval in told] == [5, 10, 30, 60, 60, 30, 10, 5, 3, 2, 1, 0.5, 0.5, 0.5]
        assert [interval.seconds for interval in told if interval.is_usual] == [3]

    def test_it_stays_when_another_scheduler_is_watched(self, start):
        run = start(interval_seconds=2)
        run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")
        run.sampler.change_interval(-1)
        run.sampler.choose("tcp://b:2")
        run.next(Switched)
        assert run.sampler._dask_timer.pause_seconds() == 5


def test_none_found_ends_it(start):
    class NoneFound(FakePoller):
        async def locate(self):
            raise NoSchedulerError("no dask scheduler found")

    assert start(NoneFound).next(Failure).exit_status == 3


def test_threads_of_a_worker_are_read_at_once(start):
    run = start(interval_seconds=60)
    run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")
    run.sampler.watch_threads({"tcp://w:1"})
    while frozenset({"tcp://w:1"}) not in run.pollers[0].threads_of:
        run.next(Snapshot)


def test_what_is_looked_up_is_handed_over_while_another_look_up_hangs_and_polling_goes_on(start):
    run = start(interval_seconds=0.2)
    run.next(Snapshot)
    run.sampler.ask(JobFiles(job_id="hangs"))
    run.sampler.ask(JobFiles(job_id="7"))
    assert run.next(Answer) == Answer(question=JobFiles(job_id="7"), lines=("found",))
    for _ in range(3):
        run.next(Snapshot)
    see_it_stop(run)


def test_a_log_on_a_file_system_that_hangs_holds_up_neither_the_polls_nor_the_end(start, tmp_path, monkeypatch):
    is_over = threading.Event()
    monkeypatch.setattr(LogFile, "look", lambda self: is_over.wait(PATIENCE_SECONDS))
    run = start(interval_seconds=0.2)
    try:
        run.next(Snapshot)
        run.sampler.request_log(Tail(path=str(tmp_path / "log")))
        for _ in range(3):
            run.next(Snapshot)
        see_it_stop(run)
    finally:
        is_over.set()


def test_a_log_is_handed_over_by_the_samplers_thread_until_it_is_stopped(start, tmp_path):
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
def test_stop_waits_for_nothing_that_hangs(start, hang):
    is_over = threading.Event()

    class Hanging(FakePoller):
        async def poll_dask(self, threads_of=()):
            if hang == "awaiting":
                await hang_for_ever()
            await asyncio.to_thread(is_over.wait, PATIENCE_SECONDS)

    run = start(Hanging)
    run.next(Snapshot)
    see_it_stop(run)
    is_over.set()


def test_nothing_is_handed_over_after_stop(start):
    run = start(interval_seconds=0.2)
    run.next(Snapshot)
    see_it_stop(run)
    handed_over = run.events.qsize()
    run.sampler._publish(run.pollers[0])
    assert run.events.qsize() == handed_over
    assert run.pollers[0].closed


class Asked(list):
    """What was to be carried out, and whether it may end."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.is_stopped = threading.Event()


class TestCarryingOut:
    @pytest.fixture
    def executed(self, monkeypatch):
        """Stand in for `execute`: tell of one step, then wait to be told how it ends."""
        asked = Asked()

        async def execute(plan, address, options, report, *, agreed, environment):
            asked.append((plan, address, agreed))
            report(Progress(step="drain", message="1 task"))
            if plan.target == "3 jobs":
                await asyncio.to_thread(asked.may_end.wait, PATIENCE_SECONDS)
            elif plan.target == "for ever":
                await hang_for_ever()
            elif plan.target == "slow to give back":
                try:
                    await hang_for_ever()
                finally:
                    report(Progress(step="giving back", message=""))
                    while not asked.is_stopped.is_set():  # noqa: ASYNC110 - it is a thread that stops
                        await asyncio.sleep(0.01)
                    for _ in range(ROUNDS):
                        await asyncio.sleep(0)
                    asked.append("given back")
            elif plan.target == "fault":
                raise KeyError("jobs")
            return Outcome(done=True, message="submitted job 7")

        monkeypatch.setattr(execute_module, "execute", execute)
        monkeypatch.setattr(sampler_module, "RESUME_SECONDS", PATIENCE_SECONDS)
        yield asked
        asked.may_end.set()

    def attached(self, start, **options):
        run = start(interval_seconds=60, **options)
        run.next(Snapshot, lambda s: state_of(s, "dask").state == "ok")
        return run

    def test_progress_and_outcome_are_handed_over_and_sources_asked_again(self, start, executed):
        run = self.attached(start)
        polls = len(run.pollers[0].threads_of)
        run.sampler.execute(PLAN, PLAN.identity)
        assert run.next(Progress) == Progress(step="drain", message="1 task")
        executed.may_end.set()
        assert run.next(Outcome) == Outcome(done=True, message="submitted job 7")
        assert executed == [(PLAN, "tcp://a:1", PLAN.identity)]
        run.next(Snapshot)
        assert len(run.pollers[0].threads_of) > polls

    def test_one_at_a_time_and_then_the_next(self, start, executed):
        run = self.attached(start)
        run.sampler.execute(PLAN)
        run.sampler.execute(PLAN)
        assert "only one at a time" in run.next(Outcome).message
        executed.may_end.set()
        assert run.next(Outcome).done
        run.sampler.execute(PLAN)
        assert run.next(Outcome).done
        assert len(executed) == 2

    def test_another_scheduler_is_gone_over_to_only_when_it_has_ended(self, start, executed):
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

    def test_it_is_given_up(self, start, executed):
        run = self.attached(start)
        run.sampler.cancel_execution()  # nothing to give up
        run.sampler.execute(replace(PLAN, target="for ever"))
        run.next(Progress)
        run.sampler.cancel_execution()
        run.sampler.cancel_execution()
        outcome = run.next(Outcome)
        assert (outcome.done, outcome.message) == (False, interrupted_words("drain"))

    def test_a_fault_of_our_own_is_told(self, start, executed):
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

    def test_stop_gives_up_first(self, start, executed):
        run = self.attached(start)
        run.sampler.execute(replace(PLAN, target="for ever"))
        run.next(Progress)
        run.sampler.stop()
        assert not run.sampler.hangs

    def test_stop_does_not_break_into_the_giving_back(self, start, executed):
        run = self.attached(start)
        run.sampler.execute(replace(PLAN, target="slow to give back"))
        run.next(Progress)
        run.sampler.cancel_execution()
        assert run.next(Progress).step == "giving back"
        run.sampler._thread.join = tell_first(run.sampler._thread.join, executed.is_stopped)
        run.sampler.stop()
        assert not run.sampler.hangs
        assert executed[-1] == "given back"


def tell_first(wait, event):
    """Return a function that tells of its being called before it waits."""

    def tell_and_wait(*arguments):
        event.set()
        wait(*arguments)

    return tell_and_wait


class TestRhythm:
    def failing(self, times):
        log = SourceLog("x", 1)
        for _ in range(times):
            log.fail("no")
        return log

    def test_regular(self):
        assert PollTimer(SourceLog("x", 1), 10).pause_seconds() == 10
        assert PollTimer(SourceLog("x", 1), 2, floor_seconds=5).pause_seconds() == 5

    @pytest.mark.parametrize(("failures", "seconds"), [(1, 20), (2, 40), (3, 60), (9, 60), (500, 60)])
    def test_failures_back_off_up_to_a_minute_and_not_in_step(self, failures, seconds):
        timer = PollTimer(self.failing(failures), 10)
        pauses = [timer.pause_seconds() for _ in range(50)]
        assert all(0.75 * seconds <= pause <= 1.25 * seconds for pause in pauses)
        assert len(set(pauses)) > 1

    def test_a_rare_poll_is_not_made_more_often_by_failing(self):
        assert PollTimer(self.failing(5), 300).pause_seconds() >= 0.75 * 300

    def test_while_nothing_changes_pauses_get_longer_up_to_a_bound(self):
        timer = PollTimer(SourceLog("x", 1), 10, calm_seconds=30)
        pauses = []
        for told in ("one", "one", "one", "one", "other", "other"):
            timer.note(told)
            pauses.append(timer.pause_seconds())
        assert pauses == [10, 20, 30, 30, 10, 20]
        timer.poll_soon()
        assert timer.pause_seconds() == 10
        assert PollTimer(SourceLog("x", 1), 300, calm_seconds=30).pause_seconds() == 300

    def polls(self, make, meanwhile):
        """Return when a timer polled, in seconds, until what is done meanwhile was done."""

        async def polled():
            polls, timer = [], make()

            async def poll():
                polls.append(asyncio.get_running_loop().time())

            keeping = asyncio.create_task(timer.keep(poll, lambda: None))
            await meanwhile(timer)
            keeping.cancel()
            return polls

        return run_in_virtual_time(polled())

    def test_stirred_in_a_long_pause_it_polls_when_the_interval_is_over(self):
        def calm():
            timer = PollTimer(SourceLog("x", 1), 0.5, calm_seconds=60)
            for _ in range(100):
                timer.note("the same")
            return timer

        async def stir(timer):
            await asyncio.sleep(0.25)
            timer.poll_soon()
            await asyncio.sleep(0.5)

        assert self.polls(calm, stir) == [0, 0.5]

    def test_stirred_behind_the_interval_it_polls_at_once(self):
        def calm():
            timer = PollTimer(SourceLog("x", 1), 0.5, calm_seconds=60)
            for _ in range(100):
                timer.note("the same")
            return timer

        async def stir(timer):
            await asyncio.sleep(8)
            timer.poll_soon()
            await asyncio.sleep(0.25)

        assert self.polls(calm, stir) == [0, 8]

    def test_polling_now_respects_the_floor(self):
        async def poll_at_once(timer):
            for _ in range(5):
                await asyncio.sleep(0.125)
                timer.poll_now()

        assert self.polls(lambda: PollTimer(SourceLog("x", 1), 60, floor_seconds=0.25), poll_at_once) == [0, 0.25, 0.5]


def test_the_executor_is_not_waited_for():
    executor = DaemonExecutor()
    release = threading.Event()
    future = executor.submit(release.wait, PATIENCE_SECONDS)
    executor.shutdown(wait=True)
    assert not future.done()
    release.set()
    assert future.result(PATIENCE_SECONDS) is True
    assert isinstance(executor.submit(int, "x").exception(PATIENCE_SECONDS), ValueError)
