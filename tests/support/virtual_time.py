"""An event loop with a virtual clock, which jumps to the next timer when nothing else is left to do.

A pause of a minute takes no real time and exactly a minute of ``loop.time()``, so tests of timing are fast and do not
depend on the machine. Only for code without threads, processes and sockets, which take real time.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Value = TypeVar("Value")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time starts at 0 s."""

    def __init__(self) -> None:
        self._selector_of_time = _Selector()
        super().__init__(self._selector_of_time)

    def time(self) -> float:
        return self._selector_of_time.now

    def advance(self, seconds: float) -> None:
        """Let time pass, as code does that computes without waiting."""
        self._selector_of_time.now += seconds


class _Selector(selectors.DefaultSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("the event loop waits forever: no timer is set")
            self.now += max(timeout, 0.0)
        return ready


def run_in_virtual_time(coroutine: Coroutine[Any, Any, Value]) -> Value:
    """Run a coroutine in a loop with virtual time, and return its result."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coroutine)
