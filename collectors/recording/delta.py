"""Encode the changes between two snapshots, small enough to be written every two seconds for days. Pure, lossless.

A delta is a JSON object:

``taken_at``, ``since``
    When this snapshot was taken, and when its keyframe was.
``left_out``
    How many snapshots before it were not recorded; absent if none.
``cluster``, ``totals``
    The changed fields, with their new values.
``sources``, ``findings``, and any other field
    The new value, if it changed.
``work``
    Null if it became unknown, ``{"whole": …}`` if it was unknown, else ``{"fields": {FIELD: value}, "tables": {FIELD:
    {"rows": …, "columns": …}}}``: its lists are encoded as the tables below.
``jobs``, ``tasks``, ``workers``, ``threads``
    The four tables (`tables`), each ``{"rows": …, "columns": {FIELD: change}}``, absent if unchanged. ``rows``, present
    if rows moved, are runs of old rows, ``[first, count, …]``; -1 as first means new rows, whose cells are null at
    first. Then each column's change is applied (`changed`); the jobs' columns listed in ``summed`` are computed from
    the workers' (`sums`). A table that was or becomes empty is ``{"whole": {FIELD: [cell, …]}}``.
"""

import math
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from dasktop.collectors.model.sums import sum_of_known

Cells = list[Any]
Change = dict[str, Any]

_SCALES = (1, 10, 100, 1000, 10_000)
_EXACT_BELOW = 2**50

_encode = msgspec.json.encode


def change(old: Cells, new: Cells) -> Change | None:
    """Return the shortest change from the old to the new cells, which are as many; ``None`` if nothing changed."""
    if old == new and _same_types(old, new):  # most columns
        return None
    places = [
        place for place, (was, now) in enumerate(zip(old, new, strict=True)) if was is not now and not _same(was, now)
    ]
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


def changed(old: Cells, change: Change) -> Cells:
    """Apply a change, and return the new cells.

    Raises
    ------
    ValueError, KeyError, TypeError, IndexError
        It is not a change of that column.
    """
    if "plus" in change:
        return _added(old, change)
    if "at" not in change:
        if len(change["to"]) != len(old):
            raise ValueError("a column differs in length from its table")
        return list(change["to"])
    cells, place = list(old), -1
    for gap, cell in zip(change["at"], change["to"], strict=True):
        place += gap + 1
        cells[place] = cell
    return cells


def _same(was: object, now: object) -> bool:
    """Return whether two cells have the same JSON: 1, 1.0 and True differ, and so do 0.0 and -0.0."""
    return was is now or (type(was) is type(now) and was == now and (was != 0 or str(was) == str(now)))


def _same_types(old: Cells, new: Cells) -> bool:
    """Return whether equal cells certainly have the same JSON; ``False`` also for floats that may be 0.0 and -0.0."""
    types = list(map(type, new))
    return list(map(type, old)) == types and not (float in types and 0 in new)


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
    """Return whether a value is a multiple of 1/scale that survives the round trip exactly."""
    return abs(value * scale) < _EXACT_BELOW and _same(round(value * scale) / scale, value)


def _added(old: Cells, change: Change) -> Cells:
    per, by = change.get("per"), change.get("by", 1)
    if per is None:
        return [was + n * by if n else was for was, n in zip(old, change["plus"], strict=True)]
    return [(round(was * per) + n) / per if n else was for was, n in zip(old, change["plus"], strict=True)]


Rows = list[dict[str, Any]]
Document = dict[str, Any]


class Level(NamedTuple):
    """One level of the tree."""

    name: str
    children: str | None
    """The field with the rows of the next level; in the table, their number."""
    known_by: tuple[str, ...]
    """The fields that identify a row across snapshots, within one parent."""


LEVELS = (
    Level("jobs", "tasks", ("job_id",)),
    Level("tasks", "workers", ("step_id", "task_id")),
    Level("workers", "threads", ("address",)),
    Level("threads", None, ("native_id",)),
)
UNPLACED = "unplaced_workers"

NESTED = ("used", "transfers")
"""Fields whose nested fields get separate columns, ``used.memory_bytes``; the field itself says if it is present."""


NEW = -1
"""The old position of a new row."""


class Table(NamedTuple):
    """Columns of equal length, and the key of each row."""

    columns: dict[str, list[Any]]
    keys: list[tuple[Any, ...]]


def tables(document: Document) -> dict[str, Table]:
    """Return the four tables of a snapshot; workers outside SLURM come last."""
    rows: Rows = document["jobs"]
    parents: list[tuple[Any, ...]] = [()] * len(rows)
    found = {}
    for level in LEVELS:
        if level.name == "workers":
            outside = document[UNPLACED]
            rows, parents = [*rows, *outside], parents + [()] * len(outside)
        keys = list(_unique_keys(rows, parents, level.known_by))
        found[level.name] = Table(_columns(rows, level.children), keys)
        if level.children is not None:
            parents = [key for row, key in zip(rows, keys, strict=True) for _ in row[level.children]]
            rows = [child for row in rows for child in row[level.children]]
    return found


def runs(places: list[int]) -> list[int]:
    """Encode old positions of rows as ``[first, count, first, count, …]``."""
    found: list[int] = []
    for place in places:
        continues = bool(found) and place == (NEW if found[-2] == NEW else found[-2] + found[-1])
        if continues:
            found[-1] += 1
        else:
            found += [place, 1]
    return found


def places(encoded: list[int], count: int) -> list[int]:
    """Decode old positions of rows; ``count`` is the number of old rows.

    Raises
    ------
    ValueError, TypeError
        There are no such rows.
    """
    found: list[int] = []
    for first, length in zip(encoded[::2], encoded[1::2], strict=True):
        if not (first == NEW or 0 <= first <= first + length <= count) or length > 10_000_000:
            raise ValueError("a run of unknown rows")
        found += [NEW] * length if first == NEW else range(first, first + length)
    return found


def picked(cells: list[Any], found: list[int]) -> list[Any]:
    """Return the cells of a column at these old positions; ``None`` for new rows."""
    return [None if place == NEW else cells[place] for place in found]


def _unique_keys(rows: Rows, parents: list[tuple[Any, ...]], known_by: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
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
    """Return the rows of a table; the field of children still has their number.

    Raises
    ------
    ValueError
        The columns differ in length.
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
    """Return one dictionary per row of these columns.

    Raises
    ------
    ValueError
        The columns differ in length.
    """
    # Not strict in the inner loop: `zip` has created as many cells as there are names.
    names = tuple(columns)
    return [dict(zip(names, cells, strict=False)) for cells in zip(*columns.values(), strict=True)]


SUMMED = {"used.cpu_percent": "cpu_percent", "used.memory_bytes": "memory_bytes"}
"""Columns of the jobs → columns of the workers that they sum; sums of floats are rounded to tenths."""

Columns = Mapping[str, Mapping[str, list[Any]]]


def sums(columns: Columns, field: str) -> list[Any]:
    """Return for each job the sum of the known values of its workers' ``field``; ``None`` if none is known.

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
    total = sum_of_known(cells)
    return round(total, 1) if isinstance(total, float) else total


SHALLOW = ("cluster", "totals")
"""Records encoded field by field."""
WORK = "work"
WORK_TABLES: dict[str, tuple[str, ...]] = {
    "computations": ("id",),
    "task_names": ("name",),
    "running": ("key",),
    "failures": ("key", "at"),
    "activities": ("task_name", "activity"),
}
"""The lists of `Work` that are encoded as tables, and the fields that identify a row."""
_APART = {"taken_at", "jobs", UNPLACED, WORK, *SHALLOW}
OWN_FIELDS = ("since", "left_out")
"""Fields of a delta that a snapshot does not have."""


class DeltaEncoder:
    """Encodes snapshots as deltas to one keyframe.

    Parameters
    ----------
    document
        The keyframe as decoded JSON. It must not be modified afterwards.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self._tables = tables(document)
        self._work_tables = work_tables(document.get(WORK))

    def delta(self, document: Document) -> Document:
        """Return the delta from the keyframe to this snapshot."""
        old = self.document
        delta: Document = {"taken_at": document["taken_at"], "since": old["taken_at"]}
        delta |= {name: value for name, value in document.items() if name not in _APART and value != old.get(name)}
        for name in SHALLOW:
            fields = {
                field: value for field, value in document[name].items() if not _alike(value, old[name].get(field))
            }
            if fields:
                delta[name] = fields
        new = tables(document)
        for name, table in new.items():
            table_delta = _table_delta(self._tables[name], table)
            if table_delta:
                delta[name] = table_delta
        if document.get(WORK) != old.get(WORK):
            delta[WORK] = self._work_delta(document.get(WORK))
        _omit_sums(delta, {name: table.columns for name, table in new.items()})
        return delta

    def _work_delta(self, new: Document | None) -> Document | None:
        old = self.document.get(WORK)
        if old is None or new is None:
            return None if new is None else {"whole": new}
        new_tables = work_tables(new)
        shared = self._work_tables.keys() & new_tables.keys()
        deltas = {name: _table_delta(self._work_tables[name], new_tables[name]) for name in shared}
        return {
            "fields": {name: value for name, value in new.items() if name not in shared and value != old.get(name)},
            "tables": {name: delta for name, delta in deltas.items() if delta},
        }


def work_tables(work: Document | None) -> dict[str, Table]:
    """Return the lists of the work as tables; without those that are unknown."""
    found = {}
    for name, known_by in WORK_TABLES.items():
        rows: Rows | None = (work or {}).get(name)
        if rows is not None:
            found[name] = Table(_columns(rows, None), list(_unique_keys(rows, [()] * len(rows), known_by)))
    return found


def _omit_sums(delta: Document, columns: Columns) -> None:
    """Replace the columns of the jobs that are sums of the workers' by their names."""
    changes = delta.get("jobs", {}).get("columns", {})
    summed = [
        field
        for field, of in SUMMED.items()
        if field in changes and of in columns["workers"] and change(columns["jobs"][field], sums(columns, of)) is None
    ]
    for field in summed:
        del changes[field]
    if summed:
        delta["jobs"]["summed"] = summed


def _alike(value: Any, other: Any) -> bool:
    return change([other], [value]) is None


def _table_delta(old: Table, new: Table) -> Document:
    delta: Document = {}
    if not old.columns or not new.columns or old.columns.keys() != new.columns.keys():
        return {"whole": new.columns} if old.columns or new.columns else {}
    rows: list[int] | None = None
    if old.keys != new.keys:
        place_of = {key: place for place, key in enumerate(old.keys)}
        rows = [place_of.get(key, NEW) for key in new.keys]
        delta["rows"] = runs(rows)
    columns = {field: _change(old.columns[field], cells, rows) for field, cells in new.columns.items()}
    columns = {field: column for field, column in columns.items() if column is not None}
    if columns:
        delta["columns"] = columns
    return delta


def _change(old: Cells, new: Cells, rows: list[int] | None) -> Document | None:
    return change(old if rows is None else picked(old, rows), new)
