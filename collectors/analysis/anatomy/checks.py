"""Compares each quantity of a job from stage to stage: call, script, allocation, workers. Pure."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from dasktop.collectors.analysis.anatomy.facts import (
    BY_WEIGHT,
    Anatomy,
    Facts,
    Part,
    Read,
    Text,
    Verdict,
    each,
    facts_of,
    memory_limit,
    nthreads,
    rounded_up,
    times,
    total_of,
    value_of,
)
from dasktop.collectors.model.snapshot import Job, Snapshot, Worker
from dasktop.collectors.sources.slurm.script_request import Quantity
from dasktop.collectors.text.format import (
    GIB,
    argument_size,
    clock_duration,
    counted,
    plain_duration,
    plain_size,
    requested_size,
)


class Check(NamedTuple):
    """The result of one comparison."""

    verdict: Verdict
    note: str = ""


UNKNOWN = Check("unknown")
AGREES = Check("agrees")


def part(
    name: str,
    checks: Sequence[Check],
    *,
    asked: str | None = None,
    script: Quantity | None = None,
    granted: str | None = None,
    running: str | None = None,
) -> Part:
    """Return a part with the most severe verdict and all notes."""
    return Part(
        name=name,
        asked=asked,
        script=script.words if script is not None else None,
        granted=granted,
        running=running,
        verdict=max((check.verdict for check in checks), key=BY_WEIGHT.index, default="unknown"),
        notes=tuple(check.note for check in checks if check.note),
    )


def same(expected: int | None, actual: int | None, note: str, text: Callable[[int], str] = str) -> Check:
    """Compare two figures; in the note, ``{0}`` is the expected and ``{1}`` the actual one."""
    if expected is None or actual is None:
        return UNKNOWN
    return AGREES if expected == actual else Check("differs", note.format(text(expected), text(actual)))


def same_of_each(expected: int | None, workers: Sequence[Worker] | None, read: Read, text: Text) -> Check:
    """Compare a figure of each worker with the expected one."""
    found = [value for worker in workers or () if (value := read(worker)) is not None]
    if expected is None or not found:
        return UNKNOWN
    others = [value for value in found if value != expected]
    if not others:
        return AGREES
    has = f"{len(others)} of {counted(len(found), 'worker')} {'has' if len(others) == 1 else 'have'}"
    return Check("differs", f"{has} {text(others[0])}, not {text(expected)}")


def threads(facts: Facts) -> Part:
    """Compare cores ÷ processes with ``--nthreads``, and the threads of each worker."""
    cores, processes, script = facts.asked.cores, facts.asked.processes, value_of(facts.script.nthreads)
    asked = cores // processes if cores and processes else None
    left_over = cores % processes if cores and processes and script in (None, asked) else 0
    checks = [
        same(asked, script, "the script gives each worker {1} threads, not {0}"),
        Check("rounded", f"{cores} cores ÷ {processes} processes leaves {left_over} unused") if left_over else UNKNOWN,
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
        same_of_each(value_of(script), facts.workers, memory_limit, requested_size),
    ]
    return part(
        "limit",
        checks,
        asked=None
        if asked is None or memory is None
        else f"{requested_size(memory)} ÷ {processes} = {requested_size(asked)}",
        script=script,
        running=each(facts.workers, memory_limit, requested_size),
    )


def _limit_in_script(asked: float | None, script: Quantity | None) -> Check:
    """Compare a limit, which dask-jobqueue writes with two decimals: ``3.73GiB``, or ``4.00GB`` in 2021."""
    if script is not None and script.is_none:
        return Check(
            "differs", "the script sets no limit" + ("" if asked is None else f" instead of {requested_size(asked)}")
        )
    if asked is None or script is None or script.value is None:
        return UNKNOWN
    difference = abs(script.value - asked)
    if difference < 1:
        return AGREES
    if difference <= script.step / 2 + 1:
        return Check("rounded", f"{requested_size(asked)} = {plain_size(asked, digits=2)}, rounded to two decimals")
    return Check(
        "differs", f"the script limits each worker to {requested_size(script.value)}, not {requested_size(asked)}"
    )


def cores(facts: Facts) -> Part:
    """Compare ``cores`` with ``--cpus-per-task``, the allocated CPUs, and the worker threads."""
    asked, script, granted = facts.asked.cores, value_of(facts.script.cpus), facts.job.allocated.cpus
    checks = [
        same(asked, script, "the script requests {1} CPUs, not {0}"),
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


def _granted_cpus(requested: int | None, granted: int | None, tasks: int) -> Check:
    # If a core has two CPUs, SLURM allocates whole cores to each task (SelectTypeParameters=CR_Core).
    if requested and granted and requested % tasks == 0 and (requested // tasks) % 2 and granted == requested + tasks:
        return Check("rounded", f"SLURM allocated whole cores: {granted} CPUs for {requested}")
    return same(requested, granted, "SLURM allocated {1} CPUs, not {0}")


def _threads_on_cpus(facts: Facts) -> Check:
    granted, threads = facts.job.allocated.cpus, total_of([nthreads(worker) for worker in facts.workers or ()])
    if granted is None or threads is None:
        return UNKNOWN
    if threads > granted:
        return Check("differs", f"{counted(threads - granted, 'more thread')} than CPUs")
    if not facts.is_complete:
        return UNKNOWN
    if threads == granted:
        return AGREES
    idle = f"{counted(granted - threads, 'CPU')} without a thread"
    processes = len(facts.workers or ())
    if granted // processes * processes == threads:  # as dask-jobqueue divides (`worker_process_threads`)
        return Check("rounded", f"{counted(granted, 'CPU')} ÷ {processes} processes leaves {idle}")
    return Check("differs", idle)


def tasks(facts: Facts) -> Part:
    """Compare the requested SLURM tasks with those that start workers and those that have some.

    dask-jobqueue always requests one.
    """
    asked, started = value_of(facts.script.tasks), facts.script.tasks_started
    used = [task for task in facts.job.tasks if task.workers]
    running = len(used) if facts.workers and all(task.step_id is not None for task in used) else None
    checks = []
    if asked and started:
        unused = f"the script requests {counted(asked, 'task')} but starts workers in {started}"
        checks.append(AGREES if started >= asked else Check("differs", unused))
    if started and running is not None:
        missing = f"workers have started in {running} of {counted(started, 'task')}"
        checks.append(AGREES if running >= started else Check("differs", missing))
    words = None if running is None else f"{counted(running, 'task')} with workers"
    return part("tasks", checks, script=facts.script.tasks, running=words)


def memory(facts: Facts) -> Part:
    """Compare ``memory`` with ``--mem``, the allocated memory, and the workers' limits."""
    asked, script, granted = facts.asked.memory_bytes, value_of(facts.script.memory), facts.job.allocated.memory_bytes
    rounded = None if asked is None else rounded_up(asked)
    if asked is not None and script is not None and script == rounded != asked:
        in_script = Check(
            "rounded",
            f"{requested_size(asked)} = {plain_size(asked, digits=2)}, rounded up to {requested_size(script)}",
        )
    else:
        in_script = same(asked, script, "the script requests {1}, not {0}", requested_size)
    if in_script.verdict == "differs" and facts.script.memory is not None and facts.script.memory.times_set > 1:
        times_set = facts.script.memory.times_set
        in_script = in_script._replace(
            note=f"{in_script.note}: it sets the memory {times_set} times, and the last one counts"
        )
    checks = [
        in_script,
        same(script if script is not None else rounded, granted, "SLURM allocated {1}, not {0}", requested_size),
        _limits_in_memory(facts),
    ]
    return part(
        "memory",
        checks,
        asked=None if asked is None else f'memory="{argument_size(asked)}"',
        script=facts.script.memory,
        granted=None if granted is None else requested_size(granted),
        running=times(facts.workers, memory_limit, requested_size, requested_size),
    )


def _limits_in_memory(facts: Facts) -> Check:
    granted = facts.job.allocated.memory_bytes
    limits = total_of([memory_limit(worker) for worker in facts.workers or ()])
    if granted is None or limits is None:
        return UNKNOWN
    if limits > granted:
        return Check(
            "differs", f"the workers' limits add up to {requested_size(limits - granted)} more than SLURM allocated"
        )
    if not facts.is_complete:
        return UNKNOWN
    limit, request = facts.script.memory_limit, facts.script.memory
    by_rounding = (request.step if request else GIB) + len(facts.workers or ()) * (limit.step if limit else 0)
    if granted - limits <= by_rounding:
        return AGREES
    return Check("differs", f"the workers' limits leave {requested_size(granted - limits)} unused")


def walltime(facts: Facts) -> Part:
    """Compare ``walltime`` with ``-t`` and SLURM's limit, which is in whole minutes."""
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
    """Compare ``processes`` with ``--nworkers`` (``--nprocs`` until 2021) and the connected workers."""
    asked, script = facts.asked.processes, value_of(facts.script.processes)
    running = None if facts.workers is None else len(facts.workers)
    checks = [same(asked, script, "the script starts {1} workers, not {0}")]
    if facts.processes and running is not None and running != facts.processes:
        checks.append(Check("differs", f"{running} of {counted(facts.processes, 'worker')} present"))
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
    """Return how this job was requested, allocated and started.

    Parameters
    ----------
    snapshot
        The snapshot that contains the job.
    job
        A pending, running or ended job.
    script
        The lines of its script; ``None`` if unknown.
    """
    facts = facts_of(snapshot, job, script or ())
    return Anatomy(
        job_id=job.job_id,
        call=facts.call,
        is_implied=facts.owner is None,
        starts_workers=None if script is None else facts.script.starts_workers,
        parts=tuple(make(facts) for make in _PARTS),
    )
