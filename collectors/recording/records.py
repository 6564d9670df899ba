"""Snapshots out of a whole one and what has changed since; of all that hasn't, its own parts are taken. Pure.

A day's recording is tens of thousands of snapshots, in each of which most of every job is as it was. So what has
changed is checked column by column, and only the records that it is in are made anew.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, get_type_hints

import msgspec
from msgspec.structs import replace

from dasktop.collectors.jobs import workers_of
from dasktop.collectors.model import Job, Record, Snapshot, Task, Thread, Worker
from dasktop.collectors.recording.column import Cells, changed
from dasktop.collectors.recording.difference import OWN_FIELDS, SHALLOW
from dasktop.collectors.recording.sums import SUMMED, sums
from dasktop.collectors.recording.tables import (
    LEVELS,
    NESTED,
    NEW,
    UNPLACED,
    Document,
    Level,
    Table,
    picked,
    places,
    rows_of,
    tables,
    zipped,
)

_KINDS: dict[str, type[Record]] = {"jobs": Job, "tasks": Task, "workers": Worker, "threads": Thread}
_COLUMN_TYPES: dict[str, dict[str, Any]] = {
    name: {field: list[of_cell] for field, of_cell in get_type_hints(kind).items()}  # type: ignore[valid-type]
    for name, kind in _KINDS.items()
}
_TYPES: dict[str, Any] = {
    name: of_field for name, of_field in get_type_hints(Snapshot).items() if name not in (*_KINDS, UNPLACED)
}


class Whole:
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

    def patched(self, told: Document) -> Snapshot:
        """Return the snapshot that a difference tells of.

        Raises
        ------
        ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError, msgspec.ValidationError
            It is none, or not one against this snapshot.
        """
        changes = {name: _PatchedTable(table, told.get(name, {})) for name, table in self._tables.items()}
        for field in told.get("jobs", {}).get("summed", ()):
            changes["jobs"].put(field, sums(changes, SUMMED[field]))
        values = {
            name: msgspec.convert(self._document[name] | value if name in SHALLOW else value, _TYPES[name])
            for name, value in told.items()
            if name in _TYPES and name not in OWN_FIELDS
        }
        return replace(self.snapshot, **values, **self._tree(changes))

    def _tree(self, changes: Mapping[str, "_PatchedTable"]) -> dict[str, Any]:
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
                below = _records(level, table, old, portions)
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
        self._old = table.columns if self.whole is None else self.whole
        self._made: dict[str, Cells] = {}

    @property
    def has_changed(self) -> bool:
        """Whether anything is otherwise than it was."""
        return bool(self.changes) or self.places is not None or self.whole is not None

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

    def __iter__(self) -> Iterator[str]:
        """Yield the columns' names."""
        return iter(self._old)

    def __len__(self) -> int:
        """Return how many columns there are."""
        return len(self._old)


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
    level: Level, table: _PatchedTable, old: Sequence[Record], portions: Iterable[tuple[Record, ...]]
) -> list[Record]:
    if table.whole is not None:
        rows = rows_of(table.whole)
        return [
            _record(level, row, portion)
            for row, portion in zip(rows, portions if level.children else repeat((), len(rows)), strict=True)
        ]
    types = _COLUMN_TYPES[level.name]
    told = {field: _cells(table, field) for field in dict.fromkeys(name.partition(".")[0] for name in table.changes)}
    told.pop(level.children or "", None)
    values: dict[str, Iterable[Any]] = {
        field: msgspec.convert(cells, types[field]) for field, cells in told.items() if field in types
    }
    if level.children is not None:
        values[level.children] = portions
    names = tuple(values)
    found = table.places if table.places is not None else range(len(old))
    rows_now = zip(*values.values(), strict=True) if values else repeat((), len(found))
    # Not strict where it is many times in a row: `zip` itself has made them as many as there are names.
    return [
        replace(old[place], **dict(zip(names, cells, strict=False)))
        if place != NEW
        else _record(
            level,
            dict.fromkeys(table) | {field: column[number] for field, column in told.items()},
            cells[-1] if level.children else (),
        )
        for number, (place, cells) in enumerate(zip(found, rows_now, strict=True))
    ]


def _record(level: Level, row: Document, portion: tuple[Record, ...]) -> Record:
    """Return one that is new."""
    if level.children is None:
        return msgspec.convert(row, _KINDS[level.name])
    record = msgspec.convert(row | {level.children: ()}, _KINDS[level.name])
    return replace(record, **{level.children: portion})


def _cells(table: _PatchedTable, field: str) -> Cells:
    """Return a field's values; of one with fields of its own, these together."""
    if field not in NESTED:
        return table[field]
    inner = {name.partition(".")[2]: table[name] for name in table if name.startswith(f"{field}.")}
    rows = zipped(inner) if inner else repeat({})
    return [row if is_there else None for is_there, row in zip(table[field], rows, strict=False)]
