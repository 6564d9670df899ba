"""The dialog for choosing and ordering columns; each change is applied to the tree immediately."""

from collections.abc import Callable, Collection
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.geometry import Region
from textual.strip import Strip

from dasktop.tui.dialogs.dialog import Dialog
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.text_width import fit
from dasktop.tui.terminal.theme import selected_strip, styles_for
from dasktop.tui.view import help_rows
from dasktop.tui.view.columns import COLUMNS, ColumnName
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.widgets.bindings import bound
from dasktop.tui.widgets.lines import LEFT_BUTTON, Lines

_BORDER_LINES = 2
_FEWEST_LINES = 3
_HEAD_CELLS = 9
_NO_ROOM = "  does not fit"
"""Beside a column that is ticked and not shown, because the tree is too narrow."""


class ColumnList(Lines):
    """A list of columns, ticked if chosen; scrolls if there are too many."""

    def __init__(
        self, chosen: tuple[ColumnName, ...], glyphs: Glyphs, shown: Callable[[], Collection[ColumnName]]
    ) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._shown = shown
        self._names = [*chosen, *(name for name in COLUMNS if name not in chosen)]
        self._ticked = set(chosen)
        self._index = 0
        self._top = 0

    @property
    def chosen(self) -> tuple[ColumnName, ...]:
        """The ticked columns, in order."""
        return tuple(name for name in self._names if name in self._ticked)

    def select(self, index: int) -> None:
        """Select a line, or the nearest one."""
        self._index = max(0, min(index, len(self._names) - 1))
        self.redraw()

    def select_shown(self, y: int) -> None:
        """Select the visible line `y`."""
        self.select(self._top + y)

    def move(self, by: int) -> None:
        """Move the selection down by `by` lines."""
        self.select(self._index + by)

    def toggle_tick(self) -> None:
        """Show or hide the selected column."""
        self._ticked ^= {self._names[self._index]}
        self.redraw()

    def shift(self, by: int) -> None:
        """Move the selected column down by `by` lines."""
        name = self._names.pop(self._index)
        self._names.insert(max(0, self._index + by), name)
        self.select(self._names.index(name))

    def redraw(self) -> None:
        """Draw all lines anew."""
        self.update()
        self.refresh(Region(0, 0, *self.size))

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return the lines around the selected one."""
        room = max(_FEWEST_LINES, self.app.size.height // 2 - _BORDER_LINES)  # half of the tree stays visible
        self._top = max(self._index - room + 1, min(self._top, self._index))
        return [self._line(name, cells) for name in self._names[self._top : self._top + room]]

    def _line(self, name: ColumnName, cells: int) -> list[Piece]:
        role: Role
        tick, role = ("[x]", "text") if name in self._ticked else ("[ ]", "quiet")
        words = f" {tick} {COLUMNS[name].head:{_HEAD_CELLS}}  {COLUMNS[name].meaning}"
        remark = _NO_ROOM if name in self._ticked and name not in self._shown() else ""
        return [Piece(self._glyphs.encode(fit(words, cells - len(remark))), role), Piece(remark, "waiting")]

    def render_line(self, y: int) -> Strip:
        """Return one line, for Textual to draw."""
        if self._top + y == self._index and y < len(self._lines):
            return selected_strip(self._lines[y], self.size.width, styles_for(self.app))
        return super().render_line(y)


class ColumnBox(Dialog[None]):
    """All columns, the shown ones first.

    Parameters
    ----------
    chosen
        The shown columns, from left to right.
    choose
        Called with the columns at each change.
    shown
        Returns the columns that there is room for.
    """

    DEFAULT_CSS = """
    ColumnBox { align: right bottom; background: transparent; }
    ColumnBox > Vertical { width: 78; max-width: 100%; height: auto; max-height: 100%; border-title-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *bound(up="move(-1)", down="move(1)", first="select(0)", last="select(-1)"),
        *bound(tick="toggle_tick", shift_on="shift(1)", shift_back="shift(-1)"),
        *bound(done="dismiss(None)", leave="dismiss(None)", back=("dismiss(None)", "done")),
    ]
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.COLUMNS

    def __init__(
        self,
        chosen: tuple[ColumnName, ...],
        glyphs: Glyphs,
        choose: Callable[[tuple[ColumnName, ...]], None],
        shown: Callable[[], Collection[ColumnName]],
    ) -> None:
        super().__init__()
        self._list = ColumnList(chosen, glyphs, shown)
        self._choose = choose

    def compose(self) -> ComposeResult:
        """Create the box."""
        with Vertical(classes="box") as box:
            box.border_title = "columns (left to right)"
            yield self._list

    def on_resize(self) -> None:
        """Say which columns fit now, once the tree has its new width."""
        self.call_after_refresh(self._list.redraw)

    def action_select(self, index: int) -> None:
        """Select the first line, or the last one (-1)."""
        self._list.select(index if index >= 0 else len(COLUMNS))

    def action_move(self, by: int) -> None:
        """Move the selection."""
        self._list.move(by)

    def action_toggle_tick(self) -> None:
        """Show or hide the selected column."""
        self._list.toggle_tick()
        self._apply()

    def action_shift(self, by: int) -> None:
        """Move the selected column to the right (down in the list) or to the left."""
        self._list.shift(by)
        self._apply()

    def _apply(self) -> None:
        """Show the chosen columns, and which of them do not fit."""
        self._choose(self._list.chosen)
        self._list.redraw()

    def on_click(self, event: events.Click) -> None:
        """Show or hide the column that was clicked."""
        if event.widget is self._list and event.button == LEFT_BUTTON:
            self._list.select_shown(event.y)
            self.action_toggle_tick()
