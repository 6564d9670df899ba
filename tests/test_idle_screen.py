"""Tests of the screen go on when it is at rest, however long a busy machine keeps it waiting."""

import time
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

ROUNDS = 12


class Slow(App[None]):
    """Does what a key asks for in many rounds, between which its process has to wait for the machine."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("x", "go_on")]
    rounds = 0

    def action_go_on(self) -> None:
        time.sleep(0.02)  # the whole process: it uses no CPU
        self.rounds += 1
        if self.rounds < ROUNDS:
            self.call_after_refresh(self.action_go_on)


async def test_all_that_follows_from_a_key_is_done_behind_it() -> None:
    app = Slow()
    async with app.run_test() as pilot:
        await pilot.press("x")
        assert app.rounds == ROUNDS
