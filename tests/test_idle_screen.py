"""Tests do not depend on the speed of the machine: those of the screen wait until it is idle; none measures time."""

import ast
import time
from pathlib import Path
from typing import ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widget import Widget

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


class Drawing(Widget):
    """Notes at which round it is drawn; cannot be drawn at some."""

    impossible_at: int | None = None

    def __init__(self) -> None:
        super().__init__()
        self.drawn_at: list[int] = []

    def render_line(self, y: int) -> Strip:
        app = self.app
        assert isinstance(app, Slow)
        if app.rounds == self.impossible_at:
            raise ZeroDivisionError
        if y == 0:
            self.drawn_at.append(app.rounds)
        return Strip.blank(self.size.width)


class SlowAndDrawn(Slow):
    def compose(self) -> ComposeResult:
        yield Drawing()

    def action_work(self) -> None:
        super().action_work()
        self.query_one(Drawing).refresh()


async def test_screen_is_drawn_when_it_is_idle() -> None:
    async with SlowAndDrawn().run_test() as pilot:
        await pilot.pause()
        drawing = pilot.app.query_one(Drawing)
        assert drawing.drawn_at == [0]
        await pilot.press("x")
        assert drawing.drawn_at == [0, ROUNDS]


async def test_screen_that_cannot_be_drawn_fails_the_test() -> None:
    async with SlowAndDrawn().run_test() as pilot:
        pilot.app.query_one(Drawing).impossible_at = ROUNDS
        with pytest.raises(ZeroDivisionError):
            await pilot.press("x")


TESTS = Path(__file__).parent
CLOCKS = {"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "time", "time_ns"}


def is_a_clock_read(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
    return name in CLOCKS


def measures_time(assertion: ast.Assert) -> bool:
    """Return whether it bounds an elapsed time, as ``assert monotonic() - began < 1`` does."""
    differences = (node for node in ast.walk(assertion.test) if isinstance(node, ast.BinOp))
    return any(
        isinstance(node.op, ast.Sub) and (is_a_clock_read(node.left) or is_a_clock_read(node.right))
        for node in differences
    )


def test_no_assertion_depends_on_the_machines_speed() -> None:
    found = []
    for path in sorted(TESTS.rglob("*.py")):
        if "benchmarks" not in path.parts:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            lines = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert) and measures_time(node)]
            found += [f"{path.relative_to(TESTS)}:{line}" for line in lines]
    assert not found
