"""When a screen under test is at rest: all that was asked of it is done and drawn, and nothing is due.

Textual's pilot goes by time instead: it takes a process for idle that has used next to no CPU for 20 ms. So has one
that a busy machine keeps waiting, and what is then looked at isn't there yet.
"""

import asyncio
import time

import textual.app
import textual.pilot
from textual._context import active_app
from textual.constants import MAX_FPS

from tests.support.waiting import PATIENCE_SECONDS

_SOON_SECONDS = 2.4 / MAX_FPS
"""Less than anything that a screen does once in a while, and longer than two of the beats at which Textual draws: a
timer that has missed one waits for the one after the next."""


def wait_for_idle_event_loop() -> None:
    """Let Textual's pilot wait for rest wherever it would wait for an idle process."""
    for module in (textual.app, textual.pilot):
        assert hasattr(module, "wait_for_idle"), "this Textual waits in another way"
        module.wait_for_idle = until_idle
    # Beside that, it gives a screen half a minute to take in what was sent to it.
    wait_for_screen = textual.pilot.Pilot._wait_for_screen
    assert wait_for_screen.__defaults__ == (30.0,), "this Textual waits in another way"
    wait_for_screen.__defaults__ = (PATIENCE_SECONDS,)
    textual.app.App.CLOSE_TIMEOUT = None


async def until_idle(*_: float) -> None:
    """Wait until the event loop has nothing to do, now or soon."""
    loop = asyncio.get_running_loop()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (seconds := _seconds_to_next(loop)) is not None:
        assert time.monotonic() < deadline, f"it comes to no rest: {[*loop._ready, *loop._scheduled]}"
        await asyncio.sleep(seconds)


def _seconds_to_next(loop: asyncio.AbstractEventLoop) -> float | None:
    """Return in how many seconds there is something to do, if that is soon."""
    if loop._ready:
        return 0
    if _is_leaving():
        return None
    due = [timer.when() - loop.time() for timer in loop._scheduled if not timer.cancelled()]
    seconds = max(0, min(due, default=_SOON_SECONDS))
    return seconds if seconds < _SOON_SECONDS else None


def _is_leaving() -> bool:
    """Tell whether the screen is to end: from then on it keeps time, but draws no more."""
    app = active_app.get(None)
    return app is not None and app.return_code is not None
