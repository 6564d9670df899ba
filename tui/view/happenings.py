"""What happened to jobs and workers, as marks below graphs. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal, NamedTuple

from dasktop.collectors.analysis.failures import unexpected_ends
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.view.history import newest_point, point_at

Happening = Literal["worker died", "job ended", "job started", "job submitted"]


class Mark(NamedTuple):
    """How a happening is shown."""

    character: str
    role: Role


MARKS: dict[Happening, Mark] = {
    "worker died": Mark("×", "bad"),
    "job ended": Mark("▼", "waiting"),
    "job started": Mark("▲", "good"),
    "job submitted": Mark("+", "quiet"),
}
"""If several share a cell, the first one is shown."""
_RANK = {happening: rank for rank, happening in enumerate(MARKS)}


def happenings(snapshot: Snapshot) -> Iterator[tuple[datetime, Happening]]:
    """Yield when jobs of the cluster were submitted, started and ended, and when workers ended unexpectedly."""
    for event in unexpected_ends(snapshot):
        yield event.at, "worker died"
    for job in snapshot.jobs:
        if not job.evidence:
            continue
        if job.submitted_at is not None:
            yield job.submitted_at, "job submitted"
        if job.started_at is not None and job.started_at <= snapshot.taken_at:
            yield job.started_at, "job started"
        if job.fate is not None and job.fate.ended_at is not None:
            yield job.fate.ended_at, "job ended"


def mark_line(snapshot: Snapshot, cells: int, points_per_cell: int) -> list[Piece]:
    """Return a line of marks to show below a graph of the time before a snapshot."""
    newest = newest_point(snapshot)
    shown: dict[int, Happening] = {}
    for at, happening in happenings(snapshot):
        point = min(newest, point_at(at))
        cell = cells - 1 - newest // points_per_cell + point // points_per_cell
        if 0 <= cell < cells and (cell not in shown or _RANK[happening] < _RANK[shown[cell]]):
            shown[cell] = happening
    return [Piece(*MARKS[shown[cell]]) if cell in shown else Piece(" ") for cell in range(cells)]
