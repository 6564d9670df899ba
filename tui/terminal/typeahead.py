"""Handles keys one at a time: each when the previous one is finished. Knows nothing of their actions."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from textual import events
from textual.app import App
from textual.dom import DOMNode

_IMMEDIATE_KEY = "ctrl+c"
"""Quitting does not wait for earlier keys."""
_ROUNDS = 2
"""A widget that handles a key posts its messages after the first round, and before the second."""


class TypeaheadApp(App[None]):
    """An app that does not lose or reorder keys, even if many arrive at the same time, as on a slow connection.

    Textual sends each key to the widget that has the focus when it arrives. If the previous key is still opening or
    closing a dialog, the key would go to the wrong screen.

    Parameters
    ----------
    arguments, options
        As for Textual's app.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._typed: deque[events.Event] = deque()  # the first one is being handled

    async def on_event(self, event: events.Event) -> None:
        """Queue a key behind earlier ones."""
        is_typed = isinstance(event, events.Key | events.Paste) and not event.is_forwarded
        if not is_typed or (isinstance(event, events.Key) and event.key == _IMMEDIATE_KEY):
            await super().on_event(event)
            return
        is_free = not self._typed
        self._typed.append(event)
        if is_free:
            await self._handle_next()

    @property
    def key_time(self) -> float | None:
        """Time at which the key being handled was read, as in Textual's messages; ``None``: no key."""
        return self._typed[0].time if self._typed else None

    def before_key(self) -> None:
        """Run before each key is handled; for subclasses."""

    async def _handle_next(self) -> None:
        self.before_key()
        await super().on_event(self._typed[0])
        await self._follow(_ROUNDS)

    async def _follow(self, rounds: int) -> None:
        """Wait until the key is handled: at least `rounds` times, and until the focus no longer changes."""
        where = self.focused or self.screen
        await self._go_up(where.ancestors_with_self, partial(self._arrive, where, rounds))

    async def _go_up(self, path: Sequence[DOMNode], then: Callable[[], Awaitable[None]]) -> None:
        """Wait in each queue from the focused widget up to the app, as the key does; skip closing widgets."""
        for place, node in enumerate(path):
            if node.call_later(self._go_up, path[place + 1 :], then):
                return
        await then()

    async def _arrive(self, where: DOMNode, rounds: int) -> None:
        if (self.focused or self.screen) is not where:
            await self._follow(1)
        elif rounds > 1:
            await self._follow(rounds - 1)
        else:
            self._typed.popleft()
            if self._typed:
                await self._handle_next()
