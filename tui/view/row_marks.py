"""Marks in the margin of the rows that findings refer to. Pure."""

from collections.abc import Iterable, Iterator

from dasktop.collectors.model.jobs import job_ids_of, worker_names_of
from dasktop.collectors.model.snapshot import SEVERITIES, Finding, Job, Severity
from dasktop.tui.draw.piece import Piece
from dasktop.tui.view.findings import MARKS, ROLES
from dasktop.tui.view.rows import (
    ArrayRow,
    EarlierRow,
    JobRow,
    OthersRow,
    OutsideRow,
    Row,
    TaskRow,
    WorkerRow,
    workers_of_row,
)


class RowMarks:
    """The worst finding of each job and worker.

    Parameters
    ----------
    findings
        The findings of a snapshot.
    """

    def __init__(self, findings: Iterable[Finding] = ()) -> None:
        self._of_jobs: dict[str, Severity] = {}
        self._of_workers: dict[str, Severity] = {}
        for finding in sorted(findings, key=lambda one: -SEVERITIES.index(one.severity)):
            for job_id in job_ids_of(finding):
                self._of_jobs.setdefault(job_id, finding.severity)
            for name in worker_names_of(finding):
                self._of_workers.setdefault(name, finding.severity)

    def mark(self, row: Row) -> Piece | None:
        """Return the mark of the worst finding about a row or anything below it; ``None`` if there is none."""
        if not self._of_jobs and not self._of_workers:
            return None
        worst = max(self._severities(row), key=SEVERITIES.index, default=None)
        return Piece(MARKS[worst], ROLES[worst]) if worst is not None else None

    def _severities(self, row: Row) -> Iterator[Severity]:
        match row:
            case JobRow():
                yield from self._about_jobs((row.job,))
            case ArrayRow() | EarlierRow() | OthersRow():
                yield from self._about_jobs(row.jobs)
            case TaskRow() | WorkerRow() | OutsideRow():
                for worker in workers_of_row(row):
                    if worker.name in self._of_workers:
                        yield self._of_workers[worker.name]
            case _:
                return

    def _about_jobs(self, jobs: Iterable[Job]) -> Iterator[Severity]:
        return (self._of_jobs[job.job_id] for job in jobs if job.job_id in self._of_jobs)
