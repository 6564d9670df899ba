"""Gathers what a job's anatomy compares: the call, the script, the allocation and the workers. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import floor
from typing import Literal, NamedTuple

from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import has_ended, workers_of
from dasktop.collectors.model.record import Record
from dasktop.collectors.model.snapshot import Job, Owner, Snapshot, Worker
from dasktop.collectors.model.sums import sum_if_all_known
from dasktop.collectors.sources.slurm.script_request import Quantity, ScriptRequest, parse_request
from dasktop.collectors.text.format import GIB, argument_size

_GB = 10**9
_KIB, _MIB = 1 << 10, 1 << 20
_HIGHEST_POWER, _LOWEST_POWER = 4, -9
"""Powers of ten, of one GB or one binary unit: a round amount is a multiple of one of them."""
_FUZZ = 1e-9


class MemoryRange(NamedTuple):
    """The values of ``memory=``, in bytes, that result in the same script."""

    lowest: float
    highest: float

    def holds(self, memory_bytes: int) -> bool:
        """Return whether the amount is in this range."""
        return self.lowest <= memory_bytes <= self.highest


def implied_memory(script: ScriptRequest, owner_bytes: int | None) -> int | None:
    """Return what ``memory=`` was: the owner's value if it fits, else the roundest amount that results in this script.

    If no amount does (the script was written by hand, or has more options), return the value of ``--mem``.

    Parameters
    ----------
    script
        The script.
    owner_bytes
        The value for other jobs of the same cluster, as the owner reports it.
    """
    asked = script.memory.value if script.memory is not None else None
    possible = memory_range(script)
    if asked is None or possible is None:
        return asked
    if owner_bytes and possible.holds(owner_bytes) and rounded_up(owner_bytes) == asked:
        return owner_bytes
    if script.memory_limit is None or script.memory_limit.value is None:
        return asked
    fitting = [amount for amount in _round_amounts(possible, asked) if asked in (amount[1], rounded_up(amount[1]))]
    return min(fitting, key=lambda amount: amount[0])[1] if fitting else asked


def memory_range(script: ScriptRequest) -> MemoryRange | None:
    """Return the range that a script's lines allow; ``None`` if they are incomplete or contradict each other."""
    memory, limit, processes = script.memory, script.memory_limit, script.processes
    if memory is None or memory.value is None:
        return None
    lowest, highest = memory.value - memory.step + 1, float(memory.value)
    if limit is not None and limit.value is not None and processes is not None and processes.value is not None:
        half_step = limit.step / 2 + 1  # a limit is truncated to whole bytes
        lowest = max(lowest, processes.value * (limit.value - half_step))
        highest = min(highest, processes.value * (limit.value + half_step))
    return MemoryRange(lowest, highest) if lowest <= highest else None


def rounded_up(memory_bytes: int) -> int:
    """Round as dask-jobqueue does for ``--mem`` (`slurm_format_bytes_ceil`): up to whole GiB, below one MiB or KiB."""
    unit = _unit(memory_bytes)
    return -(-memory_bytes // unit) * unit


def _round_amounts(possible: MemoryRange, asked: int) -> Iterator[tuple[int, int]]:
    """Yield amounts in the range with their number of digits: the roundest in each unit, decimal before binary."""
    binary_unit = _unit(possible.highest)
    for unit in (_GB, binary_unit):
        for power in range(_HIGHEST_POWER, _LOWEST_POWER - 1, -1):
            step = unit * 10.0**power
            number = floor(possible.highest / step + _FUZZ)
            if number and number * step >= possible.lowest - _FUZZ * step:
                yield len(str(number).rstrip("0")), round(number * step)
                break
    if possible.holds(asked):
        yield len(str(asked // binary_unit)), asked


def _unit(memory_bytes: float) -> int:
    """Return the binary unit to which dask-jobqueue rounds this amount."""
    return next((unit for unit in (GIB, _MIB) if memory_bytes >= unit), _KIB)


Read = Callable[[Worker], int | None]
"""Reads one figure of a worker."""
Text = Callable[[int], str]


def nthreads(worker: Worker) -> int | None:
    """Read a worker's compute threads."""
    return worker.nthreads


def memory_limit(worker: Worker) -> int | None:
    """Read a worker's memory limit in bytes."""
    return worker.memory_limit_bytes


def each(workers: Sequence[Worker] | None, read: Read, text: Text) -> str | None:
    """Return ``3 each``, or ``2 to 4`` if the workers differ; ``None`` if nothing is known."""
    found = sorted({value for worker in workers or () if (value := read(worker)) is not None})
    if not found:
        return None
    return f"{text(found[0])} each" if len(found) == 1 else f"{text(found[0])} to {text(found[-1])}"


def times(workers: Sequence[Worker] | None, read: Read, each_text: Text, sum_text: Text) -> str | None:
    """Return ``4 × 3 = 12 threads``, or only the sum if the workers differ; ``None`` if one is unknown."""
    found = [read(worker) for worker in workers or ()]
    total = total_of(found)
    if total is None:
        return None
    if len(found) == 1 or len(set(found)) > 1:
        return sum_text(total)
    return f"{len(found)} × {each_text(found[0] or 0)} = {sum_text(total)}"


def total_of(values: Sequence[int | None]) -> int | None:
    """Return the sum; ``None`` if there are no values, or one is unknown."""
    return sum_if_all_known(values) if values else None


class Asked(NamedTuple):
    """The arguments of the call: the owner's, or without an owner those that the script implies."""

    cores: int | None
    memory_bytes: int | None
    processes: int | None
    time_limit_seconds: int | None
    """``None`` with an owner: it does not report the time limit."""


class Facts(NamedTuple):
    """What is known of one job."""

    asked: Asked
    owner: Owner | None
    """The job's owner, if it reports the size of its jobs."""
    script: ScriptRequest
    job: Job
    workers: tuple[Worker, ...] | None
    """``None``: unknown, or none expected now."""

    @property
    def processes(self) -> int | None:
        """The expected number of workers."""
        return value_of(self.script.processes) or self.asked.processes

    @property
    def is_complete(self) -> bool:
        """Whether all expected workers are present, so that sums over them are meaningful."""
        return bool(self.workers) and self.processes in (None, len(self.workers or ()))

    @property
    def call(self) -> str | None:
        """The call that results in such a job; ``None`` if none of its arguments is known."""
        arguments = {
            "cores": self.asked.cores,
            "memory": None if self.asked.memory_bytes is None else f'"{argument_size(self.asked.memory_bytes)}"',
            "processes": self.asked.processes,
        }
        known = [f"{name}={value}" for name, value in arguments.items() if value is not None]
        name = self.owner.class_name if self.owner is not None else "SLURMCluster"
        return f"{name}({', '.join(known)})" if known else None


def facts_of(snapshot: Snapshot, job: Job, script: Sequence[str]) -> Facts:
    """Return what is known of a job of this snapshot; ``script`` is its lines."""
    request = parse_request("\n".join(script), _step_tasks(job))
    owner = _owner_of(snapshot, job)
    asked = _asked_of(owner) if owner is not None else _implied(request, _memory_of_others(snapshot, job))
    return Facts(asked, owner, request, job, _workers(snapshot, job))


def _step_tasks(job: Job) -> int | None:
    """Return how many tasks the job's ``srun`` has started; ``None`` if there is not exactly one such step."""
    counts = Counter(task.step_id for task in job.tasks if task.step_id is not None and task.step_id.isdecimal())
    return next(iter(counts.values())) if len(counts) == 1 else None


def value_of(figure: Quantity | None) -> int | None:
    """Return the value of a figure of the script, if it is known."""
    return figure.value if figure is not None else None


def _owner_of(snapshot: Snapshot, job: Job) -> Owner | None:
    owner = snapshot.cluster.owner
    if owner is None or job.job_id not in owner.job_ids.values():
        return None
    reported = (owner.cores_per_job, owner.memory_per_job_bytes, owner.processes_per_job)
    return owner if any(reported) else None


def _asked_of(owner: Owner) -> Asked:
    # 0 means unknown.
    cores, memory_bytes = owner.cores_per_job or None, owner.memory_per_job_bytes or None
    return Asked(cores, memory_bytes, owner.processes_per_job or None, None)


def _implied(script: ScriptRequest, memory_of_others: int | None) -> Asked:
    memory_bytes = implied_memory(script, memory_of_others)
    return Asked(value_of(script.cpus), memory_bytes, value_of(script.processes), value_of(script.time_limit))


def _memory_of_others(snapshot: Snapshot, job: Job) -> int | None:
    """Return the memory of the owner's current jobs; a job that was replaced probably had the same.

    ``None`` for a job of another cluster.
    """
    owner = snapshot.cluster.owner
    return owner.memory_per_job_bytes if owner is not None and job.evidence else None


def _workers(snapshot: Snapshot, job: Job) -> tuple[Worker, ...] | None:
    """Return the job's workers; ``None`` if they are not known to be all."""
    dask_answered = snapshot.cluster.scheduler_id is not None
    runs = read_state(job.state).is_running and not has_ended(job)
    return workers_of(job) if dask_answered and runs and job.evidence else None


Verdict = Literal["unknown", "agrees", "rounded", "differs"]
"""The result of all comparisons: ``agrees`` · ``rounded`` differs only by a rounding, given in a note · ``differs``."""

BY_WEIGHT: tuple[Verdict, ...] = ("unknown", "agrees", "rounded", "differs")


class Part(Record, frozen=True, kw_only=True):
    """One quantity at each stage, as text; ``None``: unknown, or not stated there."""

    name: str
    asked: str | None
    """In the call: ``cores=12``, ``12 ÷ 4 = 3``."""
    script: str | None
    """As in the script: ``--cpus-per-task=12``."""
    granted: str | None
    """Allocated by SLURM; for a pending job, requested."""
    running: str | None
    """As dask reports it."""
    verdict: Verdict
    notes: tuple[str, ...]
    """What differs, or how it was rounded."""


class Anatomy(Record, frozen=True, kw_only=True):
    """The anatomy of one job."""

    job_id: str
    call: str | None
    """``SLURMCluster(cores=12, memory="16GB", processes=4)``; ``None`` if none of its arguments is known."""
    is_implied: bool
    """Whether the call was derived from the script, since no owner reports it."""
    starts_workers: bool | None
    """Whether the script starts workers, as far as it can be read; ``None``: the script is unknown."""
    parts: tuple[Part, ...]
