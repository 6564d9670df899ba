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
    first. Then each column's change is applied (see `column_change`); the jobs' columns listed in ``summed`` are
    computed from the workers' (`sums`). A table that was or becomes empty is ``{"whole": {FIELD: [cell, …]}}``.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
from msgspec.structs import asdict, astuple

from dasktop.collectors.model.record import Record
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.model.sums import sum_of_known
from dasktop.collectors.recording.column_change import Cells, change

Row = Any
"""A record, or the dictionary that its JSON decodes to."""
Rows = list[dict[str, Any]]
Fields = dict[str, Cells]
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
    """Columns of equal length, and the key of each row with its position."""

    columns: Fields
    keys: dict[Any, int]


def tables(jobs: Sequence[Row], unplaced: Sequence[Row]) -> dict[str, Table]:
    """Return the four tables of a snapshot; workers outside SLURM come last."""
    rows: Sequence[Row] = jobs
    parents: list[Any] = [None] * len(rows)
    found = {}
    for level in LEVELS:
        if level.name == "workers":
            rows, parents = [*rows, *unplaced], parents + [None] * len(unplaced)
        fields = _fields(rows, level.children)
        keys = _unique_keys(fields, parents, level.known_by)
        found[level.name] = Table(_columns(fields, level.children), keys)
        if level.children is not None:
            groups = fields.get(level.children, [])
            parents = [key for key, group in zip(keys, groups, strict=True) for _ in group]
            rows = [row for group in groups for row in group]
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


def picked(cells: Cells, encoded: list[int]) -> Cells:
    """Return the cells of a column at these old positions, encoded as `runs`; ``None`` for new rows."""
    found: Cells = []
    for first, length in zip(encoded[::2], encoded[1::2], strict=True):
        found += [None] * length if first == NEW else cells[first : first + length]
    return found


def _unique_keys(fields: Fields, parents: list[Any], known_by: tuple[str, ...]) -> dict[Any, int]:
    keys: list[Any] = list(zip(parents, *(fields[field] for field in known_by), strict=True)) if fields else []
    found = {key: place for place, key in enumerate(keys)}
    if len(found) == len(keys):
        return found
    seen: Counter[Any] = Counter()
    for place, key in enumerate(keys):
        if seen[key]:
            keys[place] = (*key, seen[key])
        seen[key] += 1
    return {key: place for place, key in enumerate(keys)}


def _fields(rows: Sequence[Row], children: str | None) -> Fields:
    """Return the values of each field as in JSON, except that children are still records if the rows are."""
    if not rows:
        return {}
    first = rows[0]
    if isinstance(first, dict):
        return {field: [row[field] for row in rows] for field in first}
    kind: type[Record] = type(first)
    as_they_are = _plain_fields(kind) | {children}
    return {
        field: list(cells) if field in as_they_are else msgspec.to_builtins(cells)
        for field, cells in zip(kind.__struct_fields__, zip(*map(astuple, rows), strict=True), strict=True)
    }


@cache
def _plain_fields(kind: type[Record]) -> frozenset[str]:
    """Return the fields whose values are the same in JSON, which are most: texts, numbers and ``None``."""
    plain = {str, int, float, bool, NoneType}
    return frozenset(
        field
        for field, hint in get_type_hints(kind).items()
        if all(one in plain or get_origin(one) is Literal for one in get_args(hint) or (hint,))
    )


def _columns(fields: Fields, children: str | None) -> Fields:
    columns: Fields = {}
    for field, cells in fields.items():
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
    workers_of_tasks: Iterator[int] = iter(columns["tasks"].get("workers", ()))
    cells, end, found = columns["workers"][field], 0, []
    for tasks in columns["jobs"]["tasks"]:
        begin, end = end, end + sum(islice(workers_of_tasks, tasks))
        found.append(_sum(cells[begin:end]))
    return found


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
_APART = {"taken_at", WORK, *SHALLOW}
OWN_FIELDS = ("since", "left_out")
"""Fields of a delta that a snapshot does not have."""


class DeltaEncoder:
    """Encodes snapshots as deltas to one keyframe.

    Parameters
    ----------
    snapshot
        The keyframe.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._rest = _rest(snapshot)
        self._tables = tables(snapshot.jobs, snapshot.unplaced_workers)
        self._work_tables = work_tables(self._rest[WORK])

    def delta(self, snapshot: Snapshot) -> Document:
        """Return the delta from the keyframe to this snapshot."""
        old, rest = self._rest, _rest(snapshot)
        delta: Document = {"taken_at": rest["taken_at"], "since": old["taken_at"]}
        delta |= {name: value for name, value in rest.items() if name not in _APART and value != old[name]}
        for name in SHALLOW:
            fields = {field: value for field, value in rest[name].items() if not _alike(value, old[name][field])}
            if fields:
                delta[name] = fields
        new = tables(snapshot.jobs, snapshot.unplaced_workers)
        for name, table in new.items():
            table_delta = _table_delta(self._tables[name], table)
            if table_delta:
                delta[name] = table_delta
        if rest[WORK] != old[WORK]:
            delta[WORK] = self._work_delta(rest[WORK])
        _omit_sums(delta, {name: table.columns for name, table in new.items()})
        return delta

    def _work_delta(self, new: Document | None) -> Document | None:
        old = self._rest[WORK]
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
            fields = _fields(rows, None)
            found[name] = Table(_columns(fields, None), _unique_keys(fields, [None] * len(rows), known_by))
    return found


def _rest(snapshot: Snapshot) -> Document:
    """Return all fields but the jobs and workers, as in JSON."""
    fields = {name: value for name, value in asdict(snapshot).items() if name not in ("jobs", UNPLACED)}
    rest: Document = msgspec.to_builtins(fields)
    return rest


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
    before, fresh = old.columns, []
    if old.keys != new.keys:
        rows = [old.keys.get(key, NEW) for key in new.keys]
        fresh = [row for row, place in enumerate(rows) if place == NEW]
        delta["rows"] = runs(rows)
        before = {field: picked(cells, delta["rows"]) for field, cells in before.items()}
    columns = {field: change(before[field], cells, fresh) for field, cells in new.columns.items()}
    columns = {field: column for field, column in columns.items() if column is not None}
    if columns:
        delta["columns"] = columns
    return delta
