"""The line in which one types what to search for. Shows while it is typed in; knows nothing of what is searched."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label


class SearchLine(Horizontal):
    """A pattern; `Changed` at each key, so that one sees what it means."""

    DEFAULT_CSS = """
    SearchLine { height: 1; padding: 0 1; }
    SearchLine Label { width: auto; padding: 0 1 0 0; }
    SearchLine Input { width: 1fr; }
    """

    class Changed(Message):
        """The pattern is another one."""

        def __init__(self, pattern: str) -> None:
            super().__init__()
            self.pattern = pattern

    def __init__(self) -> None:
        super().__init__()
        self._input = Input(placeholder="text or regex", compact=True)
        self.display = False

    def compose(self) -> ComposeResult:
        """Build the line."""
        yield Label("search", markup=False)
        yield self._input

    @property
    def is_open(self) -> bool:
        """Whether one types in it."""
        return self.display

    @property
    def pattern(self) -> str:
        """As typed."""
        return self._input.value

    def open(self) -> None:
        """Let the user type, over what was typed last."""
        self.display = True
        self._input.focus()
        self._input.select_all()

    def on_input_changed(self, message: Input.Changed) -> None:
        """Pass it on."""
        message.stop()
        self.post_message(self.Changed(message.value))

    def close(self) -> None:
        """Take it away."""
        self.display = False

    def clear(self) -> None:
        """Forget what was typed."""
        self._input.value = ""
