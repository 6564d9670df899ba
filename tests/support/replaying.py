"""Run the screen on a recording."""

from pathlib import Path

from textual.pilot import Pilot

from dasktop.collectors.recording.reader import Recording
from dasktop.collectors.recording.replay import ReplayFeed
from dasktop.tui.replay.app import ReplayApp
from dasktop.tui.replay.time_line import TimeLine
from tests.support import waiting
from tests.support.scenes import known_points


class replaying:  # noqa: N801 - used as a function
    """The screen on a recording of 400 snapshots, paused at its beginning."""

    def __init__(self, path: Path, size: tuple[int, int] = (120, 40), *, unicode: bool = True) -> None:
        self.app = ReplayApp(ReplayFeed(Recording(str(path))), unicode=unicode)
        self.test = self.app.run_test(size=size, notifications=True)

    async def __aenter__(self) -> "replaying":
        self.pilot: Pilot[None] = await self.test.__aenter__()
        self.base = self.app.screen
        await self.until(lambda: "/400" in self.time_line and "opening" not in self.time_line)
        await self.pilot.press("p")
        await self.until(lambda: "paused" in self.time_line)
        return self

    async def __aexit__(self, *arguments: object) -> None:
        await self.test.__aexit__(*arguments)

    async def press(self, *keys: str, shows: str) -> None:
        await self.pilot.press(*keys)
        await self.until(lambda: shows in self.time_line)

    async def until(self, condition) -> None:
        await waiting.until(condition, lambda: self.lines(TimeLine), every=0.02, pause=self.pilot.pause)

    def lines(self, kind) -> list[str]:
        found = self.base.query(kind)
        return [widget.render_line(y).text for widget in found for y in range(widget.size.height)]

    @property
    def known_points(self) -> int:
        """The number of values in the CPU graph of the header."""
        return known_points(self.app)

    @property
    def time_line(self) -> str:
        return "".join(self.lines(TimeLine))
