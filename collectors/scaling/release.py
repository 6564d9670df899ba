"""Release jobs without losing work: stop new tasks, wait for running ones, copy results, and only then release.

If anything fails before the last step, no job is released; the lease then makes the stopped workers resume.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.jobs import workers_of
from dasktop.collectors.model.plan import JobToRelease, Progress, ReportProgress
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.scaling.lease import POLL_SECONDS, RefusedError, SchedulerLease
from dasktop.collectors.scaling.slurm import SlurmActions
from dasktop.collectors.sources.dask.plain_values import as_int, as_text, as_tuple
from dasktop.collectors.text.clean import clean
from dasktop.collectors.text.format import counted, plain_size

GONE_SECONDS = 60.0
LEAVE_SECONDS = 120.0
# Copying is stopped if no result has been copied for this long.
STALL_SECONDS = 60.0

_RESUME = "the workers resume"


class Release:
    """The release of some jobs.

    Parameters
    ----------
    jobs
        The jobs to release.
    lease
        The lease of their scheduler.
    slurm
        Cancels jobs that no owner counts, and shows when jobs are gone.
    look
        Returns a snapshot with the current workers, and their jobs.
    report
        Called with each step.
    drain_seconds
        How long to wait for running tasks.
    """

    def __init__(
        self,
        jobs: tuple[JobToRelease, ...],
        lease: SchedulerLease,
        slurm: SlurmActions,
        look: Callable[[], Awaitable[Snapshot]],
        report: ReportProgress,
        drain_seconds: float,
    ) -> None:
        self._jobs = jobs
        self._lease = lease
        self._slurm = slurm
        self._look = look
        self._report = report
        self._drain_seconds = drain_seconds
        self._addresses = tuple(address for job in jobs for address in job.workers)
        self._names = _job_names(jobs)

    async def execute(self) -> None:
        """Release the jobs, and return when squeue no longer shows them.

        Raises
        ------
        RefusedError
            It cannot be done without losing work; or a job is still there long after its release.
        SourceError
            A source did not answer.
        """
        if any(job.name is None for job in self._jobs):
            self._slurm.check_one_cluster()
        if self._addresses:
            await self._check_room("nothing was changed")
            await self._stop()
            await self._drain()
            await self._check_pinned_tasks()
            await self._copy()
            await self._check_joined()
        await _to_the_end(self._release())
        await self._wait_until_gone()

    async def _stop(self) -> None:
        self._report_step("stop new tasks", f"stopping new tasks on {self._names}")
        await self._lease.stop(self._addresses)

    async def _drain(self) -> None:
        """Wait until the workers run nothing, and the scheduler knows of every task that ended there."""
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        while True:
            busy, which = _busy(await self._lease.ask("unfinished"))
            if not busy:
                return
            seconds = loop.time() - started_at
            if seconds >= self._drain_seconds:
                raise RefusedError(
                    f"after {seconds:.0f} s {busy} on {self._names}{which}; {_RESUME}, no job was released"
                )
            self._report_step("drain", f"{busy} on {self._names}, {seconds:.0f} of {self._drain_seconds:.0f} s{which}")
            await asyncio.sleep(POLL_SECONDS)

    async def _check_pinned_tasks(self) -> None:
        """Refuse if there are tasks whose worker restrictions no remaining worker meets."""
        pinned = await self._lease.ask("bound", addresses=self._addresses)
        if tasks := as_int(pinned.get("tasks")):
            which = _named(tasks, map(as_text, as_tuple(pinned.get("some"))))
            raise RefusedError(f"{counted(tasks, 'task')} can only run on {self._names}{which}; {_RESUME}")

    async def _copy(self) -> None:
        """Copy to other workers the results that only the jobs to release hold."""
        left = await self._check_room(_RESUME)
        if not left:
            return
        loop = asyncio.get_running_loop()
        fewest, since = left, loop.time()
        self._report_copying(left)
        async with contextlib.aclosing(self._lease.watched("move", addresses=self._addresses)) as results:
            async for result in results:
                if result is not None:
                    break
                self._report_copying(left)
                left = as_int((await self._unreplicated()).get("results")) or 0
                if left < fewest:
                    fewest, since = left, loop.time()
                elif loop.time() - since > STALL_SECONDS:
                    break
        unreplicated = await self._unreplicated()
        if as_int(unreplicated.get("results")):
            raise RefusedError(f"{self._held(unreplicated)} cannot be copied; {_RESUME}")

    async def _check_joined(self) -> None:
        """Refuse if a worker has joined one of the jobs since, as in a job that no owner counts: it may run tasks."""
        expected = set(self._addresses)
        released_ids = {job.job_id for job in self._jobs}
        for job in (await self._look()).jobs:
            for worker in workers_of(job) if job.job_id in released_ids else ():
                if worker.address not in expected:
                    raise RefusedError(f"worker {worker.name} joined job {job.job_id} during the release; {_RESUME}")

    async def _check_room(self, after_refusal: str) -> int:
        """Return how many results must be copied; refuse if that is impossible.

        ``after_refusal`` ends the refusal: the state in which it leaves the cluster.
        """
        unreplicated = await self._unreplicated()
        results, others = as_int(unreplicated.get("results")) or 0, as_int(unreplicated.get("others"))
        size, room = as_int(unreplicated.get("bytes")) or 0, as_int(unreplicated.get("room"))
        largest, largest_room = as_int(unreplicated.get("largest")) or 0, as_int(unreplicated.get("largest_room"))
        if actors := as_int(unreplicated.get("actors")):
            raise RefusedError(
                f"{counted(actors, 'actor')} on {self._names} would be lost: actors cannot be moved; {after_refusal}"
            )
        if shuffles := as_int(unreplicated.get("shuffles")):
            raise RefusedError(
                f"{counted(shuffles, 'shuffle')} running on {self._names} would restart: "
                f"wait until {'it ends' if shuffles == 1 else 'they end'}; {after_refusal}"
            )
        if results and not others:
            raise RefusedError(
                f"{self._held(unreplicated)} would be lost: no other worker can take them; {after_refusal}"
            )
        if room is not None and largest_room is not None and (size > room or largest > largest_room):
            raise RefusedError(
                f"{self._held(unreplicated)} would be lost: "
                f"the other workers have {plain_size(room)} free; {after_refusal}"
            )
        return results

    async def _unreplicated(self) -> Mapping[str, object]:
        return await self._lease.ask("alone", addresses=self._addresses)

    def _held(self, unreplicated: Mapping[str, object]) -> str:
        """Return a phrase for the results that only the jobs to release hold."""
        results, size = as_int(unreplicated.get("results")) or 0, as_int(unreplicated.get("bytes")) or 0
        kinds = [
            f"{number} of {clean(str(kind))[:40]}"
            for kind, number in map(as_tuple, as_tuple(unreplicated.get("kinds")))
        ]
        verb = "holds" if len(self._jobs) == 1 else "hold"
        held = "; ".join([plain_size(size), ", ".join(kinds)])
        return f"{counted(results, 'result')} ({held}) that only {self._names} {verb}"

    async def _release(self) -> None:
        """Release the jobs. Once this has begun, it is not interrupted."""
        self._report_step("release", f"releasing {self._names}")
        owned = {job.name: job.job_id for job in self._jobs if job.name is not None}
        try:
            await self._lease.run_operation("leave", LEAVE_SECONDS, addresses=self._addresses, jobs=owned)
        except RefusedError:
            raise
        except SourceError as error:
            raise RefusedError(
                f"{error}; {self._names} may have been released anyway: check with squeue which remain"
            ) from error
        others = [job for job in self._jobs if job.name is None]
        if others:
            await self._cancel(others)

    async def _cancel(self, jobs: Sequence[JobToRelease]) -> None:
        """Cancel jobs that no owner counts, and whose workers have left."""
        try:
            await self._slurm.cancel(job.array_task or job.job_id for job in jobs)
        except SourceError as error:  # a job that has ended by itself is enough to cause this
            if await self._any_left(jobs):
                raise RefusedError(
                    f"the workers of {self._names} have left, but not every job was cancelled: {error}"
                ) from error

    async def _any_left(self, jobs: Sequence[JobToRelease]) -> bool:
        """Return whether one of the jobs is still in the queue; true if squeue fails."""
        try:
            return bool(await self._slurm.wait_until_gone([job.job_id for job in jobs], 0))
        except SourceError:
            return True

    async def _wait_until_gone(self) -> None:
        self._report_step("wait for SLURM", f"waiting for SLURM to end {self._names}")
        try:
            left = await self._slurm.wait_until_gone([job.job_id for job in self._jobs], GONE_SECONDS)
        except SourceError as error:
            raise RefusedError(f"it is unknown whether {self._names} ended: {error}") from error
        if left:
            raise RefusedError(f"squeue still shows {', '.join(left)} after {GONE_SECONDS:.0f} s")

    def _report_copying(self, results: int) -> None:
        self._report_step("replicate", f"{counted(results, 'result')} to copy from {self._names}")

    def _report_step(self, step: str, message: str) -> None:
        self._report(Progress(step=step, message=message))


async def _to_the_end(coroutine: Coroutine[None, None, None]) -> None:
    """Await an operation that must not be interrupted: if this task is cancelled, finish the operation first."""
    task = asyncio.ensure_future(coroutine)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # retrieved; the cancellation takes precedence
        raise


def _busy(unfinished: Mapping[str, object]) -> tuple[str, str]:
    """Return a phrase for the tasks that still run, empty if none does, and the names of some."""
    tasks, silent, names = 0, 0, []
    for answer in map(as_tuple, unfinished.values()):
        executing, some = (as_int(answer[0]), as_tuple(answer[1])) if len(answer) == 2 else (None, ())
        silent += executing is None
        tasks += executing or 0
        names += [name for name in map(as_text, some) if name]
    if not tasks:
        return (f"{counted(silent, 'worker')} not answering yet" if silent else ""), ""
    return f"{counted(tasks, 'task')} still running", _named(tasks, names)


def _named(number: int, names: Iterable[str | None]) -> str:
    """Return up to three of the names in parentheses, as a suffix; empty if there are none."""
    some = [name for name in names if name][:3]
    return f" ({', '.join(some)}{', …' if number > len(some) else ''})" if some else ""


def _job_names(jobs: tuple[JobToRelease, ...]) -> str:
    names = ", ".join(job.array_task or job.job_id for job in jobs)
    return f"job {names}" if len(jobs) == 1 else f"jobs {names}"
