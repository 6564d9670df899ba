"""What opens over the tree: a box that tells in its border which keys do what here. Knows nothing of what is in it."""

from typing import Any, ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.screen import ModalScreen, Screen, ScreenResultType

from dasktop.tui.draw.text_width import width
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.widgets.bindings import bound
from dasktop.tui.widgets.footer import Entry, entries, fitting

_CELLS_AROUND = 6
_GAP = 3
_WAYS_OUT = ("leave", "back", "no", "help")
"""Told last."""


class Dialog(ModalScreen[ScreenResultType]):
    """A screen with one widget of the class ``box``, to be composed by each kind."""

    BINDINGS: ClassVar[list[BindingType]] = bound(help="app.help")
    HELP_ROWS: ClassVar[HelpGroups] = ()
    """What the help tells of the keys here."""
    FIELD_KEYS: ClassVar[str] = ""
    """Keys that a field to type in has, and we have not."""

    def on_mount(self) -> None:
        """Follow what the keys mean."""
        self.bindings_updated_signal.subscribe(self, self._tell_keys)
        self._tell_keys(self)

    def _tell_keys(self, screen: Screen[Any]) -> None:
        told = [entry._replace(words=self.words_of(entry)) for entry in entries(screen)]
        told.sort(key=lambda entry: entry.key_id in _WAYS_OUT)
        room = self.app.size.width - _CELLS_AROUND - len(self.field_keys) - _GAP
        fit = fitting(told, room, but_for=_WAYS_OUT)
        words = (" " * _GAP).join(filter(None, [self.field_keys, *(f"{entry.shown} {entry.words}" for entry in fit)]))
        box = self.query_one(".box")
        box.border_subtitle = Content(words)
        box.styles.min_width = width(words) + _CELLS_AROUND

    @property
    def field_keys(self) -> str:
        """What to tell of a field's keys now."""
        return self.FIELD_KEYS

    def words_of(self, entry: Entry) -> str:
        """Return what to call a key here."""
        return entry.words
