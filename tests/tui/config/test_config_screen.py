"""The configuration on the screen: initial view, keys, and what is saved at the end."""

from textual.widgets import Input

from dasktop.tui.config.config import Config
from dasktop.tui.config.view_settings import DEFAULT, ViewSettings, changes
from dasktop.tui.dialogs.help import Help
from dasktop.tui.replay.app import ReplayApp
from dasktop.tui.view.filtering import View
from dasktop.tui.view.keys import Keymap
from dasktop.tui.widgets.footer import KeyLine
from dasktop.tui.widgets.header import ColumnHeads
from dasktop.tui.widgets.pattern_line import FilterLine
from tests.support.configs import config
from tests.support.fake_feed import FakeFeed
from tests.support.free_keys import free_letters
from tests.support.screen import Screen, running
from tests.support.snapshots import everyday


def looking(**view: object) -> ViewSettings:
    return ViewSettings(View(**view), shows_details=False)  # type: ignore[arg-type]


class TestViewSettings:
    async def test_default_view_is_used_without_configuration(self) -> None:
        async with running(looks=DEFAULT) as screen:
            await screen.show(everyday())
            assert screen.app.looks == DEFAULT
            assert screen.app.query_one("DetailsPane").display

    async def test_the_screen_starts_as_configured(self) -> None:
        view = View(columns=("stored", "cpu"), sort="stored", is_reversed=True, pattern="state:run", is_flat=True)
        looks = ViewSettings(view, "colour-blind", shows_details=True)
        async with running((160, 40), looks=looks) as screen:
            await screen.show(everyday())
            assert screen.app.looks == looks
            [head] = screen.lines_of(ColumnHeads)
            assert head.split()[-2:] == ["STORED↑", "CPU"]
            assert not any(word in line for line in screen.tree for word in ("batch", "dask-worker", "PENDING"))
            assert screen.app.query_one(FilterLine).display
            assert screen.app.query_one(Input).value == "state:run"
            assert screen.app.query_one("DetailsPane").display

    async def test_a_configured_filter_can_be_cleared(self) -> None:
        async with running(looks=looking(pattern="4710")) as screen:
            await screen.show(everyday())
            assert screen.tree[0].startswith(" ▾ 4710")
            await screen.press("escape")
            assert screen.tree[0].startswith(" ▾ 4709")
            assert screen.app.looks.view.pattern == ""

    async def test_details_appear_when_there_is_room(self) -> None:
        async with running((80, 24), looks=DEFAULT._replace(shows_details=True)) as screen:
            await screen.show(everyday())
            assert not screen.app.query_one("DetailsPane").display
            await screen.pilot.resize_terminal(160, 40)
            await screen.pilot.pause()
            assert screen.app.query_one("DetailsPane").display

    async def test_changes_by_keys_are_kept(self) -> None:
        async with running((160, 40)) as screen:
            await screen.show(everyday())
            await screen.press("o", "o", "O", "w", "d", "z", "slash", *"4710", "enter")
            screen.app.theme = "dark"
            await screen.pilot.pause()
            view = View(sort="state", is_reversed=True, pattern="4710", is_flat=True)
            assert screen.app.looks == ViewSettings(view, "dark", shows_details=True, is_enlarged=True)

    async def test_sorting_by_a_hidden_column_is_kept(self) -> None:
        async with running(looks=looking(columns=("cpu",), sort="memory")) as screen:
            await screen.show(everyday())
            assert screen.app.looks.view.sort == "memory"
            await screen.press("o", "o")
            assert screen.app.looks.view.sort == "name"


def keymap_of(text: str) -> Keymap:
    read: Config = config(f"[keys]\n{text}")
    assert read.faults == ()
    return read.keymap


def key_line(screen: Screen) -> str:
    [line] = screen.lines_of(KeyLine)
    return line


class TestKeymap:
    async def test_a_rebound_key_replaces_the_default(self) -> None:
        async with running(keymap=keymap_of('refresh = "f5, f13"')) as screen:
            await screen.press("r")
            assert screen.feed.refreshes == 0
            await screen.press("f5", "f13")
            assert screen.feed.refreshes == 2

    async def test_the_footer_and_the_help_show_it(self) -> None:
        first, second, *_ = free_letters()
        keymap = keymap_of(
            f'quit = "f13"\nhelp = "f14"\nup = "{first}, {second}"\nfilter = "f17"\nreplay_step_back = "f18"'
        )
        async with running((120, 60), keymap=keymap) as screen:
            await screen.show(everyday())
            assert key_line(screen).split()[-4:] == ["f14", "help", "f13", "quit"]
            assert "f17 filter" in key_line(screen)
            await screen.press("f14")
            assert isinstance(screen.app.screen, Help)
            text = screen.app.screen.query_one("Static").render().plain
            rows = {
                words.strip(): keys.split() for keys, _, words in (line.partition("   ") for line in text.splitlines())
            }
            assert rows["move"] == [first, "↓", second, "j"]
            assert rows["quit (ctrl+c works everywhere)"] == ["f13"]

    async def test_a_rebound_key_applies_on_every_page(self) -> None:
        """The tree and every page bind moving to their own actions."""
        async with running(keymap=keymap_of('down = "f13"')) as screen:
            await screen.show(everyday())
            await screen.press("f13")
            moved = await selected(screen)
            await screen.press("j", "down")
            assert await selected(screen) == moved

    async def test_two_keys_can_be_swapped(self) -> None:
        async with running(keymap=keymap_of('sort = "O"\nreverse = "o"')) as screen:
            await screen.show(everyday())
            await screen.press("O")
            assert screen.app.looks.view == View(sort="name")
            await screen.press("o")
            assert screen.app.looks.view == View(sort="name", is_reversed=True)

    async def test_ctrl_c_always_quits(self) -> None:
        async with running(keymap=keymap_of('quit = "f13"')) as screen:
            await screen.press("ctrl+c")
            assert not screen.app.is_running


async def selected(screen: Screen) -> object:
    await screen.pilot.pause()
    return screen.app.query_one("TreeTable").selected.key


class TestReplay:
    async def test_a_replay_ignores_and_keeps_no_filter(self) -> None:
        app = ReplayApp(FakeFeed(), looks=looking(pattern="4710", is_flat=True))  # type: ignore[arg-type]
        async with app.run_test() as pilot:
            assert app.first_looks == app.looks == looking(is_flat=True)
            await pilot.press("slash", *"4709", "enter", "w")
            assert app.query_one(Input).value == "4709"
            assert not app.looks.view.is_flat
            assert changes(app.first_looks, app.looks) == {}
