"""A job's anatomy, put together. Each part is compared from left to right, to tell where a difference arises. Pure."""

from collections.abc import Callable, Sequence

from dasktop.collectors.analysis.anatomy.each_process import limit, threads
from dasktop.collectors.analysis.anatomy.facts import Facts, facts_of
from dasktop.collectors.analysis.anatomy.model import Anatomy, Part
from dasktop.collectors.analysis.anatomy.whole_job import cores, memory, processes, tasks, walltime
from dasktop.collectors.model.snapshot import Job, Snapshot

_PARTS: tuple[Callable[[Facts], Part], ...] = (cores, tasks, memory, walltime, processes, threads, limit)


def anatomy_of(snapshot: Snapshot, job: Job, script: Sequence[str] | None) -> Anatomy:
    """Return how this job came about, and what of it runs.

    Parameters
    ----------
    snapshot
        The one that the job is in.
    job
        Any job, whether it waits, runs or has ended.
    script
        Its script, line by line; ``None``: not known.
    """
    facts = facts_of(snapshot, job, script or ())
    return Anatomy(
        job_id=job.job_id,
        call=facts.call,
        is_implied=facts.owner is None,
        starts_workers=None if script is None else facts.script.starts_workers,
        parts=tuple(make(facts) for make in _PARTS),
    )
