"""Asks which of several schedulers to watch. Answers with an address, or with nothing."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widgets import Static

from dasktop.collectors.feed import Candidate
from dasktop.tui.columns import Piece
from dasktop.tui.glyphs import Glyphs
from dasktop.tui.lines import Lines
from dasktop.tui.text_width import fit, settle, width
from dasktop.tui.theme import selected_strip

_LINES_AROUND = 6


class Candidates(Lines, can_focus=True):
    """A line a scheduler, one of them selected; as many as there is room for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("enter,space", "choose", show=False),
    ]

    class Chosen(Message):
        """The user chose a scheduler."""

        def __init__(self, candidate: Candidate) -> None:
            super().__init__()
            self.candidate = candidate

    def __init__(self, candidates: Sequence[Candidate], glyphs: Glyphs) -> None:
        super().__init__()
        self._candidates = candidates
        addresses = [settle(candidate.address) for candidate in candidates]
        widest = max(map(width, addresses), default=0)
        self._texts = [
            glyphs.own(f" {fit(address, widest)}  {settle(candidate.origin)} ")
            for address, candidate in zip(addresses, candidates, strict=True)
        ]
        self._index = 0
        self._top = 0

    def on_mount(self) -> None:
        """Ask for the room that the lines take."""
        self.styles.width = max(map(width, self._texts), default=0)

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return the lines around the selected one."""
        room = max(1, self.app.size.height - _LINES_AROUND)
        self._top = min(max(self._top, self._index - room + 1), self._index)
        return [[Piece(fit(text, cells))] for text in self._texts[self._top : self._top + room]]

    def render_line(self, y: int) -> Strip:
        """Return one line, for Textual to draw."""
        if self._top + y == self._index and y < len(self._lines):
            return selected_strip(self._lines[y], self.size.width)
        return super().render_line(y)

    def action_move(self, by: int) -> None:
        """Select another one."""
        self._index = max(0, min(self._index + by, len(self._candidates) - 1))
        self.update()
        self.refresh(Region(0, 0, *self.size))

    def action_choose(self) -> None:
        """Answer with the selected one."""
        self.post_message(self.Chosen(self._candidates[self._index]))

    def on_click(self, event: events.Click) -> None:
        """Answer with the one that was clicked on."""
        if self._top + event.y < len(self._candidates):
            self._index = self._top + event.y
            self.action_choose()


class Picker(ModalScreen[str | None]):
    """A list of schedulers: where each is, and how it was found."""

    DEFAULT_CSS = """
    Picker { align: center middle; }
    Picker > Vertical { width: auto; max-width: 100%; height: auto; max-height: 100%; padding: 0 1; }
    Picker Static { width: auto; }
    Picker Candidates { max-width: 100%; margin: 1 0; }
    Picker #keys { text-style: dim; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss(None)", show=False)]

    def __init__(self, candidates: Sequence[Candidate], glyphs: Glyphs) -> None:
        super().__init__()
        self._candidates = candidates
        self._glyphs = glyphs

    def compose(self) -> ComposeResult:
        """Build the list."""
        with Vertical(classes="box"):
            yield Static(Content(f" {len(self._candidates)} schedulers of yours: which one?"))
            yield Candidates(self._candidates, self._glyphs)
            yield Static(Content(" enter watch it   q quit"), id="keys")

    def on_candidates_chosen(self, message: Candidates.Chosen) -> None:
        """Pass the answer on."""
        self.dismiss(message.candidate.address)
