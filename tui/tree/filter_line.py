"""The line in which one types what to filter by. Shows while it is typed in, or filters; knows nothing of rows."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label

from dasktop.tui.widgets.bindings import bound


class FilterLine(Horizontal):
    """A pattern; `Changed` at each key, so that what is filtered follows.

    Parameters
    ----------
    filtered
        Gets the focus when one is done typing.
    pattern
        At first.
    """

    DEFAULT_CSS = """
    FilterLine { height: 1; display: none; padding: 0 1; }
    FilterLine.-shown { display: block; }
    FilterLine Label { width: auto; padding: 0 1 0 0; }
    FilterLine Input { width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bound(priority=True, keep_filter="keep", leave=("clear", "clear"))

    class Changed(Message):
        """The pattern is another one."""

        def __init__(self, pattern: str) -> None:
            super().__init__()
            self.pattern = pattern

    def __init__(self, filtered: Widget, pattern: str = "") -> None:
        super().__init__(classes="-shown" if pattern else None)
        self._filtered = filtered
        self._input = Input(
            pattern, placeholder="text or regex · !text takes away · state:pending · finding:", compact=True
        )

    def compose(self) -> ComposeResult:
        """Build the line."""
        yield Label("filter", markup=False)
        yield self._input

    def open(self) -> None:
        """Let the user type."""
        self.add_class("-shown")
        self._input.focus()

    def clear(self) -> None:
        """Filter by nothing."""
        self._input.value = ""
        self.remove_class("-shown")

    def on_input_changed(self, message: Input.Changed) -> None:
        """Pass it on."""
        message.stop()
        self.post_message(self.Changed(message.value))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Keep what was typed."""
        message.stop()
        self.action_keep()

    def action_keep(self) -> None:
        """Go back to what is filtered, and keep it so."""
        self.screen.set_focus(self._filtered)
        self.set_class(bool(self._input.value), "-shown")

    def action_clear(self) -> None:
        """Go back to what was filtered, whole."""
        self.screen.set_focus(self._filtered)
        self.clear()
