"""The pages of one job: its script, and its anatomy, which follows the snapshots."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input

from dasktop.collectors.analysis.anatomy.checks import anatomy_of
from dasktop.collectors.model.queries import BatchScript
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.text.patterns import compiled, remark
from dasktop.tui.dialogs.page import Line, Page
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.text_width import printable, wrap
from dasktop.tui.view import help_rows
from dasktop.tui.view.anatomy_lines import anatomy_lines
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.view.hits import NO_MATCH, NO_SEARCH, of_all
from dasktop.tui.widgets.bindings import bound
from dasktop.tui.widgets.pattern_line import SearchLine
from dasktop.tui.widgets.queries import Answered, Queries

_HANGING = 4


class JobScriptPage(Page):
    """The script of one job.

    Parameters
    ----------
    job_id
        Id of the job.
    queries
        For the job script.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *bound(priority=True, leave="back", search="search", search_typed="leave_search"),
        *bound(next_hit="next(1)", previous_hit="next(-1)"),
    ]
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.SCRIPT

    def __init__(self, job_id: str, queries: Queries, glyphs: Glyphs) -> None:
        super().__init__(f"script of job {job_id}", glyphs)
        self._job_id = job_id
        self._queries = queries
        self._script: Sequence[str] = ()
        self._match = -1
        self._search = SearchLine()

    def contents(self) -> ComposeResult:
        """Create the text, and the search line below it."""
        yield from super().contents()
        yield self._search

    def on_mount(self) -> None:
        """Request the script."""
        self._show_message("asking SLURM…", "quiet")
        self._queries.ask(BatchScript(job_id=self._job_id), self)
        self.text.focus()

    def on_answered(self, message: Answered) -> None:
        """Show the script, or the error."""
        answer = message.answer
        if answer.error is not None:
            self._show_message(f"! {answer.error}", "bad")
            return
        self._script = answer.lines
        self.text.show(lambda cells: script_lines(answer.lines, cells, self._glyphs))

    def _show_message(self, message: str, role: Role) -> None:
        self.text.show(lambda cells: [Line([Piece(self._glyphs.encode(line), role)]) for line in wrap(message, cells)])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let the search key type a character while the search line has the focus."""
        del parameters
        return action != "search" or not isinstance(self.focused, Input)

    def action_search(self) -> None:
        """Open the search line."""
        self._search.open()

    def action_leave_search(self) -> None:
        """Return to the text, and keep the search."""
        self.set_focus(self.text)

    def action_back(self) -> None:
        """Close the search; else close the page."""
        if self._search.is_open:
            self._search.close()
            self.set_focus(self.text)
        else:
            self.dismiss(None)

    def on_search_line_changed(self, message: SearchLine.Changed) -> None:
        """Go to the first match as the user types."""
        self._match = -1
        self._search.show_count("")
        if message.pattern:
            self.action_next(1)

    def action_next(self, step: int) -> None:
        """Go to the next line that matches, or the previous one (-1); wrap around."""
        if not self._search.pattern:
            self.refuse(NO_SEARCH)
            return
        sought = compiled(self._search.pattern)
        matches = [number for number, line in enumerate(self._script) if sought.search(line)]
        if not matches:
            self.app.bell()
            self._search.show_count(f"{NO_MATCH}{remark(self._search.pattern)}")
            return
        ahead = (
            [match for match in matches if match > self._match]
            if step > 0
            else [match for match in matches if match < self._match]
        )
        self._match = (ahead or matches)[0 if step > 0 else -1]
        self._search.show_count(of_all(matches.index(self._match) + 1, len(matches)))
        self.text.go_to(self._match)


def script_lines(script: Sequence[str], cells: int, glyphs: Glyphs) -> list[Line]:
    """Return the lines of a script; long lines are wrapped with a hanging indent."""
    lines = []
    for number, text in enumerate(map(printable, script)):
        role: Role = "strong" if text.startswith("#SBATCH") else "quiet" if text.startswith("#") else "text"
        indent = min(len(text) - len(text.lstrip(" ")), cells // 2)
        first, *others = wrap(text.strip(" "), max(8, cells - indent)) or [""]
        rest = wrap(text.strip(" ")[len(first) :].lstrip(" "), max(8, cells - indent - _HANGING)) if others else []
        rows = [" " * indent + first, *(" " * (indent + _HANGING) + row for row in rest)]
        lines += [Line([Piece(glyphs.encode(row), role)], number) for row in rows]
    return lines


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
        super().__init__(f"anatomy of job {job_id}", glyphs)
        self._job_id = job_id
        self._queries = queries
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
