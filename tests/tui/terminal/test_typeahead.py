"""Keys in one burst act like single keys, whatever opens and closes between them."""

import asyncio
import random
from typing import Any, NamedTuple

import pytest
from textual import events
from textual.widgets import Input

from dasktop.tui.tree.table import TreeTable
from dasktop.tui.widgets.pattern_line import FilterLine
from tests.support import waiting
from tests.support.screen import Screen, running
from tests.support.snapshots import everyday

KEYS = [
    *("slash", "enter", "escape", "space", "tab", "backspace", "question_mark", "minus", "plus", "asterisk"),
    *(
        "j",
        "k",
        "l",
        "h",
        "g",
        "G",
        "w",
        "o",
        "O",
        "c",
        "F",
        "s",
        "a",
        "x",
        "m",
        "d",
        "n",
        "A",
        "J",
        "T",
        "p",
        "1",
        "4",
    ),
]
"""Keys that open or close something, that move, or that change the view; all can be typed into a field."""
NAMED = {"slash": "/", "space": " ", "question_mark": "?", "minus": "-", "plus": "+", "asterisk": "*"}
LENGTH = 30
SEEDS = range(8)


class Seen(NamedTuple):
    """The state that keys change."""

    stack: list[str]
    focused: str
    typed: list[str]
    tree: list[str]
    heads: list[str]
    plans: int
    log_requests: int


def seen(screen: Screen) -> Seen:
    return Seen(
        stack=[type(one).__name__ for one in screen.app.screen_stack],
        focused=type(screen.app.focused).__name__,
        typed=[field.value for one in screen.app.screen_stack for field in one.query(Input)],
        tree=screen.tree,
        heads=screen.everything,
        plans=len(screen.feed.plans),
        log_requests=len(screen.feed.log_requests),
    )


def type_at_once(screen: Screen, *keys: str) -> None:
    for key in keys:
        character = NAMED.get(key, key)
        screen.app.post_message(events.Key(key, character if len(character) == 1 else None))


async def until(screen: Screen, expected: Any, look: Any = seen) -> None:
    """Wait for the expected state, and check that it stays."""
    await waiting.until(lambda: look(screen) == expected, lambda: look(screen), every=0.02, pause=screen.pilot.pause)
    for _ in range(3):
        await screen.pilot.pause()
    assert look(screen) == expected


async def one_by_one(*keys: str) -> Seen:
    async with running() as screen:
        await screen.show(everyday())
        for key in keys:
            await screen.press(key)
        return seen(screen)


@pytest.mark.parametrize("seed", SEEDS)
async def test_burst_of_keys_acts_like_single_keys(seed: int) -> None:
    keys = random.Random(seed).choices(KEYS, k=LENGTH)
    expected = await one_by_one(*keys)
    async with running() as screen:
        await screen.show(everyday())
        type_at_once(screen, *keys)
        await until(screen, expected)


@pytest.mark.parametrize(
    "keys",
    [
        ("w", "slash", *"4710", "enter", "j"),
        ("c", "j", "space", "enter", "w", "o"),
        ("c", "escape", "c", "space", "q", "o"),
        ("s", "backspace", "2", "escape", "w"),
        ("s", "1", "enter", "n", "w"),
        ("question_mark", "escape", "slash", *"47", "escape", "w"),
        ("J", "slash", *"dask", "enter", "q", "w"),
        ("ctrl+p", "escape", "w", "F", "q", "o"),
    ],
    ids=" ".join,
)
async def test_keys_after_dialog_key_reach_right_screen(keys: tuple[str, ...]) -> None:
    expected = await one_by_one(*keys)
    async with running() as screen:
        await screen.show(everyday())
        type_at_once(screen, *keys)
        await until(screen, expected)


async def test_paste_waits_for_its_field() -> None:
    async with running() as screen:
        await screen.show(everyday())
        type_at_once(screen, "slash")
        screen.app.post_message(events.Paste("state:pending"))
        type_at_once(screen, "enter", "w")
        await until(screen, "state:pending", lambda screen: screen.base.query_one(FilterLine).query_one(Input).value)
        assert isinstance(screen.app.focused, TreeTable)


async def test_ctrl_c_waits_for_nothing() -> None:
    ended = asyncio.Event()

    async def hang(_: events.Key) -> None:
        await ended.wait()

    async with running() as screen:
        await screen.show(everyday())
        screen.base.query_one(TreeTable).key_z = hang
        try:
            type_at_once(screen, "z", "w", "ctrl+c")
            await waiting.until(
                lambda: screen.app.return_code is not None
            )  # Textual's pauses would wait for what hangs
            assert screen.app.return_code == 0
        finally:
            ended.set()
