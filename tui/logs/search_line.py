"""The search line of the log screen, shown while it has the focus. Searches nothing itself."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label


class SearchLine(Horizontal):
    """A text field for a pattern; posts `Changed` at each key."""

    DEFAULT_CSS = """
    SearchLine { height: 1; padding: 0 1; }
    SearchLine Label { width: auto; padding: 0 1 0 0; }
    SearchLine Input { width: 1fr; }
    """

    class Changed(Message):
        """The pattern changed."""

        def __init__(self, pattern: str) -> None:
            super().__init__()
            self.pattern = pattern

    def __init__(self) -> None:
        super().__init__()
        self._input = Input(placeholder="text or regex", compact=True)
        self.display = False

    def compose(self) -> ComposeResult:
        """Create the line."""
        yield Label("search", markup=False)
        yield self._input

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

    def on_input_changed(self, message: Input.Changed) -> None:
        """Post the new pattern."""
        message.stop()
        self.post_message(self.Changed(message.value))

    def close(self) -> None:
        """Hide the line."""
        self.display = False

    def clear(self) -> None:
        """Remove the pattern."""
        self._input.value = ""
