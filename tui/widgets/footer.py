"""The key line: the keys that work now. Reads Textual's active bindings, and has none of its own."""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from textual import events
from textual.screen import Screen

from dasktop.collectors.analysis.failures import unexpected_ends
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.draw.text_width import width
from dasktop.tui.widgets.bindings import bound_now
from dasktop.tui.widgets.lines import LEFT_BUTTON, Lines

_NEVER_LEFT_OUT = ("help", "quit")
_LAST_TO_LEAVE_OUT = ("details", "work", "failures", "findings")

_LAST = ("next_field", "fold", "fold_all", "refresh", "help", "quit")
_PLACES = {key_id: place for place, key_id in enumerate(_LAST, start=1)}
_LEFT_OUT_NEXT = ("release", "adapt")
"""Left out before keys for viewing, although listed before them."""


class Entry(NamedTuple):
    """A key and its label."""

    key_id: str
    key: str
    key_text: str
    label: str
    enabled: bool

    @property
    def cells(self) -> int:
        """Width in cells, with spaces before, between and after."""
        return width(self.key_text) + width(self.label) + 3


def entries(screen: Screen[Any]) -> list[Entry]:
    """Return the entries of a screen's keys, the most important first."""
    found = [
        Entry(
            bound.key_id,
            bound.keys[0],
            screen.app.get_key_display(bound.active.binding),
            bound.active.binding.description,
            bound.active.enabled,
        )
        for bound in bound_now(screen)
        if bound.active.binding.show
    ]
    return sorted(found, key=lambda entry: _PLACES.get(entry.key_id, 0))


def fitting(listed: Iterable[Entry], cells: int, *, but_for: Collection[str] = ()) -> list[Entry]:
    """Return the entries that fit into `cells`: the least important are dropped, except the ids in `but_for`."""
    known = list(listed)
    room = cells - sum(entry.cells for entry in known if entry.key_id in but_for)
    kept = {entry.key_id for entry in known if entry.key_id in but_for}
    for entry in sorted(known, key=_importance):
        if entry.key_id not in kept and entry.cells <= room:
            room -= entry.cells
            kept.add(entry.key_id)
    return [entry for entry in known if entry.key_id in kept]


def _importance(entry: Entry) -> int:
    """Return the place of an entry, the most important first; of equal ones those that are listed first."""
    if entry.key_id in _LAST_TO_LEAVE_OUT:
        return 0
    return 3 if entry.key_id in _PLACES else 2 if entry.key_id in _LEFT_OUT_NEXT else 1


def useless_keys(snapshot: Snapshot | None) -> frozenset[str]:
    """Return the ids of the keys that would show nothing: no work, no failed tasks and ended workers, no findings."""
    work = snapshot.work if snapshot is not None else None
    has_failures = work is not None and bool(work.failures)
    uses = {
        "work": work is not None and work.progress.total > 0,
        "failures": has_failures or (snapshot is not None and bool(unexpected_ends(snapshot))),
        "findings": snapshot is not None and bool(snapshot.findings),
    }
    return frozenset(key_id for key_id, is_of_use in uses.items() if not is_of_use)


class KeyLine(Lines):
    """The keys that fit; help and quit are never left out. A click presses a key."""

    DEFAULT_CSS = "KeyLine { height: 1; }"

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._ends: list[tuple[int, str]] = []
        self._useless = useless_keys(None)

    def show(self, snapshot: Snapshot | None) -> None:
        """Leave out the keys that would show nothing of this snapshot; they work nevertheless."""
        self._useless = useless_keys(snapshot)
        self.update()

    def clear(self) -> None:
        """Show the keys as before the first snapshot."""
        self.show(None)

    def on_mount(self) -> None:
        """Update when the active bindings change."""
        self.screen.bindings_updated_signal.subscribe(self, self._update_for)

    def _update_for(self, screen: Screen[object]) -> None:
        if screen is self.screen is self.app.screen:  # unchanged below a dialog
            self.update()

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return the keys that fit."""
        pieces: list[Piece] = []
        self._ends = []
        end = 0
        listed = [entry for entry in entries(self.screen) if entry.key_id not in self._useless]
        for entry in fitting(listed, cells, but_for=_NEVER_LEFT_OUT):
            pieces.append(Piece(self._glyphs.encode(f" {entry.key_text}"), "key" if entry.enabled else "quiet"))
            pieces.append(Piece(self._glyphs.encode(f" {entry.label} "), "quiet"))
            end += entry.cells
            self._ends.append((end, entry.key))
        return [pieces]

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        for end, key in self._ends if event.button == LEFT_BUTTON else ():
            if event.x < end:
                self.app.simulate_key(key)
                return
