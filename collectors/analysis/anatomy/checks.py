"""Comparing what stands at one place of a job's anatomy with what stands at the next. Pure."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from dasktop.collectors.analysis.anatomy.facts import (
    BY_WEIGHT,
    Anatomy,
    Facts,
    Part,
    Read,
    Say,
    Verdict,
    compact,
    each,
    facts_of,
    memory_limit,
    nthreads,
    rounded_up,
    size,
    sum_of,
    times,
    value_of,
)
from dasktop.collectors.model.snapshot import Job, Snapshot, Worker
from dasktop.collectors.sources.slurm.script_request import Figure
from dasktop.collectors.text.format import clock_duration, counted, plain_duration


class Check(NamedTuple):
    """What came of one comparison."""

    verdict: Verdict
    note: str = ""


UNKNOWN = Check("unknown")
AGREES = Check("agrees")


def part(
    name: str,
    checks: Sequence[Check],
    *,
    asked: str | None = None,
    script: Figure | None = None,
    granted: str | None = None,
    running: str | None = None,
) -> Part:
    """Return a part with the gravest of the verdicts, and all notes."""
    return Part(
        name=name,
        asked=asked,
        script=script.words if script is not None else None,
        granted=granted,
        running=running,
        verdict=max((check.verdict for check in checks), key=BY_WEIGHT.index, default="unknown"),
        notes=tuple(check.note for check in checks if check.note),
    )


def same(here: int | None, there: int | None, note: str, say: Callable[[int], str] = str) -> Check:
    """Compare two figures; ``{0}`` and ``{1}`` in the note are what they are where they differ."""
    if here is None or there is None:
        return UNKNOWN
    return AGREES if here == there else Check("differs", note.format(say(here), say(there)))


def same_of_each(wanted: int | None, workers: Sequence[Worker] | None, read: Read, say: Say) -> Check:
    """Compare what each worker has with what it was to have."""
    found = [value for worker in workers or () if (value := read(worker)) is not None]
    if wanted is None or not found:
        return UNKNOWN
    others = [value for value in found if value != wanted]
    if not others:
        return AGREES
    has = f"{len(others)} of {counted(len(found), 'worker')} {'has' if len(others) == 1 else 'have'}"
    return Check("differs", f"{has} {say(others[0])}, not {say(wanted)}")


def threads(facts: Facts) -> Part:
    """Compare cores ÷ processes with ``--nthreads``, and the threads of each worker."""
    cores, processes, script = facts.asked.cores, facts.asked.processes, value_of(facts.script.nthreads)
    asked = cores // processes if cores and processes else None
    left_over = cores % processes if cores and processes and script in (None, asked) else 0
    checks = [
        same(asked, script, "the script gives each worker {1}, not {0} threads"),
        Check("rounded", f"{cores} cores in {processes} processes leave {left_over} over") if left_over else UNKNOWN,
        same_of_each(script or asked, facts.workers, nthreads, lambda number: counted(number, "thread")),
    ]
    return part(
        "threads",
        checks,
        asked=None if asked is None else f"{cores} ÷ {processes} = {asked}",
        script=facts.script.nthreads,
        running=each(facts.workers, nthreads, str),
    )


def limit(facts: Facts) -> Part:
    """Compare memory ÷ processes with ``--memory-limit``, and the limit of each worker."""
    memory, processes, script = facts.asked.memory_bytes, facts.asked.processes, facts.script.memory_limit
    asked = memory / processes if memory and processes else None
    checks = [
        _limit_in_script(asked, script),
        same_of_each(value_of(script), facts.workers, memory_limit, size),
    ]
    return part(
        "limit",
        checks,
        asked=None if asked is None or memory is None else f"{size(memory)} ÷ {processes} = {size(asked)}",
        script=script,
        running=each(facts.workers, memory_limit, size),
    )


def _limit_in_script(asked: float | None, script: Figure | None) -> Check:
    """Compare a limit that dask-jobqueue writes with two decimals: ``3.73GiB`` now, ``4.00GB`` in 2021."""
    if script is not None and script.is_none:
        return Check("differs", "the script sets no limit" + ("" if asked is None else f", not {size(asked)}"))
    if asked is None or script is None or script.value is None:
        return UNKNOWN
    off = abs(script.value - asked)
    if off < 1:
        return AGREES
    if off <= script.step / 2 + 1:
        return Check("rounded", f"{size(asked)} = {size(asked, binary=True)}, to two decimals")
    return Check("differs", f"the script limits each worker to {size(script.value)}, not {size(asked)}")


_GIB = 1 << 30


def cores(facts: Facts) -> Part:
    """Compare ``cores`` with ``--cpus-per-task``, the CPUs that SLURM gave, and the threads on them."""
    asked, script, granted = facts.asked.cores, value_of(facts.script.cpus), facts.job.allocated.cpus
    checks = [
        same(asked, script, "the script asks for {1}, not {0} CPUs"),
        _granted_cpus(script or asked, granted, value_of(facts.script.tasks) or 1),
        _threads_on_cpus(facts),
    ]
    return part(
        "cores",
        checks,
        asked=None if asked is None else f"cores={asked}",
        script=facts.script.cpus,
        granted=None if granted is None else counted(granted, "CPU"),
        running=times(facts.workers, nthreads, str, lambda total: counted(total, "thread")),
    )


def _granted_cpus(wanted: int | None, granted: int | None, tasks: int) -> Check:
    # Where a core has two CPUs, SLURM gives each task whole cores (SelectTypeParameters=CR_Core).
    if wanted and granted and wanted % tasks == 0 and (wanted // tasks) % 2 and granted == wanted + tasks:
        return Check("rounded", f"SLURM gave whole cores: {granted} CPUs for {wanted}")
    return same(wanted, granted, "SLURM gave {1}, not {0} CPUs")


def _threads_on_cpus(facts: Facts) -> Check:
    granted, threads = facts.job.allocated.cpus, sum_of([nthreads(worker) for worker in facts.workers or ()])
    if granted is None or threads is None:
        return UNKNOWN
    if threads > granted:
        return Check("differs", f"{counted(threads - granted, 'thread')} more than CPUs")
    if not facts.is_complete:
        return UNKNOWN
    if threads == granted:
        return AGREES
    idle = f"{counted(granted - threads, 'CPU')} without a thread"
    processes = len(facts.workers or ())
    if granted // processes * processes == threads:  # as dask-jobqueue divides (`worker_process_threads`)
        return Check("rounded", f"{counted(granted, 'CPU')} in {processes} processes leave {idle}")
    return Check("differs", idle)


def tasks(facts: Facts) -> Part:
    """Compare the tasks asked for with those that start workers, and have some; dask-jobqueue always has one."""
    asked, started = value_of(facts.script.tasks), facts.script.tasks_started
    used = [task for task in facts.job.tasks if task.workers]
    running = len(used) if facts.workers and all(task.step_id is not None for task in used) else None
    checks = []
    if asked and started:
        unused = f"the script asks for {counted(asked, 'task')}, and starts workers in {started}"
        checks.append(AGREES if started >= asked else Check("differs", unused))
    if started and running is not None:
        missing = f"workers have come from {running} of {counted(started, 'task')}"
        checks.append(AGREES if running >= started else Check("differs", missing))
    words = None if running is None else f"{counted(running, 'task')} with workers"
    return part("tasks", checks, script=facts.script.tasks, running=words)


def memory(facts: Facts) -> Part:
    """Compare ``memory`` with ``--mem``, what SLURM gave, and what the workers may use of it."""
    asked, script, granted = facts.asked.memory_bytes, value_of(facts.script.memory), facts.job.allocated.memory_bytes
    rounded = None if asked is None else rounded_up(asked)
    if asked is not None and script is not None and script == rounded != asked:
        in_script = Check("rounded", f"{size(asked)} = {size(asked, binary=True)}, rounded up to {size(script)}")
    else:
        in_script = same(asked, script, "the script asks for {1}, not {0}", size)
    checks = [
        in_script,
        same(script if script is not None else rounded, granted, "SLURM gave {1}, not {0}", size),
        _limits_in_memory(facts),
    ]
    return part(
        "memory",
        checks,
        asked=None if asked is None else f'memory="{compact(asked)}"',
        script=facts.script.memory,
        granted=None if granted is None else size(granted),
        running=times(facts.workers, memory_limit, size, size),
    )


def _limits_in_memory(facts: Facts) -> Check:
    granted = facts.job.allocated.memory_bytes
    limits = sum_of([memory_limit(worker) for worker in facts.workers or ()])
    if granted is None or limits is None:
        return UNKNOWN
    if limits > granted:
        return Check("differs", f"the workers' limits add up to {size(limits - granted)} more than SLURM gave")
    if not facts.is_complete:
        return UNKNOWN
    limit, request = facts.script.memory_limit, facts.script.memory
    by_rounding = (request.step if request else _GIB) + len(facts.workers or ()) * (limit.step if limit else 0)
    if granted - limits <= by_rounding:
        return AGREES
    return Check("differs", f"the workers' limits leave {size(granted - limits)} to none of them")


def walltime(facts: Facts) -> Part:
    """Compare ``walltime`` with ``-t`` and the limit that SLURM keeps, in whole minutes."""
    asked, script = facts.asked.time_limit_seconds, value_of(facts.script.time_limit)
    granted = facts.job.time_limit_seconds
    if script is not None and granted is not None and script != granted == -(-script // 60) * 60:
        check = Check("rounded", "SLURM rounds up to whole minutes")
    else:
        check = same(script, granted, "SLURM's limit is {1}, not {0}", plain_duration)
    return part(
        "walltime",
        [check],
        asked=None if asked is None else f'walltime="{clock_duration(asked)}"',
        script=facts.script.time_limit,
        granted=None if granted is None else plain_duration(granted),
    )


def processes(facts: Facts) -> Part:
    """Compare ``processes`` with ``--nworkers`` (``--nprocs`` until 2021), and the workers that are there."""
    asked, script = facts.asked.processes, value_of(facts.script.processes)
    running = None if facts.workers is None else len(facts.workers)
    checks = [same(asked, script, "the script starts {1}, not {0} workers")]
    if facts.processes and running is not None and running != facts.processes:
        checks.append(Check("differs", f"{running} of {counted(facts.processes, 'worker')} there"))
    elif facts.processes and running is not None:
        checks.append(AGREES)
    return part(
        "processes",
        checks,
        asked=None if asked is None else f"processes={asked}",
        script=facts.script.processes,
        running=None if running is None else counted(running, "worker"),
    )


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
