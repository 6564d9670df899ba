"""The screen under test: the app on a fake feed, without a terminal, and its drawn lines."""

from typing import Any

from textual import events
from textual.pilot import Pilot
from textual.widget import Widget

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.tui.app import DasktopApp
from dasktop.tui.config.view_settings import ViewSettings
from dasktop.tui.scaling.plan_box import PlanBox
from dasktop.tui.tree.table import TreeTable
from dasktop.tui.widgets.footer import KeyLine
from dasktop.tui.widgets.header import ColumnHeads, Header
from dasktop.tui.widgets.panels import PanelLines
from tests.support.fake_feed import FakeFeed
from tests.support.idle_screen import until_idle

SIZES = [(60, 15), (80, 24), (120, 40), (300, 100)]

HOSTILE = [
    "[/]",
    "[/",
    "[@click=app.quit]x[/]",
    "[bold red",
    "🧑‍🚀🚀👍🏽🇩🇪",
    "1\ufe0f\u20e3❤\ufe0f☺\ufe0e👨‍👩‍👧‍👦⏱\ufe0f☰\u00ad",  # keycap, selectors of both kinds, a family, a soft hyphen
    "ภาษาไทยำ क्‍षत्रिय 한국어 ᄒ\u1161\u11ab ﷽ ａｂ",
    "日本語のワーカー" * 5,
    "e\u0301\u0301\u0301",
    "שלום עולם",
    "x" * 200,
    "\\[",
    "$primary @click",
]


class Screen:
    """The app under test, its feed and its drawn lines."""

    def __init__(self, pilot: Pilot[None], feed: FakeFeed) -> None:
        self.pilot = pilot
        self.app = pilot.app
        self.feed = feed
        self.base = pilot.app.screen

    async def show(self, *shown: Snapshot) -> None:
        self.feed.emit(*shown)
        await self.pilot.pause()
        await self.pilot.pause()
        await self.until_drawn()

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await self.until_drawn()
        await self.pilot.pause()

    async def press_at(self, time: float, key: str) -> None:
        """Press a key at a time that the test chooses, on the clock of Textual's messages."""
        event = events.Key(key, key)
        event.time = time
        self.app.post_message(event)
        await self.pilot.pause()
        await self.pilot.pause()

    async def until_drawn(self) -> None:
        """Wait until the terminal has shown the plan, if one is open."""
        for _ in range(1000):
            if not isinstance(self.app.screen, PlanBox) or self.app.screen.agreeable_from is not None:
                return
            await self.pilot.pause(0.01)
        raise AssertionError("the plan was never drawn")

    def lines_of(self, kind: type[Widget]) -> list[str]:
        widget = self.base.query_one(kind)
        return [widget.render_line(y).text for y in range(widget.size.height)]

    @property
    def header(self) -> list[str]:
        return self.lines_of(Header)

    @property
    def tree(self) -> list[str]:
        return [line for line in self.lines_of(TreeTable) if line.strip()]

    @property
    def everything(self) -> list[str]:
        return [line for kind in (Header, PanelLines, ColumnHeads, TreeTable, KeyLine) for line in self.lines_of(kind)]


class running:  # noqa: N801 - used as a function: `async with running(...) as screen`
    """Run the app until it is mounted; it is drawn when the test waits for it the next time."""

    def __init__(self, size: tuple[int, int] = (120, 40), **options: Any) -> None:
        self.feed = FakeFeed()
        # Tests open the details themselves: most are about what is beside them.
        looks = options.pop("looks", ViewSettings(shows_details=False))
        self.app = DasktopApp(self.feed, looks=looks, **options)
        self.test = self.app.run_test(size=size, notifications=True)

    async def __aenter__(self) -> Screen:
        pilot = await self.test.__aenter__()
        await until_idle(draw=False)
        return Screen(pilot, self.feed)

    async def __aexit__(self, *arguments: object) -> None:
        await self.test.__aexit__(*arguments)
