"""The last line: the keys that do something now. Reads Textual's bindings, and has none of its own."""

from typing import NamedTuple

from textual import events
from textual.binding import ActiveBinding
from textual.screen import Screen

from dasktop.tui.columns import Piece
from dasktop.tui.lines import Lines
from dasktop.tui.text_width import width

_NEVER_LEFT_OUT = ("help", "quit")


class _Entry(NamedTuple):
    action: str
    key: str
    shown: str
    words: str
    enabled: bool

    @property
    def cells(self) -> int:
        return width(self.shown) + width(self.words) + 3


class KeyLine(Lines):
    """Keys and what they do; those that don't fit give way, but for help and quit. A click presses a key."""

    DEFAULT_CSS = "KeyLine { height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._ends: list[tuple[int, str]] = []

    def on_mount(self) -> None:
        """Follow what the keys mean as the focus moves."""
        self.screen.bindings_updated_signal.subscribe(self, self._update_for)

    def _update_for(self, screen: Screen[object]) -> None:
        if screen is self.screen:
            self.update()

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return the keys that fit."""
        entries = self._entries()
        for entry in reversed(entries.copy()):
            if sum(entry.cells for entry in entries) > cells and entry.action not in _NEVER_LEFT_OUT:
                entries.remove(entry)
        pieces: list[Piece] = []
        self._ends = []
        end = 0
        for entry in entries:
            pieces.append(Piece(f" {entry.shown}", "key" if entry.enabled else "quiet"))
            pieces.append(Piece(f" {entry.words} ", "quiet"))
            end += entry.cells
            self._ends.append((end, entry.key))
        return [pieces]

    def _entries(self) -> list[_Entry]:
        """Return what there is to tell; of several keys that do the same, the first."""
        first: dict[str, ActiveBinding] = {}
        for active in self.screen.active_bindings.values():
            if active.binding.show:
                first.setdefault(active.binding.action, active)
        return [
            _Entry(action, binding.key, self.app.get_key_display(binding), binding.description, enabled)
            for action, (_, binding, enabled, _) in first.items()
        ]

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked on."""
        for end, key in self._ends:
            if event.x < end:
                self.app.simulate_key(key)
                return
