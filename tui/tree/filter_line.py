"""The filter line, shown while it has the focus or a pattern. Knows nothing of rows."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label

from dasktop.tui.widgets.bindings import bound


class FilterLine(Horizontal):
    """A text field for a pattern; posts `Changed` at each key.

    Parameters
    ----------
    filtered
        Gets the focus when the user has finished typing.
    pattern
        The initial pattern.
    """

    DEFAULT_CSS = """
    FilterLine { height: 1; display: none; padding: 0 1; }
    FilterLine.-shown { display: block; }
    FilterLine Label { width: auto; padding: 0 1 0 0; }
    FilterLine Input { width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bound(priority=True, keep_filter="keep", leave=("clear", "clear"))

    class Changed(Message):
        """The pattern changed."""

        def __init__(self, pattern: str) -> None:
            super().__init__()
            self.pattern = pattern

    def __init__(self, filtered: Widget, pattern: str = "") -> None:
        super().__init__(classes="-shown" if pattern else None)
        self._filtered = filtered
        self._input = Input(
            pattern, placeholder="text or regex · !exclude · state:pending · finding:lost", compact=True
        )

    def compose(self) -> ComposeResult:
        """Create the line."""
        yield Label("filter", markup=False)
        yield self._input

    def open(self) -> None:
        """Show the line and give it the focus."""
        self.add_class("-shown")
        self._input.focus()

    def clear(self) -> None:
        """Remove the filter, and hide the line."""
        self._input.value = ""
        self.remove_class("-shown")

    def on_input_changed(self, message: Input.Changed) -> None:
        """Post the new pattern."""
        message.stop()
        self.post_message(self.Changed(message.value))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Keep the filter."""
        message.stop()
        self.action_keep()

    def action_keep(self) -> None:
        """Return to the tree, and keep the filter."""
        self.screen.set_focus(self._filtered)
        self.set_class(bool(self._input.value), "-shown")

    def action_clear(self) -> None:
        """Return to the tree, and remove the filter."""
        self.screen.set_focus(self._filtered)
        self.clear()
