"""After any changes in a scheduler, what a dasktop shows that knew it before is what one shows that knew nothing."""

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from dasktop.collectors.analysis.reconcile import reconcile
from dasktop.collectors.analysis.reconcile_memo import ReconcileMemo
from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.readings import DaskReading
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.sources.dask.collector import DaskCollector
from tests.support.changing_scheduler import PAUSED, RUNNING, ChangingScheduler
from tests.support.snapshots import TAKEN_AT

NUMBERS = st.integers(0, 5)
PLACES = st.integers(0, 100)
SIZES = st.sampled_from([0, 5, 2**70, 0.5])
STATUSES = st.sampled_from([RUNNING, PAUSED])


class Attached:
    """A dasktop that is attached: its collector, and what it keeps from snapshot to snapshot."""

    def __init__(self, model: ChangingScheduler) -> None:
        self._model = model
        self.collector = DaskCollector("tcp://10.0.0.1:8786")
        self._memo = ReconcileMemo()

    async def poll(self) -> Snapshot:
        reading = without_times(await self.collector.read())
        return reconcile(reading, None, (), TAKEN_AT, memo=self._memo)

    async def miss_answer(self) -> None:
        """Poll while the answer gets lost."""
        connection = self.collector._connection
        if connection is None or connection.closed:
            return
        connection.loses_answer = True  # type: ignore[attr-defined]
        try:
            await self.collector.read()
        except SourceError:
            return
        raise AssertionError("the answer has arrived")


class AnyChanges(RuleBasedStateMachine):
    """One dasktop polls after each change, and another sometimes."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()

    @initialize(workers=st.integers(0, 4), has_ids=st.sampled_from([True, True, True, False]))
    def begin(self, workers: int, has_ids: bool) -> None:
        self.model = ChangingScheduler(has_ids=has_ids)
        self.always, self.sometimes = Attached(self.model), Attached(self.model)
        for _ in range(workers):
            self.model.join()

    def teardown(self) -> None:
        self.runner.close()

    @rule()
    def join(self) -> None:
        self.model.join()

    @rule(place=PLACES)
    def leave(self, place: int) -> None:
        if self.model.workers:
            del self.model.workers[self.model.worker(place).address]

    @rule(place=PLACES)
    def start_at_same_address(self, place: int) -> None:
        if self.model.workers:
            self.model.start(self.model.worker(place).address)

    @rule()
    def restart_scheduler(self) -> None:
        self.model.restart()

    @rule()
    def forbid_or_allow_functions(self) -> None:
        """Restart the scheduler with a setting changed."""
        self.model.refuses = not self.model.refuses
        self.model.restart()

    @rule(place=PLACES, number=NUMBERS, nbytes=SIZES, executing=st.integers(0, 2), sends_transfers=st.booleans())
    def heartbeat(self, place: int, number: int, nbytes: float, executing: int, sends_transfers: bool) -> None:
        if self.model.workers:
            self.model.heartbeat(place, number, nbytes, executing, sends_transfers=sends_transfers)

    @rule(place=PLACES, processing=NUMBERS, stored=NUMBERS)
    def schedule(self, place: int, processing: int, stored: int) -> None:
        if self.model.workers:
            self.model.schedule(place, processing, stored)

    @rule(place=PLACES, status=STATUSES)
    def change_status(self, place: int, status: object) -> None:
        if self.model.workers:
            self.model.worker(place).status = status

    @rule(seconds=st.sampled_from([0.0, 0.1, 2.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.model.clock.pass_by(seconds)

    @rule(seconds=st.sampled_from([-3600.0, -1.0, 1.0, 3600.0]))
    def set_clock(self, seconds: float) -> None:
        self.model.clock.now += seconds

    @rule()
    def miss_answer(self) -> None:
        with self.model.in_place():
            self.runner.run(self.sometimes.miss_answer())

    @rule()
    def lose_connection(self) -> None:
        self.runner.run(self.sometimes.collector.close())

    @rule()
    def poll(self) -> None:
        self.check(self.sometimes)

    @invariant()
    def each_change_is_seen(self) -> None:
        self.check(self.always)

    def check(self, one: Attached) -> None:
        """Poll, and compare the tree with that of a dasktop that has just been started."""
        with self.model.in_place():
            if one.collector.refusal is not None:
                self.runner.run(one.poll())  # what another scheduler allows is known from the next poll on
            shown = self.runner.run(one.poll())
            assert shown == self.runner.run(Attached(self.model).poll())


def without_times(reading: DaskReading) -> DaskReading:
    """Return it without what depends on when it was read, or for how long something has been known."""
    workers = tuple(
        replace(one, worker=replace(one.worker, last_seen_seconds=None, last_seen_at=None)) for one in reading.workers
    )
    return replace(reading, workers=workers, taken_at=TAKEN_AT, work=None)


TestAnyChanges = AnyChanges.TestCase
TestAnyChanges.settings = settings(max_examples=settings.default.max_examples // 2, stateful_step_count=20)


def test_refusal_is_only_that_of_the_scheduler_that_refused() -> None:
    """The connection is lost before the id of the scheduler that refuses is known; then another one is there."""
    model = ChangingScheduler()
    one = Attached(model)

    async def poll_all() -> None:
        await one.poll()
        model.refuses = True
        model.restart()
        await one.miss_answer()
        model.refuses = False
        model.restart()
        await one.poll()
        assert one.collector.refusal is None
        assert (await one.poll()).worker_events == ()

    with model.in_place():
        asyncio.run(poll_all())
