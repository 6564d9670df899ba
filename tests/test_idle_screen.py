"""Tests do not depend on the speed of the machine: those of the screen wait until it is idle; none measures time."""

import ast
import time
from pathlib import Path
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
