"""Rules for jobs that do not start: pending for long, held, unable to start, or not submitted at all."""

from collections.abc import Iterator

from dasktop.collectors.analysis.findings.phrases import job_name, rounded_duration
from dasktop.collectors.analysis.findings.rule import DASK, QUEUE, PendingFinding, RuleContext, rule
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import command_id, is_pending
from dasktop.collectors.model.snapshot import Job
from dasktop.collectors.sources.slurm.reasons import HELD, Reason, advice_for, reason_of, requirement
from dasktop.collectors.text.format import counted


@rule("jobs-not-submitted", order=10, needs=(DASK,), harm="held up")
def jobs_not_submitted(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield a cluster object whose jobs could not all be submitted. It does not retry by itself."""
    owner = context.snapshot.cluster.owner
    if owner is None or not owner.not_submitted:
        return
    number, wanted = len(owner.not_submitted), len(owner.wanted or owner.not_submitted)
    of = f"{number:,} of the {counted(wanted, 'job')}" if number < wanted else f"the {counted(wanted, 'job')}"
    why = f": {owner.submit_error}" if owner.submit_error else ""
    yield PendingFinding(
        severity="error",
        message=f"{of} that the {owner.class_name} requested could not be submitted{why}",
        advice=f"correct the arguments of the {owner.class_name} and create it again; "
        "cluster.job_script() shows the script that sbatch gets",
        about="submission",
    )


@rule("job-can-never-start", order=50, needs=(QUEUE,), harm="held up")
def job_can_never_start(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield pending jobs that will not start however long they wait."""
    for job, reason in _pending_jobs(context):
        if reason is not None and _never_starts(job, reason):
            yield PendingFinding(
                severity="error",
                job_id=job.job_id,
                message=f"{job_name(job)} can never start: {reason.meaning} ({reason.code})",
                advice=_advice(job, reason),
                after_seconds=context.thresholds.never_start_seconds,
            )


@rule("job-held", order=160, needs=(QUEUE,))
def job_held(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield pending jobs that wait until somebody releases them."""
    for job, reason in _pending_jobs(context):
        if _is_held(job, reason):
            yield PendingFinding(
                severity="warning",
                job_id=job.job_id,
                message=f"{job_name(job)} does not start: {reason.meaning if reason else f'it is held ({job.state})'}",
                advice=_advice(job, reason) or f"release it: scontrol release {command_id(job)}",
                after_seconds=context.thresholds.held_seconds,
            )


@rule("job-pending-long", order=210, needs=(QUEUE,))
def job_pending_long(context: RuleContext) -> Iterator[PendingFinding]:
    """Yield jobs that have been pending for long and may still start."""
    for job, reason in _pending_jobs(context):
        waited = context.seconds_since(job.submitted_at)
        if waited is None or _is_held(job, reason) or _never_starts(job, reason):
            continue
        why = f": {reason.meaning}" if reason is not None else f": {job.reason}" if job.reason else ""
        required = requirement(job.required_nodes, job.required_features)
        requires = f"; it requires {required}" if required else ""
        start = job.expected_start_at
        starts = f"; starts about {context.clock(start)}" if start is not None and start > context.now else ""
        yield PendingFinding(
            severity="info",
            job_id=job.job_id,
            message=f"{job_name(job)} has been pending for {rounded_duration(waited)}{why}{requires}{starts}",
            advice=_advice(job, reason),
            since=job.submitted_at,
            after_seconds=context.thresholds.pending_long_seconds,
        )


def _pending_jobs(context: RuleContext) -> Iterator[tuple[Job, Reason | None]]:
    return ((job, reason_of(job.reason)) for job in context.jobs if is_pending(job))


def _is_held(job: Job, reason: Reason | None) -> bool:
    return (reason is not None and reason.code in HELD) or read_state(job.state).is_held


def _never_starts(job: Job, reason: Reason | None) -> bool:
    return reason is not None and reason.resolves_by_waiting is False and not _is_held(job, reason)


def _advice(job: Job, reason: Reason | None) -> str | None:
    if reason is None:
        return None
    return advice_for(reason, command_id(job), job.required_nodes, job.required_features) or None
