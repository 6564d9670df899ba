"""When to poll what: a thread with its own event loop, which hands over whole snapshots.

Never draws, and never waits for who draws.
"""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from time import monotonic

from dasktop.collectors import event_loop
from dasktop.collectors.errors import SourceError
from dasktop.collectors.feed import Choice, Event, Failure
from dasktop.collectors.options import SLURM_INTERVAL_FLOOR_SECONDS, Options
from dasktop.collectors.poller import Poller
from dasktop.collectors.sources import SourceLog
from dasktop.collectors.text import clean

LONGEST_PAUSE_SECONDS = 60.0
STOP_SECONDS = 0.2


class Rhythm:
    """How long to pause between two polls of one source.

    Parameters
    ----------
    interval_seconds
        Between two polls that went well. Each failure in a row doubles it, up to a minute, with jitter: a hundred
        screens that lost their SLURM at one moment must not all come back at one moment.
    floor_seconds
        No two polls start closer together than this, whoever asks.
    """

    def __init__(self, log: SourceLog, interval_seconds: float, floor_seconds: float = 0.0) -> None:
        self._log = log
        self._interval_seconds = max(interval_seconds, floor_seconds)
        self._floor_seconds = floor_seconds
        self._hurry = asyncio.Event()

    def hurry(self) -> None:
        """Poll again as soon as the floor allows."""
        self._hurry.set()

    def pause_seconds(self) -> float:
        """Return how long to pause after the latest poll."""
        failures = self._log.failures_in_a_row
        if not failures:
            return self._interval_seconds
        backed_off = self._interval_seconds * (1 << min(failures, 10))
        longest = max(self._interval_seconds, LONGEST_PAUSE_SECONDS)
        return min(backed_off, longest) * random.uniform(0.75, 1.25)  # noqa: S311 - jitter, no secret

    async def keep(self, poll: Callable[[], Awaitable[None]], after_each: Callable[[], None]) -> None:
        """Poll for ever. A fault of the source stands in its log; one of our own is put there too, to be shown."""
        while True:
            started_at = monotonic()
            self._hurry.clear()
            try:
                await poll()
            except SourceError:
                pass  # its log has it, and `after_each` shows it
            except Exception as error:  # noqa: BLE001 - shown as the source's error; the screen goes on
                self._log.fail(describe_own_fault(error))
            after_each()
            pause_seconds = self.pause_seconds() - (monotonic() - started_at)
            floor_seconds = self._floor_seconds - (monotonic() - started_at)
            await asyncio.sleep(max(0.0, floor_seconds))
            try:
                await asyncio.wait_for(self._hurry.wait(), max(0.0, pause_seconds - max(0.0, floor_seconds)))
            except TimeoutError:
                continue


class Sampler:
    """The live `Feed`: polls dask and SLURM in a thread of its own.

    Parameters
    ----------
    options
        The run's choices.
    environment
        What SLURM's commands are run with; ``None``: this process's own.
    """

    def __init__(self, options: Options, environment: Mapping[str, str] | None = None) -> None:
        self._options = options
        self._environment = environment
        self._deliver: Callable[[Event], None] = lambda _: None
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main_task: asyncio.Task[None] | None = None
        self._stopped = False
        self._threads_of: frozenset[str] = frozenset()
        self._missed: frozenset[str] = frozenset()

    # -- Feed: called from the screen's thread

    def start(self, deliver: Callable[[Event], None]) -> None:
        """Begin to poll and to hand over events. Returns at once."""
        self._deliver = deliver
        self._thread.start()

    def stop(self) -> None:
        """End the polling, within `STOP_SECONDS`, whatever hangs."""
        self._stopped = True
        if self._main_task is not None:
            self._call(self._main_task.cancel)
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    @property
    def hangs(self) -> bool:
        """Whether something could not be ended in time."""
        return self._thread.is_alive()

    def choose(self, address: str) -> None:
        """Attach to this one of the schedulers that were found."""
        self._call(lambda: self._choice.set_result(address))

    def watch_threads(self, workers: Collection[str]) -> None:
        """Read the threads of these workers (addresses) from now on, and of no others."""
        self._threads_of = frozenset(workers)
        self._call(lambda: self._dask_rhythm.hurry())

    def refresh(self) -> None:
        """Poll everything as soon as the floors allow."""
        self._call(lambda: self._dask_rhythm.hurry())
        self._call(lambda: self._slurm_rhythm.hurry())

    def _call(self, function: Callable[[], object]) -> None:
        """Run ``function`` in the sampler's loop, if that runs (yet, or still)."""
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
        except Exception as error:  # noqa: BLE001 - told to the user; the screen ends with it
            self._hand_over(Failure(message=describe_own_fault(error), exit_status=1))

    def _hand_over(self, event: Event) -> None:
        if not self._stopped:
            self._deliver(event)

    async def _main(self) -> None:
        poller = Poller(self._options, self._environment)
        self._choice: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._dask_rhythm = Rhythm(poller.dask_log, self._options.interval_seconds, floor_seconds=0.2)
        self._slurm_rhythm = Rhythm(
            poller.queue_log, self._options.slurm_interval_seconds, SLURM_INTERVAL_FLOOR_SECONDS
        )
        self._main_task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        polling_slurm = asyncio.create_task(
            self._slurm_rhythm.keep(lambda: self._poll_slurm(poller), lambda: self._publish(poller))
        )
        try:
            await self._attach_and_keep(poller)
        finally:
            polling_slurm.cancel()
            await poller.close()

    async def _attach_and_keep(self, poller: Poller) -> None:
        candidates = await poller.locate()
        if len(candidates) > 1:
            self._hand_over(Choice(candidates=candidates))
            poller.attach_to(await self._choice)
        else:
            poller.attach_to(candidates[0].address)
        await poller.poll_dask()  # a scheduler that never answered isn't waited for; one that goes away later is
        self._publish(poller)
        self._slurm_rhythm.hurry()  # now it is known which jobs are the cluster's
        await self._dask_rhythm.keep(lambda: self._poll_dask(poller), lambda: self._publish(poller))

    async def _poll_dask(self, poller: Poller) -> None:
        await poller.poll_dask(self._threads_of)
        missing = poller.jobs_missing_from_queue
        if missing - self._missed:  # once for each job: SLURM may never tell of one that has ended
            self._slurm_rhythm.hurry()
        self._missed = missing

    async def _poll_slurm(self, poller: Poller) -> None:
        await poller.poll_queue()
        self._publish(poller)  # accounting may take much longer than the queue
        await poller.poll_slurm_details()

    def _publish(self, poller: Poller) -> None:
        self._hand_over(poller.snapshot())


def describe_own_fault(error: BaseException) -> str:
    """Return one line for a fault that is none of the source's, but a bug: what, and where."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})" if trace is not None else ""
    return clean(f"a fault of dasktop itself: {type(error).__name__}: {error}{where}")
