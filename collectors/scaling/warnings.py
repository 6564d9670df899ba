"""Warnings about a plan, each one sentence with its figures. Pure; refuses nothing."""

from collections.abc import Iterable, Iterator, Sequence

from dasktop.collectors.model.jobs import (
    has_ended,
    is_pending,
    number_of_jobs,
    runs_other_programs,
    squeue_id,
    stranded_results,
    takes_results,
    workers_of,
)
from dasktop.collectors.model.plan import LostJob
from dasktop.collectors.model.snapshot import EXACT_EVIDENCE, Adaptive, Job, Source, Worker
from dasktop.collectors.scaling.state import SOON_SECONDS, ClusterState
from dasktop.collectors.scaling.words import bounds_words
from dasktop.collectors.text.format import counted, listed, plain_duration, plain_size


def source_problems(sources: Iterable[Source]) -> list[str]:
    """Return one phrase for each of the two sources of a plan whose data is missing or old."""
    by_name = {source.name: source for source in sources}
    problems = []
    for name, who in (("dask", "the scheduler"), ("slurm.queue", "squeue")):
        source = by_name.get(name)
        if source is None or source.state == "off":
            problems.append(
                f"{who} is not queried" + (f" ({source.error})" if source is not None and source.error else "")
            )
        elif source.state != "ok":
            age = source.age_seconds
            since = "has not answered yet" if age is None else f"last answered {plain_duration(int(age))} ago"
            problems.append(f"{who} {since}" + (f" ({source.error})" if source.error else ""))
    return problems


def when_scaling(state: ClusterState) -> Iterator[str]:
    """Warn that adaptive scaling will undo manual scaling."""
    if state.owner is not None and state.owner.adaptive is not None:
        bounds = bounds_words(state.owner.adaptive, "worker")
        yield (
            f"adaptive scaling is on ({bounds}) and will undo this: "
            "turn it off or change its bounds first (--no-adapt, --adapt MIN:MAX)"
        )


def when_growing(state: ClusterState) -> Iterator[str]:
    """Warn about what may keep new jobs pending."""
    yield from when_scaling(state)
    owner = state.owner
    if owner is not None and owner.not_submitted:
        why = f" ({owner.submit_error})" if owner.submit_error else ""
        jobs = counted(len(owner.not_submitted), "job")
        yield f"the cluster object could not submit {jobs}{why}: more may fail in the same way"
    pending = [job for job in state.jobs if is_pending(job)]
    if pending:
        reasons = sorted({job.reason for job in pending if job.reason})
        because = f" ({listed(reasons)})" if reasons else ""
        waiting = number_of_jobs(pending)
        verb = "is" if waiting == 1 else "are"
        yield f"{counted(waiting, 'job')} {verb} already pending{because}: new jobs may stay pending too"


def when_releasing(state: ClusterState, released: Sequence[Job]) -> Iterator[str]:
    """Warn about the tasks and results of the jobs to release, and about the jobs that stay."""
    yield from when_scaling(state)
    released_ids = {job.job_id for job in released}
    staying = [job for job in state.jobs if job.job_id not in released_ids]
    others = [worker for job in staying for worker in workers_of(job)] + list(state.snapshot.unplaced_workers)
    kept = [worker for worker in others if takes_results(worker)]
    leaving = [worker for job in released for worker in workers_of(job)]
    yield from _work(leaving)
    if not stranded_results(state.snapshot, leaving):  # else the plan itself is refused for that
        yield from _results(leaving, kept)
    yield from _other_programs(released)
    yield from _inferred_jobs(released)
    yield from _end_soon(staying)


def when_adapting(bounds: Adaptive, there: int, left: int, most: int) -> Iterator[str]:
    """Warn about what adaptive scaling does without asking.

    Parameters
    ----------
    there, left, most
        How many jobs there are; how many are left after the idle ones and those above the maximum are released; and how
        many the bounds allow.
    """
    excess = there - most
    idle = min(there, most) - left
    if excess > 0:
        yield (
            f"{counted(excess, 'job')} above the maximum: the cluster object releases excess jobs immediately, "
            "without waiting for running tasks"
        )
    if idle > 0:
        verb, them = ("is", "it") if idle == 1 else ("are", "them")
        yield f"{counted(idle, 'job')} {verb} idle: the cluster object releases {them} immediately"
    if there > bounds.minimum:
        yield f"from then on, idle jobs are released without confirmation, down to {counted(bounds.minimum, 'job')}"
    if bounds.maximum is None:
        yield "without a maximum, the cluster object may submit as many jobs as there are tasks"


def about_differing(state: ClusterState, of_what: str) -> Iterator[str]:
    """Warn about jobs whose size differs from the one that the plan assumes."""
    fields = {"cores": "cores", "memory": "memory_bytes"}
    usual = getattr(state.one_job, fields[of_what])
    differing = [
        squeue_id(job)
        for job in state.jobs
        if getattr(state.size([job]), fields[of_what]) != usual * number_of_jobs([job])
    ]
    if differing:
        yield f"these jobs differ in {of_what} from the assumed job size: {listed(differing)}"


def about_lost(state: ClusterState, replaced: int) -> Iterator[str]:
    """Warn about lost jobs that the plan does not replace."""
    left = state.lost[replaced:]
    if left:
        names = listed([f"{lost.job_id} as {lost.name}" for lost in left])
        yield f"{counted(len(left), 'lost job')} not counted ({names}): to replace them, use --replace-lost"


def when_replacing(replaced: Iterable[LostJob]) -> Iterator[str]:
    """Warn about job scripts that may fail again."""
    failed = [lost for lost in replaced if lost.failed_soon]
    if len(failed) == 1:
        yield (
            f"the script of {failed[0].job_id} may fail again: it failed soon after its start ({failed[0].fate}); "
            "read its log first"
        )
    elif failed:
        yield (
            f"the scripts of {listed([lost.job_id for lost in failed])} may fail again: they failed soon after their "
            "start; read their logs first"
        )


def about_unseen(state: ClusterState, are_counted: bool) -> Iterator[str]:
    """Warn about jobs that the cluster object counts but SLURM does not show, and say whether they are counted."""
    if state.unseen:
        names = listed([squeue_id(job) for job in state.unseen])
        how = "counted, since it may appear in the queue soon" if are_counted else "not counted, since it may be gone"
        yield f"SLURM does not show {names}, which the cluster object expects: {how}"
    yield from _of_unknown_scheduler(state.snapshot.jobs)


def _of_unknown_scheduler(jobs: Iterable[Job]) -> Iterator[str]:
    unknown = [squeue_id(job) for job in jobs if job.scheduler_unknown and not job.evidence and not has_ended(job)]
    if len(unknown) == 1:
        yield (
            f"job {unknown[0]} starts dask workers, but its script does not name the scheduler: "
            "it is neither counted nor released"
        )
    elif unknown:
        yield (
            f"jobs {listed(unknown)} start dask workers, but their scripts do not name the scheduler: "
            "they are neither counted nor released"
        )


def _work(leaving: Sequence[Worker]) -> Iterator[str]:
    executing = sum(worker.executing or 0 for worker in leaving)
    if executing:
        yield (
            f"the jobs to release run {counted(executing, 'task')}: dasktop waits until they have finished; "
            "no new tasks start there"
        )
    unknown = sum(worker.executing is None or worker.stored is None for worker in leaving)
    if unknown:
        yield f"running tasks or stored results are unknown for {counted(unknown, 'worker')} of the jobs to release"


def _results(leaving: Sequence[Worker], kept: Sequence[Worker]) -> Iterator[str]:
    stored = sum(worker.stored or 0 for worker in leaving)
    if not kept:
        yield (
            f"no worker remains to take the {counted(stored, 'result')} of the jobs to release: "
            "the release is refused unless the client releases them first"
            if stored
            else "no worker remains: tasks wait until a worker starts"
        )
        return
    if not stored:
        return
    sizes = [worker.managed_bytes for worker in leaving if worker.managed_bytes is not None]
    size, room = sum(sizes), _room(kept)
    held = counted(stored, "result") + (f" ({plain_size(size)})" if len(sizes) == len(leaving) else "")
    yield f"the jobs to release hold {held}: those without another copy are copied to other workers first"
    if room is not None and size > room:
        yield f"the remaining workers have {plain_size(room)} free: if the results do not fit, the release is refused"


def _room(kept: Iterable[Worker]) -> int | None:
    """Return the free memory of these workers in bytes; ``None`` if one has no limit, or it is unknown."""
    room = 0
    for worker in kept:
        if worker.memory_limit_bytes is None or worker.memory_bytes is None:
            return None
        room += max(0, worker.memory_limit_bytes - worker.memory_bytes)
    return room


def _other_programs(released: Iterable[Job]) -> Iterator[str]:
    """Warn about programs other than dask workers in the jobs to release."""
    names = [squeue_id(job) for job in released if runs_other_programs(job)]
    if names:
        yield (
            f"other programs run in {listed(names)} beside the dask workers: "
            "they end with the job, and dasktop does not wait for them"
        )


def _inferred_jobs(released: Iterable[Job]) -> Iterator[str]:
    inferred = [squeue_id(job) for job in released if EXACT_EVIDENCE.isdisjoint(job.evidence)]
    if inferred:
        verb = "is" if len(inferred) == 1 else "are"
        yield f"{listed(inferred)} {verb} only inferred to belong to this cluster: check before you confirm"


def _end_soon(staying: Iterable[Job]) -> Iterator[str]:
    left = {squeue_id(job): job.time_left_seconds for job in staying if job.time_left_seconds is not None}
    ending = {job_id: seconds for job_id, seconds in left.items() if seconds < SOON_SECONDS}
    if ending:
        time = plain_duration(max(ending.values()))
        jobs, their = (f"job {listed(list(ending))}, which stays, ends", "its")
        if len(ending) > 1:
            jobs, their = (f"jobs {listed(list(ending))}, which stay, end", "their")
        yield f"{jobs} within {time}: {their} results will be lost"
