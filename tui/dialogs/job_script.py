"""The page with a job's script, as it was submitted, and a search in it."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input

from dasktop.collectors.model.queries import BatchScript
from dasktop.tui.dialogs.page import Line, Page
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.text_width import printable, wrap
from dasktop.tui.view import help_rows
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.widgets.bindings import bound
from dasktop.tui.widgets.queries import Answered, LookUps

_HANGING = 4


class JobScriptPage(Page):
    """One job's script.

    Parameters
    ----------
    job_id
        Which job.
    look_ups
        For the script.
    """

    DEFAULT_CSS = "JobScriptPage Input { height: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bound(priority=True, leave="back", search="search", search_typed="leave_search"),
        *bound(next_hit="next(1)", previous_hit="next(-1)"),
    ]
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.SCRIPT

    def __init__(self, job_id: str, look_ups: LookUps, glyphs: Glyphs) -> None:
        super().__init__(f"script of job {job_id}")
        self._job_id = job_id
        self._look_ups = look_ups
        self._glyphs = glyphs
        self._script: Sequence[str] = ()
        self._hit = -1
        self._input = Input(placeholder="search", compact=True)
        self._input.display = False

    def contents(self) -> ComposeResult:
        """Build the text, with a line to type in below it."""
        yield from super().contents()
        yield self._input

    def on_mount(self) -> None:
        """Ask for the script."""
        self._tell("asking SLURM…", "quiet")
        self._look_ups.ask(BatchScript(job_id=self._job_id), self)
        self.reading.focus()

    def on_answered(self, message: Answered) -> None:
        """Show the script, or why there is none."""
        answer = message.answer
        if answer.error is not None:
            self._tell(f"! {answer.error}", "bad")
            return
        self._script = answer.lines
        self.reading.show(lambda cells: script_lines(answer.lines, cells, self._glyphs))

    def _tell(self, text: str, role: Role) -> None:
        self.reading.show(lambda cells: [Line([Piece(self._glyphs.own(line), role)]) for line in wrap(text, cells)])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave the key that opens the search to be typed in it."""
        del parameters
        return action != "search" or not self._input.has_focus

    def action_search(self) -> None:
        """Let the user type what to search for."""
        self._input.display = True
        self.set_focus(self._input)

    def action_leave_search(self) -> None:
        """Go back to the text, and keep what is searched for."""
        self.set_focus(self.reading)

    def action_back(self) -> None:
        """Leave the search; else the page."""
        if self._input.display:
            self._input.display = False
            self.set_focus(self.reading)
        else:
            self.dismiss(None)

    def on_input_changed(self, message: Input.Changed) -> None:
        """Go to the first hit while one types."""
        self._hit = -1
        if message.value:
            self.action_next(1)

    def action_next(self, step: int) -> None:
        """Go to the next line with what is searched for; behind the last one, to the first."""
        sought = self._input.value.casefold()
        hits = [number for number, line in enumerate(self._script) if sought and sought in line.casefold()]
        if not hits:
            self.app.bell()
            return
        ahead = [hit for hit in hits if hit > self._hit] if step > 0 else [hit for hit in hits if hit < self._hit]
        self._hit = (ahead or hits)[0 if step > 0 else -1]
        self.reading.go_to(self._hit)


def script_lines(script: Sequence[str], cells: int, glyphs: Glyphs) -> list[Line]:
    """Lay out a script; lines that are too long go on below, further in."""
    lines = []
    for number, text in enumerate(map(printable, script)):
        role: Role = "strong" if text.startswith("#SBATCH") else "quiet" if text.startswith("#") else "text"
        indent = min(len(text) - len(text.lstrip(" ")), cells // 2)
        first, *others = wrap(text.strip(" "), max(8, cells - indent)) or [""]
        rest = wrap(text.strip(" ")[len(first) :].lstrip(" "), max(8, cells - indent - _HANGING)) if others else []
        rows = [" " * indent + first, *(" " * (indent + _HANGING) + row for row in rest)]
        lines += [Line([Piece(glyphs.own(row), role)], number) for row in rows]
    return lines
