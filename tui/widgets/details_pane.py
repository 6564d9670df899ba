"""The details pane: a heading and scrolling lines; redraws only what changed. Knows nothing of its content."""

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.draw.prose import Line
from dasktop.tui.draw.task_keys import shorten_token
from dasktop.tui.draw.text_width import cut, fit, width
from dasktop.tui.terminal.theme import strip, styles_for
from dasktop.tui.view import help_rows
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.widgets.bindings import bound

_WHEEL_LINES = 3

Foot = Callable[[int, int], list[Line]]


def _no_foot(cells: int, left: int) -> list[Line]:
    del cells, left
    return []


class DetailsPane(Widget, can_focus=True):
    """Shows the lines of the latest `show`, laid out again when the size changes."""

    DEFAULT_CSS = "DetailsPane { height: 1fr; width: 1fr; }"
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *bound(up="scroll(-1)", down="scroll(1)", page_up="page(-1)", page_down="page(1)"),
        *bound(first="to_top", last="to_end", read_on="page(1)"),
        *bound(leave=("leave", "back"), back=("back", ""), details=("back", "")),
    ]
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.DETAILS

    class Left(Message):
        """The user wants to return to the tree."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._heading = ""
        self._lay_out: Callable[[int], list[Line]] = lambda _: []
        self._lay_out_foot: Foot = _no_foot
        self._lines: list[Line] = []
        self._foot: list[Line] = []
        self._shown: list[Line] = []
        self._drawn: dict[int, Line] = {}  # the lines as last rendered
        self._top = 0
        self.has_rule_at_left = False
        """Whether to draw a vertical line at the left."""
        self.is_page = False
        """Whether it takes the place of the tree, and closes like a page."""

    def show(
        self, heading: str, lay_out: Callable[[int], list[Line]], foot: Foot = _no_foot, *, from_top: bool
    ) -> None:
        """Show a heading and lines.

        Parameters
        ----------
        heading
            May contain unprintable characters; cut if too long.
        lay_out
            Returns the lines for a width in cells.
        foot
            Returns lines that follow and do not scroll, for a width and the number of lines that the others leave.
        from_top
            Whether to scroll to the first line rather than keep the position.
        """
        self._heading, self._lay_out, self._lay_out_foot = heading, lay_out, foot
        if from_top:
            self._top = 0
        self.update()

    def update(self) -> None:
        """Redraw the lines that changed."""
        if not self.size:
            return
        cells = max(1, self.size.width - self._margin - 1)
        self._lines = self._lay_out(cells)
        self._foot = self._lay_out_foot(cells, self.size.height - 1 - len(self._lines))
        self._show_from(self._top)

    @property
    def _margin(self) -> int:
        return 2 if self.has_rule_at_left else 1

    @property
    def _room(self) -> int:
        """Number of lines that scroll, below the heading."""
        return max(0, self.size.height - 1 - len(self._foot))

    def _show_from(self, top: int) -> None:
        self._top = max(0, min(top, len(self._lines) - self._room))
        scrolled = self._lines[self._top : self._top + self._room]
        gap: list[Line] = [[]] if self._foot and len(scrolled) < self._room else []
        self._shown = [self._heading_line(), *scrolled, *gap, *self._foot]
        width = self.size.width
        for y in range(self.size.height):
            new, old = self._line_at(y), self._drawn.get(y)
            if old != new:
                unchanged = _equal_cells_at_end(old, new, width) if old is not None else 0
                self.refresh(Region(0, y, width - unchanged, 1))

    def _line_at(self, y: int) -> Line:
        """Return what a visible line is to show."""
        margin = self._glyphs.encode("│ ") if self.has_rule_at_left else " "
        return [Piece(margin, "quiet"), *(self._shown[y] if y < len(self._shown) else [])]

    def _heading_line(self) -> Line:
        """Return the heading, with the number of lines out of view at the right."""
        below = len(self._lines) - self._top - self._room
        right = more_words(self._top, below)
        room = self.size.width - self._margin - 1
        cells = max(0, room - width(right) - 2)
        left = cut(shorten_token(self._heading, cells), cells)
        return [
            Piece(
                self._glyphs.encode(left + fit(right, max(0, room - width(left)), "right")),
                "key" if self.has_focus else "head",
            )
        ]

    def render_line(self, y: int) -> Strip:
        """Return one line, for Textual to draw."""
        drawn = self._drawn[y] = self._line_at(y)
        return strip(drawn, self.size.width, styles_for(self.app))

    def on_resize(self, event: events.Resize) -> None:
        """Lay out the lines for the new size. Textual may have drawn already, with the old lines."""
        del event
        self.update()

    def on_focus(self) -> None:
        """Highlight the heading: keys scroll the pane."""
        self.update()

    def on_blur(self) -> None:
        """Remove the highlight."""
        self.update()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll with the mouse wheel."""
        event.stop()
        self._show_from(self._top + _WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll with the mouse wheel."""
        event.stop()
        self._show_from(self._top - _WHEEL_LINES)

    def action_scroll(self, by: int) -> None:
        """Scroll by `by` lines."""
        self._show_from(self._top + by)

    def action_page(self, direction: int) -> None:
        """Scroll by a page."""
        self._show_from(self._top + direction * max(1, self._room - 1))

    def action_to_top(self) -> None:
        """Scroll to the first line."""
        self._show_from(0)

    def action_to_end(self) -> None:
        """Scroll to the last line."""
        self._show_from(len(self._lines))

    def action_leave(self) -> None:
        """Return to the tree."""
        self.post_message(self.Left())

    def action_back(self) -> None:
        """Return to the tree, as from a page."""
        self.action_leave()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable the page's back key while the pane is beside the tree."""
        del parameters
        return action != "back" or self.is_page


def more_words(above: int, below: int) -> str:
    """Return ``3 more ↑  5 more ↓`` for the lines out of view; empty if there are none."""
    marks = [f"{above} more ↑"] if above > 0 else []
    marks += [f"{below} more ↓"] if below > 0 else []
    return "  ".join(marks)


def _equal_cells_at_end(old: Line, new: Line, cells: int) -> int:
    """Return how many cells at the end of a line are unchanged, such as a graph or a second column."""
    if sum(width(piece.text) for piece in old) != sum(width(piece.text) for piece in new):
        return 0
    equal = cells - sum(width(piece.text) for piece in new)
    for before, now in zip(reversed(old), reversed(new), strict=False):
        if before != now:
            break
        equal += width(now.text)
    return max(0, equal)
