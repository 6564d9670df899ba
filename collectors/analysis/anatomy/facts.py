"""What a job's anatomy is made from: what was asked, what the script says, and what is there. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import floor
from typing import Literal, NamedTuple

from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import has_ended, workers_of
from dasktop.collectors.model.snapshot import Job, Owner, Record, Snapshot, Worker
from dasktop.collectors.sources.slurm.script_request import Figure, ScriptRequest, parse_request
from dasktop.collectors.text.format import memory_words

_GB = 10**9
_KIB, _MIB, _GIB = 1 << 10, 1 << 20, 1 << 30
_MOST_DIGITS_BEFORE, _MOST_DIGITS_BEHIND = 4, 9
_FUZZ = 1e-9


class MemoryRange(NamedTuple):
    """What ``memory=`` may have been, in bytes, so that a script's own lines agree."""

    lowest: float
    highest: float

    def holds(self, memory_bytes: int) -> bool:
        """Whether it may have been that."""
        return self.lowest <= memory_bytes <= self.highest


def implied_memory(script: ScriptRequest, told_bytes: int | None) -> int | None:
    """Return what ``memory=`` was: what is told, if that fits, else the roundest amount that makes such a script.

    Where no amount makes it (somebody wrote it, or added options), that is what ``--mem`` says.

    Parameters
    ----------
    script
        The script.
    told_bytes
        What the owner of other jobs of the same cluster tells of those.
    """
    asked = script.memory.value if script.memory is not None else None
    room = memory_range(script)
    if asked is None or room is None:
        return asked
    if told_bytes and room.holds(told_bytes) and rounded_up(told_bytes) == asked:
        return told_bytes
    if script.memory_limit is None or script.memory_limit.value is None:
        return asked
    fitting = [told for told in _round_amounts(room, asked) if asked in (told[1], rounded_up(told[1]))]
    return min(fitting, key=lambda told: told[0])[1] if fitting else asked


def memory_range(script: ScriptRequest) -> MemoryRange | None:
    """Return what the lines of a script leave room for; ``None`` where they don't say, or contradict each other."""
    memory, limit, processes = script.memory, script.memory_limit, script.processes
    if memory is None or memory.value is None:
        return None
    lowest, highest = memory.value - memory.step + 1, float(memory.value)
    if limit is not None and limit.value is not None and processes is not None and processes.value is not None:
        half_step = limit.step / 2 + 1  # a limit is cut off to whole bytes
        lowest = max(lowest, processes.value * (limit.value - half_step))
        highest = min(highest, processes.value * (limit.value + half_step))
    return MemoryRange(lowest, highest) if lowest <= highest else None


def rounded_up(memory_bytes: int) -> int:
    """Round as dask-jobqueue does for ``--mem`` (`slurm_format_bytes_ceil`): up to whole GiB, below one MiB or KiB."""
    unit = _unit(memory_bytes)
    return -(-memory_bytes // unit) * unit


def _round_amounts(room: MemoryRange, asked: int) -> Iterator[tuple[int, int]]:
    """Yield amounts within the range, the roundest of each unit, with how many digits one writes it; decimal first."""
    binary_unit = _unit(room.highest)
    for unit in (_GB, binary_unit):
        for power in range(_MOST_DIGITS_BEFORE, -_MOST_DIGITS_BEHIND - 1, -1):
            step = unit * 10.0**power
            number = floor(room.highest / step + _FUZZ)
            if number and number * step >= room.lowest - _FUZZ * step:
                yield len(str(number).rstrip("0")), round(number * step)
                break
    if room.holds(asked):
        yield len(str(asked // binary_unit)), asked


def _unit(memory_bytes: float) -> int:
    """Return the unit in which such an amount is rounded."""
    return next((unit for unit in (_GIB, _MIB) if memory_bytes >= unit), _KIB)


Read = Callable[[Worker], int | None]
"""Reads one figure of a worker."""
Say = Callable[[int], str]


def nthreads(worker: Worker) -> int | None:
    """Read a worker's compute threads."""
    return worker.nthreads


def memory_limit(worker: Worker) -> int | None:
    """Read a worker's memory limit in bytes."""
    return worker.memory_limit_bytes


def each(workers: Sequence[Worker] | None, read: Read, say: Say) -> str | None:
    """Return ``3 each``, or ``2 to 4`` where the workers differ; ``None`` where nothing is known."""
    found = sorted({value for worker in workers or () if (value := read(worker)) is not None})
    if not found:
        return None
    return f"{say(found[0])} each" if len(found) == 1 else f"{say(found[0])} to {say(found[-1])}"


def times(workers: Sequence[Worker] | None, read: Read, say_each: Say, say_sum: Say) -> str | None:
    """Return ``4 × 3 = 12 threads``, or the sum alone where the workers differ; ``None`` where one is unknown."""
    found = [read(worker) for worker in workers or ()]
    total = sum_of(found)
    if total is None:
        return None
    if len(found) == 1 or len(set(found)) > 1:
        return say_sum(total)
    return f"{len(found)} × {say_each(found[0] or 0)} = {say_sum(total)}"


def sum_of(values: Sequence[int | None]) -> int | None:
    """Return the sum if there is anything, and all of it is known."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def size(amount_bytes: float, *, binary: bool = False) -> str:
    """Say an amount as it was probably meant; what is round in no decimal unit, with two decimals, as dask does."""
    words = memory_words(round(amount_bytes))
    if not binary and not words.endswith("iB"):
        return words
    power = next((power for power in (4, 3, 2, 1) if amount_bytes >= 1024**power), 0)
    number = f"{amount_bytes / 1024**power:,.2f}".removesuffix("0").removesuffix(".0")
    return f"{number} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"


def compact(amount_bytes: int) -> str:
    """Return ``16GB``, as one writes it in a call."""
    return size(amount_bytes).replace(" ", "").replace(",", "")


class Asked(NamedTuple):
    """What the owner was told or, without one, what the script looks as if it had been told."""

    cores: int | None
    memory_bytes: int | None
    processes: int | None
    time_limit_seconds: int | None
    """An owner doesn't tell it."""


class Facts(NamedTuple):
    """All that is known of one job."""

    asked: Asked
    owner: Owner | None
    """That of the job, if it tells what one job of it has."""
    script: ScriptRequest
    job: Job
    workers: tuple[Worker, ...] | None
    """``None``: not known, or none to be expected now."""

    @property
    def processes(self) -> int | None:
        """Workers to be expected."""
        return value_of(self.script.processes) or self.asked.processes

    @property
    def is_complete(self) -> bool:
        """Whether all workers are there, so that sums over them mean something."""
        return bool(self.workers) and self.processes in (None, len(self.workers or ()))

    @property
    def call(self) -> str | None:
        """The call that makes such a job; ``None`` where nothing of it is known."""
        arguments = {
            "cores": self.asked.cores,
            "memory": None if self.asked.memory_bytes is None else f'"{compact(self.asked.memory_bytes)}"',
            "processes": self.asked.processes,
        }
        known = [f"{name}={value}" for name, value in arguments.items() if value is not None]
        name = self.owner.class_name if self.owner is not None else "SLURMCluster"
        return f"{name}({', '.join(known)})" if known else None


def facts_of(snapshot: Snapshot, job: Job, script: Sequence[str]) -> Facts:
    """Gather what is known of a job of this snapshot, whose script has these lines."""
    request = parse_request("\n".join(script), _step_tasks(job))
    owner = _owner_of(snapshot, job)
    asked = _told(owner) if owner is not None else _implied(request, _memory_of_others(snapshot, job))
    return Facts(asked, owner, request, job, _workers(snapshot, job))


def _step_tasks(job: Job) -> int | None:
    """Return how many tasks the job's only ``srun`` has started."""
    counts = Counter(task.step_id for task in job.tasks if task.step_id is not None and task.step_id.isdecimal())
    return next(iter(counts.values())) if len(counts) == 1 else None


def value_of(figure: Figure | None) -> int | None:
    """Return the value of what a script may state."""
    return figure.value if figure is not None else None


def _owner_of(snapshot: Snapshot, job: Job) -> Owner | None:
    owner = snapshot.cluster.owner
    if owner is None or job.job_id not in owner.job_ids.values():
        return None
    told = (owner.cores_per_job, owner.memory_per_job_bytes, owner.processes_per_job)
    return owner if any(told) else None


def _told(owner: Owner) -> Asked:
    # 0 is nothing told.
    cores, memory_bytes = owner.cores_per_job or None, owner.memory_per_job_bytes or None
    return Asked(cores, memory_bytes, owner.processes_per_job or None, None)


def _implied(script: ScriptRequest, memory_of_others: int | None) -> Asked:
    memory_bytes = implied_memory(script, memory_of_others)
    return Asked(value_of(script.cpus), memory_bytes, value_of(script.processes), value_of(script.time_limit))


def _memory_of_others(snapshot: Snapshot, job: Job) -> int | None:
    """Return what the owner tells of the jobs that it counts now; one that it has replaced was probably asked the same.

    It tells nothing of a job of another cluster.
    """
    owner = snapshot.cluster.owner
    return owner.memory_per_job_bytes if owner is not None and job.evidence else None


def _workers(snapshot: Snapshot, job: Job) -> tuple[Worker, ...] | None:
    """Return the job's workers, where these are known to be all."""
    dask_answered = snapshot.cluster.scheduler_id is not None
    runs = read_state(job.state).is_running and not has_ended(job)
    return tuple(workers_of(job)) if dask_answered and runs and job.evidence else None


Verdict = Literal["unknown", "agrees", "rounded", "differs"]
"""Of all that could be compared: ``agrees`` · ``rounded`` agrees but for a rounding, which is told · ``differs``."""

BY_WEIGHT: tuple[Verdict, ...] = ("unknown", "agrees", "rounded", "differs")


class Part(Record, frozen=True, kw_only=True):
    """One quantity on its way, in words; ``None``: not known there, or not said."""

    name: str
    asked: str | None
    """In the call: ``cores=12``, ``12 ÷ 4 = 3``."""
    script: str | None
    """As it stands there: ``--cpus-per-task=12``."""
    granted: str | None
    """By SLURM; of a job that waits, what it asks for."""
    running: str | None
    """In dask."""
    verdict: Verdict
    notes: tuple[str, ...]
    """What differs, or how it was rounded."""


class Anatomy(Record, frozen=True, kw_only=True):
    """All parts of one job."""

    job_id: str
    call: str | None
    """``SLURMCluster(cores=12, memory="16GB", processes=4)``; ``None`` where nothing of it is known."""
    is_implied: bool
    """Whether no owner tells of the call, so that it was made up from the script."""
    starts_workers: bool | None
    """Whether the script does, as far as can be read; ``None``: no script is known."""
    parts: tuple[Part, ...]
