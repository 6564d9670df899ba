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

from dasktop.collectors.recording.column import Cells, change
from dasktop.collectors.recording.sums import SUMMED, Columns, sums
from dasktop.collectors.recording.tables import NEW, UNPLACED, Document, Table, picked, runs, tables

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
