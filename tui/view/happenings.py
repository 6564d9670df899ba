"""What happened to jobs and workers: as marks below graphs, and in words. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from dasktop.collectors.analysis.failures import unexpected_ends
from dasktop.collectors.model.jobs import squeue_id
from dasktop.collectors.model.snapshot import Job, Snapshot, WorkerEvent
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.view.failures import place_words
from dasktop.tui.view.history import SECONDS_PER_POINT, newest_point, point_at
from dasktop.tui.view.worker_ends import end_words

Kind = Literal["worker died", "job ended", "job started", "job submitted"]


class Mark(NamedTuple):
    """How a kind is shown."""

    character: str
    role: Role


MARKS: dict[Kind, Mark] = {
    "worker died": Mark("×", "bad"),
    "job ended": Mark("▼", "waiting"),
    "job started": Mark("▲", "good"),
    "job submitted": Mark("+", "quiet"),
}
"""If several share a cell, the first one is shown."""
_EVER = datetime.min.replace(tzinfo=UTC)
_RANK = {kind: rank for rank, kind in enumerate(MARKS)}


class Happening(NamedTuple):
    """Something that happened to a job or a worker."""

    at: datetime
    kind: Kind
    to: Job | WorkerEvent

    @property
    def words(self) -> str:
        """What happened, to what; it may contain unprintable characters."""
        if isinstance(self.to, WorkerEvent):
            return end_words(self.to, place_words(self.to))
        job = self.to
        name = " ".join(filter(None, ("job", squeue_id(job), job.name)))
        if self.kind == "job ended" and job.fate is not None:
            return f"{name} ended: {job.fate.explanation or job.fate.state}"
        if self.kind == "job started":
            node = job.nodes[0] if len(job.nodes) == 1 else f"{len(job.nodes)} nodes"
            return f"{name} started on {node}" if job.nodes else f"{name} started"
        return f"{name} was submitted"


def happenings(snapshot: Snapshot, since: datetime = _EVER) -> Iterator[Happening]:
    """Yield when jobs of the cluster were submitted, started and ended, and when workers ended unexpectedly."""
    for event in unexpected_ends(snapshot):
        if event.at >= since:
            yield Happening(event.at, "worker died", event)
    for job in snapshot.jobs:
        if not job.evidence:
            continue
        if job.submitted_at is not None and job.submitted_at >= since:
            yield Happening(job.submitted_at, "job submitted", job)
        if job.started_at is not None and since <= job.started_at <= snapshot.taken_at:
            yield Happening(job.started_at, "job started", job)
        if job.fate is not None and job.fate.ended_at is not None and job.fate.ended_at >= since:
            yield Happening(job.fate.ended_at, "job ended", job)


def legend(marks: Sequence[Piece]) -> list[Piece]:
    """Return the marks of such a line and what they mean."""
    shown = "".join(piece.text for piece in marks)
    return [
        piece
        for kind, (character, role) in MARKS.items()
        if character in shown
        for piece in (Piece(f" {character}", role), Piece(f" {kind}", "quiet"))
    ]


def mark_line(snapshot: Snapshot, cells: int, points_per_cell: int) -> list[Piece]:
    """Return a line of marks to show below a graph of the time before a snapshot."""
    newest = newest_point(snapshot)
    oldest = (newest // points_per_cell - (cells - 1)) * points_per_cell
    since = datetime.fromtimestamp(max(0, oldest) * SECONDS_PER_POINT, UTC)
    shown: dict[int, Kind] = {}
    for at, kind, _ in happenings(snapshot, since):
        point = min(newest, point_at(at))
        cell = cells - 1 - newest // points_per_cell + point // points_per_cell
        if 0 <= cell < cells and (cell not in shown or _RANK[kind] < _RANK[shown[cell]]):
            shown[cell] = kind
    return [Piece(*MARKS[shown[cell]]) if cell in shown else Piece(" ") for cell in range(cells)]
