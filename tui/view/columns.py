"""All columns beside the tree in one table: what each is called and tells, and which show unless others are chosen."""

from typing import Literal, NamedTuple

from dasktop.tui.draw.text_width import Align

ColumnName = Literal[
    "state", "node", "cpu", "memory", "busy", "left", "queued", "stored", "spilled", "seen", "partition", "account"
]
SortName = Literal["name"] | ColumnName
"""What rows can be sorted by; ``name`` is what stands in the tree itself."""


class Column(NamedTuple):
    """One column."""

    head: str
    meaning: str
    align: Align = "left"
    cells: int = 0
    """How wide; 0 where that goes by the room there is."""
    largest_first: bool = False
    """Whether sorting by it begins with the largest."""


COLUMNS: dict[ColumnName, Column] = {
    "state": Column("STATE", "of a job, a worker or a thread"),
    "node": Column("NODE", "where it runs"),
    "cpu": Column("CPU", "of a job's CPUs (S: by SLURM), a worker's threads, one core", largest_first=True),
    "memory": Column("MEM", "resident, of a job's memory (S: by SLURM), a worker's limit", largest_first=True),
    "busy": Column("BUSY", "threads that run a dask task, of all there are for that", "right", largest_first=True),
    "left": Column("LEFT", "time until SLURM ends the job, rounded down", "right"),
    "queued": Column("QUEUED", "dask tasks that wait in workers", "right", 7, largest_first=True),
    "stored": Column("STORED", "results that workers hold", "right", 7, largest_first=True),
    "spilled": Column("SPILL", "results that workers have written to disk", "right", 6, largest_first=True),
    "seen": Column(
        "SEEN", "since the last heartbeat; of a job, of its most silent worker", "right", 5, largest_first=True
    ),
    "partition": Column("PARTITION", "of a job", cells=10),
    "account": Column("ACCOUNT", "whom a job is charged to", cells=10),
}
"""Where there is no room for all, those of fixed width give way first, the last of them before the others."""

DEFAULT_COLUMNS: tuple[ColumnName, ...] = ("state", "node", "cpu", "memory", "busy", "left")
