"""Asks what to save."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from dasktop.tui.dialogs.dialog import Dialog
from dasktop.tui.view import help_rows
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.widgets.bindings import bound

_QUESTION = "Save to a new file in the current directory: a screenshot (SVG) or the snapshot (JSON)."


class SaveBox(Dialog[str | None]):
    """Asks what to save; returns ``picture``, ``snapshot`` or ``None``."""

    DEFAULT_CSS = """
    SaveBox { align: center middle; }
    SaveBox > Vertical { width: 62; max-width: 100%; height: auto; max-height: 100%; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bound(
        save_picture=("dismiss('picture')", "screenshot"),
        save_snapshot=("dismiss('snapshot')", "snapshot"),
        leave="dismiss(None)",
        back=("dismiss(None)", "cancel"),
    )
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.SAVING

    def compose(self) -> ComposeResult:
        """Create the box."""
        with Vertical(classes="box"):
            yield Static(Content(_QUESTION))
