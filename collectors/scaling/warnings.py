"""What to beware of before a plan is carried out, each in one sentence with its figures. Pure; refuses nothing."""

from collections.abc import Iterable, Iterator, Sequence

from dasktop.collectors.analysis.results import stranded_results, takes_results
from dasktop.collectors.model.jobs import (
    has_ended,
    is_pending,
    number_of_jobs,
    runs_other_programs,
    shown_id,
    workers_of,
)
from dasktop.collectors.model.plan import LostJob
from dasktop.collectors.model.snapshot import EVIDENCE_LADDER, Adaptive, Evidence, Job, Source, Worker
from dasktop.collectors.scaling.state import SOON_SECONDS, ClusterState
from dasktop.collectors.scaling.words import bounds_words
from dasktop.collectors.text.format import counted, listed, plain_duration, plain_size

_EXACT: frozenset[Evidence] = frozenset(EVIDENCE_LADDER[:3])


def source_doubts(sources: Iterable[Source]) -> list[str]:
    """Return what can't be relied on, of the two sources that a plan rests on."""
    by_name = {source.name: source for source in sources}
    doubts = []
    for name, who in (("dask", "the scheduler"), ("slurm.queue", "SLURM's queue")):
        source = by_name.get(name)
        if source is None or source.state == "off":
            doubts.append(f"{who} isn't asked" + (f" ({source.error})" if source is not None and source.error else ""))
        elif source.state != "ok":
            age = source.age_seconds
            since = "has not answered yet" if age is None else f"last answered {plain_duration(int(age))} ago"
            doubts.append(f"{who} {since}" + (f" ({source.error})" if source.error else ""))
    return doubts


def when_scaling(standing: ClusterState) -> Iterator[str]:
    """Beware of what stands against any scaling by hand."""
    if standing.owner is not None and standing.owner.adaptive is not None:
        bounds = bounds_words(standing.owner.adaptive, "worker")
        yield (
            f"adaptive scaling is on ({bounds}) and will undo this: "
            "turn it off or give it other bounds first (--no-adapt, --adapt MIN:MAX, or the key a)"
        )


def when_growing(standing: ClusterState) -> Iterator[str]:
    """Beware of what may keep new jobs waiting."""
    yield from when_scaling(standing)
    owner = standing.owner
    if owner is not None and owner.not_submitted:
        why = f" ({owner.submit_error})" if owner.submit_error else ""
        jobs = counted(len(owner.not_submitted), "job")
        yield f"{jobs} that the owner wants could not be submitted{why}: more may fail in the same way"
    pending = [job for job in standing.jobs if is_pending(job)]
    if pending:
        reasons = sorted({job.reason for job in pending if job.reason})
        because = f" ({listed(reasons)})" if reasons else ""
        waiting = number_of_jobs(pending)
        verb, them = ("waits", "it") if waiting == 1 else ("wait", "them")
        yield f"{counted(waiting, 'job')} {verb} in the queue already{because}: more may only wait with {them}"


def when_releasing(standing: ClusterState, released: Sequence[Job]) -> Iterator[str]:
    """Beware of what the jobs that go run and hold, and of those that stay."""
    yield from when_scaling(standing)
    going = {job.job_id for job in released}
    staying = [job for job in standing.jobs if job.job_id not in going]
    others = [worker for job in staying for worker in workers_of(job)] + list(standing.snapshot.unplaced_workers)
    kept = [worker for worker in others if takes_results(worker)]
    leaving = [worker for job in released for worker in workers_of(job)]
    yield from _work(leaving)
    if not stranded_results(standing.snapshot, leaving):  # else the plan can't be carried out, and says so itself
        yield from _results(leaving, kept)
    yield from _other_programs(released)
    yield from _guesses(released)
    yield from _end_soon(staying)


def when_adapting(bounds: Adaptive, there: int, left: int, most: int) -> Iterator[str]:
    """Beware of what an owner does by itself.

    Parameters
    ----------
    there, left, most
        How many jobs there are; how many of them are left once those have gone that have nothing to do or are more than
        the bounds allow; and how many the bounds allow.
    """
    excess = there - most
    idle = min(there, most) - left
    if excess > 0:
        yield (
            f"{counted(excess, 'job')} more than these bounds allow: the owner gives them back at once, "
            "and doesn't wait for the tasks they run"
        )
    if idle > 0:
        has, them = ("has", "it") if idle == 1 else ("have", "them")
        yield f"{counted(idle, 'job')} {has} nothing to do: the owner gives {them} back at once"
    if there > bounds.minimum:
        yield f"from then on, jobs with nothing to do are given back without asking, down to {bounds.minimum:,}"
    if bounds.maximum is None:
        yield "without an upper bound, the owner may submit as many jobs as there are tasks"


def about_differing(standing: ClusterState, of_what: str) -> Iterator[str]:
    """Tell of jobs that have more or less than what was reckoned with."""
    fields = {"cores": "cores", "memory": "memory_bytes"}
    usual = getattr(standing.one_job, fields[of_what])
    differing = [
        job.job_id
        for job in standing.jobs
        if getattr(standing.size([job]), fields[of_what]) != usual * number_of_jobs([job])
    ]
    if differing:
        yield f"{listed(differing)} have more or less {of_what} than was reckoned with"


def about_lost(standing: ClusterState, replaced: int) -> Iterator[str]:
    """Tell of lost jobs that a plan leaves lost."""
    left = standing.lost[replaced:]
    if left:
        names = listed([f"{lost.job_id} as {lost.name}" for lost in left])
        yield f"{counted(len(left), 'lost job')} not counted ({names}): --replace-lost, or the key L, replaces them"


def when_replacing(replaced: Iterable[LostJob]) -> Iterator[str]:
    """Beware of scripts that may fail again."""
    failed = [lost for lost in replaced if lost.failed_soon]
    if len(failed) == 1:
        yield (
            f"the script of {failed[0].job_id} may fail again, as it did soon after its start ({failed[0].fate}): "
            "look at its log first (the key T)"
        )
    elif failed:
        yield (
            f"the scripts of {listed([lost.job_id for lost in failed])} may fail again, as they did soon after their "
            "start: look at their logs first (the key T)"
        )


def about_unseen(standing: ClusterState, are_counted: bool) -> Iterator[str]:
    """Tell of jobs that SLURM doesn't tell of, and whether they were reckoned with."""
    if standing.unseen:
        names = listed([job.job_id for job in standing.unseen])
        how = "counted, since it may be on its way" if are_counted else "not counted, since it may be gone"
        yield f"SLURM tells nothing of {names}, which the owner counts: {how}"
    yield from _of_unknown_scheduler(standing.snapshot.jobs)


def _of_unknown_scheduler(jobs: Iterable[Job]) -> Iterator[str]:
    unknown = [job.job_id for job in jobs if job.scheduler_unknown and not job.evidence and not has_ended(job)]
    if len(unknown) == 1:
        yield (
            f"job {unknown[0]} starts dask workers, and its script does not tell for which scheduler: "
            "it is neither counted nor released"
        )
    elif unknown:
        yield (
            f"jobs {listed(unknown)} start dask workers, and their scripts do not tell for which scheduler: "
            "they are neither counted nor released"
        )


def _work(leaving: Sequence[Worker]) -> Iterator[str]:
    executing = sum(worker.executing or 0 for worker in leaving)
    if executing:
        yield f"the jobs that go run {counted(executing, 'task')}: these are waited for, and no new one starts there"
    unknown = sum(worker.executing is None or worker.stored is None for worker in leaving)
    if unknown:
        yield f"it isn't known what {counted(unknown, 'worker')} of the jobs that go run or hold"


def _results(leaving: Sequence[Worker], kept: Sequence[Worker]) -> Iterator[str]:
    stored = sum(worker.stored or 0 for worker in leaving)
    if not kept:
        yield (
            f"no worker stays to take the {counted(stored, 'result')} of the jobs that go: "
            "what only they hold would be lost, so nothing is done unless it is let go of"
            if stored
            else "no worker stays: tasks wait until there is one again"
        )
        return
    if not stored:
        return
    sizes = [worker.managed_bytes for worker in leaving if worker.managed_bytes is not None]
    size, room = sum(sizes), _room(kept)
    held = counted(stored, "result") + (f" ({plain_size(size)})" if len(sizes) == len(leaving) else "")
    yield f"the jobs that go hold {held}: what only they hold is moved to others first"
    if room is not None and size > room:
        yield f"the workers that stay have {plain_size(room)} free: if the results don't fit there, nothing is done"


def _room(kept: Iterable[Worker]) -> int | None:
    """Return the memory that these workers have left; ``None`` where one has no limit, or it isn't known."""
    room = 0
    for worker in kept:
        if worker.memory_limit_bytes is None or worker.memory_bytes is None:
            return None
        room += max(0, worker.memory_limit_bytes - worker.memory_bytes)
    return room


def _other_programs(released: Iterable[Job]) -> Iterator[str]:
    """Beware of what runs in a job beside its workers: nobody waits for it."""
    names = [shown_id(job) for job in released if runs_other_programs(job)]
    if names:
        yield f"other programs run in {listed(names)} beside the dask workers: they end too, and nothing waits for them"


def _guesses(released: Iterable[Job]) -> Iterator[str]:
    inferred = [job.job_id for job in released if _EXACT.isdisjoint(job.evidence)]
    if inferred:
        yield f"that {listed(inferred)} is this cluster's is only inferred: look at it before you say yes"


def _end_soon(staying: Iterable[Job]) -> Iterator[str]:
    left = {job.job_id: job.time_left_seconds for job in staying if job.time_left_seconds is not None}
    ending = {job_id: seconds for job_id, seconds in left.items() if seconds < SOON_SECONDS}
    if ending:
        time = plain_duration(max(ending.values()))
        verbs = "stays, but has" if len(ending) == 1 else "stay, but have"
        yield f"{listed(list(ending))} {verbs} at most {time} left, and then what is held there is lost"
