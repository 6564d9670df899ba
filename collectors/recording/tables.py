"""A snapshot as tables: one for the jobs, one for all tasks, one for all workers, one for all threads. Pure.

Values of one kind that stand together are quickly compared, and pack well. Works on what JSON knows (dicts, lists, …)
and on the fields' names only, so that a field that is added to the model is recorded too.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

Rows = list[dict[str, Any]]
Document = dict[str, Any]


class Level(NamedTuple):
    """One kind of rows of the tree."""

    name: str
    children: str | None
    """The field that holds the rows of the next level; in the table, how many those are."""
    known_by: tuple[str, ...]
    """The fields by which a row is the same one as in another snapshot, among those of one parent."""


LEVELS = (
    Level("jobs", "tasks", ("job_id",)),
    Level("tasks", "workers", ("step_id", "task_id")),
    Level("workers", "threads", ("address",)),
    Level("threads", None, ("native_id",)),
)
UNPLACED = "unplaced_workers"

_NESTED = ("used", "transfers")
"""Fields whose own fields get columns of their own, ``used.memory_bytes``; beside them, whether the field is there."""


class Table(NamedTuple):
    """Columns of equal length, and what each row is known by."""

    columns: dict[str, list[Any]]
    keys: list[tuple[Any, ...]]


def tables(document: Document) -> dict[str, Table]:
    """Return the four tables of a snapshot; the workers outside SLURM stand last in theirs."""
    rows: Rows = document["jobs"]
    parents: list[tuple[Any, ...]] = [()] * len(rows)
    found = {}
    for level in LEVELS:
        if level.name == "workers":
            outside = document[UNPLACED]
            rows, parents = rows + outside, parents + [()] * len(outside)
        keys = list(_told_apart(rows, parents, level.known_by))
        found[level.name] = Table(_columns(rows, level.children), keys)
        if level.children is not None:
            parents = [key for row, key in zip(rows, keys, strict=True) for _ in row[level.children]]
            rows = [child for row in rows for child in row[level.children]]
    return found


def tree(columns_of: dict[str, dict[str, list[Any]]]) -> tuple[Rows, Rows]:
    """Return the jobs with all that is in them, and the workers outside SLURM.

    Raises
    ------
    ValueError, KeyError, TypeError
        The tables don't fit together.
    """
    below: Rows = []
    for level in reversed(LEVELS):
        rows = _rows(columns_of[level.name])
        used = 0
        if level.children is not None:
            for row in rows:
                count = row[level.children]
                row[level.children] = below[used : used + count]
                used += count
            if level.name == "tasks":
                unplaced = below[used:]
            if used > len(below) or (used < len(below) and level.name != "tasks"):
                raise ValueError(f"the {level.children} are not as many as the {level.name} say")
        below = rows
    return below, unplaced


def _told_apart(rows: Rows, parents: list[tuple[Any, ...]], known_by: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    seen: dict[tuple[Any, ...], int] = {}
    for row, parent in zip(rows, parents, strict=True):
        key = (*parent, *(row[field] for field in known_by))
        nth = seen[key] = seen.get(key, -1) + 1
        yield (*key, nth)


def _columns(rows: Rows, children: str | None) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for field in rows[0] if rows else ():
        cells = [row[field] for row in rows]
        if field == children:
            columns[field] = [len(cell) for cell in cells]
        elif field in _NESTED:
            columns[field] = [cell is not None for cell in cells]
            for inner in next((cell for cell in cells if cell is not None), {}):
                columns[f"{field}.{inner}"] = [cell and cell[inner] for cell in cells]
        else:
            columns[field] = cells
    return columns


def _rows(columns: dict[str, list[Any]]) -> Rows:
    inner: dict[str, dict[str, list[Any]]] = {field: {} for field in _NESTED if field in columns}
    outer = dict(columns)
    for name in columns:
        field, dot, inner_name = name.partition(".")
        if dot and field in inner:
            inner[field][inner_name] = outer.pop(name)
    rows = _zipped(outer)
    for field, cells in inner.items():
        for row, values in zip(rows, _zipped(cells) if cells else [{} for _ in rows], strict=True):
            row[field] = values if row[field] else None
    return rows


def _zipped(columns: dict[str, list[Any]]) -> Rows:
    # Not strict where it is many times in a row: `zip` itself has made them as many as there are names.
    names = tuple(columns)
    return [dict(zip(names, cells, strict=False)) for cells in zip(*columns.values(), strict=True)]
