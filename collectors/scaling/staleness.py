"""Whether a plan that was shown still fits the cluster when it is executed. Pure."""

from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import has_ended, number_of_jobs, workers_of
from dasktop.collectors.model.plan import JobToRelease, ScalePlan
from dasktop.collectors.model.snapshot import Job, Snapshot
from dasktop.collectors.scaling.state import cluster_state
from dasktop.collectors.text.format import counted


def staleness_reason(plan: ScalePlan, snapshot: Snapshot, user: str) -> str | None:
    """Return why the plan no longer fits the cluster in the snapshot; ``None`` if it fits.

    Parameters
    ----------
    plan
        As it was shown.
    snapshot
        The current one.
    user
        The user who executes it: only their jobs are ever released.
    """
    if snapshot.cluster.scheduler_id != plan.scheduler_id:
        return "another scheduler runs at this address now"
    if plan.through_owner and snapshot.cluster.owner is None:
        return "the cluster object is no longer in the scheduler's process"
    if plan.release or plan.replace:
        queue = next((source for source in snapshot.sources if source.name == "slurm.queue"), None)
        if queue is None or queue.state != "ok":
            return f"the jobs in the queue are unknown: {queue.error if queue else 'squeue is not queried'}"
    state = cluster_state(snapshot)
    # As the plan counted them: see `plan.plan`.
    counts_unseen = plan.submit or plan.adapt is not None
    there = number_of_jobs(state.jobs + state.unseen if counts_unseen else state.jobs)
    takes_away = plan.adapt is not None and plan.takes_away
    if (plan.submit or plan.release or takes_away) and there != plan.before.jobs:
        return f"the cluster has {counted(there, 'job')} now, but had {plan.before.jobs} when the plan was made"
    lost = {(job.job_id, job.name) for job in state.lost}
    for lost_job in plan.replace:
        if (lost_job.job_id, lost_job.name) not in lost:
            return f"job {lost_job.job_id} ({lost_job.name}) is not lost, or has already been replaced"
    jobs = {job.job_id: job for job in snapshot.jobs}
    for released in plan.release:
        if reason := _release_staleness_reason(released, jobs.get(released.job_id), user):
            return f"job {released.job_id} {reason}"
        if released.job_id == snapshot.cluster.scheduler_job_id:
            return f"job {released.job_id} runs the scheduler itself"
        if state.names.get(released.job_id) != released.name:
            name = state.names.get(released.job_id)
            counts = (
                f"now counts job {released.job_id} as {name}" if name else f"no longer counts job {released.job_id}"
            )
            return f"the cluster object {counts}"
    return None


def _release_staleness_reason(released: JobToRelease, job: Job | None, user: str) -> str | None:
    if job is None or job.state is None:
        return "is no longer in the queue"
    if has_ended(job) or read_state(job.state).is_ending:
        return "has ended"
    if job.user != user:
        return f"does not belong to {user}"
    if not job.evidence:
        return "does not belong to this cluster"
    if job.het_job_id is not None and released.name is None:
        return "is part of a heterogeneous job, which can only be released as a whole"
    if {worker.address for worker in workers_of(job)} != set(released.workers):
        return "has different workers than when the plan was made"
    return None
