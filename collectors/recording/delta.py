"""What has changed between two snapshots, small enough to be written every two seconds for days. Pure, and exact.

A difference is an object of JSON:

``taken_at``, ``since``
    When this snapshot was taken, and when the whole one that it is told against.
``left_out``
    How many snapshots before it were not recorded; absent for none.
``cluster``, ``totals``
    The fields that have changed, with their new values.
``sources``, ``findings``, and any other field
    The new value, if it has changed.
``jobs``, ``tasks``, ``workers``, ``threads``
    The tables of `dasktop.collectors.recording.delta`, each ``{"rows": …, "columns": {FIELD: change}}`` and absent if
    nothing has changed. ``rows``, if they are not the same ones, are runs of old rows, ``[first, count, …]``; -1 as
    first means new rows, all of whose cells are null to begin with. Then each column's change is applied, see
    `dasktop.collectors.recording.delta`; those of the jobs that are ``summed`` follow from the workers', see
    `dasktop.collectors.recording.delta`. A table that was empty, or is now, is ``{"whole": {FIELD: [cell, …]}}``.
"""

import math
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import msgspec

Cells = list[Any]
Change = dict[str, Any]

_SCALES = (1, 10, 100, 1000, 10_000)
_EXACT_BELOW = 2**50

_encode = msgspec.json.encode


def change(old: Cells, new: Cells) -> Change | None:
    """Return what makes the new cells of the old ones, which are as many; ``None`` where nothing has changed."""
    places = [place for place, (was, now) in enumerate(zip(old, new, strict=True)) if not _same(was, now)]
    if not places:
        return None
    forms: list[Change] = [{"to": new}]
    if 2 * len(places) < len(new) + 2:
        gaps = [place - before - 1 for before, place in zip([-1, *places], places, strict=False)]
        forms.append({"at": gaps, "to": [new[place] for place in places]})
    sums = _sums(old, new, places)
    if sums is not None:
        forms.append(sums)
    return min(forms, key=lambda form: len(_encode(form)))


def changed(old: Cells, told: Change) -> Cells:
    """Return the new cells.

    Raises
    ------
    ValueError, KeyError, TypeError, IndexError
        This is no change of that column.
    """
    if "plus" in told:
        return _added(old, told)
    if "at" not in told:
        if len(told["to"]) != len(old):
            raise ValueError("a column is not as long as its table")
        return list(told["to"])
    cells, place = list(old), -1
    for gap, cell in zip(told["at"], told["to"], strict=True):
        place += gap + 1
        cells[place] = cell
    return cells


def _same(was: object, now: object) -> bool:
    """Tell whether two cells are written alike: 1, 1.0 and True are not, nor are 0.0 and -0.0."""
    return was is now or (type(was) is type(now) and was == now and (was != 0 or str(was) == str(now)))


def _sums(old: Cells, new: Cells, places: list[int]) -> Change | None:
    pairs = [(old[place], new[place]) for place in places]
    differences: Cells = [0] * len(new)
    if all(type(was) is int and type(now) is int for was, now in pairs):
        by = math.gcd(*(now - was for was, now in pairs))
        for place, (was, now) in zip(places, pairs, strict=True):
            differences[place] = (now - was) // by
        return {"plus": differences, "by": by} if by != 1 else {"plus": differences}
    if not all(_is_fraction(was) and _is_fraction(now) for was, now in pairs):
        return None
    per = next((scale for scale in _SCALES if all(_fits(value, scale) for pair in pairs for value in pair)), None)
    if per is None:
        return None
    for place, (was, now) in zip(places, pairs, strict=True):
        differences[place] = round(now * per) - round(was * per)
    return {"plus": differences, "per": per}


def _is_fraction(value: object) -> bool:
    return type(value) is float and math.isfinite(value)


def _fits(value: float, scale: int) -> bool:
    """Tell whether a value is a whole number of such parts, and comes back from it as exactly what it was."""
    return abs(value * scale) < _EXACT_BELOW and _same(round(value * scale) / scale, value)


def _added(old: Cells, told: Change) -> Cells:
    per, by = told.get("per"), told.get("by", 1)
    if per is None:
        return [was + n * by if n else was for was, n in zip(old, told["plus"], strict=True)]
    return [(round(was * per) + n) / per if n else was for was, n in zip(old, told["plus"], strict=True)]


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


SUMMED = {"used.cpu_percent": "cpu_percent", "used.memory_bytes": "memory_bytes"}
"""Columns of the jobs, and those of the workers that they are the sums of; of fractions, rounded to tenths."""

Columns = Mapping[str, Mapping[str, list[Any]]]


def sums(columns: Columns, field: str) -> list[Any]:
    """Return for each job the sum of what is known of its workers' ``field``; ``None`` where nothing is.

    Raises
    ------
    KeyError
        There is no such column: there are no workers.
    """
    tasks_of: Iterator[int] = iter(columns["tasks"].get("workers", ()))
    cells = iter(columns["workers"][field])
    return [
        _sum([cell for count in islice(tasks_of, tasks) for cell in islice(cells, count)])
        for tasks in columns["jobs"]["tasks"]
    ]


def _sum(cells: list[Any]) -> Any:
    known = [cell for cell in cells if cell is not None]
    if not known:
        return None
    total = sum(known[1:], known[0])
    return round(total, 1) if isinstance(total, float) else total


SHALLOW = ("cluster", "totals")
"""What is told field by field."""
_APART = {"taken_at", "jobs", UNPLACED, *SHALLOW}
OWN_FIELDS = ("since", "left_out")
"""What a difference has that a snapshot hasn't."""


class Base:
    """A whole snapshot that others are told against.

    Parameters
    ----------
    document
        The snapshot as what JSON knows. It must not be changed any more.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self._tables = tables(document)

    def difference(self, document: Document) -> Document:
        """Return what makes this snapshot of the base."""
        old = self.document
        told: Document = {"taken_at": document["taken_at"], "since": old["taken_at"]}
        told |= {name: value for name, value in document.items() if name not in _APART and value != old.get(name)}
        for name in SHALLOW:
            fields = {
                field: value for field, value in document[name].items() if not _alike(value, old[name].get(field))
            }
            if fields:
                told[name] = fields
        new = tables(document)
        for name, table in new.items():
            difference = _table_difference(self._tables[name], table)
            if difference:
                told[name] = difference
        _leave_out_sums(told, {name: table.columns for name, table in new.items()})
        return told


def _leave_out_sums(told: Document, columns: Columns) -> None:
    """Name the columns of the jobs that follow from the workers', rather than tell them."""
    changes = told.get("jobs", {}).get("columns", {})
    summed = [
        field
        for field, of in SUMMED.items()
        if field in changes and of in columns["workers"] and change(columns["jobs"][field], sums(columns, of)) is None
    ]
    for field in summed:
        del changes[field]
    if summed:
        told["jobs"]["summed"] = summed


def _alike(value: Any, other: Any) -> bool:
    return change([other], [value]) is None


def _table_difference(old: Table, new: Table) -> Document:
    told: Document = {}
    if not old.columns or not new.columns or old.columns.keys() != new.columns.keys():
        return {"whole": new.columns} if old.columns or new.columns else {}
    rows: list[int] | None = None
    if old.keys != new.keys:
        place_of = {key: place for place, key in enumerate(old.keys)}
        rows = [place_of.get(key, NEW) for key in new.keys]
        told["rows"] = runs(rows)
    columns = {field: _change(old.columns[field], cells, rows) for field, cells in new.columns.items()}
    columns = {field: column for field, column in columns.items() if column is not None}
    if columns:
        told["columns"] = columns
    return told


def _change(old: Cells, new: Cells, rows: list[int] | None) -> Document | None:
    return change(old if rows is None else picked(old, rows), new)
