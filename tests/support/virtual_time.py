"""An event loop with a clock of its own, which jumps to the next timer whenever nothing else is left to do.

A pause of a minute takes no time in it and lasts exactly a minute by ``loop.time()``, so tests of what happens when
neither wait nor depend on the machine. For code without threads, processes and sockets: these take real time.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Value = TypeVar("Value")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Keeps virtual time, in seconds, from 0."""

    def __init__(self) -> None:
        self._selector_of_time = _Selector()
        super().__init__(self._selector_of_time)

    def time(self) -> float:
        return self._selector_of_time.now


class _Selector(selectors.DefaultSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("nothing would ever happen: no timer is set")
            self.now += max(timeout, 0.0)
        return ready


def run_in_virtual_time(coroutine: Coroutine[Any, Any, Value]) -> Value:
    """Run a coroutine to its end in a loop that keeps virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coroutine)
