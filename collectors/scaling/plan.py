"""Snapshot and target → what would be done. Pure: no I/O, no clock; carrying a plan out checks again when it acts."""

from collections.abc import Callable, Collection, Iterable, Sequence

from dasktop.collectors.analysis.results import stranded_results
from dasktop.collectors.model.errors import PlanError
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import array_task_of, has_ended, number_of_jobs, shown_id, workers_of
from dasktop.collectors.model.plan import (
    Adapt,
    Change,
    Cores,
    Jobs,
    JobToRelease,
    LostJob,
    Memory,
    Release,
    ReplaceLost,
    ScalePlan,
    Size,
    Target,
)
from dasktop.collectors.model.snapshot import Adaptive, Job, Snapshot
from dasktop.collectors.scaling import warnings as cautions
from dasktop.collectors.scaling.state import (
    ClusterState,
    add,
    choose,
    cluster_state,
    has_nothing_to_do,
    job_to_release,
    times,
)
from dasktop.collectors.scaling.words import bounds_words
from dasktop.collectors.text.format import counted, listed, memory_words


def plan(snapshot: Snapshot, target: Target, user: str | None = None, preferred: Collection[str] = ()) -> ScalePlan:
    """Return what would be done to reach a target. Nothing is done.

    Jobs that run and jobs that wait count; lost ones don't. A job that the owner counts and SLURM tells nothing of
    counts for growing and not for shrinking, so that neither too many are submitted nor too many given back.

    Parameters
    ----------
    snapshot
        How things are.
    target
        What is wanted.
    user
        Whose jobs may be changed; ``None``: not checked here.
    preferred
        Ids of jobs to give back rather than others that are as dispensable: those that people look at already. What
        jobs run changes by the second, and a plan that did too could not be read.

    Raises
    ------
    PlanError
        No sensible plan exists. The text says why, and the way out.
    """
    if snapshot.cluster.scheduler_id is None:
        raise PlanError("the scheduler has not answered, so it isn't known what runs: try again when it has")
    standing = cluster_state(snapshot, preferred)
    if isinstance(target, Release):
        return _release(standing, target.job_ids, user)
    _refuse_jobs_of_others(standing.jobs, user)
    match target:
        case Jobs(count=count):
            return _to_jobs(standing, _whole(count, counted(count, "job")), counted(count, "job"))
        case Change(by=by):
            return _by(standing, by)
        case Cores(count=count):
            return _to_amount(standing, count, "cores")
        case Memory(amount_bytes=amount_bytes):
            return _to_amount(standing, amount_bytes, "memory")
        case ReplaceLost():
            return _replace_lost(standing)
        case Adapt(bounds=bounds):
            return _stop_adapting(standing) if bounds is None else _adapt(standing, bounds)


def _by(standing: ClusterState, by: int) -> ScalePlan:
    """Plan for so many jobs more or fewer than there are, counted as for growing or for shrinking."""
    target = f"{counted(abs(by), 'job')} {'more' if by > 0 else 'fewer'}"
    there = number_of_jobs(standing.jobs + standing.unseen if by > 0 else standing.jobs)
    if there + by < 0:
        only = f"there {'is' if there == 1 else 'are'} only {counted(there, 'job')}" if there else "there is no job"
        raise PlanError(f"{target}: {only} to give back")
    return _to_jobs(standing, there + by, target)


def _to_amount(standing: ClusterState, amount: int, of_what: str) -> ScalePlan:
    """Plan for so many cores, or bytes of memory: as in dask-jobqueue, in whole jobs of what one job has."""
    say: Callable[[int], str] = memory_words if of_what == "memory" else lambda cores: counted(cores, "core")
    one_job = standing.one_job.memory_bytes if of_what == "memory" else standing.one_job.cores
    target = say(_whole(amount, f"{amount:,} {'bytes' if of_what == 'memory' else of_what}"))
    if amount == 0:
        return _to_jobs(standing, 0, target)
    if one_job is None:
        raise PlanError(f"how much a job has isn't known, so {target} can't be told in jobs: scale by jobs (--jobs N)")
    jobs = -(-amount // one_job)
    each = memory_words(one_job) if of_what == "memory" else f"{one_job:,}"
    is_exact = jobs * one_job == amount
    reckoning = f"{target} {'=' if is_exact else 'take'} {counted(jobs, 'job')} of {each}"
    remarks = [] if is_exact else [f"rounded up to whole jobs: {say(jobs * one_job)}"]
    remarks += cautions.about_differing(standing, of_what)
    return _to_jobs(standing, jobs, target, reckoning, remarks)


def _to_jobs(
    standing: ClusterState, wanted: int, target: str, reckoning: str | None = None, remarks: Sequence[str] = ()
) -> ScalePlan:
    """Plan for so many jobs: grow, shrink, or leave it as it is."""
    at_most = number_of_jobs(standing.jobs + standing.unseen)
    if wanted > at_most:
        return _grow(standing, wanted, target, reckoning, remarks)
    if wanted < at_most:
        _refuse_without_sources(standing)
    missing = number_of_jobs(standing.jobs) - wanted
    if missing > 0:
        if missing > number_of_jobs(standing.can_go):
            raise PlanError(f"{target}: {_of_scheduler(standing)}, so it stays")
        going = choose(standing.can_go, missing, standing.preferred)
        return _shrink(standing, going, target, reckoning, remarks, are_chosen=False)
    warnings = [*remarks, *cautions.about_lost(standing, 0), *cautions.about_unseen(standing, are_counted=True)]
    return _plan(standing, target, reckoning, warnings=[*_doubts(standing), *warnings])


def _grow(standing: ClusterState, wanted: int, target: str, reckoning: str | None, remarks: Sequence[str]) -> ScalePlan:
    submit = wanted - number_of_jobs(standing.jobs + standing.unseen)
    if standing.owner is None and not standing.can_go:
        why = _of_scheduler(standing) if standing.jobs else "there is no job of it"
        raise PlanError(
            f"no owner starts jobs for this scheduler, and {why}, so none can be submitted again: start one with sbatch"
        )
    replaced = standing.lost[:submit]
    warnings = [
        *remarks,
        *_doubts(standing),
        *cautions.when_growing(standing),
        *cautions.when_replacing(replaced),
        *cautions.about_lost(standing, len(replaced)),
        *cautions.about_unseen(standing, are_counted=True),
    ]
    return _plan(standing, target, reckoning, submit=submit, replaced=replaced, warnings=warnings)


def _shrink(
    standing: ClusterState,
    going: Sequence[Job],
    target: str,
    reckoning: str | None,
    remarks: Sequence[str],
    *,
    are_chosen: bool,
) -> ScalePlan:
    warnings = [
        *remarks,
        *cautions.when_releasing(standing, going),
        *cautions.about_lost(standing, 0),
        *cautions.about_unseen(standing, are_counted=False),
    ]
    gone = {job.job_id for job in going}
    staying = [job for job in standing.jobs if job.job_id not in gone]
    return ScalePlan(
        scheduler_id=standing.snapshot.cluster.scheduler_id or "",
        target=target,
        reckoning=reckoning,
        through_owner=standing.owner is not None,
        submit=0,
        release=tuple(job_to_release(job, standing.names.get(job.job_id), is_chosen=are_chosen) for job in going),
        replace=(),
        adapt=None,
        stop_adapting=False,
        before=standing.size(standing.jobs),
        after=standing.size(staying),
        warnings=tuple(warnings),
        refusal=_refusal(standing, going),
    )


def _refusal(standing: ClusterState, going: Iterable[Job]) -> str | None:
    """Return why these jobs can't go as things are, and the ways out."""
    stranded = stranded_results(standing.snapshot, (worker for job in going for worker in workers_of(job)))
    if not stranded:
        return None
    return (
        f"no worker stays to take over the {counted(stranded, 'result')} of the jobs that go: "
        "keep a job with workers, or let the client that holds their futures let go of them first"
    )


def _release(standing: ClusterState, job_ids: Iterable[str], user: str | None) -> ScalePlan:
    """Plan to give back the jobs that a person chose, each named by its raw id or, in an array, as squeue does."""
    going = {job.job_id: job for job in (_chosen(standing, job_id) for job_id in job_ids)}
    if not going:
        raise PlanError("no job was named to be released")
    _refuse_jobs_of_others(going.values(), user)
    _refuse_without_sources(standing)
    target = f"release {listed([shown_id(job) for job in going.values()])}"
    return _shrink(standing, tuple(going.values()), target, None, (), are_chosen=True)


def _chosen(standing: ClusterState, job_id: str) -> Job:
    """Return the job that a person means; refuse what can't be released."""
    jobs = standing.snapshot.jobs
    job = next((job for job in jobs if job_id in (job.job_id, array_task_of(job))), None)
    if job is None or not job.evidence:
        raise PlanError(f"job {job_id} isn't known to be one of this cluster's, so it isn't released: scancel ends any")
    if has_ended(job):
        lost = next((lost for lost in standing.lost if lost.job_id == job.job_id), None)
        how = job.fate.explanation if job.fate is not None else f"as {job.state}"
        way_out = ": --replace-lost submits it anew" if lost else ": there is nothing to release"
        raise PlanError(f"job {job_id} has ended already ({how}){way_out}")
    if job in standing.jobs and job not in standing.can_go:
        raise PlanError(f"{_of_scheduler(standing)}: without it the whole cluster would end")
    if job not in standing.jobs:
        state = "is ending already" if job.state else "isn't told of by SLURM yet"
        raise PlanError(f"job {job_id} {state}: look again in some seconds")
    return job


def _of_scheduler(standing: ClusterState) -> str:
    return f"job {standing.snapshot.cluster.scheduler_job_id} runs the scheduler itself"


def _replace_lost(standing: ClusterState) -> ScalePlan:
    target = "replace lost jobs"
    if not standing.lost:
        why = "no job is lost" if standing.owner else "no owner counts jobs here, so none is known to be lost"
        return _plan(standing, target, why, warnings=_doubts(standing))
    warnings = [
        *_doubts(standing),
        *cautions.when_replacing(standing.lost),
        *cautions.when_growing(standing),
        *cautions.about_unseen(standing, are_counted=True),
    ]
    return _plan(standing, target, None, submit=len(standing.lost), replaced=standing.lost, warnings=warnings)


def _adapt(standing: ClusterState, bounds: Adaptive) -> ScalePlan:
    """Plan to let the owner scale by itself, between bounds in jobs; it counts in workers itself."""
    target = f"adapt, {bounds_words(bounds, 'job')}"
    if bounds.minimum < 0:
        raise PlanError(f"{target}: the minimum must be 0 or more (--adapt MIN:MAX)")
    if bounds.maximum is not None and bounds.maximum < bounds.minimum:
        raise PlanError(f"{target}: the minimum exceeds the maximum (--adapt MIN:MAX)")
    if standing.owner is None:
        raise PlanError("no owner starts jobs for this scheduler, so nobody could adapt it: scale by --jobs N")
    processes = standing.owner.processes_per_job
    if processes and standing.owner.adaptive == Adaptive(
        minimum=bounds.minimum * processes, maximum=None if bounds.maximum is None else bounds.maximum * processes
    ):
        return _plan(standing, target, "adaptive scaling has these bounds already")
    before = standing.size(standing.jobs + standing.unseen)
    most = before.jobs if bounds.maximum is None else bounds.maximum
    within = max(bounds.minimum, min(before.jobs, most))
    left = max(bounds.minimum, min(within, before.jobs - number_of_jobs(_idle(standing))))
    change = left - before.jobs
    return _plan(
        standing,
        target,
        None,
        adapt=bounds,
        # Which jobs go is the owner's choice, so what stays is reckoned with usual ones.
        after=add(before, times(standing.one_job, change)) if change >= 0 else times(standing.one_job, left),
        warnings=[*_doubts(standing), *cautions.when_adapting(bounds, before.jobs, left, most)],
    )


def _idle(standing: ClusterState) -> list[Job]:
    """Return the jobs that an adapting owner gives back at once; none while tasks wait for a worker."""
    counts = standing.snapshot.cluster.task_counts or {}
    if counts.get("queued") or counts.get("no-worker"):
        return []
    return [job for job in standing.jobs if has_nothing_to_do(job)]


def _stop_adapting(standing: ClusterState) -> ScalePlan:
    is_on = standing.owner is not None and standing.owner.adaptive is not None
    why = None if is_on else "adaptive scaling is off already"
    return _plan(standing, "stop adapting", why, stop_adapting=is_on, warnings=_doubts(standing) if is_on else ())


def _plan(
    standing: ClusterState,
    target: str,
    reckoning: str | None,
    *,
    submit: int = 0,
    replaced: tuple[LostJob, ...] = (),
    adapt: Adaptive | None = None,
    stop_adapting: bool = False,
    after: Size | None = None,
    warnings: Iterable[str] = (),
) -> ScalePlan:
    """Return a plan that gives nothing back."""
    before = standing.size(standing.jobs + standing.unseen)
    return ScalePlan(
        scheduler_id=standing.snapshot.cluster.scheduler_id or "",
        target=target,
        reckoning=reckoning,
        through_owner=standing.owner is not None,
        submit=submit,
        release=(),
        replace=replaced,
        adapt=adapt,
        stop_adapting=stop_adapting,
        before=before,
        after=after or add(before, times(standing.one_job, submit)),
        warnings=tuple(warnings),
    )


def _whole(amount: int, words: str) -> int:
    if amount < 0:
        raise PlanError(f"there can't be {words}: ask for 0 or more")
    return amount


def _refuse_jobs_of_others(jobs: Iterable[Job], user: str | None) -> None:
    for job in jobs:
        if user is not None and job.user is not None and job.user != user:
            raise PlanError(f"job {job.job_id} is {job.user}'s: only jobs of {user} are changed")


def _refuse_without_sources(standing: ClusterState) -> None:
    """Refuse to take away anything by what was, not is."""
    doubts = cautions.source_doubts(standing.snapshot.sources)
    if doubts:
        raise PlanError(f"{' and '.join(doubts)}: no job is given back until it is known how things are")


def _doubts(standing: ClusterState) -> list[str]:
    doubts = cautions.source_doubts(standing.snapshot.sources)
    return [f"{doubt}: this plan may rest on what is no more" for doubt in doubts]


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
