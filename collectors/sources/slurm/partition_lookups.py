"""Look up what a pending job competes for: the free nodes of its partition, and the jobs before it in the queue.

Only on request, and at most once within `KEPT_SECONDS`: `sinfo` reads all nodes of the site, and `squeue` all pending
jobs of the partition.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Generic, NamedTuple, TypeVar

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.jobs import jobs_in_array
from dasktop.collectors.model.queries import FreeNode, QueuePlace
from dasktop.collectors.sources.slurm.commands import Commands
from dasktop.collectors.sources.slurm.values import gpus_per_node, whole_number
from dasktop.collectors.system.backoff import Clock
from dasktop.collectors.text.clean import clean_or_none

KEPT_SECONDS = 25.0
MOST_PARTITIONS = 8

# ``-O`` truncates at a field's width. With ``-N`` NodeList is one name; NodeHost may be equal for several nodes.
_WIDTHS = {
    "NodeList": 80,
    "StateCompact": 20,
    "CPUsState": 40,
    "Memory": 20,
    "AllocMem": 20,
    "Gres": 120,
    "GresUsed": 200,
    "Features": 200,
}
_PARTITIONS = re.compile(r"[\w.+:][\w.+:,-]*")
# Jobs can start there; ``~``: powered down, SLURM resumes it; ``-``: planned. Other marks: not responding, rebooting.
_USABLE = re.compile(r"(?:idle|mix|plnd)[~-]?")
_CPUS = re.compile(r"[0-9]+/([0-9]+)/[0-9]+/[0-9]+", re.ASCII)
_INDEXES = re.compile(r"\([^)]*\)")
_MIB = 1 << 20


def free_nodes_command(partition: str) -> tuple[str, ...]:
    """Return the command."""
    form = ",".join(f"{name}:{width}" for name, width in _WIDTHS.items())
    return ("sinfo", "-h", "-N", f"--partition={partition}", "-O", form)


def parse_free_nodes(text: str) -> tuple[FreeNode, ...]:
    """Parse sinfo's output: nodes with free CPUs on which jobs can start, each once. Other lines are skipped."""
    found: dict[str, FreeNode] = {}
    for line in text.split("\n"):
        row, start = {}, 0
        for field, width in _WIDTHS.items():
            row[field] = line[start : start + width].strip()
            start += width
        name, cpus = clean_or_none(row["NodeList"]), _CPUS.fullmatch(row["CPUsState"])
        if name is None or cpus is None or not _USABLE.fullmatch(row["StateCompact"]) or not int(cpus[1]):
            continue
        whole, allocated = whole_number(row["Memory"]), whole_number(row["AllocMem"])
        memory_bytes = None if whole is None or allocated is None else max(0, whole - allocated) * _MIB
        found[name] = FreeNode(
            name=name,
            cpus=int(cpus[1]),
            memory_bytes=memory_bytes,
            features=clean_or_none(row["Features"].replace("(null)", "")),
            gpus=_free_gpus(row["Gres"], row["GresUsed"]),
            is_idle=not row["StateCompact"].startswith("mix"),
            is_planned=row["StateCompact"].startswith("plnd") or row["StateCompact"].endswith("-"),
        )
    return tuple(found.values())


def _free_gpus(gres: str, used: str) -> int | None:
    """Return how many GPUs are free, from ``gpu:a100:4(S:0-1)`` and ``gpu:a100:1(IDX:0)``; ``None``: unknown."""
    if len(gres) >= _WIDTHS["Gres"] or len(used) >= _WIDTHS["GresUsed"]:  # truncated
        return None
    whole, taken = (gpus_per_node(_INDEXES.sub("", text)) or 0 for text in (gres, used))
    return max(0, whole - taken) if gres else None


_SEPARATOR = "\x1f"
_PENDING_JOB = re.compile(f"([0-9]{{1,12}}){_SEPARATOR}([0-9]{{1,12}}){_SEPARATOR}([^{_SEPARATOR}]*)", re.ASCII)
_PRIVATE = re.compile(r"^PrivateData\s*=\s*(.*)$", re.MULTILINE)


class PendingJob(NamedTuple):
    """A line of the queue: a pending job of any user, or the pending rest of an array."""

    job_id: int
    priority: int
    """0: it is held."""
    jobs: int
    """How many jobs the line stands for."""


def pending_command(partition: str) -> tuple[str, ...]:
    """Return the command for the pending jobs of all users."""
    form = _SEPARATOR.join(("%A", "%Q", "%K"))
    return ("squeue", "-h", "-t", "PENDING", f"--partition={partition}", "-o", form)


def parse_pending(text: str) -> tuple[PendingJob, ...]:
    """Parse the output of `pending_command`; lines in another form are skipped."""
    matches = filter(None, map(_PENDING_JOB.fullmatch, text.split("\n")))
    return tuple(PendingJob(int(match[1]), int(match[2]), jobs_in_array(match[3])) for match in matches)


def hides_jobs(configuration: str) -> bool:
    """Return whether SLURM shows users only their own jobs, by the output of ``scontrol show config``."""
    match = _PRIVATE.search(configuration)
    return match is not None and not {"jobs", "all"}.isdisjoint(word.strip() for word in match[1].split(","))


def place_of(job_id: str, pending: Sequence[PendingJob]) -> QueuePlace:
    """Return a job's place: the highest priority comes first; of equal ones, the job that was submitted first."""
    own = next((job for job in pending if str(job.job_id) == job_id), None)
    if own is None:
        return QueuePlace(remark="it is no longer pending there")
    total = sum(job.jobs for job in pending)
    if not own.priority:
        return QueuePlace(of=total, remark="it has no priority: it is held")
    before = (job for job in pending if (-job.priority, job.job_id) < (-own.priority, own.job_id))
    return QueuePlace(number=1 + sum(job.jobs for job in before), of=total)


T = TypeVar("T")


class _Kept(Generic[T]):
    """The last answers of a query, by partition."""

    def __init__(self, query: Callable[[str], Awaitable[T]], clock: Clock) -> None:
        self._query = query
        self._clock = clock
        self._answers: dict[str, tuple[float, T]] = {}
        self._turn = asyncio.Lock()

    async def of(self, partition: str) -> T:
        async with self._turn:  # a second caller gets the answer of the first
            known = self._answers.pop(partition, None)
            if known is None or self._clock() - known[0] >= KEPT_SECONDS:
                known = self._clock(), await self._query(partition)
            self._answers[partition] = known
            while len(self._answers) > MOST_PARTITIONS:
                del self._answers[next(iter(self._answers))]
            return known[1]


class PartitionReader:
    """Reads free nodes and pending jobs of partitions, and keeps each answer for `KEPT_SECONDS`.

    Parameters
    ----------
    commands
        Runs ``sinfo``, ``squeue`` and ``scontrol``.
    clock
        A monotonic clock, in seconds.
    """

    def __init__(self, commands: Commands, clock: Clock = monotonic) -> None:
        self._commands = commands
        self._free = _Kept(self._read_free_nodes, clock)
        self._pending = _Kept(self._read_pending, clock)
        self._hides_jobs: bool | None = None

    async def free_nodes(self, partition: str) -> tuple[FreeNode, ...]:
        """Return the nodes of a partition, or of several, that have free CPUs.

        Raises
        ------
        SourceError
            sinfo failed, or this is not a partition name.
        """
        return await self._free.of(_checked(partition))

    async def queue_place(self, job_id: str, partition: str) -> QueuePlace:
        """Return where a pending job comes among those of its partition; unknown if the site hides others' jobs.

        Raises
        ------
        SourceError
            squeue or scontrol failed, or this is not a partition name.
        """
        partition = _checked(partition)
        if self._hides_jobs is None:
            self._hides_jobs = hides_jobs((await self._commands.run("scontrol", "show", "config")).checked())
        if self._hides_jobs:
            return QueuePlace(remark="SLURM does not show the jobs of other users here")
        return place_of(job_id, await self._pending.of(partition))

    async def _read_free_nodes(self, partition: str) -> tuple[FreeNode, ...]:
        return parse_free_nodes((await self._commands.run(*free_nodes_command(partition))).checked())

    async def _read_pending(self, partition: str) -> tuple[PendingJob, ...]:
        return parse_pending((await self._commands.run(*pending_command(partition))).checked())


def _checked(partition: str) -> str:
    if not _PARTITIONS.fullmatch(partition):
        raise SourceError(f"'{partition}' is not a SLURM partition name")
    return partition
