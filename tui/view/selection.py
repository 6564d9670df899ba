"""Where the selection goes when rows come and go. Pure."""

from collections.abc import Iterable, Sequence

from dasktop.collectors.model.jobs import job_ids_of, worker_names_of
from dasktop.collectors.model.snapshot import Finding, Worker
from dasktop.tui.view.rows import Key, Row


def reselect(old: Sequence[Row], index: int, new: Sequence[Row]) -> int:
    """Return the row to select among the new ones.

    The row that was selected, wherever it is now. If it is gone: the next of its siblings that is still there, else
    the one before it, else its parent and so on upwards; else the row that is now where it was.
    """
    if not new:
        return 0
    if not old:
        return 0
    if index < len(new) and new[index].key == old[index].key:
        return index
    places = {row.key: place for place, row in enumerate(new)}
    for key in _heirs(old, index):
        if key in places:
            return places[key]
    return min(index, len(new) - 1)


def _heirs(rows: Sequence[Row], index: int) -> Iterable[Key]:
    """Yield the keys that may take over, best first."""
    row: Row | None = rows[index]
    while row is not None:
        yield row.key
        yield from (other.key for other in rows[index + 1 :] if other.parent == row.parent)
        yield from (rows[place].key for place in range(index - 1, -1, -1) if rows[place].parent == row.parent)
        row, index = _parent(rows, row, index)


def _parent(rows: Sequence[Row], row: Row, index: int) -> tuple[Row | None, int]:
    """Return the parent and where it is; it stands above its children."""
    if row.parent is not None:
        for place in range(index - 1, -1, -1):
            if rows[place].key == row.parent:
                return rows[place], place
    return None, index


def places_of(findings: Iterable[Finding], rows: Sequence[Row]) -> list[tuple[Key, ...]]:
    """Return the keys of the rows that findings are about, one finding's after the other's.

    Each comes after the keys of all it is in. A finding that is about nothing here has none.

    Parameters
    ----------
    rows
        All that there are, unfolded. Where none of a finding's workers is among them its jobs are meant, and where a
        job isn't, as in a list of workers, the first row that is in it.
    """
    parents = {row.key: row.parent for row in rows}
    workers: dict[str, Key] = {}
    jobs: dict[str, Key] = {}
    in_jobs: dict[str, Key] = {}
    for row in rows:
        if isinstance(row.shows, Worker):
            workers.setdefault(row.shows.name, row.key)
        if row.job_id is not None:
            in_jobs.setdefault(row.job_id, row.key)
            if row.kind == "job":
                jobs.setdefault(row.job_id, row.key)
    in_jobs |= jobs

    places = []
    for finding in findings:
        meant = [workers[name] for name in worker_names_of(finding) if name in workers]
        meant = meant or [in_jobs[job_id] for job_id in job_ids_of(finding) if job_id in in_jobs]
        places += [_path(key, parents) for key in dict.fromkeys(meant)]
    return places


def _path(place: Key | None, parents: dict[Key, Key | None]) -> tuple[Key, ...]:
    path: list[Key] = []
    while place is not None:
        path.insert(0, place)
        place = parents[place]
    return tuple(path)
