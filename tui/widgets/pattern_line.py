"""Lines with a text field for a pattern: the filter line and the search line. Neither filter nor search themselves."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label

from dasktop.tui.widgets.bindings import bound


class PatternLine(Horizontal):
    """A labelled text field; posts `Changed` at each key.

    Parameters
    ----------
    label
        Shown before the field.
    placeholder
        Shown in the empty field.
    pattern
        The initial pattern.
    classes
        The initial style classes.
    """

    DEFAULT_CSS = """
    PatternLine { height: 1; padding: 0 1; }
    PatternLine Label { width: auto; padding: 0 1 0 0; }
    PatternLine Input { width: 1fr; }
    PatternLine .count { padding: 0; max-width: 60%; }
    """

    class Changed(Message):
        """The pattern changed. Each subclass defines its own message, which determines the name of the handler."""

        def __init__(self, pattern: str) -> None:
            super().__init__()
            self.pattern = pattern

    def __init__(self, label: str, placeholder: str, pattern: str = "", classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self._label = label
        self._input = Input(pattern, placeholder=placeholder, compact=True)
        self._count = Label(markup=False, classes="count")
        self._words = ""

    def compose(self) -> ComposeResult:
        """Create the line."""
        yield Label(self._label, markup=False)
        yield self._input
        yield self._count

    def show_count(self, words: str) -> None:
        """Show how much matches, at the end of the line."""
        if words != self._words:
            self._words = words
            self._count.update(words)

    def on_input_changed(self, message: Input.Changed) -> None:
        """Post the new pattern."""
        message.stop()
        self.post_message(self.Changed(message.value))


class FilterLine(PatternLine):
    """A text field for a pattern.

    Parameters
    ----------
    filtered
        Gets the focus when the user has finished typing.
    pattern
        The initial pattern.
    placeholder
        Shown in the empty field.
    """

    DEFAULT_CSS = """
    FilterLine { display: none; }
    FilterLine.-shown { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bound(priority=True, keep_filter="keep", leave=("clear", "clear"))

    class Changed(PatternLine.Changed):
        """The pattern changed."""

    def __init__(
        self,
        filtered: Widget,
        pattern: str = "",
        placeholder: str = "text or regex · !exclude · state:pending · finding:idle",
    ) -> None:
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


class SearchLine(PatternLine):
    """A text field for a pattern."""

    class Changed(PatternLine.Changed):
        """The pattern changed."""

    def __init__(self) -> None:
        super().__init__("search", "text or regex")
        self.display = False

    @property
    def is_open(self) -> bool:
        """Whether the line is shown."""
        return self.display

    @property
    def pattern(self) -> str:
        """The typed pattern."""
        return self._input.value

    def open(self) -> None:
        """Show the line with the last pattern selected."""
        self.display = True
        self._input.focus()
        self._input.select_all()

    def close(self) -> None:
        """Hide the line."""
        self.display = False

    def clear(self) -> None:
        """Remove the pattern."""
        self._input.value = ""
