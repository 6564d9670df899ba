"""Decode snapshots from a keyframe and deltas, reusing the keyframe's records where nothing changed. Pure.

A day's recording is tens of thousands of snapshots, in each of which most jobs are unchanged. So changes are validated
column by column, and only the records that changed are created again.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import accumulate, islice, repeat
from typing import Any, get_type_hints

import msgspec
from msgspec.structs import replace

from dasktop.collectors.model.jobs import workers_of
from dasktop.collectors.model.record import Record
from dasktop.collectors.model.snapshot import Job, Snapshot, Task, Thread, Worker
from dasktop.collectors.recording.column_change import Cells, changed
from dasktop.collectors.recording.delta import (
    LEVELS,
    NESTED,
    NEW,
    OWN_FIELDS,
    SHALLOW,
    SUMMED,
    UNPLACED,
    WORK,
    Document,
    Level,
    Rows,
    Table,
    picked,
    places,
    rows_of,
    sums,
    tables,
    work_tables,
    zipped,
)

_KINDS: dict[str, type[Record]] = {"jobs": Job, "tasks": Task, "workers": Worker, "threads": Thread}
_COLUMN_TYPES: dict[str, dict[str, Any]] = {
    name: {field: list[of_cell] for field, of_cell in get_type_hints(kind).items()}  # type: ignore[valid-type]
    for name, kind in _KINDS.items()
}
_PLACING = (("jobs", "job_id"), ("jobs", "tasks"), ("tasks", "workers"))
"""The columns that determine which job each worker is in."""
_TYPES: dict[str, Any] = {
    name: of_field for name, of_field in get_type_hints(Snapshot).items() if name not in (*_KINDS, UNPLACED)
}

Fields = Mapping[str, Container[str]]
"""Fields, by level of the tree."""


WorkerMemory = tuple[str | None, int | None, int | None, int | None]
"""A worker's job id, and its memory, memory limit and spilled data, in bytes."""


class Keyframe:
    """A full snapshot that deltas apply to.

    Parameters
    ----------
    snapshot
        The snapshot.
    document
        The same as decoded JSON.
    """

    def __init__(self, snapshot: Snapshot, document: Document) -> None:
        self.snapshot = snapshot
        self._document = document
        self._tables = tables(document["jobs"], document[UNPLACED])
        self._work_tables: dict[str, Table] | None = None
        tasks = [task for job in snapshot.jobs for task in job.tasks]
        workers = [worker for job in snapshot.jobs for worker in workers_of(job)] + list(snapshot.unplaced_workers)
        threads = [thread for worker in workers for thread in worker.threads]
        self._records: dict[str, Sequence[Record]] = {
            "jobs": snapshot.jobs,
            "tasks": tasks,
            "workers": workers,
            "threads": threads,
        }
        self._placed: tuple[list[Any], list[str | None]] | None = None
        """The job that each worker is in, and the changes of the last delta that it was computed from."""

    def patched(self, delta: Document, fields: Fields | None = None) -> Snapshot:
        """Return the snapshot of a delta.

        Parameters
        ----------
        delta
            The delta.
        fields
            For ``jobs``, ``tasks``, ``workers`` and ``threads``, which of their fields are needed, to save time: in
            records of the keyframe, other fields keep its values. ``None``: all.

        Raises
        ------
        ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError, msgspec.ValidationError
            It is not a delta, or not to this keyframe.
        """
        changes = {name: _PatchedTable(table, delta.get(name, {})) for name, table in self._tables.items()}
        if fields is None or "used" in fields["jobs"]:
            for field in delta.get("jobs", {}).get("summed", ()):
                changes["jobs"].put(field, sums(changes, SUMMED[field]))
        values: dict[str, Any] = {
            name: msgspec.convert(self._document[name] | value if name in SHALLOW else value, _TYPES[name])
            for name, value in delta.items()
            if name in _TYPES and name not in (*OWN_FIELDS, WORK)
        }
        if WORK in delta:
            values[WORK] = msgspec.convert(self._work(delta[WORK]), _TYPES[WORK])
        return replace(self.snapshot, **values, **self._tree(changes, fields))

    def memory_of_workers(self, delta: Document) -> tuple[WorkerMemory, ...]:
        """Return the memory of each worker in a delta's snapshot, without decoding the rest.

        Raises
        ------
        ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError, msgspec.ValidationError
            It is not a delta, or not to this keyframe.
        """
        changes = {
            name: _PatchedTable(self._tables[name], delta.get(name, {})) for name in ("jobs", "tasks", "workers")
        }
        workers = changes["workers"]
        if not len(workers):
            return ()
        memory, limits, spilled = (
            msgspec.convert(workers[field], list[int | None])
            for field in ("memory_bytes", "memory_limit_bytes", "spilled_bytes")
        )
        placing = [(delta.get(name, {}).get("rows"), delta.get(name, {}).get("whole")) for name in changes]
        placing += [delta.get(name, {}).get("columns", {}).get(field) for name, field in _PLACING]
        if self._placed is None or self._placed[0] != placing:  # unchanged for minutes
            self._placed = placing, _job_ids(changes["jobs"], changes["tasks"], len(memory))
        return tuple(zip(self._placed[1], memory, limits, spilled, strict=True))

    def _work(self, delta: Document | None) -> Document | None:
        """Return the work of a delta's snapshot."""
        if delta is None or "whole" in delta:
            return None if delta is None else delta["whole"]
        if self._work_tables is None:
            self._work_tables = work_tables(self._document[WORK])
        changes = {name: _PatchedTable(self._work_tables[name], change) for name, change in delta["tables"].items()}
        patched = {name: rows_of({field: table[field] for field in table}) for name, table in changes.items()}
        return {**self._document[WORK], **delta["fields"], **patched}

    def _tree(self, changes: Mapping[str, "_PatchedTable"], fields: Fields | None) -> dict[str, Any]:
        """Return the jobs with their contents, and the workers outside SLURM, if any of them changed."""
        below: Sequence[Record] = ()
        unplaced: Sequence[Record] = self.snapshot.unplaced_workers
        has_changed = False
        for level in reversed(LEVELS):
            table, old = changes[level.name], self._records[level.name]
            has_changed = has_changed or table.has_changed
            if has_changed:
                portions, rest = _portions(level, table, below)
                if level.name == "tasks":
                    unplaced = rest
                elif rest:
                    raise ValueError(f"the {level.children} do not match the counts of the {level.name}")
                below = _records(level, table, old, portions, None if fields is None else fields[level.name])
            else:
                below = old
        return {"jobs": tuple(below), UNPLACED: tuple(unplaced)} if has_changed else {}


class _PatchedTable(Mapping[str, Cells]):
    """A table with a delta applied; computes its columns on access."""

    def __init__(self, table: Table, delta: Document) -> None:
        self.whole: dict[str, Cells] | None = dict(delta["whole"]) if "whole" in delta else None
        self.changes: dict[str, Document] = {} if self.whole is not None else dict(delta.get("columns", {}))
        self.places: list[int] | None = None
        """The old position of each row; ``None``: the rows are unchanged."""
        self._runs: list[int] = []
        if self.whole is None and "rows" in delta:
            self._runs = delta["rows"]
            self.places = places(self._runs, len(table.keys))
        self.new = [number for number, place in enumerate(self.places or ()) if place == NEW]
        """The rows that are new."""
        self._old = table.columns if self.whole is None else self.whole
        self._made: dict[str, Cells] = {}
        if not self.changes.keys() <= self._old.keys():
            raise KeyError("unknown column")

    @property
    def has_changed(self) -> bool:
        """Whether anything changed."""
        return bool(self.changes) or self.has_moved

    @property
    def has_moved(self) -> bool:
        """Whether rows were moved, added or removed."""
        return self.places is not None or self.whole is not None

    @property
    def fields_of_old_rows(self) -> list[str]:
        """The fields that changed in old rows; a field with nested fields is listed once."""
        new = frozenset(self.new)
        names = (
            name for name, change in self.changes.items() if "at" not in change or not new.issuperset(_rows_at(change))
        )
        return list(dict.fromkeys(name.partition(".")[0] for name in names))

    def put(self, field: str, cells: Cells) -> None:
        """Set a column that the delta does not contain."""
        if self.whole is not None:
            self.whole[field] = cells
        else:
            self.changes[field] = {}
        self._made[field] = cells

    def __getitem__(self, field: str) -> Cells:
        """Return the current column."""
        if field not in self._made:
            cells = self._old[field]
            if self.places is not None:
                cells = picked(cells, self._runs)
            self._made[field] = changed(cells, self.changes[field]) if field in self.changes else cells
        return self._made[field]

    def new_cells(self, field: str) -> Cells:
        """Return a column's cells in the new rows, usually without computing the whole column."""
        change = self.changes.get(field)
        if change is None:
            return [None] * len(self.new)
        if field in self._made or "to" not in change:
            return [self[field][number] for number in self.new]
        if "at" not in change:
            return [change["to"][number] for number in self.new]
        at = dict(zip(_rows_at(change), change["to"], strict=True))
        return [at.get(number) for number in self.new]

    def __iter__(self) -> Iterator[str]:
        """Yield the column names."""
        return iter(self._old)

    def __len__(self) -> int:
        """Return the number of columns."""
        return len(self._old)


def _rows_at(change: Document) -> Iterator[int]:
    """Yield the rows that a column's change contains."""
    return accumulate(change["at"], lambda place, gap: place + 1 + gap)


def _job_ids(jobs: _PatchedTable, tasks: _PatchedTable, workers: int) -> list[str | None]:
    """Return the job id of each worker; ``None``: it is in no job."""
    counts = iter(tasks.get("workers", ()))
    found: list[str | None] = []
    if len(jobs):
        for job_id, number in zip(msgspec.convert(jobs["job_id"], list[str]), jobs["tasks"], strict=True):
            count = sum(islice(counts, number))
            if count > workers - len(found):
                raise ValueError("the workers do not match the counts of the tasks")
            found += [job_id] * count
    return found + [None] * (workers - len(found))


def _portions(
    level: Level, table: _PatchedTable, below: Sequence[Record]
) -> tuple[list[tuple[Record, ...]], Sequence[Record]]:
    """Return the children of each row, and the rest."""
    used = 0
    portions = []
    if level.children is not None and len(table):
        for count in table[level.children]:
            if not 0 <= count <= len(below) - used:
                raise ValueError(f"the {level.children} do not match the counts of the {level.name}")
            portions.append(tuple(below[used : used + count]))
            used += count
    return portions, below[used:]


def _records(
    level: Level,
    table: _PatchedTable,
    old: Sequence[Record],
    portions: Sequence[tuple[Record, ...]],
    fields: Container[str] | None,
) -> list[Record]:
    if table.whole is not None:
        return _new_records(level, rows_of(table.whole), portions)
    types = _COLUMN_TYPES[level.name]
    values: dict[str, Sequence[Any]] = {
        field: msgspec.convert(_cells(table, field), types[field])
        for field in table.fields_of_old_rows
        if field in types and field != level.children and (fields is None or field in fields)
    }
    if level.children is not None:
        values[level.children] = portions
    found = table.places if table.places is not None else range(len(old))
    names, rows = tuple(values), zip(*values.values(), strict=True) if values else repeat((), len(found))
    new = iter(_new_records(level, *_new_rows(level, table, portions)))
    # Not strict in the inner loop: `zip` has created as many cells as there are names.
    return [
        next(new) if place == NEW else replace(old[place], **dict(zip(names, cells, strict=False)))
        for place, cells in zip(found, rows, strict=True)
    ]


def _new_rows(
    level: Level, table: _PatchedTable, portions: Sequence[tuple[Record, ...]]
) -> tuple[Rows, list[tuple[Record, ...]]]:
    """Return the new rows, and the children of each."""
    if not table.new:
        return [], []
    rows = rows_of({field: table.new_cells(field) for field in table})
    return rows, [portions[number] for number in table.new] if level.children else []


def _new_records(level: Level, rows: Rows, portions: Sequence[tuple[Record, ...]]) -> list[Record]:
    kind = _KINDS[level.name]
    if level.children is None:
        return msgspec.convert(rows, list[kind])  # type: ignore[valid-type]
    records = msgspec.convert([row | {level.children: ()} for row in rows], list[kind])  # type: ignore[valid-type]
    return [replace(record, **{level.children: portion}) for record, portion in zip(records, portions, strict=True)]


def _cells(table: _PatchedTable, field: str) -> Cells:
    """Return a field's values; nested fields are combined into objects."""
    if field not in NESTED:
        return table[field]
    inner = {name.partition(".")[2]: table[name] for name in table if name.startswith(f"{field}.")}
    rows = zipped(inner) if inner else repeat({})
    return [row if is_there else None for is_there, row in zip(table[field], rows, strict=False)]
