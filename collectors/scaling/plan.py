"""Plan how to reach a scaling target from a snapshot. Pure: no I/O, no clock; `execute` checks again when it acts."""

from collections.abc import Callable, Collection, Iterable, Sequence

from dasktop.collectors.model.errors import PlanError
from dasktop.collectors.model.jobs import command_id, has_ended, number_of_jobs, squeue_id, stranded_results, workers_of
from dasktop.collectors.model.plan import (
    Adapt,
    Change,
    Cores,
    Jobs,
    LostJob,
    Memory,
    Release,
    ReplaceLost,
    ScalePlan,
    Size,
    Target,
)
from dasktop.collectors.model.snapshot import Adaptive, Job, Snapshot
from dasktop.collectors.scaling import warnings as plan_warnings
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
from dasktop.collectors.text.format import counted, listed, requested_size


def plan(snapshot: Snapshot, target: Target, user: str | None = None, preferred: Collection[str] = ()) -> ScalePlan:
    """Return the plan that reaches a target. Changes nothing.

    Running and pending jobs count; lost ones do not. A job that the owner counts but SLURM does not show counts when
    growing and not when shrinking, so that neither too many are submitted nor too many released.

    Parameters
    ----------
    snapshot
        The current state.
    target
        The requested size or change.
    user
        The user whose jobs may be changed; ``None``: not checked here.
    preferred
        Ids of jobs to release before others of the same group: those in the plan that the user is reading. What jobs
        run changes every second, and a plan that changed as often could not be read.

    Raises
    ------
    PlanError
        There is no valid plan. The text says why, and what to do instead.
    """
    if snapshot.cluster.scheduler_id is None:
        raise PlanError("the scheduler has not answered yet, so the cluster's state is unknown: try again later")
    state = cluster_state(snapshot, preferred)
    if isinstance(target, Release):
        return _release(state, target.job_ids, user)
    _refuse_jobs_of_others(state.jobs, user)
    match target:
        case Jobs(count=count):
            return _to_jobs(state, _whole(count, counted(count, "job")), counted(count, "job"))
        case Change(by=by):
            return _by(state, by)
        case Cores(count=count):
            return _to_amount(state, count, "cores")
        case Memory(amount_bytes=amount_bytes):
            return _to_amount(state, amount_bytes, "memory")
        case ReplaceLost():
            return _replace_lost(state)
        case Adapt(bounds=bounds):
            return _stop_adapting(state) if bounds is None else _adapt(state, bounds)


def _by(state: ClusterState, by: int) -> ScalePlan:
    """Plan to add or remove a number of jobs; the current number is counted as for growing or for shrinking."""
    target = f"{'add' if by > 0 else 'remove'} {counted(abs(by), 'job')}"
    there = number_of_jobs(state.jobs + state.unseen if by > 0 else state.jobs)
    if there + by < 0:
        only = f"there {'is' if there == 1 else 'are'} only {counted(there, 'job')}" if there else "there is no job"
        raise PlanError(f"{target}: {only} to remove")
    return _to_jobs(state, there + by, target)


def _to_amount(state: ClusterState, amount: int, of_what: str) -> ScalePlan:
    """Plan for a number of cores, or bytes of memory, rounded up to whole jobs as in dask-jobqueue."""
    say: Callable[[int], str] = requested_size if of_what == "memory" else lambda cores: counted(cores, "core")
    one_job = state.one_job.memory_bytes if of_what == "memory" else state.one_job.cores
    target = say(_whole(amount, f"{amount:,} {'bytes' if of_what == 'memory' else of_what}"))
    if amount == 0:
        return _to_jobs(state, 0, target)
    if one_job is None:
        raise PlanError(
            f"the size of one job ({of_what}) is unknown, so {target} cannot be converted to jobs: use --jobs N"
        )
    jobs = -(-amount // one_job)
    each = requested_size(one_job) if of_what == "memory" else f"{one_job:,}"
    is_exact = jobs * one_job == amount
    reckoning = f"{target} {'=' if is_exact else 'need'} {counted(jobs, 'job')} of {each}"
    remarks = [] if is_exact else [f"rounded up to whole jobs: {say(jobs * one_job)}"]
    remarks += plan_warnings.about_differing(state, of_what)
    return _to_jobs(state, jobs, target, reckoning, remarks)


def _to_jobs(
    state: ClusterState, wanted: int, target: str, reckoning: str | None = None, remarks: Sequence[str] = ()
) -> ScalePlan:
    """Plan for a number of jobs: grow, shrink, or change nothing."""
    at_most = number_of_jobs(state.jobs + state.unseen)
    if wanted > at_most:
        return _grow(state, wanted, target, reckoning, remarks)
    if wanted < at_most:
        _refuse_without_sources(state)
    missing = number_of_jobs(state.jobs) - wanted
    if missing > 0:
        if missing > number_of_jobs(state.can_go):
            raise PlanError(f"{target}: {_of_scheduler(state)}, so it cannot be released")
        released = choose(state.can_go, missing, state.preferred)
        return _shrink(state, released, target, reckoning, remarks, are_chosen=False)
    warnings = [*remarks, *plan_warnings.about_lost(state, 0), *plan_warnings.about_unseen(state, are_counted=True)]
    return _plan(state, target, reckoning, warnings=[*_source_warnings(state), *warnings])


def _grow(state: ClusterState, wanted: int, target: str, reckoning: str | None, remarks: Sequence[str]) -> ScalePlan:
    submit = wanted - number_of_jobs(state.jobs + state.unseen)
    if state.owner is None and not state.can_go:
        why = _of_scheduler(state) if state.jobs else "it has no job whose script could be resubmitted"
        raise PlanError(f"this scheduler has no SLURMCluster that submits jobs, and {why}: submit one with sbatch")
    replaced = state.lost[:submit]
    warnings = [
        *remarks,
        *_source_warnings(state),
        *plan_warnings.when_growing(state),
        *plan_warnings.when_replacing(replaced),
        *plan_warnings.about_lost(state, len(replaced)),
        *plan_warnings.about_unseen(state, are_counted=True),
    ]
    return _plan(state, target, reckoning, submit=submit, replaced=replaced, warnings=warnings)


def _shrink(
    state: ClusterState,
    released: Sequence[Job],
    target: str,
    reckoning: str | None,
    remarks: Sequence[str],
    *,
    are_chosen: bool,
) -> ScalePlan:
    warnings = [
        *remarks,
        *plan_warnings.when_releasing(state, released),
        *plan_warnings.about_lost(state, 0),
        *plan_warnings.about_unseen(state, are_counted=False),
    ]
    released_ids = {job.job_id for job in released}
    staying = [job for job in state.jobs if job.job_id not in released_ids]
    return ScalePlan(
        scheduler_id=state.snapshot.cluster.scheduler_id or "",
        target=target,
        reckoning=reckoning,
        through_owner=state.owner is not None,
        submit=0,
        release=tuple(job_to_release(job, state.names.get(job.job_id), is_chosen=are_chosen) for job in released),
        replace=(),
        adapt=None,
        stop_adapting=False,
        before=state.size(state.jobs),
        after=state.size(staying),
        warnings=tuple(warnings),
        refusal=_refusal(state, released),
    )


def _refusal(state: ClusterState, released: Iterable[Job]) -> str | None:
    """Return why these jobs cannot be released now, and what to do about it; ``None`` if they can."""
    stranded = stranded_results(state.snapshot, (worker for job in released for worker in workers_of(job)))
    if not stranded:
        return None
    return (
        f"no worker remains to take the {counted(stranded, 'result')} of the jobs to release: "
        "keep a job with workers, or release the futures in the client first"
    )


def _release(state: ClusterState, job_ids: Iterable[str], user: str | None) -> ScalePlan:
    """Plan to release the jobs that the user chose, by raw job id or, in an array, as squeue shows it (``54_1``)."""
    released = {job.job_id: job for job in (_chosen(state, job_id) for job_id in job_ids)}
    if not released:
        raise PlanError("no job to release was given")
    _refuse_jobs_of_others(released.values(), user)
    _refuse_without_sources(state)
    target = f"release {listed([command_id(job) for job in released.values()])}"
    return _shrink(state, tuple(released.values()), target, None, (), are_chosen=True)


def _chosen(state: ClusterState, job_id: str) -> Job:
    """Return the job with this id; refuse one that cannot be released."""
    jobs = state.snapshot.jobs
    job = next((job for job in jobs if job_id in (job.job_id, command_id(job), squeue_id(job))), None)
    if job is None or not job.evidence:
        raise PlanError(
            f"job {job_id} is not known to belong to this cluster, so dasktop does not release it: use scancel"
        )
    if has_ended(job):
        lost = next((lost for lost in state.lost if lost.job_id == job.job_id), None)
        how = job.fate.explanation if job.fate is not None else f"as {job.state}"
        way_out = ": --replace-lost replaces it" if lost else ": there is nothing to release"
        raise PlanError(f"job {job_id} has already ended ({how}){way_out}")
    if job in state.jobs and job not in state.can_go:
        raise PlanError(f"{_of_scheduler(state)}: releasing it would end the whole cluster")
    if job not in state.jobs:
        why = "is already ending" if job.state else "is not yet known to SLURM"
        raise PlanError(f"job {job_id} {why}: try again in a few seconds")
    return job


def _of_scheduler(state: ClusterState) -> str:
    return f"job {state.snapshot.cluster.scheduler_job_id} runs the scheduler itself"


def _replace_lost(state: ClusterState) -> ScalePlan:
    target = "replace lost jobs"
    if not state.lost:
        why = "no job is lost" if state.owner else "there is no SLURMCluster, so no job is known to be lost"
        return _plan(state, target, why, warnings=_source_warnings(state))
    warnings = [
        *_source_warnings(state),
        *plan_warnings.when_replacing(state.lost),
        *plan_warnings.when_growing(state),
        *plan_warnings.about_unseen(state, are_counted=True),
    ]
    return _plan(state, target, None, submit=len(state.lost), replaced=state.lost, warnings=warnings)


def _adapt(state: ClusterState, bounds: Adaptive) -> ScalePlan:
    """Plan to turn on adaptive scaling with bounds in jobs; the owner itself counts in workers."""
    target = f"adapt, {bounds_words(bounds, 'job')}"
    if bounds.minimum < 0:
        raise PlanError(f"{target}: the minimum must be 0 or more (--adapt MIN:MAX)")
    if bounds.maximum is not None and bounds.maximum < bounds.minimum:
        raise PlanError(f"{target}: the minimum exceeds the maximum (--adapt MIN:MAX)")
    if state.owner is None:
        raise PlanError(
            "this scheduler has no SLURMCluster that submits jobs, so it cannot scale adaptively: use --jobs N"
        )
    processes = state.owner.processes_per_job
    if processes and state.owner.adaptive == Adaptive(
        minimum=bounds.minimum * processes, maximum=None if bounds.maximum is None else bounds.maximum * processes
    ):
        return _plan(state, target, "adaptive scaling already has these bounds")
    before = state.size(state.jobs + state.unseen)
    most = before.jobs if bounds.maximum is None else bounds.maximum
    within = max(bounds.minimum, min(before.jobs, most))
    left = max(bounds.minimum, min(within, before.jobs - number_of_jobs(_idle(state))))
    change = left - before.jobs
    return _plan(
        state,
        target,
        None,
        adapt=bounds,
        # The owner chooses which jobs to release, so the size after assumes typical jobs.
        after=add(before, times(state.one_job, change)) if change >= 0 else times(state.one_job, left),
        warnings=[*_source_warnings(state), *plan_warnings.when_adapting(bounds, before.jobs, left, most)],
    )


def _idle(state: ClusterState) -> list[Job]:
    """Return the jobs that adaptive scaling releases at once; none while tasks wait for a worker."""
    counts = state.snapshot.cluster.task_counts or {}
    if counts.get("queued") or counts.get("no-worker"):
        return []
    return [job for job in state.jobs if has_nothing_to_do(job)]


def _stop_adapting(state: ClusterState) -> ScalePlan:
    is_on = state.owner is not None and state.owner.adaptive is not None
    why = None if is_on else "adaptive scaling is already off"
    return _plan(
        state, "turn adaptive scaling off", why, stop_adapting=is_on, warnings=_source_warnings(state) if is_on else ()
    )


def _plan(
    state: ClusterState,
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
    """Return a plan that releases nothing."""
    before = state.size(state.jobs + state.unseen)
    return ScalePlan(
        scheduler_id=state.snapshot.cluster.scheduler_id or "",
        target=target,
        reckoning=reckoning,
        through_owner=state.owner is not None,
        submit=submit,
        release=(),
        replace=replaced,
        adapt=adapt,
        stop_adapting=stop_adapting,
        before=before,
        after=after or add(before, times(state.one_job, submit)),
        warnings=tuple(warnings),
    )


def _whole(amount: int, words: str) -> int:
    if amount < 0:
        raise PlanError(f"{words}: the target must be 0 or more")
    return amount


def _refuse_jobs_of_others(jobs: Iterable[Job], user: str | None) -> None:
    for job in jobs:
        if user is not None and job.user is not None and job.user != user:
            raise PlanError(f"job {job.job_id} belongs to {job.user}: dasktop changes only jobs of {user}")


def _refuse_without_sources(state: ClusterState) -> None:
    """Refuse to release anything based on old data."""
    problems = plan_warnings.source_problems(state.snapshot.sources)
    if problems:
        raise PlanError(f"{' and '.join(problems)}: no job is released without current data")


def _source_warnings(state: ClusterState) -> list[str]:
    problems = plan_warnings.source_problems(state.snapshot.sources)
    return [f"{problem}: this plan may be based on outdated data" for problem in problems]
