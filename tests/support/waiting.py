"""Waiting for what a process, a thread or a screen does: for the event itself, however slow the machine is.

The one limit is for what hangs. No test may pass or fail by how long something took.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

PATIENCE_SECONDS = 300.0
"""How long to wait for something that is bound to come. Only a fault reaches this limit."""
POLL_SECONDS = 0.05

Value = TypeVar("Value")
What = str | Callable[[], object]


def wait_until(condition: Callable[[], Value], what: What = "", *, every: float = POLL_SECONDS) -> Value:
    """Wait until a condition is true, and return its value.

    Parameters
    ----------
    condition
        Called again and again.
    what
        What is said if it never comes true; a function is called then.
    every
        Seconds between two calls.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, _in_vain(what)
        time.sleep(every)
    return value


async def until(
    condition: Callable[[], Value],
    what: What = "",
    *,
    every: float = POLL_SECONDS,
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Value:
    """Wait in an event loop until a condition is true, and return its value; as `wait_until`.

    Parameters
    ----------
    pause
        Called with ``every`` between two calls of the condition; a test of the screen gives its pilot's.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, _in_vain(what)
        await pause(every)
    return value


def _in_vain(what: What) -> str:
    return f"waited in vain: {what() if callable(what) else what}"
