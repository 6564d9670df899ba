"""The parts of a job's anatomy that are the whole job's: cores, tasks, memory, walltime and processes. Pure."""

from dasktop.collectors.analysis.anatomy.checks import AGREES, UNKNOWN, Check, part, same
from dasktop.collectors.analysis.anatomy.facts import Facts, value_of
from dasktop.collectors.analysis.anatomy.implied import rounded_up
from dasktop.collectors.analysis.anatomy.model import Part
from dasktop.collectors.analysis.anatomy.words import compact, memory_limit, nthreads, size, sum_of, times
from dasktop.collectors.text.format import clock_duration, counted, plain_duration

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
