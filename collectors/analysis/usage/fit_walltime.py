"""Whether another ``walltime=`` would fit better. Pure."""

from collections.abc import Iterator
from math import ceil

from dasktop.collectors.analysis.usage.fit_words import in_each, some_of
from dasktop.collectors.analysis.usage.headroom import Headroom
from dasktop.collectors.analysis.usage.kinds import JobGroup
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.report import Advice
from dasktop.collectors.text.format import clock_duration, plain_duration

TIMEOUT = "TIMEOUT"


def walltime(kind: JobGroup, headroom: Headroom) -> Iterator[Advice]:
    """Advise more where jobs reached their limit, less where all have ended long before."""
    limit = kind.time_limit_seconds
    ended = [job for job in kind.jobs if job.ended_at is not None]
    if not limit or not ended:
        return
    reached = sum(read_state(job.state).name == TIMEOUT for job in ended)
    longest = max((job.elapsed_seconds or 0.0) / max(1, job.runs) for job in ended)
    step = headroom.walltime_step_seconds
    if reached:
        fits = headroom.walltime_after_end * limit
        evidence = f"{some_of(reached, kind)} reached the time limit of {plain_duration(limit)}"
        reason = 'or let workers end in time: worker_extra_args=["--lifetime", …]'
    elif len(ended) == len(kind.jobs) and longest <= headroom.walltime_share * limit:
        fits = max(step, ceil(headroom.walltime_room * longest / step) * step)
        evidence = f"{in_each(kind)}, at most {plain_duration(round(longest))} of {plain_duration(limit)} were used"
        reason = "SLURM finds room for short jobs sooner"
        if fits > headroom.worthwhile_share * limit:
            return
    else:
        return
    yield Advice(
        parameter="walltime",
        request=f'walltime="{clock_duration(fits)}"',
        instead_of=clock_duration(limit),
        evidence=evidence,
        reason=reason,
        job_ids=kind.job_ids,
    )
