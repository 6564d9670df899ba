"""The base of dialogs and pages, a box that lists its keys in the border; and the simplest one, a yes/no question."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen, Screen, ScreenResultType
from textual.widgets import Static

from dasktop.tui.draw.text_width import width
from dasktop.tui.view import help_rows
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.widgets.bindings import bound
from dasktop.tui.widgets.footer import Entry, entries, fitting
from dasktop.tui.widgets.lines import LEFT_BUTTON

_CELLS_AROUND = 6
_GAP = 3
_CELLS_AT_RIGHT = 3
"""The end of the border, to the right of the keys."""
_WAYS_OUT = ("leave", "back", "no", "help")
"""Listed last."""


class Dialog(ModalScreen[ScreenResultType]):
    """A modal screen. Subclasses compose one widget of the CSS class ``box``."""

    BINDINGS: ClassVar[list[BindingType]] = bound(help="app.help")
    HELP_ROWS: ClassVar[HelpGroups] = ()
    """The help rows of this dialog."""
    FIELD_KEYS: ClassVar[str] = ""
    """Keys that a text field handles itself, which have no id in the key table."""
    _keys_from_right: Sequence[tuple[int, int, str]] = ()
    """The keys in the border: cells to the right of each, its width, and its name."""

    def on_mount(self) -> None:
        """Keep the key list in the border up to date."""
        self.bindings_updated_signal.subscribe(self, self._show_keys)
        self._show_keys(self)

    @on(events.Resize)
    def _fit_keys(self) -> None:
        if self.query(".box"):
            self._show_keys(self)

    def _show_keys(self, screen: Screen[Any]) -> None:
        labelled = [entry._replace(label=self.label_of(entry)) for entry in entries(screen)]
        listed = [entry for entry in labelled if entry.label]
        listed.sort(key=lambda entry: entry.key_id in _WAYS_OUT)
        room = self.app.size.width - _CELLS_AROUND - len(self.field_keys) - (_GAP if self.field_keys else 0)
        # An entry counts one cell less than the gap before it and its text take.
        wide = [entry._replace(label=f"{entry.label} ") for entry in listed]
        ids = {entry.key_id for entry in fitting(wide, room + _GAP, but_for=_WAYS_OUT)}
        fit = [entry for entry in listed if entry.key_id in ids]
        texts = [*filter(None, (self.field_keys,)), *(f"{entry.key_text} {entry.label}" for entry in fit)]
        keys = (" " * _GAP).join(texts)
        ends = accumulate(width(text) + _GAP for text in texts)
        pressed = [*(("",) if self.field_keys else ()), *(entry.key for entry in fit)]
        self._keys_from_right = [
            (width(keys) + _GAP - end, width(text), key)
            for end, text, key in zip(ends, texts, pressed, strict=True)
            if key
        ]
        box = self.query_one(".box")
        box.border_subtitle = Content(keys)
        box.styles.min_width = width(keys) + _CELLS_AROUND

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked in the border."""
        box = self.query_one(".box")
        if event.button != LEFT_BUTTON or event.screen_y != box.region.bottom - 1:
            return
        from_right = box.region.right - _CELLS_AT_RIGHT - event.screen_x
        for end, cells, key in self._keys_from_right:
            if end < from_right <= end + cells:
                # From the app: a key that this screen sends does not get further than to this screen.
                self.app.call_later(self.app.simulate_key, key)
                return

    @property
    def field_keys(self) -> str:
        """The keys of the text field to list now."""
        return self.FIELD_KEYS

    def label_of(self, entry: Entry) -> str:
        """Return the label of a key in this dialog; empty: not listed, since it would do nothing now."""
        return entry.label


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
