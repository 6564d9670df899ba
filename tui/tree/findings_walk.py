"""Where in the tree a finding points to. Pure."""

from collections.abc import Iterable, Sequence

from dasktop.collectors.model import Finding, Worker
from dasktop.tui.tree.rows import Key, Row


def places_of(finding: Finding, rows: Sequence[Row]) -> tuple[Key, ...]:
    """Return the key of the row that a finding is about, after those of all it is in; empty if it has none.

    Parameters
    ----------
    rows
        All that there are, unfolded. Where a worker isn't among them its job is meant, and where a job isn't, as in a
        list of workers, the first row that is in it.
    """
    place = _first(row for row in rows if isinstance(row.shows, Worker) and row.shows.name == finding.worker)
    if place is None and finding.job_id is not None:
        in_job = [row for row in rows if row.job_id == finding.job_id]
        place = _first(row for row in in_job if row.kind == "job") or _first(in_job)
    parents = {row.key: row.parent for row in rows}
    path: list[Key] = []
    while place is not None:
        path.insert(0, place)
        place = parents[place]
    return tuple(path)


def _first(rows: Iterable[Row]) -> Key | None:
    return next((row.key for row in rows), None)
