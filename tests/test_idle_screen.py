"""Tests of the screen continue when it is idle, however slow the machine is."""

import time
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

ROUNDS = 12


class Slow(App[None]):
    """Handles a key in many callbacks, between which its process uses no CPU."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("x", "work")]
    rounds = 0

    def action_work(self) -> None:
        time.sleep(0.02)  # blocks the process, which then uses no CPU
        self.rounds += 1
        if self.rounds < ROUNDS:
            self.call_after_refresh(self.action_work)


async def test_press_waits_for_all_callbacks() -> None:
    app = Slow()
    async with app.run_test() as pilot:
        await pilot.press("x")
        assert app.rounds == ROUNDS
