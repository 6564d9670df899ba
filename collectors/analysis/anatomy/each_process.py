"""The parts of a job's anatomy that each of its processes has: threads and a memory limit. Pure."""

from dasktop.collectors.analysis.anatomy.checks import AGREES, UNKNOWN, Check, part, same, same_of_each
from dasktop.collectors.analysis.anatomy.facts import Facts, value_of
from dasktop.collectors.analysis.anatomy.model import Part
from dasktop.collectors.analysis.anatomy.words import each, memory_limit, nthreads, size
from dasktop.collectors.sources.slurm.script_request import Figure
from dasktop.collectors.text.format import counted


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
