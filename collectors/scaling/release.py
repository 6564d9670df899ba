"""Giving jobs back without losing work: stop new tasks, wait for running ones, copy results, and only then let go.

Whatever goes wrong before the letting go, nothing is given back; that the workers then work again is the hold's part.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.jobs import workers_of
from dasktop.collectors.model.plan import JobToRelease, Progress, Report
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.scaling.lease import LOOK_SECONDS, RefusedError, SchedulerLease
from dasktop.collectors.scaling.slurm import SlurmActions
from dasktop.collectors.sources.dask.plain import sequence, whole, word
from dasktop.collectors.text.clean import clean

GONE_SECONDS = 60.0
LEAVE_SECONDS = 120.0
# Copying is given up when this long not a single result more has been copied.
STALL_SECONDS = 60.0

_BACK = "the workers go back to work"


class Release:
    """The giving back of some jobs.

    Parameters
    ----------
    victims
        The jobs.
    hold
        On their scheduler.
    slurm
        To cancel those that no owner counts, and to see them gone.
    look
        Returns which workers there are now, and in which jobs.
    report
        Told of each step.
    drain_seconds
        How long running tasks are waited for.
    """

    def __init__(
        self,
        victims: tuple[JobToRelease, ...],
        hold: SchedulerLease,
        slurm: SlurmActions,
        look: Callable[[], Awaitable[Snapshot]],
        report: Report,
        drain_seconds: float,
    ) -> None:
        self._victims = victims
        self._hold = hold
        self._slurm = slurm
        self._look = look
        self._report = report
        self._drain_seconds = drain_seconds
        self._addresses = tuple(address for victim in victims for address in victim.workers)
        self._jobs = _jobs(victims)

    async def execute(self) -> None:
        """Give the jobs back, and return when squeue doesn't show them any more.

        Raises
        ------
        RefusedError
            It can't be done without losing work; or a job is still there, long after it was given back.
        SourceError
            Somebody didn't answer.
        """
        if any(victim.name is None for victim in self._victims):
            self._slurm.check_one_cluster()
        if self._addresses:
            await self._check_room("nothing was touched")
            await self._stop()
            await self._drain()
            await self._check_bound()
            await self._copy()
            await self._check_joined()
        await _to_the_end(self._hand_back())
        await self._see_gone()

    async def _stop(self) -> None:
        self._tell("stop new tasks", f"no new tasks on {self._jobs}")
        await self._hold.stop(self._addresses)

    async def _drain(self) -> None:
        """Wait until the workers run nothing, and the scheduler knows all that has ended there."""
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        while True:
            busy, which = _busy(await self._hold.ask("unfinished"))
            if not busy:
                return
            seconds = loop.time() - started_at
            if seconds >= self._drain_seconds:
                raise RefusedError(
                    f"after {seconds:.0f} s {busy} on {self._jobs}{which}; {_BACK}, nothing was given back"
                )
            self._tell("drain", f"{busy} on {self._jobs}, {seconds:.0f} of {self._drain_seconds:.0f} s{which}")
            await asyncio.sleep(LOOK_SECONDS)

    async def _check_bound(self) -> None:
        """Refuse if there are tasks that could never run again."""
        bound = await self._hold.ask("bound", addresses=self._addresses)
        if tasks := whole(bound.get("tasks")):
            which = _named(tasks, map(word, sequence(bound.get("some"))))
            raise RefusedError(f"{_count(tasks, 'task')} may only run on {self._jobs}{which}; {_BACK}")

    async def _copy(self) -> None:
        """Copy to other workers what the victims alone hold."""
        left = await self._check_room(_BACK)
        if not left:
            return
        loop = asyncio.get_running_loop()
        fewest, since = left, loop.time()
        self._tell_copying(left)
        async with contextlib.aclosing(self._hold.watched("move", addresses=self._addresses)) as looks:
            async for brought in looks:
                if brought is not None:
                    break
                self._tell_copying(left)
                left = whole((await self._alone()).get("results")) or 0
                if left < fewest:
                    fewest, since = left, loop.time()
                elif loop.time() - since > STALL_SECONDS:
                    break
        alone = await self._alone()
        if whole(alone.get("results")):
            raise RefusedError(f"{self._held(alone)} can't be copied; {_BACK}")

    async def _check_joined(self) -> None:
        """Refuse if a worker has come to one of the jobs since, in a job that no owner counts say: it is at work."""
        expected = set(self._addresses)
        going = {victim.job_id for victim in self._victims}
        for job in (await self._look()).jobs:
            for worker in workers_of(job) if job.job_id in going else ():
                if worker.address not in expected:
                    raise RefusedError(f"worker {worker.name} has come to job {job.job_id} meanwhile; {_BACK}")

    async def _check_room(self, consolation: str) -> int:
        """Return how many results must be copied; refuse if that can't be."""
        alone = await self._alone()
        results, others = whole(alone.get("results")) or 0, whole(alone.get("others"))
        size, room = whole(alone.get("bytes")) or 0, whole(alone.get("room"))
        largest, largest_room = whole(alone.get("largest")) or 0, whole(alone.get("largest_room"))
        if actors := whole(alone.get("actors")):
            raise RefusedError(
                f"{_count(actors, 'actor')} on {self._jobs} would be lost: they can't move; {consolation}"
            )
        if shuffles := whole(alone.get("shuffles")):
            raise RefusedError(
                f"{_count(shuffles, 'shuffle')} under way on {self._jobs} would start over: "
                f"wait for the end; {consolation}"
            )
        if results and not others:
            raise RefusedError(f"{self._held(alone)} would be lost: no other worker can take them; {consolation}")
        if room is not None and largest_room is not None and (size > room or largest > largest_room):
            raise RefusedError(
                f"{self._held(alone)} would be lost: the others have room for {_megabytes(room)}; {consolation}"
            )
        return results

    async def _alone(self) -> Mapping[str, object]:
        return await self._hold.ask("alone", addresses=self._addresses)

    def _held(self, alone: Mapping[str, object]) -> str:
        """Return in words what only the victims hold."""
        results, size = whole(alone.get("results")) or 0, whole(alone.get("bytes")) or 0
        kinds = [f"{number} of {clean(str(kind))[:40]}" for kind, number in map(sequence, sequence(alone.get("kinds")))]
        verb = "has" if len(self._victims) == 1 else "have"
        held = "; ".join([_megabytes(size), ", ".join(kinds)])
        return f"{_count(results, 'result')} ({held}) that only {self._jobs} {verb}"

    async def _hand_back(self) -> None:
        """Let go. Once this has begun, it is done to the end."""
        self._tell("hand back", f"giving back {self._jobs}")
        owned = {victim.name: victim.job_id for victim in self._victims if victim.name is not None}
        try:
            await self._hold.run_operation("leave", LEAVE_SECONDS, addresses=self._addresses, jobs=owned)
        except RefusedError:
            raise
        except SourceError as error:
            raise RefusedError(f"{error}; {self._jobs} may be given back all the same: look which are left") from error
        others = [victim for victim in self._victims if victim.name is None]
        if others:
            await self._cancel(others)

    async def _cancel(self, victims: Sequence[JobToRelease]) -> None:
        """Cancel jobs that no owner counts, and whose workers have left."""
        try:
            await self._slurm.cancel(victim.array_task or victim.job_id for victim in victims)
        except SourceError as error:  # which one that has ended by itself is enough for
            if await self._any_left(victims):
                raise RefusedError(
                    f"the workers of {self._jobs} have left, but not every job was cancelled: {error}"
                ) from error

    async def _any_left(self, victims: Sequence[JobToRelease]) -> bool:
        """Return whether one of the jobs is still there, as far as SLURM tells."""
        try:
            return bool(await self._slurm.wait_until_gone([victim.job_id for victim in victims], 0))
        except SourceError:
            return True

    async def _see_gone(self) -> None:
        self._tell("seen gone", f"waiting for SLURM to end {self._jobs}")
        try:
            left = await self._slurm.wait_until_gone([victim.job_id for victim in self._victims], GONE_SECONDS)
        except SourceError as error:
            raise RefusedError(f"SLURM doesn't tell whether they are gone: {error}") from error
        if left:
            raise RefusedError(f"squeue still shows {', '.join(left)} after {GONE_SECONDS:.0f} s")

    def _tell_copying(self, results: int) -> None:
        self._tell("replicate", f"{_count(results, 'result')} to copy from {self._jobs}")

    def _tell(self, step: str, message: str) -> None:
        self._report(Progress(step=step, message=message))


async def _to_the_end(coroutine: Coroutine[None, None, None]) -> None:
    """Wait for what may not stop half-way: if we are cancelled, it is finished first."""
    task = asyncio.ensure_future(coroutine)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # seen; that we were cancelled goes before
        raise


def _busy(unfinished: Mapping[str, object]) -> tuple[str, str]:
    """Return in words how much still runs, empty if nothing does, and what."""
    tasks, silent, names = 0, 0, []
    for told in map(sequence, unfinished.values()):
        executing, some = (whole(told[0]), sequence(told[1])) if len(told) == 2 else (None, ())
        silent += executing is None
        tasks += executing or 0
        names += [name for name in map(word, some) if name]
    if not tasks:
        return (f"{_count(silent, 'worker')} not answering yet" if silent else ""), ""
    return f"{_count(tasks, 'task')} still running", _named(tasks, names)


def _named(number: int, names: Iterable[str | None]) -> str:
    """Return the names of some of so many tasks, to be put behind."""
    some = [name for name in names if name][:3]
    return f" ({', '.join(some)}{', …' if number > len(some) else ''})" if some else ""


def _jobs(victims: tuple[JobToRelease, ...]) -> str:
    names = ", ".join(victim.array_task or victim.job_id for victim in victims)
    return f"job {names}" if len(victims) == 1 else f"jobs {names}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
