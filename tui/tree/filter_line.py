"""The filter line, shown while it has the focus or a pattern. Knows nothing of rows."""

from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input

from dasktop.tui.widgets.bindings import bound
from dasktop.tui.widgets.pattern_line import PatternLine


class FilterLine(PatternLine):
    """A text field for a pattern.

    Parameters
    ----------
    filtered
        Gets the focus when the user has finished typing.
    pattern
        The initial pattern.
    """

    DEFAULT_CSS = """
    FilterLine { display: none; }
    FilterLine.-shown { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bound(priority=True, keep_filter="keep", leave=("clear", "clear"))

    class Changed(PatternLine.Changed):
        """The pattern changed."""

    def __init__(self, filtered: Widget, pattern: str = "") -> None:
        placeholder = "text or regex · !exclude · state:pending · finding:lost"
        super().__init__("filter", placeholder, pattern, classes="-shown" if pattern else None)
        self._filtered = filtered

    def open(self) -> None:
        """Show the line and give it the focus."""
        self.add_class("-shown")
        self._input.focus()

    def clear(self) -> None:
        """Remove the filter, and hide the line."""
        self._input.value = ""
        self.remove_class("-shown")

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
