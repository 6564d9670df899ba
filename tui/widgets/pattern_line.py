"""A line with a text field for a pattern, such as the filter line. Neither filters nor searches."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label


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
    """

    class Changed(Message):
        """The pattern changed. Each subclass has its own, so that its handler has its name."""

        def __init__(self, pattern: str) -> None:
            super().__init__()
            self.pattern = pattern

    def __init__(self, label: str, placeholder: str, pattern: str = "", classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self._label = label
        self._input = Input(pattern, placeholder=placeholder, compact=True)

    def compose(self) -> ComposeResult:
        """Create the line."""
        yield Label(self._label, markup=False)
        yield self._input

    def on_input_changed(self, message: Input.Changed) -> None:
        """Post the new pattern."""
        message.stop()
        self.post_message(self.Changed(message.value))
