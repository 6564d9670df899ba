"""Poll the sources in a thread with its own event loop, and deliver whole snapshots.

Decides when to poll. Never draws, and never waits for the screen.
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Collection, Mapping
from typing import Any

from dasktop.collectors.model.errors import NoSchedulerError, SilentSchedulerError, SourceError, describe_own_fault
from dasktop.collectors.model.feed import Candidate, Choice, Event, Failure, Interval, Notice, Switched
from dasktop.collectors.model.logs import LogRequest
from dasktop.collectors.model.options import SLURM_CALM_SECONDS, SLURM_INTERVAL_FLOOR_SECONDS, Options
from dasktop.collectors.model.plan import Outcome, Progress, ScalePlan
from dasktop.collectors.model.queries import Question
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.runtime.poll_timer import PollTimer
from dasktop.collectors.runtime.poller import Poller
from dasktop.collectors.runtime.queries import QueryService
from dasktop.collectors.scaling.words import interrupted_words
from dasktop.collectors.sources.logs.follower import LogFollower
from dasktop.collectors.system import event_loop

STOP_SECONDS = 0.2
RESUME_SECONDS = 5.0
"""How long `stop` waits for stopped workers to resume. After that, they resume by themselves."""
INTERVALS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds; the steps of `change_interval`, in addition to the configured interval."""


class Sampler:
    """The live `Feed`: polls dask and SLURM in a thread of its own.

    Parameters
    ----------
    options
        The run's options.
    environment
        The environment of SLURM's commands; ``None``: this process's own.
    """

    def __init__(self, options: Options, environment: Mapping[str, str] | None = None) -> None:
        self._options = options
        self._interval_seconds = options.interval_seconds
        self._environment = environment
        self._early: list[Event] = []
        self._deliver: Callable[[Event], None] = self._early.append
        self._delivering = threading.Lock()
        self._may_attach = False
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main_task: asyncio.Task[None] | None = None
        self._stopped = False
        self._threads_of: frozenset[str] = frozenset()
        self._hidden: frozenset[str] = frozenset()
        self._workers: frozenset[str] = frozenset()
        self._missed: frozenset[str] = frozenset()
        self._execution: asyncio.Task[None] | None = None
        self._search: asyncio.Task[None] | None = None
        self._reporting_unfinished: asyncio.Task[None] | None = None
        self._logs = LogFollower(lambda event: self._call(lambda: self._hand_over(event)))

    # -- Feed: called from the screen's thread

    def begin(self) -> None:
        """Start to poll squeue, before `start`; all other sources are polled after `attach`."""
        self._thread.start()

    def attach(self) -> None:
        """Start to poll all other sources after `begin`. Importing dask delays whatever else this process does."""
        self._may_attach = True
        self._call(lambda: self._attachable.set())

    def start(self, deliver: Callable[[Event], None]) -> None:
        """Start to deliver events and, unless `begin` was called before, to poll all sources. Returns at once."""
        with self._delivering:
            for event in self._early:
                deliver(event)
            self._deliver = deliver
        if self._thread.ident is None:
            self._may_attach = True
            self._thread.start()

    def stop(self) -> None:
        """Stop polling, within `STOP_SECONDS` even if a source hangs; `RESUME_SECONDS` if a plan is being executed."""
        self._stopped = True
        self._logs.request(None)
        if self._main_task is not None:
            self._call(self._main_task.cancel)
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS if self._execution is None else RESUME_SECONDS)

    @property
    def hangs(self) -> bool:
        """Whether something did not stop in time."""
        return self._thread.is_alive()

    def look_for_schedulers(self) -> None:
        """Search for schedulers, while polling continues."""
        self._call(self._begin_search)

    def choose(self, address: str) -> None:
        """Attach to one of the schedulers that were found."""

        def answer() -> None:
            if not self._choice.done():
                self._choice.set_result(address)

        self._call(answer)

    def watch_threads(self, workers: Collection[str], hidden: Collection[str] = ()) -> None:
        """Read the threads of these workers (addresses) from now on, and of no others; of ``hidden`` ones rarely."""
        new = frozenset(workers) - self._threads_of
        self._threads_of, self._hidden = frozenset(workers), frozenset(hidden)
        if new:  # else only others are in sight, perhaps since a snapshot has moved rows
            self._call(lambda: self._dask_timer.poll_now())

    def refresh(self) -> None:
        """Poll all sources as soon as their minimum intervals allow."""
        self._call(lambda: self._dask_timer.poll_now())
        self._call(lambda: self._slurm_timer.poll_now())

    def change_interval(self, direction: int) -> None:
        """Poll dask more often (1) or less often (-1), from now on."""
        self._call(lambda: self._change_interval(direction))

    def execute(self, plan: ScalePlan, agreed: str | None = None) -> None:
        """Execute a plan, while polling continues."""
        self._call(lambda: self._begin(plan, agreed))

    def cancel_execution(self) -> None:
        """Interrupt the running operation."""

        def interrupt() -> None:
            if self._execution is not None:
                self._interrupt(self._execution)

        self._call(interrupt)

    def ask(self, question: Question) -> None:
        """Start a query, while polling continues."""
        self._call(lambda: self._queries.begin(question))

    def request_log(self, request: LogRequest | None) -> None:
        """Read a part of a log file, in a thread of its own."""
        self._logs.request(request)

    def _call(self, function: Callable[[], object]) -> None:
        """Run ``function`` in the sampler's event loop, if that is running."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(function)

    # -- the sampler's thread

    def _run(self) -> None:
        try:
            event_loop.run(self._main())
        except asyncio.CancelledError:
            return  # stopped
        except SourceError as error:
            self._hand_over(Failure(message=str(error)))
        except Exception as error:  # noqa: BLE001 - reported to the user; the screen ends
            self._hand_over(Failure(message=describe_own_fault(error), exit_status=1))

    def _hand_over(self, event: Event) -> None:
        with self._delivering:
            if not self._stopped:
                self._deliver(event)

    async def _main(self) -> None:
        poller = Poller(self._options, self._environment)
        self._choice: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._reset_dask_timer(poller)
        self._slurm_timer = PollTimer(
            poller.queue_log, self._options.slurm_interval_seconds, SLURM_INTERVAL_FLOOR_SECONDS, SLURM_CALM_SECONDS
        )
        self._queries = QueryService(poller.answer, self._hand_over)
        self._main_task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        self._attachable = asyncio.Event()
        self._attached = asyncio.Event()
        if self._may_attach:
            self._attachable.set()
        polling_slurm = asyncio.create_task(
            self._slurm_timer.keep(lambda: self._poll_slurm(poller), lambda: self._publish(poller))
        )
        self._poller = poller
        try:
            await self._attach(poller)
            while True:
                await self._keep_until_another_is_chosen(poller)
        finally:
            polling_slurm.cancel()
            for task in (self._search, self._reporting_unfinished):
                if task is not None:
                    task.cancel()
            await self._queries.close()
            await poller.close()
            if self._execution is not None:
                self._interrupt(self._execution)
                await asyncio.wait([self._execution])

    @staticmethod
    def _interrupt(execution: asyncio.Task[None]) -> None:
        """Interrupt it once: a second time would interrupt the resuming of workers."""
        if not execution.cancelling():
            execution.cancel()

    def _begin(self, plan: ScalePlan, agreed: str | None) -> None:
        if self._options.read_only:
            self._hand_over(Outcome(done=False, message="read-only: nothing is changed"))
        elif self._execution is not None:
            self._hand_over(Outcome(done=False, message="another plan is being executed: only one at a time"))
        elif self._poller.address is None:
            self._hand_over(Outcome(done=False, message="no scheduler was chosen yet"))
        else:
            self._execution = asyncio.create_task(self._execute(plan, agreed, self._poller.address))

    async def _execute(self, plan: ScalePlan, agreed: str | None, address: str) -> None:
        module = await event_loop.import_in_background("dasktop.collectors.runtime.execute")
        step: str | None = None

        def report(progress: Progress) -> None:
            nonlocal step
            step = progress.step
            self._hand_over(progress)

        try:
            outcome = await module.execute(
                plan, address, self._options, report, agreed=agreed, environment=self._environment
            )
        except asyncio.CancelledError:  # by `cancel_execution` or `stop`
            outcome = Outcome(done=False, message=interrupted_words(step))
        except Exception as error:  # noqa: BLE001 - reported to the user
            outcome = Outcome(done=False, message=describe_own_fault(error))
        self._execution = None
        self._hand_over(outcome)
        self.refresh()

    async def _attach(self, poller: Poller) -> None:
        await self._attachable.wait()
        candidates = await poller.locate()
        if len(candidates) > 1:
            self._hand_over(Choice(candidates=candidates, is_needed=True))
            await asyncio.wait({self._choice})
            poller.attach_to(self._take_choice())
        else:
            poller.attach_to(candidates[0].address)
        try:
            await poller.poll_dask()
        except SourceError as error:
            # A scheduler that hangs or is busy is shown as such and polled again; without one, the program ends.
            if isinstance(error, NoSchedulerError) and not isinstance(error, SilentSchedulerError):
                raise
        self._attached.set()
        self._publish(poller)
        self._slurm_timer.poll_now()  # now the cluster's jobs are known

    async def _keep_until_another_is_chosen(self, poller: Poller) -> None:
        """Poll dask until the user chooses another scheduler; then switch to that one."""
        keeping = asyncio.create_task(
            self._dask_timer.keep(lambda: self._poll_dask(poller), lambda: self._publish(poller))
        )
        try:
            either: set[asyncio.Future[Any]] = {keeping, self._choice}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if keeping.done():
                keeping.result()  # it ends only because of a bug, which is raised here
        finally:
            keeping.cancel()
            await asyncio.wait({keeping})
        if self._execution is not None:
            await asyncio.wait({self._execution})
        await self._queries.close()
        address = self._take_choice()
        await poller.switch_to(address)
        was_lengthened = self._dask_timer.slow_poll_seconds is not None
        self._reset_dask_timer(poller)
        self._threads_of = self._hidden = self._workers = self._missed = frozenset()
        self._hand_over(Switched(address=address))
        if was_lengthened:
            self._announce_interval()
        self._publish(poller)
        self._slurm_timer.poll_now()

    def _take_choice(self) -> str:
        """Return the chosen address, and reset the choice."""
        address = self._choice.result()
        self._choice = asyncio.get_running_loop().create_future()
        return address

    def _reset_dask_timer(self, poller: Poller) -> None:
        self._dask_timer = PollTimer(
            poller.dask_log, self._interval_seconds, floor_seconds=0.2, on_change=self._announce_interval
        )

    def _begin_search(self) -> None:
        if self._search is None or self._search.done():
            self._search = asyncio.create_task(self._look(self._poller))

    async def _look(self, poller: Poller) -> None:
        candidates: tuple[Candidate, ...] = ()
        remark = ""
        try:
            candidates = await poller.look_for_schedulers()
        except SourceError as error:
            remark = str(error)
        except Exception as error:  # noqa: BLE001 - reported in the answer
            remark = describe_own_fault(error)
        self._hand_over(Choice(candidates=candidates, watched=poller.scheduler_id, remark=remark))

    def _change_interval(self, direction: int) -> None:
        usual = self._options.interval_seconds
        steps = sorted({*INTERVALS, usual})
        place = steps.index(self._interval_seconds) - direction
        self._interval_seconds = seconds = steps[min(max(place, 0), len(steps) - 1)]
        self._dask_timer.change(seconds)
        self._announce_interval(is_chosen=True)

    def _announce_interval(self, *, is_chosen: bool = False) -> None:
        timer = self._dask_timer
        self._poller.expect_polls_every(timer.interval_seconds)
        self._hand_over(
            Interval(
                seconds=self._interval_seconds,
                is_usual=self._interval_seconds == self._options.interval_seconds,
                is_chosen=is_chosen,
                lengthened_seconds=None if timer.slow_poll_seconds is None else timer.interval_seconds,
                poll_seconds=timer.slow_poll_seconds,
            )
        )

    async def _poll_dask(self, poller: Poller) -> None:
        await poller.poll_dask(self._threads_of, self._hidden)
        if poller.workers != self._workers:  # jobs start and end when workers join and leave
            self._workers = poller.workers
            self._slurm_timer.poll_soon()
        missing = poller.jobs_missing_from_queue
        if missing - self._missed:  # once per job: SLURM may never show one that has ended
            self._slurm_timer.poll_now()
        self._missed = missing

    async def _poll_slurm(self, poller: Poller) -> None:
        await poller.poll_queue()
        self._slurm_timer.note(poller.queued)
        self._publish(poller)  # accounting may take much longer than the queue
        await self._attachable.wait()
        # The scheduler knows much of what else SLURM would be asked for: the cluster's jobs, and their workers.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._options.dask_timeout_seconds):
                await self._attached.wait()
        await poller.poll_slurm_details()

    def _publish(self, poller: Poller) -> None:
        snapshot = poller.snapshot()
        self._hand_over(snapshot)
        states = {source.name: source.state for source in snapshot.sources}
        is_complete = (states.get("dask"), states.get("slurm.queue")) == ("ok", "ok")
        if self._reporting_unfinished is None and is_complete:
            self._reporting_unfinished = asyncio.create_task(self._report_unfinished(snapshot))

    async def _report_unfinished(self, snapshot: Snapshot) -> None:
        """Report actions that an earlier dasktop left unfinished; once."""
        module = await event_loop.import_in_background("dasktop.collectors.scaling.action_log")
        environment = os.environ if self._environment is None else self._environment
        for message in await asyncio.to_thread(module.conclude_unfinished, environment, snapshot):
            self._hand_over(Notice(message=message))
