"""Asks which of several schedulers to watch. Answers with an address, or with nothing."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Static

from dasktop.collectors.model.feed import Candidate, Choice
from dasktop.tui.dialogs.dialog import Dialog
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.draw.text_width import fit, printable, width
from dasktop.tui.terminal.theme import selected_strip
from dasktop.tui.view import help_rows
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.view.scheduler_list import is_watched, texts_of
from dasktop.tui.widgets.bindings import bound
from dasktop.tui.widgets.footer import Entry
from dasktop.tui.widgets.lines import Lines

_LINES_AROUND = 6


class Candidates(Lines, can_focus=True):
    """A line a scheduler, one of them selected; as many as there is room for."""

    BINDINGS: ClassVar[list[BindingType]] = bound(up="move(-1)", down="move(1)", choose=("choose", "watch it"))
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.CHOICE

    class Chosen(Message):
        """The user chose a scheduler."""

        def __init__(self, candidate: Candidate) -> None:
            super().__init__()
            self.candidate = candidate

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._candidates: Sequence[Candidate] = ()
        self._texts: Sequence[str] = ()
        self._index = 0
        self._top = 0

    def show(self, choice: Choice) -> None:
        """Show these, with the one that is watched selected."""
        self._candidates = choice.candidates
        self._texts = [self._glyphs.own(text) for text in texts_of(choice)]
        self._index = next((index for index, one in enumerate(choice.candidates) if is_watched(one, choice)), 0)
        self.styles.width = max(map(width, self._texts), default=0)
        self.display = bool(self._texts)
        self.update()
        self.refresh()

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return the lines around the selected one."""
        room = max(1, self.app.size.height - _LINES_AROUND)
        self._top = min(max(self._top, self._index - room + 1), self._index)
        return [[Piece(fit(text, cells))] for text in self._texts[self._top : self._top + room]]

    def render_line(self, y: int) -> Strip:
        """Return one line, for Textual to draw."""
        if self._top + y == self._index and y < len(self._lines):
            return selected_strip(self._lines[y], self.size.width, self.app.theme)
        return super().render_line(y)

    def action_move(self, by: int) -> None:
        """Select another one."""
        self._index = max(0, min(self._index + by, len(self._candidates) - 1))
        self.update()
        self.refresh(Region(0, 0, *self.size))

    def action_choose(self) -> None:
        """Answer with the selected one."""
        if self._candidates:
            self.post_message(self.Chosen(self._candidates[self._index]))

    def on_click(self, event: events.Click) -> None:
        """Answer with the one that was clicked on."""
        if self._top + event.y < len(self._candidates):
            self._index = self._top + event.y
            self.action_choose()


class Picker(Dialog[str | None]):
    """A list of schedulers: where each is, how large, and how it was found.

    Answers with the address of one that isn't watched yet, or with nothing.

    Parameters
    ----------
    choice
        ``None``: they are still looked for.
    """

    DEFAULT_CSS = """
    Picker { align: center middle; }
    Picker > Vertical { width: auto; max-width: 100%; height: auto; max-height: 100%; padding: 0 1; }
    Picker Static { width: auto; max-width: 100%; }
    Picker Candidates { max-width: 100%; margin: 1 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bound(
        look_again="look_again", leave="dismiss(None)", back=("dismiss(None)", "leave it")
    )
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.PICKER

    class LookAgain(Message):
        """The user wants other schedulers than these."""

    def __init__(self, choice: Choice | None, glyphs: Glyphs) -> None:
        super().__init__()
        self._choice = choice
        self._glyphs = glyphs
        self._words = Static()
        self._candidates = Candidates(glyphs)

    def compose(self) -> ComposeResult:
        """Build the list."""
        with Vertical(classes="box"):
            yield self._words
            yield self._candidates

    def on_mount(self) -> None:
        """Show what there is."""
        self.show(self._choice)

    def show(self, choice: Choice | None) -> None:
        """Show what was found; ``None``: that it is being looked for."""
        self._choice = choice
        self._words.update(Content(self._glyphs.own(heading(choice))))
        self._candidates.show(choice or Choice(candidates=()))
        self._candidates.focus()
        self.refresh_bindings()

    def words_of(self, entry: Entry) -> str:
        """Return what to call a key here: without a choice there is nothing to show."""
        is_needed = self._choice is not None and self._choice.is_needed
        return "quit" if entry.key_id == "back" and is_needed else entry.words

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Take away looking again while they are looked for."""
        del parameters
        return action != "look_again" or self._choice is not None

    def action_look_again(self) -> None:
        """Have them looked for once more."""
        self.show(None)
        self.post_message(self.LookAgain())

    def on_candidates_chosen(self, message: Candidates.Chosen) -> None:
        """Pass the answer on."""
        chosen = message.candidate
        self.dismiss(None if self._choice is None or is_watched(chosen, self._choice) else chosen.address)


def heading(choice: Choice | None) -> str:
    """Return what was found, in words."""
    if choice is None:
        return " looking for your schedulers… "
    found = choice.candidates
    if not found:
        return f" {printable(choice.remark)} "
    count = f" {len(found)} schedulers of yours" if len(found) > 1 else " 1 scheduler of yours"
    if choice.watched is not None and not any(is_watched(one, choice) for one in found):
        return f"{count}; the one watched until now does not answer "
    if len(found) == 1 and choice.watched is not None:
        return " there is no other scheduler of yours "
    return f"{count}: which one? "
