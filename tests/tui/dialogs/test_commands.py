"""The command palette lists what keys do on the current page, and runs it as the keys do."""

import subprocess
import sys

import pytest
from textual.command import CommandList

from dasktop.tui.dialogs.commands import CommandBox, commands_on
from dasktop.tui.draw.palettes import DEFAULT_PALETTE, PALETTES
from dasktop.tui.draw.text_width import width
from dasktop.tui.logs.screen import LogScreen
from dasktop.tui.view.keys import KEYS, MOVES, SCREEN, TREE
from tests.support.screen import SIZES, Screen, running
from tests.support.screen_text import strips_of
from tests.support.snapshots import everyday
from tests.support.waiting import PATIENCE_SECONDS

WITHOUT_KEY = [
    "save a screenshot (SVG)",
    "save the snapshot (JSON)",
    *(f"theme: {name}" for name in PALETTES if name != DEFAULT_PALETTE),
]


async def open_palette(screen: Screen, *typed: str) -> CommandList:
    await screen.press("ctrl+p", *typed)
    box = screen.app.screen
    assert isinstance(box, CommandBox)
    await box.workers.wait_for_complete()
    await screen.pilot.pause()
    return box.query_one(CommandList)


def words_in(commands: CommandList) -> list[str]:
    return [option.hit.text for option in commands.options]


async def test_palette_lists_all_key_commands() -> None:
    async with running() as screen:
        await screen.show(everyday())
        listed = words_in(await open_palette(screen))
        assert sorted(listed) == sorted([*(key.description for key in (TREE | SCREEN).values()), *WITHOUT_KEY])
        assert len(set(listed)) == len(listed)


def test_each_command_has_its_own_description() -> None:
    words = [key.description for key in KEYS.values() if key.description]
    assert len(set(words)) == len(words)
    assert not any("[" in text for text in words), "Textual's matcher takes them for markup"
    assert not any(KEYS[key_id].description for key_id in MOVES)


async def test_chosen_command_runs() -> None:
    async with running() as screen:
        await screen.show(everyday())
        await open_palette(screen, *"poll dask and slurm")
        await screen.press("enter")
        await screen.pilot.pause()
        assert screen.app.screen is screen.base
        assert screen.feed.refreshes == 1


async def test_a_widgets_own_action_runs_on_that_widget() -> None:
    async with running() as screen:
        await screen.show(everyday())
        folded = screen.tree
        await open_palette(screen, *"fold or unfold (")
        await screen.press("enter")
        await screen.pilot.pause()
        assert screen.tree != folded


async def test_typed_key_name_finds_its_command() -> None:
    async with running() as screen:
        await screen.show(everyday())
        assert words_in(await open_palette(screen, "C"))[0] == KEYS["switch"].description


async def test_read_only_offers_no_changes() -> None:
    async with running(read_only=True) as screen:
        await screen.show(everyday())
        listed = words_in(await open_palette(screen))
        assert KEYS["copy"].description in listed
        for key_id in ("add_job", "scale", "release", "mark", "adapt", "replace_lost"):
            assert KEYS[key_id].description not in listed


async def test_page_lists_own_commands_and_dims_disabled_ones() -> None:
    async with running() as screen:
        await screen.show(everyday())
        await screen.press("T")
        page = screen.app.screen
        assert isinstance(page, LogScreen)
        listed = words_in(await open_palette(screen))
        assert KEYS["follow"].description in listed
        assert KEYS["scale"].description not in listed
        assert set(WITHOUT_KEY) <= set(listed)
        await screen.press("escape")
        assert screen.app.screen is page
        [next_hit] = [command for command in commands_on(page) if command.description == KEYS["next_hit"].description]
        assert not next_hit.is_enabled
        spans = next_hit.prompt(60).spans
        assert any("dim" in str(span.style) for span in spans)


async def test_theme_can_be_chosen() -> None:
    async with running() as screen:
        await screen.show(everyday())
        await open_palette(screen)
        await screen.press(*"colour-blind")
        await screen.app.screen.workers.wait_for_complete()
        await screen.press("enter")
        await screen.pilot.pause()
        assert screen.app.theme == "colour-blind"


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("unicode", [True, False])
async def test_palette_fits_and_can_be_ascii(size: tuple[int, int], unicode: bool) -> None:
    async with running(size, unicode=unicode) as screen:
        await screen.show(everyday())
        commands = await open_palette(screen)
        assert commands.highlighted == 0
        for _ in range(3):
            drawn = ["".join(part.text for part in line) for line in screen.app.screen._compositor.render_strips()]
            assert len(drawn) == size[1]
            assert all(width(line) == size[0] for line in drawn)
            assert unicode or "".join(drawn).isascii()
            await screen.press("pagedown")
        assert commands.highlighted > 0


@pytest.mark.parametrize("cells", [1, 5, 12])
async def test_very_narrow_terminal_works(cells: int) -> None:
    async with running((cells, 24)) as screen:
        await screen.show(everyday())
        assert len(words_in(await open_palette(screen))) > 10
        await screen.press("escape")
        assert screen.app.screen is screen.base


@pytest.mark.parametrize("key", ["pageup", "pagedown", "up", "down", "home", "end"])
async def test_list_without_room_ignores_keys(key: str) -> None:
    async with running((5, 10)) as screen:
        await screen.show(everyday())
        await open_palette(screen)
        await screen.press(key, "escape")
        assert screen.app.is_running
        assert not isinstance(screen.app.screen, CommandBox)


async def test_a_remapped_key_is_shown_and_opens_it() -> None:
    async with running() as screen:
        screen.app.set_keymap({"palette": "f2", "sort": "f6"})
        await screen.show(everyday())
        await screen.press("f2")
        assert isinstance(screen.app.screen, CommandBox)
        [sort] = [command for command in commands_on(screen.base) if command.description == KEYS["sort"].description]
        assert sort.key == "f6"


def test_screen_starts_without_importing_the_palette() -> None:
    program = (
        "import sys, dasktop.tui.cli.screen; "
        "print(*(f'dasktop.tui.dialogs.{name}' in sys.modules for name in ('commands', 'help')))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True
    )
    assert result.stdout.split() == ["False", "False"]


@pytest.mark.parametrize(
    ("name", "value", "style"),
    [("NO_COLOR", "1", "underline"), ("COLORTERM", "truecolor", f"on {PALETTES['dark'].selection}")],
)
async def test_selected_command_stands_out(name: str, value: str, style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    async with running() as screen:
        screen.app.theme = "dark"
        await screen.show(everyday())
        place = (await open_palette(screen)).region
        selected, other = (strips_of(screen.app)[y].crop(place.x, place.x + 9) for y in (place.y, place.y + 1))
        assert all(style in str(segment.style) for segment in selected)
        assert not any(style in str(segment.style) for segment in other)
