"""A pane of lines under a heading, which scrolls, and sends only the lines that changed. Knows nothing of its words."""

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
from dasktop.tui.draw.text_width import cut, fit, width
from dasktop.tui.terminal.theme import strip
from dasktop.tui.view import help_rows
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.widgets.bindings import bound

_WHEEL_LINES = 3


class DetailsPane(Widget, can_focus=True):
    """Shows what the latest `show` gave it, laid out anew when its size changes."""

    DEFAULT_CSS = "DetailsPane { height: 1fr; width: 1fr; }"
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *bound(up="scroll(-1)", down="scroll(1)", page_up="page(-1)", page_down="page(1)"),
        *bound(first="to_top", last="to_end", read_on="page(1)"),
        *bound(leave=("leave", "back"), back=("back", ""), details=("back", "")),
    ]
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.DETAILS

    class Left(Message):
        """The user wants to go back to the tree."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._heading = ""
        self._lay_out: Callable[[int], list[Line]] = lambda _: []
        self._lines: list[Line] = []
        self._shown: list[Line] = []
        self._drawn: dict[int, Line] = {}  # what Textual was last given for each line of the screen
        self._top = 0
        self.has_rule_at_left = False
        """Whether a line at its left parts it from what is there."""
        self.is_page = False
        """Whether it stands instead of the tree, and so is left like a page."""

    def show(self, heading: str, lay_out: Callable[[int], list[Line]], *, from_top: bool) -> None:
        """Show something else, or the same anew.

        Parameters
        ----------
        heading
            Not settled; cut where it is too long.
        lay_out
            Returns the lines for a width of so many cells.
        from_top
            Whether to begin at the first line, rather than where the user has scrolled to.
        """
        self._heading, self._lay_out = heading, lay_out
        if from_top:
            self._top = 0
        self.update()

    def update(self) -> None:
        """Draw the lines that are not what they were."""
        if not self.size:
            return
        self._lines = self._lay_out(max(1, self.size.width - self._margin - 1))
        self._show_from(self._top)

    @property
    def _margin(self) -> int:
        return 2 if self.has_rule_at_left else 1

    @property
    def _room(self) -> int:
        """How many lines there are below the heading."""
        return max(0, self.size.height - 1)

    def _show_from(self, top: int) -> None:
        self._top = max(0, min(top, len(self._lines) - self._room))
        self._shown = [self._heading_line(), *self._lines[self._top : self._top + self._room]]
        width = self.size.width
        for y in range(self.size.height):
            new, old = self._look_of(y), self._drawn.get(y)
            if old != new:
                unchanged = _cells_alike_at_the_end(old, new, width) if old is not None else 0
                self.refresh(Region(0, y, width - unchanged, 1))

    def _look_of(self, y: int) -> Line:
        """Return what a line of the screen is to show now."""
        margin = self._glyphs.own("│ ") if self.has_rule_at_left else " "
        return [Piece(margin, "quiet"), *(self._shown[y] if y < len(self._shown) else [])]

    def _heading_line(self) -> Line:
        """Return the heading, and at its right how much there is out of sight."""
        below = len(self._lines) - self._top - self._room
        marks = [f"{self._top} more ↑"] if self._top else []
        marks += [f"{below} more ↓"] if below > 0 else []
        right = "  ".join(marks)
        room = self.size.width - self._margin - 1
        left = cut(self._heading, max(0, room - width(right) - 2))
        return [
            Piece(
                self._glyphs.own(left + fit(right, max(0, room - width(left)), "right")),
                "key" if self.has_focus else "head",
            )
        ]

    def render_line(self, y: int) -> Strip:
        """Return one line, for Textual to draw."""
        look = self._drawn[y] = self._look_of(y)
        return strip(look, self.size.width, self.app.theme)

    def on_resize(self, event: events.Resize) -> None:
        """Lay out anew. Textual may have drawn already, with the lines as they were."""
        del event
        self.update()

    def on_focus(self) -> None:
        """Show that keys scroll here now."""
        self.update()

    def on_blur(self) -> None:
        """Show that they don't any more."""
        self.update()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll as the wheel turns."""
        event.stop()
        self._show_from(self._top + _WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll as the wheel turns."""
        event.stop()
        self._show_from(self._top - _WHEEL_LINES)

    def action_scroll(self, by: int) -> None:
        """Go so many lines down."""
        self._show_from(self._top + by)

    def action_page(self, direction: int) -> None:
        """Go a page down or up."""
        self._show_from(self._top + direction * max(1, self._room - 1))

    def action_to_top(self) -> None:
        """Go to the first line."""
        self._show_from(0)

    def action_to_end(self) -> None:
        """Go to the last line."""
        self._show_from(len(self._lines))

    def action_leave(self) -> None:
        """Go back to the tree."""
        self.post_message(self.Left())

    def action_back(self) -> None:
        """Go back to the tree, as from any page."""
        self.action_leave()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave the key that goes back from pages to the screen, beside the tree."""
        del parameters
        return action != "back" or self.is_page


def _cells_alike_at_the_end(old: Line, new: Line, cells: int) -> int:
    """Return how many cells at the end of a line need not be sent again: those of a picture, or of another column."""
    if sum(width(piece.text) for piece in old) != sum(width(piece.text) for piece in new):
        return 0
    alike = cells - sum(width(piece.text) for piece in new)
    for before, now in zip(reversed(old), reversed(new), strict=False):
        if before != now:
            break
        alike += width(now.text)
    return max(0, alike)
