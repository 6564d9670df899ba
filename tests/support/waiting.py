"""Wait for a condition of a process, a thread or a screen, however slow the machine is.

The timeout is for code that hangs. The result of a test never depends on how long something takes.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

PATIENCE_SECONDS = 300.0
"""The timeout of everything that must happen. Only a bug reaches it."""
POLL_SECONDS = 0.05

Value = TypeVar("Value")
Message = str | Callable[[], object]


def wait_until(condition: Callable[[], Value], what: Message = "", *, every: float = POLL_SECONDS) -> Value:
    """Wait until a condition is true, and return its value.

    Parameters
    ----------
    condition
        Called until its result is true.
    what
        Text of the error on timeout, or a function that returns it.
    every
        Seconds between calls.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, _timeout_message(what)
        time.sleep(every)
    return value


async def until(
    condition: Callable[[], Value],
    what: Message = "",
    *,
    every: float = POLL_SECONDS,
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Value:
    """Wait in an event loop until a condition is true, and return its value; as `wait_until`.

    Parameters
    ----------
    pause
        Called with ``every`` between calls of the condition; tests of the screen pass that of the pilot.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, _timeout_message(what)
        await pause(every)
    return value


def _timeout_message(what: Message) -> str:
    return f"timed out: {what() if callable(what) else what}"
