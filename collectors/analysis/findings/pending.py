"""Jobs that wait: long, held, or for ever."""

from collections.abc import Iterator

from dasktop.collectors.analysis.findings.rule import PendingFinding, RuleContext
from dasktop.collectors.analysis.findings.words import for_about, named
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import is_pending, shown_id
from dasktop.collectors.model.snapshot import Job
from dasktop.collectors.sources.slurm.reasons import HELD, Reason, advice_for, reason_of, requirement
from dasktop.collectors.text.format import counted


def job_pending_long(scene: RuleContext) -> Iterator[PendingFinding]:
    """Suspect jobs that have waited for long, and may start some day."""
    for job, reason in _pending(scene):
        waited = scene.seconds_since(job.submitted_at)
        if waited is None or _is_held(job, reason) or _is_hopeless(job, reason):
            continue
        why = f": {reason.meaning}" if reason is not None else f": {job.reason}" if job.reason else ""
        required = requirement(job.required_nodes, job.required_features)
        insists = f"; it requires {required}" if required else ""
        start = job.expected_start_at
        starts = f", starts about {scene.clock(start)}" if start is not None and start > scene.now else ""
        yield PendingFinding(
            severity="info",
            job_id=job.job_id,
            message=f"{named(job)} has waited {for_about(waited)}{why}{insists}{starts}",
            advice=_advice(job, reason),
            began=job.submitted_at,
            after_seconds=scene.thresholds.pending_long_seconds,
        )


def job_held(scene: RuleContext) -> Iterator[PendingFinding]:
    """Suspect jobs that wait until somebody releases them."""
    for job, reason in _pending(scene):
        if _is_held(job, reason):
            yield PendingFinding(
                severity="warning",
                job_id=job.job_id,
                message=f"{named(job)} does not start: {reason.meaning if reason else f'it is held ({job.state})'}",
                advice=_advice(job, reason) or f"scontrol release {shown_id(job)}",
                after_seconds=scene.thresholds.held_seconds,
            )


def job_can_never_start(scene: RuleContext) -> Iterator[PendingFinding]:
    """Suspect jobs that wait for something that doesn't come by waiting."""
    for job, reason in _pending(scene):
        if reason is not None and _is_hopeless(job, reason):
            yield PendingFinding(
                severity="error",
                job_id=job.job_id,
                message=f"{named(job)} can never start: {reason.meaning} ({reason.code})",
                advice=_advice(job, reason),
                after_seconds=scene.thresholds.never_start_seconds,
            )


def _pending(scene: RuleContext) -> Iterator[tuple[Job, Reason | None]]:
    return ((job, reason_of(job.reason)) for job in scene.jobs if is_pending(job))


def _is_held(job: Job, reason: Reason | None) -> bool:
    return (reason is not None and reason.code in HELD) or read_state(job.state).is_held


def _is_hopeless(job: Job, reason: Reason | None) -> bool:
    return reason is not None and reason.cures_by_waiting is False and not _is_held(job, reason)


def _advice(job: Job, reason: Reason | None) -> str | None:
    if reason is None:
        return None
    return advice_for(reason, shown_id(job), job.required_nodes, job.required_features) or None


def jobs_not_submitted(scene: RuleContext) -> Iterator[PendingFinding]:
    """Suspect an owner some of whose jobs could not be submitted. By itself it tries none of them again."""
    owner = scene.snapshot.cluster.owner
    if owner is None or not owner.not_submitted:
        return
    number, wanted = len(owner.not_submitted), len(owner.wanted or owner.not_submitted)
    of = f"{number:,} of the {counted(wanted, 'job')}" if number < wanted else f"the {counted(wanted, 'job')}"
    why = f": {owner.submit_error}" if owner.submit_error else ""
    yield PendingFinding(
        severity="error",
        message=f"{of} that the {owner.class_name} wants could not be submitted{why}",
        advice=f"correct how the {owner.class_name} is made, and make it anew; "
        "cluster.job_script() shows what sbatch is given",
        about="submission",
    )
