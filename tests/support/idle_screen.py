"""Wait until a screen under test is idle: all messages are handled, no timer is due, and all is drawn.

Textual's pilot looks at CPU time instead: for it, a process is idle that has used almost no CPU for 20 ms. On a busy
machine that also holds for a process that waits for a core, and the screen is read too early.
"""

import asyncio
import time

import textual.app
import textual.pilot
from textual._context import active_app
from textual.constants import MAX_FPS
from textual.message_pump import MessagePump

from tests.support.draw_at_rest import draw_changes
from tests.support.waiting import PATIENCE_SECONDS

_SOON_SECONDS = 2.4 / MAX_FPS
"""A timer that is due sooner counts as work. Shorter than all repeated timers of the screen, and longer than two frames
of Textual: a timer that has missed a frame waits for the one after the next."""

_MAX_ROUNDS = 10_000
"""Rounds of the event loop after which it counts as busy."""


def wait_for_idle_event_loop() -> None:
    """Replace the functions with which Textual's pilot waits for an idle process."""
    for module in (textual.app, textual.pilot):
        assert hasattr(module, "wait_for_idle"), "this version of Textual waits differently"
        module.wait_for_idle = until_idle
    # Besides, it waits at most 30 s until a screen has handled its messages.
    wait_for_screen = textual.pilot.Pilot._wait_for_screen
    assert wait_for_screen.__defaults__ == (30.0,), "this version of Textual waits differently"
    wait_for_screen.__defaults__ = (PATIENCE_SECONDS,)

    async def wait_if_busy(pilot: textual.pilot.Pilot[object]) -> bool:
        return await _all_have_handled_their_messages(pilot.app) or await wait_for_screen(pilot)

    textual.pilot.Pilot._wait_for_screen = wait_if_busy
    textual.app.App.CLOSE_TIMEOUT = None


async def until_idle(*_: float, draw: bool = True) -> None:
    """Wait until the event loop has nothing to do now or soon, and the changes of the screen are drawn.

    Parameters
    ----------
    draw
        Whether to draw them; if not, the next call draws them.
    """
    loop = asyncio.get_running_loop()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (seconds := _seconds_to_next(loop)) is not None or (draw and not _is_exiting() and draw_changes()):
        assert time.monotonic() < deadline, f"the event loop is never idle: {[*loop._ready, *loop._scheduled]}"
        await asyncio.sleep(seconds or 0)


async def _all_have_handled_their_messages(app: textual.app.App[object]) -> bool:
    """Let the event loop do what it can do now; return whether the app and all widgets of the screen then wait.

    Textual instead sends a message to each of them after each key, which took a quarter of the time of a test.
    """
    loop = asyncio.get_running_loop()
    for _ in range(_MAX_ROUNDS):
        await asyncio.sleep(0)
        if not loop._ready:
            return bool(app.screen_stack) and all(map(_waits, (app, *app.screen.walk_children(with_self=True))))
    return False


def _waits(pump: MessagePump) -> bool:
    """Return whether it has handled all messages, and waits for the next."""
    queue = pump._message_queue
    return queue.empty() and any(not waiter.done() for waiter in queue.ready_event._waiters)


def _seconds_to_next(loop: asyncio.AbstractEventLoop) -> float | None:
    """Return the seconds until the next callback, or None if none is due soon."""
    if loop._ready:
        return 0
    if _is_exiting():
        return None
    due = [timer.when() - loop.time() for timer in loop._scheduled if not timer.cancelled()]
    seconds = max(0, min(due, default=_SOON_SECONDS))
    return seconds if seconds < _SOON_SECONDS else None


def _is_exiting() -> bool:
    """Return whether the app is exiting: its timers then still run, but it does not draw."""
    app = active_app.get(None)
    return app is not None and app.return_code is not None
