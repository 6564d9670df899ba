"""Whether a plan still fits what is running, asked again at the moment of acting. Pure; it never repairs a plan."""

from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import has_ended, number_of_jobs, workers_of
from dasktop.collectors.model.plan import JobToRelease, ScalePlan
from dasktop.collectors.model.snapshot import Job, Snapshot
from dasktop.collectors.scaling.standing import cluster_state


def staleness_reason(plan: ScalePlan, snapshot: Snapshot, user: str) -> str | None:
    """Return why the plan may not be carried out on what the snapshot shows; ``None`` if it may.

    Parameters
    ----------
    plan
        As it was shown.
    snapshot
        Taken now.
    user
        The one who acts: only jobs of this user are ever given back.
    """
    if snapshot.cluster.scheduler_id != plan.scheduler_id:
        return "another scheduler runs at this address now"
    if plan.through_owner and snapshot.cluster.owner is None:
        return "the cluster object has gone from the scheduler's process"
    if plan.release or plan.replace:
        queue = next((source for source in snapshot.sources if source.name == "slurm.queue"), None)
        if queue is None or queue.state != "ok":
            return f"SLURM doesn't tell which jobs there are: {queue.error if queue else 'it is not asked'}"
    standing = cluster_state(snapshot)
    # As the plan counted them: see `plan`.
    counts_unseen = plan.submit or plan.adapt is not None
    there = number_of_jobs(standing.jobs + standing.unseen if counts_unseen else standing.jobs)
    takes_away = plan.adapt is not None and plan.takes_away
    if (plan.submit or plan.release or takes_away) and there != plan.before.jobs:
        return f"the cluster has {there} jobs now, and had {plan.before.jobs} when the plan was made"
    lost = {(job.job_id, job.name) for job in standing.lost}
    for dead in plan.replace:
        if (dead.job_id, dead.name) not in lost:
            return f"job {dead.job_id} ({dead.name}) is not lost, or is replaced already"
    jobs = {job.job_id: job for job in snapshot.jobs}
    for victim in plan.release:
        if reason := _release_staleness_reason(victim, jobs.get(victim.job_id), user):
            return f"job {victim.job_id} {reason}"
        if victim.job_id == snapshot.cluster.scheduler_job_id:
            return f"job {victim.job_id} runs the scheduler itself"
        if standing.names.get(victim.job_id) != victim.name:
            return f"job {victim.job_id} is {standing.names.get(victim.job_id)} to the cluster object now"
    return None


def _release_staleness_reason(victim: JobToRelease, job: Job | None, user: str) -> str | None:
    if job is None or job.state is None:
        return "is not in the queue any more"
    if has_ended(job) or read_state(job.state).is_ending:
        return "has ended"
    if job.user != user:
        return f"is not {user}'s"
    if not job.evidence:
        return "is not this cluster's"
    if job.het_job_id is not None and victim.name is None:
        return "is part of a heterogeneous job, which can only be given back as a whole"
    if {worker.address for worker in workers_of(job)} != set(victim.workers):
        return "has other workers than when the plan was made"
    return None
