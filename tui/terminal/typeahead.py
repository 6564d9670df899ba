"""Takes keys one after the other: each once all before it are done. Knows nothing of what they do."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from textual import events
from textual.app import App
from textual.dom import DOMNode

_AT_ONCE = "ctrl+c"
"""The way out waits for nothing."""
_ROUNDS = 2
"""A widget that takes a key posts what follows from it behind the first round, and before the second."""


class TypeaheadApp(App[None]):
    """An app that loses no key and swaps none, however fast they come, as they do over a slow line.

    Textual gives each key to what is in focus when it comes. The key before may then still be on its way to opening a
    box, or to closing one: what was meant for the box would go to what is behind it.

    Parameters
    ----------
    arguments, options
        As for Textual's app.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._typed: deque[events.Event] = deque()  # the first is under way

    async def on_event(self, event: events.Event) -> None:
        """Let a key wait for those before it."""
        is_typed = isinstance(event, events.Key | events.Paste) and not event.is_forwarded
        if not is_typed or (isinstance(event, events.Key) and event.key == _AT_ONCE):
            await super().on_event(event)
            return
        is_free = not self._typed
        self._typed.append(event)
        if is_free:
            await self._take()

    @property
    def key_time(self) -> float | None:
        """When the key that is under way was read, in Textual's time; ``None``: none is."""
        return self._typed[0].time if self._typed else None

    def before_key(self) -> None:
        """Do what is to be done before each key; called in turn, not as they come."""

    async def _take(self) -> None:
        self.before_key()
        await super().on_event(self._typed[0])
        await self._follow(_ROUNDS)

    async def _follow(self, rounds: int) -> None:
        """Go behind the key, so many times at least, and until nothing else has come into focus meanwhile."""
        where = self.focused or self.screen
        await self._go_up(where.ancestors_with_self, partial(self._arrive, where, rounds))

    async def _go_up(self, path: Sequence[DOMNode], then: Callable[[], Awaitable[None]]) -> None:
        """Wait in one queue after the other, as a key does on its way up to the app; pass by what is closing."""
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
                await self._take()
