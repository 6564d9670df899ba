"""The page with the sampled profile of a job, a worker or a task name. It is read when the page opens, and on a key."""

from typing import ClassVar

from textual.binding import BindingType

from dasktop.collectors.model.queries import ProfileOf
from dasktop.collectors.text.format import counted
from dasktop.tui.dialogs.page import Line, Page
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.text_width import wrap
from dasktop.tui.view import help_rows
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.view.profile import profile_lines
from dasktop.tui.widgets.bindings import bound
from dasktop.tui.widgets.queries import Answered, Queries


class ProfilePage(Page):
    """Functions by the share of time.

    Parameters
    ----------
    of
        What it is about, in words.
    question
        What to read.
    queries
        For the profile.
    """

    BINDINGS: ClassVar[list[BindingType]] = bound(refresh=("read", "read again"))
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.PROFILE

    def __init__(self, of: str, question: ProfileOf, queries: Queries, glyphs: Glyphs) -> None:
        super().__init__(f"profile of {of}", glyphs)
        self._question = question
        self._queries = queries

    def on_mount(self) -> None:
        """Request the profile."""
        self._show_message(f"asking {counted(len(self._question.worker_addresses), 'worker')}…", "quiet")
        self.action_read()
        self.text.focus()

    def action_read(self) -> None:
        """Request the profile again; the old one stays until the answer arrives."""
        self._queries.ask(self._question, self)

    def on_answered(self, message: Answered) -> None:
        """Show the profile, or the error."""
        profile = message.answer.profile
        if profile is None:
            self._show_message(f"! {message.answer.error or 'no answer'}", "bad")
            return
        self.text.show(
            lambda cells: [
                Line(pieces, number) for number, pieces in enumerate(profile_lines(profile, cells, self._glyphs))
            ]
        )

    def _show_message(self, message: str, role: Role) -> None:
        self.text.show(lambda cells: [Line([Piece(self._glyphs.encode(line), role)]) for line in wrap(message, cells)])
