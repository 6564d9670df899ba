"""After any sequence of pages and sizes, the terminal shows the same as a complete redraw."""

import random
from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from textual.widgets import Input

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.tui.tree.table import TreeTable
from tests.support.drawn_terminal import install_drawn_terminal, redraw, terminal_of
from tests.support.screen import SIZES, Screen, running
from tests.support.snapshots import busy_job, everyday, pending, snapshot

KEYS = (
    *("down", "down", "down", "up", "pagedown", "home", "end", "right", "left"),
    *("d", "d", "enter", "escape", "escape", "escape", "tab"),
    *("F", "A", "J", "question_mark", "c", "s", "p", "n", "N"),
    *("1", "2", "3", "4", "w", "o", "O", "m"),
)
STEPS = 12


@pytest.fixture(autouse=True)
def _drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    install_drawn_terminal(monkeypatch)
    monkeypatch.setattr(Input, "_toggle_cursor", lambda _: None)  # one that blinks may be there, or not


def _snapshots() -> Iterator[Snapshot]:
    while True:
        first = everyday()
        yield first
        yield replace(first, jobs=first.jobs[3:])
        yield snapshot([busy_job(str(4709 + number), number) for number in range(12)])
        yield snapshot([pending()])


async def _assert_drawn(screen: Screen, done: list[str]) -> None:
    await screen.pilot.pause()
    size = screen.app.size
    drawn = terminal_of(screen.app)
    afresh = redraw(screen.app)
    await screen.pilot.pause()
    assert drawn.text(size) == afresh.text(size), " ".join(done)
    assert drawn.shown(size) == afresh.shown(size), " ".join(done)


async def test_details_leave_no_lines_of_other_rows() -> None:
    async with running((160, 45)) as screen:
        await screen.show(everyday())
        await screen.press("3")
        table = screen.base.query_one(TreeTable)
        assert table.select_key(("job", "4715"))
        await screen.press("enter", "escape")
        assert table.select_key(("worker", everyday().jobs[0].tasks[0].workers[1].address))
        await screen.pilot.pause()
        await screen.press("d")
        await _assert_drawn(screen, [])


@pytest.mark.parametrize("seed", range(3))
async def test_any_pages_and_sizes_redraw_completely(seed: int) -> None:
    chance = random.Random(seed)
    snapshots = _snapshots()
    async with running((80, 24)) as screen:
        await screen.show(next(snapshots))
        for _ in range(STEPS):
            done: list[str] = []
            for _ in range(chance.randint(1, 8)):
                match chance.random():
                    case share if share < 0.1:
                        size = chance.choice([*SIZES, (81, 25), (200, 30)])
                        done.append(str(size))
                        await screen.pilot.resize_terminal(*size)
                    case share if share < 0.2:
                        done.append("snapshot")
                        await screen.show(next(snapshots))
                    case _:
                        done.append(chance.choice(KEYS))
                        await screen.pilot.press(done[-1])
            await _assert_drawn(screen, done)
