"""Marks in the margin of the rows that findings refer to. Pure."""

from collections.abc import Iterable, Iterator

from dasktop.collectors.model.jobs import job_ids_of, worker_names_of
from dasktop.collectors.model.snapshot import SEVERITIES, Finding, Job, Severity, Task, Worker
from dasktop.tui.draw.piece import Piece
from dasktop.tui.view.finding_words import MARKS, ROLES
from dasktop.tui.view.rows import Row


class RowMarks:
    """The worst finding of each job and worker.

    Parameters
    ----------
    findings
        The findings of a snapshot, the worst first.
    """

    def __init__(self, findings: Iterable[Finding] = ()) -> None:
        self._of_jobs: dict[str, Severity] = {}
        self._of_workers: dict[str, Severity] = {}
        for finding in findings:
            for job_id in job_ids_of(finding):
                self._of_jobs.setdefault(job_id, finding.severity)
            for name in worker_names_of(finding):
                self._of_workers.setdefault(name, finding.severity)

    def mark(self, row: Row) -> Piece | None:
        """Return the mark of the worst finding about a row or anything below it; ``None`` if there is none."""
        if not self._of_jobs and not self._of_workers:
            return None
        worst = max(self._severities(row.shows), key=SEVERITIES.index, default=None)
        return Piece(MARKS[worst], ROLES[worst]) if worst is not None else None

    def _severities(self, shown: object) -> Iterator[Severity]:
        match shown:
            case Job(job_id=job_id) if job_id in self._of_jobs:
                yield self._of_jobs[job_id]
            case Worker(name=name) if name in self._of_workers:
                yield self._of_workers[name]
            case Task(workers=members) | (tuple() as members):
                for member in members:
                    yield from self._severities(member)
