"""What the cells of any row are made of: their record, shares of memory, and the sums of several workers. Pure."""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from dasktop.collectors.model.jobs import threads_busy
from dasktop.collectors.model.snapshot import EXACT_EVIDENCE, Evidence, UseSource, Worker
from dasktop.collectors.model.sums import sum_if_all_known, sum_of_known
from dasktop.collectors.model.thresholds import Thresholds
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.bars import PAUSE, TARGET
from dasktop.tui.draw.piece import Role
from dasktop.tui.view.columns import ColumnName
from dasktop.tui.view.now import Now

Tone = Literal["plain", "quiet", "good", "waiting", "bad"]


class Cells(NamedTuple):
    """The cells of one row: ``""`` if a column does not apply, ``–`` if the value is unknown."""

    label: str
    """Without indent and fold marker."""
    state: str = ""
    tone: Tone = "plain"
    node: str = ""
    cpu_percent: int | None = None
    cpu: str = ""
    memory_percent: int | None = None
    memory: str = ""
    memory_role: Role = "memory"
    managed_percent: int | None = None
    """The part of `memory_percent` that dask manages, its results; ``None``: unknown."""
    is_of_limit: bool = False
    """Whether `memory_percent` is of the limit of one worker, on which dask acts."""
    memory_bytes: str = ""
    busy: str = ""
    now: Now = Now()
    """What its workers run, from `now_of`, if that is shown."""
    left: str = ""
    ends_soon: bool = False
    more: Mapping[ColumnName, str] = {}
    """Cells of the optional columns that are shown, from `more_cells`."""
    note: str = ""
    """Text shown across the columns that do not apply to this row."""
    medium_note: str = ""
    short_note: str = ""
    """Shorter notes, if there are any, of which the first that fits is shown, else the last."""
    remark: tuple[str, str] = ("", "")
    """Of a job, that it only waits, or else what dask and what SLURM say of its use, if that differs clearly; and a
    shorter form."""
    step: str = ""
    """The label's end: the SLURM task (``batch.0``) without a row of its own, or the job of a worker that left."""


def memory_role(percent: int | None, thresholds: Thresholds) -> Role:
    """Return the role of a memory bar: ``full`` from the share on from which findings report it."""
    return "full" if (percent or 0) >= thresholds.memory_near_limit_percent else "memory"


def limit_role(percent: int | None, thresholds: Thresholds) -> Role:
    """Return the role of a bar of a worker's limit: ``full`` once dask pauses it, ``high`` once dask spills."""
    role = memory_role(percent, thresholds)
    if role == "full" or percent is None:
        return role
    return "full" if percent >= PAUSE else "high" if percent >= TARGET else role


def managed_share(workers: Iterable[Worker], of: float | None) -> int | None:
    """Return the share of an amount of memory that the results of workers take; ``None`` unless all are known."""
    return figures.share(sum_if_all_known(worker.managed_bytes for worker in workers), of)


def together(cells: Cells, workers: tuple[Worker, ...]) -> Cells:
    """Return the cells with the usage of several workers, as a share of all their threads and memory limits."""
    nthreads = sum_if_all_known(worker.nthreads for worker in workers)
    cpu_percent = figures.share(sum_of_known(worker.cpu_percent for worker in workers), nthreads and 100 * nthreads)
    memory_bytes = sum_of_known(worker.memory_bytes for worker in workers)
    limit = sum_if_all_known(worker.memory_limit_bytes for worker in workers)
    memory_percent = figures.share(memory_bytes, limit)
    return cells._replace(
        cpu_percent=cpu_percent,
        cpu=figures.percent_text(cpu_percent),
        memory_percent=memory_percent,
        memory=figures.percent_text(memory_percent),
        memory_bytes=figures.bytes_text(memory_bytes),
        managed_percent=managed_share(workers, limit),
        busy=figures.ratio(sum_of_known(map(_busy, workers)), nthreads),
    )


def _busy(worker: Worker) -> int | None:
    return threads_busy(worker.executing, worker.nthreads)


def with_source(percent: str, source: UseSource | None) -> str:
    """Put ``S`` before a figure from SLURM, which differs from the sum of the rows below."""
    if source != "slurm":
        return percent
    marked = f"S{percent}"
    return marked if len(marked) <= 4 else marked.rstrip("%")[:4]


def evidence_mark(best: tuple[Evidence, ...]) -> str:
    """Return ``~`` if the best evidence is an inference."""
    return "~" if best and best[0] not in EXACT_EVIDENCE else ""
