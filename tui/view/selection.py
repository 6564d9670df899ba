"""Which row stays selected when rows are added and removed, and which rows findings refer to. Pure."""

from collections.abc import Iterable, Sequence

from dasktop.collectors.model.jobs import job_ids_of, worker_names_of
from dasktop.collectors.model.snapshot import Finding
from dasktop.tui.view.row_list import RowList
from dasktop.tui.view.rows import AnyRow, JobRow, Key, Row, WorkerRow


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
    keys = new.keys() if isinstance(new, RowList) else (row.key for row in new)
    places = {key: place for place, key in enumerate(keys)}
    for key in _candidates(old, index):
        if key in places:
            return places[key]
    return min(index, len(new) - 1)


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


def places_of(findings: Iterable[Finding], rows: Sequence[Row]) -> list[tuple[Key, ...]]:
    """Return the path (keys from the top level down) of each row that findings refer to, in the order of the rows.

    A row that several findings refer to has one path. A finding that refers to none of these rows has none.

    Parameters
    ----------
    rows
        All rows, unfolded. A finding refers to its workers, else to its jobs; for a job without a row, as in a flat
        list of workers, to the first row of that job.
    """
    parents = {row.key: row.parent for row in rows}
    workers: dict[str, Key] = {}
    jobs: dict[str, Key] = {}
    in_jobs: dict[str, Key] = {}
    for row in rows:
        if isinstance(row, WorkerRow):
            workers.setdefault(row.worker.name, row.key)
        if isinstance(row, JobRow):
            jobs.setdefault(row.job.job_id, row.key)
        if row.of_job is not None:
            in_jobs.setdefault(row.of_job, row.key)
    in_jobs |= jobs

    found: set[Key] = set()
    for finding in findings:
        meant = [workers[name] for name in worker_names_of(finding) if name in workers]
        meant = meant or [in_jobs[job_id] for job_id in job_ids_of(finding) if job_id in in_jobs]
        found.update(meant)
    return [_path(row.key, parents) for row in rows if row.key in found]


def places_of_job(job_id: str, rows: Sequence[Row]) -> list[tuple[Key, ...]]:
    """Return the path of the row of a job or, without such a row, of its first worker; empty: it is not listed."""
    of_job = [row for row in rows if row.of_job == job_id]
    found = next((row for row in of_job if isinstance(row, JobRow)), next(iter(of_job), None))
    return places_of_key(found.key, rows) if found is not None else []


def places_of_key(key: Key, rows: Sequence[Row]) -> list[tuple[Key, ...]]:
    """Return the path of the row with a key; empty: there is none."""
    parents = {row.key: row.parent for row in rows}
    return [_path(key, parents)] if key in parents else []


def next_place(
    places: Sequence[tuple[Key, ...]], rows: Sequence[Row], selected: Key | None, step: int
) -> tuple[Key, ...]:
    """Return the place after (step 1) or before (-1) the selected row; beyond the last one, the first.

    Parameters
    ----------
    places
        At least one, in the order of the rows.
    rows
        All rows, unfolded.
    """
    order = {row.key: index for index, row in enumerate(rows)}
    at = order.get(selected, -1) if selected is not None else -1
    if step > 0:
        return next((place for place in places if order[place[-1]] > at), places[0])
    return next((place for place in reversed(places) if order[place[-1]] < at), places[-1])


def _path(place: Key | None, parents: dict[Key, Key | None]) -> tuple[Key, ...]:
    path: list[Key] = []
    while place is not None:
        path.insert(0, place)
        place = parents[place]
    return tuple(path)
