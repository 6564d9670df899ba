"""The list of schedulers to choose from. Does no I/O."""

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
from dasktop.tui.terminal.theme import selected_strip, styles_for
from dasktop.tui.view import help_rows
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.view.scheduler_list import is_watched, texts_of
from dasktop.tui.widgets.bindings import bound
from dasktop.tui.widgets.footer import Entry
from dasktop.tui.widgets.lines import LEFT_BUTTON, Lines

_LINES_AROUND = 6


class Candidates(Lines, can_focus=True):
    """A scrollable list of schedulers, one of which is selected."""

    BINDINGS: ClassVar[list[BindingType]] = bound(up="move(-1)", down="move(1)", choose=("choose", "watch"))
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
        """Show these schedulers, with the current one selected."""
        self._candidates = choice.candidates
        self._texts = [self._glyphs.encode(text) for text in texts_of(choice)]
        self._index = next((index for index, one in enumerate(choice.candidates) if is_watched(one, choice)), 0)
        self.styles.width = max(map(width, self._texts), default=0)
        self.display = bool(self._texts)
        self.update()
        self.refresh()

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return the lines around the selected one."""
        room = max(1, self.app.size.height - _LINES_AROUND)
        self._top = min(max(self._top, self._index - room + 1), self._index)
        return [[Piece(self._glyphs.encode(fit(text, cells)))] for text in self._texts[self._top : self._top + room]]

    def render_line(self, y: int) -> Strip:
        """Return one line, for Textual to draw."""
        if self._top + y == self._index and y < len(self._lines):
            return selected_strip(self._lines[y], self.size.width, styles_for(self.app))
        return super().render_line(y)

    def action_move(self, by: int) -> None:
        """Move the selection."""
        self._index = max(0, min(self._index + by, len(self._candidates) - 1))
        self.update()
        self.refresh(Region(0, 0, *self.size))

    def action_choose(self) -> None:
        """Choose the selected scheduler."""
        if self._candidates:
            self.post_message(self.Chosen(self._candidates[self._index]))

    def on_click(self, event: events.Click) -> None:
        """Choose the scheduler that was clicked."""
        if self._top + event.y < len(self._candidates) and event.button == LEFT_BUTTON:
            self._index = self._top + event.y
            self.action_choose()


class Picker(Dialog[str | None]):
    """A list of schedulers with address, size and origin.

    Returns the address of the chosen scheduler, or ``None`` if none was chosen or it is the current one.

    Parameters
    ----------
    choice
        The schedulers found; ``None``: the search is still running.
    """

    DEFAULT_CSS = """
    Picker { align: center middle; }
    Picker > Vertical { width: auto; max-width: 100%; height: auto; max-height: 100%; padding: 0 1; }
    Picker Static { width: auto; max-width: 100%; }
    Picker Candidates { max-width: 100%; margin: 1 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bound(
        look_again="look_again", leave="dismiss(None)", back=("dismiss(None)", "cancel")
    )
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.PICKER

    class LookAgain(Message):
        """The user asked for a new search."""

    def __init__(self, choice: Choice | None, glyphs: Glyphs) -> None:
        super().__init__()
        self._choice = choice
        self._glyphs = glyphs
        self._heading = Static()
        self._candidates = Candidates(glyphs)

    def compose(self) -> ComposeResult:
        """Create the list."""
        with Vertical(classes="box"):
            yield self._heading
            yield self._candidates

    def on_mount(self) -> None:
        """Show what was found so far."""
        self.show(self._choice)

    def show(self, choice: Choice | None) -> None:
        """Show the schedulers found; ``None``: the search is running."""
        self._choice = choice
        self._heading.update(Content(self._glyphs.encode(heading(choice))))
        self._candidates.show(choice or Choice(candidates=()))
        self._candidates.focus()
        self.refresh_bindings()

    def label_of(self, entry: Entry) -> str:
        """Return the label of a key: at the start, going back quits."""
        is_needed = self._choice is not None and self._choice.is_needed
        return "quit" if entry.key_id == "back" and is_needed else entry.label

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable a new search while one is running."""
        del parameters
        return action != "look_again" or self._choice is not None

    def action_look_again(self) -> None:
        """Start a new search."""
        self.show(None)
        self.post_message(self.LookAgain())

    def on_candidates_chosen(self, message: Candidates.Chosen) -> None:
        """Return the answer."""
        chosen = message.candidate
        self.dismiss(None if self._choice is None or is_watched(chosen, self._choice) else chosen.address)


def heading(choice: Choice | None) -> str:
    """Return the heading: what was found."""
    if choice is None:
        return " searching for your schedulers… "
    found = choice.candidates
    if not found:
        return f" {printable(choice.remark)} "
    count = f" {len(found)} schedulers found" if len(found) > 1 else " 1 scheduler found"
    if choice.watched is not None and not any(is_watched(one, choice) for one in found):
        return f"{count}; the current one does not answer "
    if len(found) == 1 and choice.watched is not None:
        return " no other scheduler found "
    return f"{count}: choose one "
