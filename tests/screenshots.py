"""Draws the README's pictures from a recorded real run (``make screenshots``): the screen itself, in SVG.

The pictures are of the program, not of a drawing: the recorded snapshot goes through the same screen as a live one.
"""

import asyncio
import os
import sys
import time
from pathlib import Path

from dasktop.collectors import model
from dasktop.tui.app import DasktopApp
from dasktop.tui.picture import picture_of
from tests.fake_feed import FakeFeed

REPOSITORY = Path(__file__).parents[1]
RECORDED = REPOSITORY / "tests" / "fixtures" / "snapshots" / "cluster.json"
FOLDER = REPOSITORY / "screenshots"
SIZE = (110, 30)

# What one presses to see it: down to the first worker, and into it.
TREE = ("down", "down", "right")


async def draw_tree() -> str:
    """Return the picture of the tree, as SVG."""
    feed = FakeFeed()
    app = DasktopApp(feed)
    os.environ["TZ"] = "UTC"  # the screen shows local times, and the pictures are the same everywhere
    time.tzset()
    async with app.run_test(size=SIZE) as pilot:
        feed.hand_over(model.from_json(RECORDED.read_bytes()))
        await pilot.pause()
        await pilot.press(*TREE)
        await pilot.pause()
        return picture_of(app)


def main() -> None:
    """Write the pictures."""
    picture = FOLDER / "tree.svg"
    picture.write_text(asyncio.run(draw_tree()))
    sys.stdout.write(f"{picture.relative_to(REPOSITORY)}\n")


if __name__ == "__main__":
    main()
