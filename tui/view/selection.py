"""Which row stays selected when rows are added and removed, and which rows findings refer to. Pure."""

from collections.abc import Collection, Iterable, Sequence

from dasktop.collectors.model.jobs import job_ids_of, worker_names_of
from dasktop.collectors.model.snapshot import Finding
from dasktop.tui.view.row_list import RowList
from dasktop.tui.view.rows import AnyRow, Key, Row


def reselect(old: Sequence[AnyRow], index: int, new: Sequence[AnyRow]) -> int:
    """Return the index of the row to select among the new rows.

    That is the selected row, wherever it is now. If it is gone: its next remaining sibling, else the previous one, else
    its parent and so on upwards; else the row at the same index.
    """
    if not new:
        return 0
    if not old:
        return 0
    if index < len(new) and new[index].key == old[index].key:
        return index
    places = {key: place for place, key in enumerate(keys_of(new))}
    for key in _candidates(old, index):
        if key in places:
            return places[key]
    return min(index, len(new) - 1)


def keys_of(rows: Sequence[AnyRow]) -> Iterable[Key]:
    """Return the keys of rows without making the rows."""
    return rows.keys() if isinstance(rows, RowList) else (row.key for row in rows)


def _candidates(rows: Sequence[AnyRow], index: int) -> Iterable[Key]:
    """Yield the keys to select instead, the best first."""
    row: AnyRow | None = rows[index]
    while row is not None:
        yield row.key
        yield from (rows[place].key for place in range(index + 1, len(rows)) if rows[place].parent == row.parent)
        yield from (rows[place].key for place in range(index - 1, -1, -1) if rows[place].parent == row.parent)
        row, index = _parent(rows, row, index)


def _parent(rows: Sequence[AnyRow], row: AnyRow, index: int) -> tuple[AnyRow | None, int]:
    """Return the parent row and its index; parents come before their children."""
    if row.parent is not None:
        for place in range(index - 1, -1, -1):
            if rows[place].key == row.parent:
                return rows[place], place
    return None, index


def places_of(findings: Iterable[Finding], rows: RowList) -> list[tuple[Key, ...]]:
    """Return the path (keys from the top level down) of each row that findings refer to, in the order of the rows.

    A row that several findings refer to has one path. A finding that refers to none of these rows has none.

    Parameters
    ----------
    rows
        All rows, unfolded. A finding refers to its workers, else to its jobs; for a job without a row, as in a flat
        list of workers, to the first row of that job.
    """
    named = [(worker_names_of(finding), job_ids_of(finding)) for finding in findings]
    names = {name for worker_names, _ in named for name in worker_names}
    workers: dict[str, int] = {}
    for place, worker in rows.workers():
        if worker.name in names:
            workers.setdefault(worker.name, place)
    jobs = _places_of_jobs({job_id for _, job_ids in named for job_id in job_ids}, rows)
    found: set[int] = set()
    for worker_names, job_ids in named:
        meant = [workers[name] for name in worker_names if name in workers]
        found.update(meant or [jobs[job_id] for job_id in job_ids if job_id in jobs])
    return _paths(sorted(found), rows)


def places_of_job(job_id: str, rows: RowList) -> list[tuple[Key, ...]]:
    """Return the path of the row of a job or, without such a row, of its first worker; empty: it is not listed."""
    return _paths(_places_of_jobs({job_id}, rows).values(), rows)


def places_of_key(key: Key, rows: RowList) -> list[tuple[Key, ...]]:
    """Return the path of the row with a key; empty: there is none."""
    return _paths([place for place, found in enumerate(rows.keys()) if found == key], rows)


def next_place(places: Sequence[tuple[Key, ...]], rows: RowList, selected: Key | None, step: int) -> tuple[Key, ...]:
    """Return the place after (step 1) or before (-1) the selected row; beyond the last one, the first.

    Parameters
    ----------
    places
        At least one, in the order of the rows.
    rows
        All rows, unfolded.
    """
    order = {key: index for index, key in enumerate(rows.keys())}
    at = order.get(selected, -1) if selected is not None else -1
    if step > 0:
        return next((place for place in places if order[place[-1]] > at), places[0])
    return next((place for place in reversed(places) if order[place[-1]] < at), places[-1])


def _places_of_jobs(job_ids: Collection[str], rows: RowList) -> dict[str, int]:
    """Return where the rows of these jobs are; of a job without one, its first row."""
    places = {str(key[1]): place for place, key in enumerate(rows.keys()) if key[0] == "job" and key[1] in job_ids}
    if len(places) < len(job_ids):
        for place, row in enumerate(rows):
            if row.of_job in job_ids:
                places.setdefault(str(row.of_job), place)
    return places


def _paths(places: Iterable[int], rows: RowList) -> list[tuple[Key, ...]]:
    """Return the path of the row at each place."""
    if not (found := [rows[place] for place in places]):
        return []
    above = {key: place for place, key in enumerate(rows.keys())}

    def path(row: Row) -> tuple[Key, ...]:
        return (*(path(rows[above[row.parent]]) if row.parent is not None else ()), row.key)

    return [path(row) for row in found]
