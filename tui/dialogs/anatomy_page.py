"""The anatomy page of a job: what was requested, the script, the allocation and what runs. Follows the snapshots."""

from typing import ClassVar

from textual.binding import BindingType

from dasktop.collectors.analysis.anatomy.checks import anatomy_of
from dasktop.collectors.model.queries import BatchScript
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.tui.dialogs.job_script import JobScriptPage
from dasktop.tui.dialogs.page import Line, Page
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.view.anatomy_lines import anatomy_lines
from dasktop.tui.widgets.bindings import bound
from dasktop.tui.widgets.queries import Answered, Queries


class AnatomyPage(Page):
    """The anatomy of one job.

    Parameters
    ----------
    snapshot
        A snapshot that contains the job.
    job_id
        Id of the job.
    queries
        For the job script.
    """

    BINDINGS: ClassVar[list[BindingType]] = bound(job_script=("script", "job script"))

    def __init__(self, snapshot: Snapshot, job_id: str, queries: Queries, glyphs: Glyphs) -> None:
        super().__init__(f"anatomy of job {job_id}")
        self._job_id = job_id
        self._queries = queries
        self._glyphs = glyphs
        self._script: tuple[str, ...] | None = None
        self._remark = "asking SLURM for the script…"
        self._snapshot = snapshot

    def on_mount(self) -> None:
        """Request the script; show what is known without it."""
        self._queries.ask(BatchScript(job_id=self._job_id), self)
        self.show(self._snapshot)

    def on_answered(self, message: Answered) -> None:
        """Show the script's part, or why it is missing."""
        if message.answer.error is None:
            self._script, self._remark = message.answer.lines, ""
        else:
            self._remark = message.answer.error
        self.show(self._snapshot)

    def show(self, snapshot: Snapshot) -> None:
        """Compare with this snapshot; if the job is gone from it, keep the last state."""
        job = next((job for job in snapshot.jobs if job.job_id == self._job_id), None)
        if job is None:
            return
        self._snapshot = snapshot
        anatomy = anatomy_of(snapshot, job, self._script)
        self.text.show(
            lambda cells: [Line(pieces) for pieces in anatomy_lines(anatomy, self._remark, cells, self._glyphs)]
        )

    def action_script(self) -> None:
        """Show the job script."""
        self.app.push_screen(JobScriptPage(self._job_id, self._queries, self._glyphs))
