"""The menu of a row: the commands of its screen that apply to the row. Changes nothing itself."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Offset
from textual.widgets import OptionList

from dasktop.tui.dialogs.commands import KEY_CELLS, Command, commands_on
from dasktop.tui.dialogs.dialog import Dialog
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.text_width import cut, printable, width
from dasktop.tui.view import help_rows
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.view.rows import Key
from dasktop.tui.widgets.bindings import bound

_CELLS_AROUND = 4
"""The border, and one space at each side."""
_BORDER_LINES = 2


class _Commands(OptionList):
    """The commands; moves with our keys, too."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bound(up="cursor_up", down="cursor_down", first="first", last="last", choose=("select", "choose")),
    ]
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.MENU


class RowMenu(Dialog[int | None]):
    """Commands, one of which is chosen with its key, with enter or with a click; returns its index.

    Parameters
    ----------
    heading
        What the commands are for; printable text.
    at
        The place on the screen below which the menu opens.
    """

    DEFAULT_CSS = """
    RowMenu { align: left top; background: transparent; }
    RowMenu > Vertical { max-width: 100%; padding: 0 1; border-title-style: bold; }
    RowMenu _Commands, RowMenu _Commands:focus {
        border: none; height: 1fr; padding: 0; background: $background; scrollbar-size-vertical: 1;
    }
    RowMenu _Commands > .option-list--option { padding: 0; text-style: none; }
    RowMenu _Commands > .option-list--option-highlighted { text-style: none; }
    RowMenu _Commands:nocolor > .option-list--option-highlighted { text-style: underline; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bound(leave="dismiss(None)", back="dismiss(None)")

    def __init__(self, heading: str, commands: Sequence[Command], at: Offset, glyphs: Glyphs) -> None:
        super().__init__()
        self._heading = heading
        self._commands = commands
        self._at = at
        self._glyphs = glyphs
        self._list = _Commands()

    def compose(self) -> ComposeResult:
        """Create the box."""
        with Vertical(classes="box") as box:
            box.border_title = Content(self._glyphs.encode(self._heading))
            yield self._list

    def on_mount(self) -> None:
        """Give the list the focus."""
        self._list.focus()

    def on_resize(self, event: events.Resize) -> None:
        """Lay out the list for the size of the screen, and place the box, if possible, below the row."""
        box = self.query_one(".box")
        needed = max(KEY_CELLS + width(command.description) for command in self._commands)
        cells = max(1, min(needed, event.size.width - _CELLS_AROUND))
        prompts = [command.prompt(cells) for command in self._commands]
        highlighted = self._list.highlighted or 0
        self._list.clear_options().add_options(prompts)
        self._list.highlighted = highlighted
        least = int(box.styles.min_width.value) if box.styles.min_width is not None else 0
        wide = min(event.size.width, max(cells + _CELLS_AROUND, least))
        high = min(event.size.height, sum(prompt.plain.count("\n") + 1 for prompt in prompts) + _BORDER_LINES)
        box.styles.width, box.styles.height = wide, high
        x = max(0, min(self._at.x, event.size.width - wide))
        below, above = self._at.y + 1, self._at.y - high
        y = below if below + high <= event.size.height or above < 0 else above
        box.styles.offset = x, max(0, min(y, event.size.height - high))

    def on_key(self, event: events.Key) -> None:
        """Choose the command whose key was pressed."""
        for index, command in enumerate(self._commands):
            if event.key in command.keys and event.key != "enter":
                event.stop()
                event.prevent_default()
                self.dismiss(index)
                return

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """Return the command that was chosen."""
        message.stop()
        self.dismiss(message.option_index)

    def on_click(self, event: events.Click) -> None:
        """Close the menu on a click outside it."""
        if event.widget is self:
            self.dismiss(None)


def open_row_menu(
    app: App[Any],
    heading: str,
    key_ids: Collection[str],
    at: Offset,
    selected: Callable[[], Key | None],
    glyphs: Glyphs,
    words: Callable[[str], str] = lambda _key_id: "",
) -> None:
    """Open the menu of the selected row, and run the command that the user chooses.

    Nothing is run if another row is selected by then, because an update removed the first one.

    Parameters
    ----------
    key_ids
        The ids of the keys that apply to the row, in the order of the menu; those that are disabled are left out.
    selected
        Returns the key of the selected row.
    words
        Returns what a key does to this row, by id; empty: what it does in general.
    """
    commands = {command.key_id: command for command in commands_on(app.screen) if command.is_enabled}
    shown = [commands[key_id] for key_id in key_ids if key_id in commands]
    shown = [command._replace(description=words(command.key_id) or command.description) for command in shown]
    key = selected()
    if not shown:
        app.bell()
        return

    def run(index: int | None) -> None:
        if index is None:
            return
        if selected() != key:
            app.bell()
            return
        app.call_later(shown[index].run)

    app.push_screen(RowMenu(cut(printable(heading), KEY_CELLS * 6), shown, at, glyphs), run)
