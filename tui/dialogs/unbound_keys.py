"""Handles keys without a binding on the current screen: digits after the sort key, and why other keys do nothing."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from textual import events

from dasktop.tui.view.hits import NO_SEARCH
from dasktop.tui.view.keys import LIVE_ONLY, Keymap
from dasktop.tui.view.why_not import (
    CHANGES,
    NOT_RECORDED,
    READ_ONLY,
    REPLAY_CHANGES_NOTHING,
    ids_of_key,
    why_not_here,
)
from dasktop.tui.widgets.numbered_sort import MOST_COLUMNS, NumberedSort, numbered
from dasktop.tui.widgets.status_line import StatusLine
from dasktop.tui.widgets.terminal_app import TerminalApp

N = TypeVar("N", bound=str)


class UnboundKeysApp(TerminalApp):
    """The part of the app that answers keys without a binding."""

    _keys: Keymap
    _read_only: bool

    @property
    def is_replay(self) -> bool:
        """Whether this is a replay, without a running cluster."""
        raise NotImplementedError

    @cached_property
    def _numbered_sort(self) -> NumberedSort:
        return NumberedSort()

    def before_key(self) -> None:
        """Clear the result of the previous key, and offer what it offered."""
        self._numbered_sort.before_key()
        for status in {*self.screen_stack[0].query(StatusLine), *self.screen.query(StatusLine)}:
            status.next_key()

    def offer_columns(self, names: Sequence[N], heads: Mapping[Any, str], sort: Callable[[N | None], None]) -> None:
        """Let the next key, if it is a digit, sort by a column, or restore the default order; say which digits."""

        def choose(number: int) -> None:
            if number <= min(len(names), MOST_COLUMNS):
                sort(names[number - 1] if number else None)
            self.offer_columns(names, heads, sort)

        self._numbered_sort.offer(choose)
        for status in self.screen.query(StatusLine):
            status.show_result(numbered(names, heads))

    def refuse(self, why: str) -> None:
        """Say why a key does nothing, on the current screen."""
        self.bell()
        for status in self.screen.query(StatusLine):
            status.show_result(why, "waiting")

    def on_key(self, event: events.Key) -> None:
        """Sort by the column of a digit after the sort key; say why a key does nothing that does something in the tree.

        Runs before Textual looks for a binding.
        """
        if self._numbered_sort.take(event.key):
            event.stop()
            event.prevent_default()
            return
        active = self.screen.active_bindings.get(event.key)
        if active is not None:
            if not active.enabled and active.binding.id in ("next_hit", "previous_hit"):
                self.refuse(NO_SEARCH)
            return
        for key_id in ids_of_key(event.key, self._keys):
            if why := self._why_nothing(event.key, key_id):
                self.refuse(why)
                return

    def _why_nothing(self, key: str, key_id: str) -> str:
        if self.screen is not self.screen_stack[0]:
            return why_not_here(key, key_id)
        if not self.is_replay and self._read_only and key_id in CHANGES:
            return READ_ONLY
        if self.is_replay and key_id in CHANGES | LIVE_ONLY:
            return REPLAY_CHANGES_NOTHING if key_id in CHANGES else NOT_RECORDED
        return why_not_here(key, key_id) if self.screen.has_class("-details") else ""
