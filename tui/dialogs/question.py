"""A yes/no question."""

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
from dasktop.tui.widgets.footer import Entry


class Question(Dialog[bool]):
    """A question, with a label for each answer.

    Parameters
    ----------
    question
        The question; printable text.
    yes, no
        The effect of each answer, in two or three words.
    """

    DEFAULT_CSS = """
    Question { align: center middle; }
    Question > Vertical { width: auto; max-width: 100%; height: auto; max-height: 100%; padding: 0 1; }
    Question Static { width: auto; max-width: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bound(
        yes=("dismiss(True)", "yes"), no=("dismiss(False)", "no"), leave="dismiss(False)"
    )
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.QUESTION

    def __init__(self, question: str, yes: str, no: str) -> None:
        super().__init__()
        self._question = question
        self._labels = {"yes": yes, "no": no}

    def compose(self) -> ComposeResult:
        """Create the box."""
        with Vertical(classes="box"):
            yield Static(Content(self._question))

    def label_of(self, entry: Entry) -> str:
        """Return the label of an answer."""
        return self._labels.get(entry.key_id, entry.label)
