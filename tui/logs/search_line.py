"""The search line of the log screen, shown while it has the focus. Searches nothing itself."""

from dasktop.tui.widgets.pattern_line import PatternLine


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
