"""Carries a plan out, in an order that loses no work, and tells how it ended. Never plans, asks or repairs.

Refusals don't raise. Until jobs are let go, whatever goes wrong, or Ctrl-C, leaves all as it was.
"""

import asyncio
import os
import socket
from collections.abc import Mapping

from msgspec.structs import replace

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.options import Options, TlsFiles
from dasktop.collectors.model.plan import Outcome, Progress, Report, ScalePlan
from dasktop.collectors.model.snapshot import Job, Snapshot
from dasktop.collectors.runtime.poller import Poller
from dasktop.collectors.scaling.action_log import ActionLog
from dasktop.collectors.scaling.lease import RefusedError, SchedulerLease
from dasktop.collectors.scaling.plan import staleness_reason
from dasktop.collectors.scaling.release import Release
from dasktop.collectors.scaling.slurm import SlurmActions
from dasktop.collectors.scaling.state import cluster_state
from dasktop.collectors.sources.dask.plain import mapping, word
from dasktop.collectors.system.user import own_name

SUBMIT_SECONDS = 60.0
ADAPT_SECONDS = 20.0
END_SECONDS = 20.0
# Pending jobs show whose they are by their scripts, which are read some at a time.
_ROUNDS_FOR_EVIDENCE = 5


async def execute(
    plan: ScalePlan,
    address: str,
    options: Options,
    report: Report,
    *,
    agreed: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Outcome:
    """Carry a plan out.

    Parameters
    ----------
    plan
        As it was shown, and agreed to.
    address
        The scheduler's.
    options
        The run's choices: certificates, time-outs, whether there is SLURM, how long running tasks are waited for.
    report
        Told of each step.
    agreed
        The identity of the plan that somebody said yes to; ``None``: nobody was asked.
    environment
        This process's, for SLURM's commands and the place of the log; ``None``: its own.

    Returns
    -------
    Outcome
        Also where it was refused, or somebody didn't answer: ``done`` is false then, and the message tells why.

    Raises
    ------
    asyncio.CancelledError
        If it is cancelled; the workers that were stopped work again by then, unless jobs were being let go already:
        that is finished first.
    """
    if plan.changes_nothing:
        return Outcome(done=True, message=plan.reckoning or "there is nothing to do")
    if agreed is not None and agreed != plan.identity:
        message = "this is not the plan that was agreed to; nothing was changed"
        return Outcome(done=False, message=message, is_outdated=True)
    environment = os.environ if environment is None else environment
    user = own_name()
    who = f"{user}@{socket.gethostname()}, process {os.getpid()}"
    log = ActionLog(environment, who, plan, address)
    log.begun()
    deed = _PlanExecution(plan, address, options, report, environment, user)
    try:
        outcome = await deed.under(SchedulerLease(address, await deed.certificates()), who)
    except asyncio.CancelledError:
        log.interrupted()
        raise
    finally:
        await deed.close()
    log.ended(outcome)
    report(Progress(step="done", message=outcome.message))
    if log.trouble is None:
        return outcome
    return replace(outcome, message=f"{outcome.message} ({log.trouble})")


class _OutdatedError(RefusedError):
    """The plan no longer fits."""


class _PlanExecution:
    """The carrying out of one plan: what has been done so far, and the means."""

    def __init__(
        self,
        plan: ScalePlan,
        address: str,
        options: Options,
        report: Report,
        environment: Mapping[str, str],
        user: str,
    ) -> None:
        self._plan = plan
        self._report = report
        self._user = user
        self._slurm = SlurmActions(environment, user, options.slurm_timeout_seconds)
        self._poller = Poller(options, environment, ended_lately=False)
        self._poller.attach_to(address)
        self._submitted: list[str] = []
        self._released: list[str] = []
        self._remarks: list[str] = []

    async def certificates(self) -> TlsFiles:
        """Return what is needed to speak to the scheduler."""
        return await self._poller.certificates()

    async def close(self) -> None:
        """Let no command run on, and hang up."""
        self._slurm.close()
        await self._poller.close()

    async def under(self, hold: SchedulerLease, who: str) -> Outcome:
        """Do it, with the scheduler's lock held from before the last look until the end."""
        message = "interrupted"
        is_outdated = False
        is_held = True  # from the moment that it is asked for, since one may be interrupted before the answer
        try:
            try:
                await hold.take(self._plan.scheduler_id, who, self._plan.target)
            except SourceError:
                is_held = False
                raise
            await self._do(hold)
            message = self._summary()
            done = True
        except SourceError as error:
            message, done = self._failure(error), False
            is_outdated = isinstance(error, _OutdatedError)
        finally:
            is_ended = not is_held or await self._end(hold, message)
            await hold.close()
        if not is_ended and self._plan.release:
            message = f"{message}; if the scheduler runs, workers that were stopped go back to work by themselves"
        return Outcome(
            done=done,
            message=message,
            submitted=tuple(self._submitted),
            released=tuple(self._released),
            is_outdated=is_outdated,
        )

    async def _do(self, hold: SchedulerLease) -> None:
        plan = self._plan
        snapshot = await self._look()
        if reason := staleness_reason(plan, snapshot, self._user):
            raise _OutdatedError(f"{reason}; nothing was changed")
        if plan.stop_adapting:
            await hold.run_operation("adapt", ADAPT_SECONDS, minimum=None, maximum=None)
            self._remarks.append("adaptive scaling is off")
        if plan.submit:
            self._tell("submit", f"submitting {plan.submit}")
            if plan.through_owner:
                await self._submit_through_owner(hold)
            else:
                await self._submit_again(snapshot)
        if plan.release:
            seconds = self._poller.options.drain_seconds
            release = Release(plan.release, hold, self._slurm, self._look_at_workers, self._note_release, seconds)
            await release.execute()
        if plan.adapt is not None:
            bounds = plan.adapt
            told = await hold.run_operation("adapt", ADAPT_SECONDS, minimum=bounds.minimum, maximum=bounds.maximum)
            upper = "any number of" if bounds.maximum is None else bounds.maximum
            self._remarks.append(f"adaptive scaling between {bounds.minimum} and {upper} jobs is on")
            if told.get("grouped"):
                self._remarks.append("the cluster object was told how many workers a job has (dask-jobqueue #498)")

    async def _look(self) -> Snapshot:
        """Return how things are now."""
        await self._poller.poll_everything()
        victims = {victim.job_id for victim in self._plan.release}
        for _ in range(_ROUNDS_FOR_EVIDENCE):
            snapshot = self._poller.snapshot()
            if victims <= {job.job_id for job in snapshot.jobs if job.evidence}:
                break
            await self._poller.poll_slurm_details()
        return snapshot

    async def _look_at_workers(self) -> Snapshot:
        """Return how things are now, as far as dask tells."""
        await self._poller.poll_dask()
        return self._poller.snapshot()

    async def _submit_through_owner(self, hold: SchedulerLease) -> None:
        lost = {dead.name: dead.job_id for dead in self._plan.replace}
        told = await hold.run_operation("grow", SUBMIT_SECONDS, jobs=self._plan.submit, lost=lost)
        ids = map(word, mapping(told.get("submitted")).values())
        self._submitted += sorted((job_id for job_id in ids if job_id), key=lambda job_id: (len(job_id), job_id))
        if told.get("failure") is not None:
            raise RefusedError(_words_of_sbatch(str(told["failure"])))

    async def _submit_again(self, snapshot: Snapshot) -> None:
        pattern = _pattern(snapshot, self._user)
        if pattern is None:
            raise RefusedError("the cluster has no job of yours in the queue whose script could be submitted again")
        for _ in range(self._plan.submit):
            self._submitted.append(await self._slurm.submit_again(pattern))

    def _note_release(self, progress: Progress) -> None:
        if progress.step == "seen gone":
            self._released = [victim.job_id for victim in self._plan.release]
        self._report(progress)

    async def _end(self, hold: SchedulerLease, message: str) -> bool:
        """Give up the lock, with which stopped workers go back to work; return whether that was possible."""
        try:
            async with asyncio.timeout(END_SECONDS):
                await hold.ask("end", outcome=message)
        except (SourceError, TimeoutError):
            return False
        return True

    def _summary(self) -> str:
        return "; ".join([*self._counted(), *self._remarks]) or "done"

    def _failure(self, error: SourceError) -> str:
        done = [*self._counted(), *self._remarks]
        return f"{'; '.join(done)}, then: {error}" if done else str(error)

    def _counted(self) -> list[str]:
        """Return in words what has been done."""
        plan = self._plan
        said = (
            ("submitted", self._submitted, plan.submit),
            ("gave back", self._released, len(plan.release)),
        )
        return [f"{verb} {_of_jobs(job_ids, wanted)}" for verb, job_ids, wanted in said if job_ids]

    def _tell(self, step: str, message: str) -> None:
        self._report(Progress(step=step, message=message))


def _of_jobs(job_ids: list[str], wanted: int) -> str:
    ids = ", ".join(job_ids)
    if len(job_ids) < wanted:
        return f"{len(job_ids)} of {wanted} jobs ({ids})"
    return f"job {ids}" if len(job_ids) == 1 else f"jobs {ids}"


def _pattern(snapshot: Snapshot, user: str) -> Job | None:
    """Return the job whose script is submitted again: the newest of the cluster's, a running one first."""
    jobs = [
        job for job in cluster_state(snapshot).can_go if job.evidence != ("host",) and job.user == user and job.state
    ]
    return max(jobs, key=lambda job: (read_state(job.state).is_running, int(job.job_id)), default=None)


def _words_of_sbatch(failure: str) -> str:
    """Return what sbatch said, out of dask-jobqueue's account of it."""
    _, heading, words = failure.rpartition("stderr:")
    return " ".join((words if heading else failure).split()) or failure
