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
    The tables of `dasktop.collectors.recording.tables`, each ``{"rows": …, "columns": {FIELD: change}}`` and absent if
    nothing has changed. ``rows``, if they are not the same ones, are runs of old rows, ``[first, count, …]``; -1 as
    first means new rows, all of whose cells are null to begin with. Then each column's change is applied, see
    `dasktop.collectors.recording.column`; those of the jobs that are ``summed`` follow from the workers', see
    `dasktop.collectors.recording.sums`. A table that was empty, or is now, is ``{"whole": {FIELD: [cell, …]}}``.
"""

from typing import Any

from dasktop.collectors.recording.column import Cells, change, changed
from dasktop.collectors.recording.sums import SUMMED, Columns, sums
from dasktop.collectors.recording.tables import LEVELS, UNPLACED, Document, Table, tables, tree

_SHALLOW = ("cluster", "totals")
_APART = {"taken_at", "jobs", UNPLACED, *_SHALLOW}
OWN_FIELDS = ("since", "left_out")
"""What a difference has that a snapshot hasn't."""

_NEW = -1


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
        for name in _SHALLOW:
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

    def patched(self, told: Document) -> Document:
        """Return the snapshot that a difference tells of.

        Raises
        ------
        ValueError, KeyError, TypeError, IndexError, AttributeError
            It is none, or not one against this snapshot.
        """
        names = {level.name for level in LEVELS}
        document = self.document | {
            name: value for name, value in told.items() if name not in names and name not in OWN_FIELDS
        }
        for name in _SHALLOW:
            document[name] = self.document[name] | told.get(name, {})
        columns = {name: _patched_table(table, told.get(name, {})) for name, table in self._tables.items()}
        for field in told.get("jobs", {}).get("summed", ()):
            columns["jobs"][field] = sums(columns, SUMMED[field])
        jobs, unplaced = tree(columns)
        return document | {"jobs": jobs, UNPLACED: unplaced}


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
        rows = [place_of.get(key, _NEW) for key in new.keys]
        told["rows"] = _runs(rows)
    columns = {field: _change(old.columns[field], cells, rows) for field, cells in new.columns.items()}
    columns = {field: column for field, column in columns.items() if column is not None}
    if columns:
        told["columns"] = columns
    return told


def _change(old: Cells, new: Cells, rows: list[int] | None) -> Document | None:
    return change(old if rows is None else _picked(old, rows), new)


def _patched_table(table: Table, told: Document) -> dict[str, Cells]:
    if "whole" in told:
        return dict(told["whole"])
    rows = _places(told["rows"], len(table.keys)) if "rows" in told else None
    columns = {field: cells if rows is None else _picked(cells, rows) for field, cells in table.columns.items()}
    for field, column in told.get("columns", {}).items():
        columns[field] = changed(columns[field], column)
    return columns


def _picked(cells: Cells, rows: list[int]) -> Cells:
    return [None if place == _NEW else cells[place] for place in rows]


def _runs(rows: list[int]) -> list[int]:
    """Return ``[first, count, first, count, …]``."""
    runs: list[int] = []
    for place in rows:
        continues = bool(runs) and place == (_NEW if runs[-2] == _NEW else runs[-2] + runs[-1])
        if continues:
            runs[-1] += 1
        else:
            runs += [place, 1]
    return runs


def _places(runs: list[int], count: int) -> list[int]:
    places: list[int] = []
    for first, length in zip(runs[::2], runs[1::2], strict=True):
        if not (first == _NEW or 0 <= first <= first + length <= count) or length > 10_000_000:
            raise ValueError("a run of rows that aren't there")
        places += [_NEW] * length if first == _NEW else range(first, first + length)
    return places
