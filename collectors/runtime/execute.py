"""Execute a plan, in an order that loses no work, and return the outcome. Makes no plan and asks no question.

Refusals do not raise. Until the release of jobs begins, an error or Ctrl-C leaves the cluster unchanged.
"""

import asyncio
import os
import socket
from collections.abc import Mapping

from msgspec.structs import replace

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.options import Options, TlsFiles
from dasktop.collectors.model.plan import Outcome, Progress, ReportProgress, ScalePlan
from dasktop.collectors.model.snapshot import Job, Snapshot
from dasktop.collectors.runtime.poller import Poller
from dasktop.collectors.scaling.action_log import ActionLog
from dasktop.collectors.scaling.lease import RefusedError, SchedulerLease
from dasktop.collectors.scaling.release import Release
from dasktop.collectors.scaling.slurm import SlurmActions
from dasktop.collectors.scaling.staleness import staleness_reason
from dasktop.collectors.scaling.state import cluster_state
from dasktop.collectors.scaling.words import bounds_words
from dasktop.collectors.sources.dask.plain_values import as_dict, as_text
from dasktop.collectors.system.user import own_name
from dasktop.collectors.text.format import counted

SUBMIT_SECONDS = 60.0
ADAPT_SECONDS = 20.0
END_SECONDS = 20.0
# Scripts show which cluster pending jobs belong to; each poll reads only some of them.
_ROUNDS_FOR_EVIDENCE = 5


async def execute(
    plan: ScalePlan,
    address: str,
    options: Options,
    report: ReportProgress,
    *,
    agreed: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Outcome:
    """Execute a plan.

    Parameters
    ----------
    plan
        The plan that was shown and confirmed.
    address
        Of the scheduler.
    options
        The run's options: certificates, timeouts, whether to use SLURM, how long to wait for running tasks.
    report
        Called with each step.
    agreed
        The identity of the confirmed plan; ``None``: no confirmation was needed.
    environment
        For SLURM's commands and the path of the log; ``None``: this process's own.

    Returns
    -------
    Outcome
        Also if it was refused, or a source did not answer: ``done`` is false then, and the message says why.

    Raises
    ------
    asyncio.CancelledError
        If it is cancelled. Stopped workers have resumed by then, unless the release of jobs had begun: that is
        finished first.
    """
    if plan.changes_nothing:
        return Outcome(done=True, message=plan.reckoning or "there is nothing to do")
    if agreed is not None and agreed != plan.identity:
        message = "this is not the plan that you confirmed; nothing was changed"
        return Outcome(done=False, message=message, is_outdated=True)
    environment = os.environ if environment is None else environment
    user = own_name()
    who = f"{user}@{socket.gethostname()}, process {os.getpid()}"
    log = ActionLog(environment, who, plan, address)
    log.begun()
    execution = _PlanExecution(plan, address, options, report, environment, user)
    try:
        outcome = await execution.run(SchedulerLease(address, await execution.certificates()), who)
    except asyncio.CancelledError:
        log.interrupted()
        raise
    finally:
        await execution.close()
    log.ended(outcome)
    report(Progress(step="done", message=outcome.message))
    if log.write_error is None:
        return outcome
    return replace(outcome, message=f"{outcome.message} ({log.write_error})")


class _OutdatedError(RefusedError):
    """The plan no longer fits the cluster."""


class _PlanExecution:
    """The execution of one plan: what has been done so far, and its connections."""

    def __init__(
        self,
        plan: ScalePlan,
        address: str,
        options: Options,
        report: ReportProgress,
        environment: Mapping[str, str],
        user: str,
    ) -> None:
        self._plan = plan
        self._report = report
        self._user = user
        self._slurm = SlurmActions(environment, user, options.slurm_timeout_seconds)
        self._poller = Poller(options, environment, recently_ended=False)
        self._poller.attach_to(address)
        self._submitted: list[str] = []
        self._released: list[str] = []
        self._remarks: list[str] = []

    async def certificates(self) -> TlsFiles:
        """Return the certificates for the scheduler."""
        return await self._poller.certificates()

    async def close(self) -> None:
        """Kill running commands, and close the connection."""
        self._slurm.close()
        await self._poller.close()

    async def run(self, lease: SchedulerLease, who: str) -> Outcome:
        """Execute the plan, holding the scheduler's lock from before the final check until the end."""
        message = "interrupted"
        is_outdated = False
        is_held = True  # from the request on, since an interrupt may come before the answer
        try:
            try:
                await lease.take(self._plan.scheduler_id, who, self._plan.target)
            except SourceError:
                is_held = False
                raise
            await self._do(lease)
            message = self._summary()
            done = True
        except SourceError as error:
            message, done = self._failure(error), False
            is_outdated = isinstance(error, _OutdatedError)
        finally:
            is_ended = not is_held or await self._end(lease, message)
            await lease.close()
        if not is_ended and self._plan.release:
            message = f"{message}; if the scheduler is running, stopped workers resume by themselves"
        return Outcome(
            done=done,
            message=message,
            submitted=tuple(self._submitted),
            released=tuple(self._released),
            is_outdated=is_outdated,
        )

    async def _do(self, lease: SchedulerLease) -> None:
        plan = self._plan
        snapshot = await self._look()
        if reason := staleness_reason(plan, snapshot, self._user):
            raise _OutdatedError(f"{reason}; nothing was changed")
        if plan.stop_adapting:
            await lease.run_operation("adapt", ADAPT_SECONDS, minimum=None, maximum=None)
            self._remarks.append("adaptive scaling is off")
        if plan.submit:
            self._report_step("submit", f"submitting {counted(plan.submit, 'job')}")
            if plan.through_owner:
                await self._submit_through_owner(lease)
            else:
                await self._resubmit(snapshot)
        if plan.release:
            seconds = self._poller.options.drain_seconds
            release = Release(plan.release, lease, self._slurm, self._look_at_workers, self._note_release, seconds)
            await release.execute()
        if plan.adapt is not None:
            bounds = plan.adapt
            answer = await lease.run_operation("adapt", ADAPT_SECONDS, minimum=bounds.minimum, maximum=bounds.maximum)
            self._remarks.append(f"adaptive scaling is on ({bounds_words(bounds, 'job')})")
            if answer.get("grouped"):
                self._remarks.append("set the number of workers per job in the cluster object (dask-jobqueue #498)")

    async def _look(self) -> Snapshot:
        """Return a current snapshot."""
        await self._poller.poll_everything()
        released_ids = {job.job_id for job in self._plan.release}
        for _ in range(_ROUNDS_FOR_EVIDENCE):
            snapshot = self._poller.snapshot()
            if released_ids <= {job.job_id for job in snapshot.jobs if job.evidence}:
                break
            await self._poller.poll_slurm_details()
        return snapshot

    async def _look_at_workers(self) -> Snapshot:
        """Return a snapshot with current data from dask."""
        await self._poller.poll_dask()
        return self._poller.snapshot()

    async def _submit_through_owner(self, lease: SchedulerLease) -> None:
        lost = {job.name: job.job_id for job in self._plan.replace}
        answer = await lease.run_operation("grow", SUBMIT_SECONDS, jobs=self._plan.submit, lost=lost)
        ids = map(as_text, as_dict(answer.get("submitted")).values())
        self._submitted += sorted((job_id for job_id in ids if job_id), key=lambda job_id: (len(job_id), job_id))
        if answer.get("failure") is not None:
            raise RefusedError(_sbatch_message(str(answer["failure"])))

    async def _resubmit(self, snapshot: Snapshot) -> None:
        template = _template_job(snapshot, self._user)
        if template is None:
            raise RefusedError("you have no job of this cluster in the queue whose script could be resubmitted")
        for _ in range(self._plan.submit):
            self._submitted.append(await self._slurm.resubmit(template))

    def _note_release(self, progress: Progress) -> None:
        if progress.step == "wait for SLURM":
            self._released = [job.job_id for job in self._plan.release]
        self._report(progress)

    async def _end(self, lease: SchedulerLease, message: str) -> bool:
        """Release the lock, which makes stopped workers resume; return whether that succeeded."""
        try:
            async with asyncio.timeout(END_SECONDS):
                await lease.ask("end", outcome=message)
        except (SourceError, TimeoutError):
            return False
        return True

    def _summary(self) -> str:
        return "; ".join([*self._counted(), *self._remarks]) or "done"

    def _failure(self, error: SourceError) -> str:
        done = [*self._counted(), *self._remarks]
        return f"{'; '.join(done)}, then: {error}" if done else str(error)

    def _counted(self) -> list[str]:
        """Return phrases for what has been done."""
        plan = self._plan
        done = (
            ("submitted", self._submitted, plan.submit),
            ("released", self._released, len(plan.release)),
        )
        return [f"{verb} {_of_jobs(job_ids, wanted)}" for verb, job_ids, wanted in done if job_ids]

    def _report_step(self, step: str, message: str) -> None:
        self._report(Progress(step=step, message=message))


def _of_jobs(job_ids: list[str], wanted: int) -> str:
    ids = ", ".join(job_ids)
    if len(job_ids) < wanted:
        return f"{len(job_ids)} of {wanted} jobs ({ids})"
    return f"job {ids}" if len(job_ids) == 1 else f"jobs {ids}"


def _template_job(snapshot: Snapshot, user: str) -> Job | None:
    """Return the job whose script is resubmitted: the newest of the cluster, a running one first."""
    jobs = [
        job for job in cluster_state(snapshot).can_go if job.evidence != ("host",) and job.user == user and job.state
    ]
    return max(jobs, key=lambda job: (read_state(job.state).is_running, int(job.job_id)), default=None)


def _sbatch_message(failure: str) -> str:
    """Return sbatch's message, extracted from dask-jobqueue's error text."""
    _, heading, words = failure.rpartition("stderr:")
    return " ".join((words if heading else failure).split()) or failure
