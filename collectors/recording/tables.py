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

NESTED = ("used", "transfers")
"""Fields whose own fields get columns of their own, ``used.memory_bytes``; beside them, whether the field is there."""


NEW = -1
"""In the place of a row that was not there before."""


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


def runs(places: list[int]) -> list[int]:
    """Return where rows were as ``[first, count, first, count, …]``."""
    told: list[int] = []
    for place in places:
        continues = bool(told) and place == (NEW if told[-2] == NEW else told[-2] + told[-1])
        if continues:
            told[-1] += 1
        else:
            told += [place, 1]
    return told


def places(told: list[int], count: int) -> list[int]:
    """Return where rows were, of so many.

    Raises
    ------
    ValueError, TypeError
        There are no such rows.
    """
    found: list[int] = []
    for first, length in zip(told[::2], told[1::2], strict=True):
        if not (first == NEW or 0 <= first <= first + length <= count) or length > 10_000_000:
            raise ValueError("a run of rows that aren't there")
        found += [NEW] * length if first == NEW else range(first, first + length)
    return found


def picked(cells: list[Any], found: list[int]) -> list[Any]:
    """Return the cells of a column whose rows were there."""
    return [None if place == NEW else cells[place] for place in found]


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
        elif field in NESTED:
            columns[field] = [cell is not None for cell in cells]
            for inner in next((cell for cell in cells if cell is not None), {}):
                columns[f"{field}.{inner}"] = [cell and cell[inner] for cell in cells]
        else:
            columns[field] = cells
    return columns


def rows_of(columns: dict[str, list[Any]]) -> Rows:
    """Return the rows of a table; in the place of what is below them still stands how many those are.

    Raises
    ------
    ValueError
        The columns are not equally long.
    """
    inner: dict[str, dict[str, list[Any]]] = {field: {} for field in NESTED if field in columns}
    outer = dict(columns)
    for name in columns:
        field, dot, inner_name = name.partition(".")
        if dot and field in inner:
            inner[field][inner_name] = outer.pop(name)
    rows = zipped(outer)
    for field, cells in inner.items():
        for row, values in zip(rows, zipped(cells) if cells else [{} for _ in rows], strict=True):
            row[field] = values if row[field] else None
    return rows


def zipped(columns: dict[str, list[Any]]) -> Rows:
    """Return one dictionary for each row of these columns.

    Raises
    ------
    ValueError
        The columns are not equally long.
    """
    # Not strict where it is many times in a row: `zip` itself has made them as many as there are names.
    names = tuple(columns)
    return [dict(zip(names, cells, strict=False)) for cells in zip(*columns.values(), strict=True)]
