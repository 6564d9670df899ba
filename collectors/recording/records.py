"""Snapshots out of a whole one and what has changed since; of all that hasn't, its own parts are taken. Pure.

A day's recording is tens of thousands of snapshots, in each of which most of every job is as it was. So what has
changed is checked column by column, and only the records that it is in are made anew.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import accumulate, islice, repeat
from typing import Any, get_type_hints

import msgspec
from msgspec.structs import replace

from dasktop.collectors.model.jobs import workers_of
from dasktop.collectors.model.snapshot import Job, Record, Snapshot, Task, Thread, Worker
from dasktop.collectors.recording.delta import (
    LEVELS,
    NESTED,
    NEW,
    OWN_FIELDS,
    SHALLOW,
    SUMMED,
    UNPLACED,
    Cells,
    Document,
    Level,
    Rows,
    Table,
    changed,
    picked,
    places,
    rows_of,
    sums,
    tables,
    zipped,
)

_KINDS: dict[str, type[Record]] = {"jobs": Job, "tasks": Task, "workers": Worker, "threads": Thread}
_COLUMN_TYPES: dict[str, dict[str, Any]] = {
    name: {field: list[of_cell] for field, of_cell in get_type_hints(kind).items()}  # type: ignore[valid-type]
    for name, kind in _KINDS.items()
}
_PLACING = (("jobs", "job_id"), ("jobs", "tasks"), ("tasks", "workers"))
"""The columns by which one knows what is where."""
_TYPES: dict[str, Any] = {
    name: of_field for name, of_field in get_type_hints(Snapshot).items() if name not in (*_KINDS, UNPLACED)
}

Fields = Mapping[str, Container[str]]
"""By level of the tree, some fields."""


Held = tuple[str | None, int | None, int | None, int | None]
"""What a worker holds: the job that it is in, and its memory, its limit and what it has spilled, in bytes."""


class Keyframe:
    """A whole snapshot that others are told against.

    Parameters
    ----------
    snapshot
        The snapshot.
    document
        The same as what JSON knows.
    """

    def __init__(self, snapshot: Snapshot, document: Document) -> None:
        self.snapshot = snapshot
        self._document = document
        self._tables = tables(document)
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
        """The job that each worker is in, by what the latest difference told of that."""

    def patched(self, told: Document, fields: Fields | None = None) -> Snapshot:
        """Return the snapshot that a difference tells of.

        Parameters
        ----------
        told
            The difference.
        fields
            For ``jobs``, ``tasks``, ``workers`` and ``threads``, which of their fields are needed, to save the time
            for others: those are as in the whole snapshot where they have changed. ``None``: all.

        Raises
        ------
        ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError, msgspec.ValidationError
            It is none, or not one against this snapshot.
        """
        changes = {name: _PatchedTable(table, told.get(name, {})) for name, table in self._tables.items()}
        if fields is None or "used" in fields["jobs"]:
            for field in told.get("jobs", {}).get("summed", ()):
                changes["jobs"].put(field, sums(changes, SUMMED[field]))
        values = {
            name: msgspec.convert(self._document[name] | value if name in SHALLOW else value, _TYPES[name])
            for name, value in told.items()
            if name in _TYPES and name not in OWN_FIELDS
        }
        return replace(self.snapshot, **values, **self._tree(changes, fields))

    def held(self, told: Document) -> tuple[Held, ...]:
        """Return what each worker holds in memory in the snapshot that a difference tells of: a small part of the work.

        Raises
        ------
        ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError, msgspec.ValidationError
            It is none, or not one against this snapshot.
        """
        changes = {name: _PatchedTable(self._tables[name], told.get(name, {})) for name in ("jobs", "tasks", "workers")}
        workers = changes["workers"]
        if not len(workers):
            return ()
        memory, limits, spilled = (
            msgspec.convert(workers[field], list[int | None])
            for field in ("memory_bytes", "memory_limit_bytes", "spilled_bytes")
        )
        told_of_places = [(told.get(name, {}).get("rows"), told.get(name, {}).get("whole")) for name in changes]
        told_of_places += [told.get(name, {}).get("columns", {}).get(field) for name, field in _PLACING]
        if self._placed is None or self._placed[0] != told_of_places:  # they are the same ones for minutes
            self._placed = told_of_places, _job_ids(changes["jobs"], changes["tasks"], len(memory))
        return tuple(zip(self._placed[1], memory, limits, spilled, strict=True))

    def _tree(self, changes: Mapping[str, "_PatchedTable"], fields: Fields | None) -> dict[str, Any]:
        """Return the jobs with all that is in them, and the workers outside SLURM, if anything of them has changed."""
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
                    raise ValueError(f"the {level.children} are not as many as the {level.name} say")
                below = _records(level, table, old, portions, None if fields is None else fields[level.name])
            else:
                below = old
        return {"jobs": tuple(below), UNPLACED: tuple(unplaced)} if has_changed else {}


class _PatchedTable(Mapping[str, Cells]):
    """A table with a difference on it; its columns are made when they are asked for."""

    def __init__(self, table: Table, told: Document) -> None:
        self.whole: dict[str, Cells] | None = dict(told["whole"]) if "whole" in told else None
        self.changes: dict[str, Document] = {} if self.whole is not None else dict(told.get("columns", {}))
        self.places: list[int] | None = None
        """Where each row was; ``None``: the rows are the same ones."""
        if self.whole is None and "rows" in told:
            self.places = places(told["rows"], len(table.keys))
        self.new = [number for number, place in enumerate(self.places or ()) if place == NEW]
        """The rows that were not there before."""
        self._old = table.columns if self.whole is None else self.whole
        self._made: dict[str, Cells] = {}
        if not self.changes.keys() <= self._old.keys():
            raise KeyError("a column that isn't there")

    @property
    def has_changed(self) -> bool:
        """Whether anything is otherwise than it was."""
        return bool(self.changes) or self.has_moved

    @property
    def has_moved(self) -> bool:
        """Whether its rows are others than they were."""
        return self.places is not None or self.whole is not None

    @property
    def fields_of_old_rows(self) -> list[str]:
        """The fields that have changed in rows that were there before; one that has fields of its own, once."""
        new = frozenset(self.new)
        names = (name for name, told in self.changes.items() if "at" not in told or not new.issuperset(_rows_at(told)))
        return list(dict.fromkeys(name.partition(".")[0] for name in names))

    def put(self, field: str, cells: Cells) -> None:
        """Take in a column that the difference tells nothing of."""
        if self.whole is not None:
            self.whole[field] = cells
        else:
            self.changes[field] = {}
        self._made[field] = cells

    def __getitem__(self, field: str) -> Cells:
        """Return a column as it is now."""
        if field not in self._made:
            cells = self._old[field]
            if self.places is not None:
                cells = picked(cells, self.places)
            self._made[field] = changed(cells, self.changes[field]) if field in self.changes else cells
        return self._made[field]

    def new_cells(self, field: str) -> Cells:
        """Return a column's cells in the new rows, mostly without making the whole column."""
        told = self.changes.get(field)
        if told is None:
            return [None] * len(self.new)
        if field in self._made or "to" not in told:
            return [self[field][number] for number in self.new]
        if "at" not in told:
            return [told["to"][number] for number in self.new]
        at = dict(zip(_rows_at(told), told["to"], strict=True))
        return [at.get(number) for number in self.new]

    def __iter__(self) -> Iterator[str]:
        """Yield the columns' names."""
        return iter(self._old)

    def __len__(self) -> int:
        """Return how many columns there are."""
        return len(self._old)


def _rows_at(told: Document) -> Iterator[int]:
    """Yield the rows that a column's change names."""
    return accumulate(told["at"], lambda place, gap: place + 1 + gap)


def _job_ids(jobs: _PatchedTable, tasks: _PatchedTable, workers: int) -> list[str | None]:
    """Return for each worker the job that it is in; ``None``: it is in none."""
    counts = iter(tasks.get("workers", ()))
    found: list[str | None] = []
    if len(jobs):
        for job_id, number in zip(msgspec.convert(jobs["job_id"], list[str]), jobs["tasks"], strict=True):
            count = sum(islice(counts, number))
            if count > workers - len(found):
                raise ValueError("the workers are not as many as the tasks say")
            found += [job_id] * count
    return found + [None] * (workers - len(found))


def _portions(
    level: Level, table: _PatchedTable, below: Sequence[Record]
) -> tuple[list[tuple[Record, ...]], Sequence[Record]]:
    """Return what is below each row, and what is left."""
    used = 0
    portions = []
    if level.children is not None and len(table):
        for count in table[level.children]:
            if not 0 <= count <= len(below) - used:
                raise ValueError(f"the {level.children} are not as many as the {level.name} say")
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
    # Not strict where it is many times in a row: `zip` itself has made them as many as there are names.
    return [
        next(new) if place == NEW else replace(old[place], **dict(zip(names, cells, strict=False)))
        for place, cells in zip(found, rows, strict=True)
    ]


def _new_rows(
    level: Level, table: _PatchedTable, portions: Sequence[tuple[Record, ...]]
) -> tuple[Rows, list[tuple[Record, ...]]]:
    """Return the rows that were not there before, and what is below each."""
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
    """Return a field's values; of one with fields of its own, these together."""
    if field not in NESTED:
        return table[field]
    inner = {name.partition(".")[2]: table[name] for name in table if name.startswith(f"{field}.")}
    rows = zipped(inner) if inner else repeat({})
    return [row if is_there else None for is_there, row in zip(table[field], rows, strict=False)]
